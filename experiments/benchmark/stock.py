"""Our networks of Keras's own layers, as a plain script would build them."""

import keras

from keras_transfer.models import cnn, layers
from keras_transfer.specs.network import ModelSpec

_STOCK = {
    layers.FusedBatchNormalization: keras.layers.BatchNormalization,
    layers.GroupedConv2D: keras.layers.Conv2D,
}


def stock_network(
    model: ModelSpec, crop: int, num_classes: int, seed: int = 0
) -> keras.Sequential:
    """Builds what `models.build_network` does, without its fast layers.

    Args:
        model: `ModelSpec`.
        crop: Integer, side in pixels of the input.
        num_classes: Integer.
        seed: Integer. Defaults to `0`.

    Returns:
        Built `keras.Sequential` with the same start.
    """
    ours = cnn.build_network(model, crop, num_classes, seed)

    def stock(layer):
        kind = _STOCK.get(type(layer), type(layer))
        return kind.from_config(layer.get_config())

    network = keras.models.clone_model(ours, clone_function=stock)
    network.set_weights(ours.get_weights())
    return network
