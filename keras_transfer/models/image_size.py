"""A model for images of any size, read for images of one size."""

import keras

from keras_transfer.errors import UserError, first_line
from keras_transfer.models.model_graph import read_graph
from keras_transfer.models.parts import build_part


def with_image_size(model: keras.Model, size: tuple[int, int]) -> keras.Model:
    """Returns a model with a fixed input, so that every shape is known.

    Args:
        model: Built Keras model with one input of colour images.
        size: Pair of integers, height and width in pixels.

    Returns:
        The model itself if its size is fixed, else one that shares its
        layers.

    Raises:
        UserError: If the model takes other channels, or none of that size.
    """
    shape = model.inputs[0].shape
    if shape[-1] != 3:
        raise UserError(
            f"Model '{model.name}' takes images of shape {shape[1:]}. "
            "Expected 3 channels, red, green and blue, last: give a model of "
            "colour images."
        )
    if None not in shape[1:]:
        return model
    try:
        graph = read_graph(model, [(None, *size, 3)])
    except (ValueError, TypeError) as error:
        raise UserError(
            f"Model '{model.name}' does not take images of {size[1]} x "
            f"{size[0]} px: {first_line(error)} Choose another `image_size`."
        ) from error
    stop = len(list(graph.leaves()))
    return build_part(graph, graph.inputs, graph.outputs, 0, stop)
