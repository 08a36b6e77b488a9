"""Random numbers that layers draw in training: where, and from which seed."""

import keras

from keras_transfer.models.layer_costs import unwrap
from keras_transfer.models.model_graph import leaf_layers
from keras_transfer.specs.seeds import derive_seed


def is_dropout(layer) -> bool:
    """Whether a layer is dropout of some kind, and nothing else.

    Args:
        layer: Keras layer, or an operation.
    """
    inner = unwrap(layer)
    named = "Dropout" in type(inner).__name__
    return named and isinstance(getattr(inner, "rate", None), float | int)


def draws_numbers(layer) -> bool:
    """Whether a layer draws random numbers in training.

    Args:
        layer: Keras layer, or an operation.

    Returns:
        Boolean; `False` for dropout whose rate is 0.
    """
    # Seed generators are variables of a layer, but not weights.
    variables = getattr(layer, "variables", ())
    draws = len(variables) > len(getattr(layer, "weights", ()))
    return draws and not (is_dropout(layer) and not unwrap(layer).rate)


def seed_draws(model: keras.Model, seed: int) -> None:
    """Sets the seed of every layer that draws random numbers.

    Args:
        model: Built Keras model.
        seed: Integer; a layer's name counts too.
    """
    for path, layer in leaf_layers(model):
        weights = {id(weight) for weight in layer.weights}
        drawn = [v for v in layer.variables if id(v) not in weights]
        for index, state in enumerate(drawn):
            if tuple(state.shape) == (2,):  # a seed generator's
                state.assign([derive_seed(seed, path, index, "draws"), 0])


def leave_out_dropout(layers) -> None:
    """Sets the rate of dropout to 0.

    Args:
        layers: Iterable of Keras layers, changed in place.
    """
    for layer in layers:
        if is_dropout(layer):
            unwrap(layer).rate = 0.0
