"""What a layer is for stages: whether it starts one, and what it costs."""

import math

import keras

from keras_transfer.models.model_graph import Call

# A layer with weights starts a stage, except these: they belong to the layer
# before them and travel with it.
_FOLLOWERS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.PReLU,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
    # Adapted to data: preprocessing.
    keras.layers.Normalization,
)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


def unwrap(layer):
    """Looks through wrappers such as `TimeDistributed`.

    Args:
        layer: Keras layer.

    Returns:
        The layer inside, or the layer itself.
    """
    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    return layer


def keeps_moments(layer) -> bool:
    """Says whether a layer is batch normalisation, wrapped or not.

    Args:
        layer: Keras layer.

    Returns:
        Boolean.
    """
    return isinstance(unwrap(layer), keras.layers.BatchNormalization)


def starts_stage(layer) -> bool:
    """Whether a layer starts a stage, or counts as one of the paper's layers.

    Args:
        layer: Built Keras layer, or an operation.

    Returns:
        Boolean: it has weights, and is neither a normalisation or activation
        of the layer before it nor preprocessing (`Normalization`).
    """
    has_weights = bool(getattr(layer, "weights", ()))
    return has_weights and not isinstance(unwrap(layer), _FOLLOWERS)


def call_flops(call: Call) -> int | None:
    """Counts a layer call's multiplications and additions for one example.

    `2 * values of its kernels * places they are used at`: the output's
    positions for convolution and dense layers, the input's for transposed
    convolutions and the time steps of recurrent layers. Weights of one
    dimension, lookups, and products of two inputs (attention) are left out.

    Args:
        call: `Call`.

    Returns:
        Integer, or `None` if a size is not known.
    """
    layer = unwrap(call.operation)
    if isinstance(layer, keras.layers.Embedding):
        return 0
    weights = getattr(layer, "weights", ())
    kernels = sum(math.prod(w.shape) for w in weights if len(w.shape) > 1)
    if not kernels:
        return 0
    recurrent = isinstance(call.operation, keras.layers.Bidirectional)
    recurrent = recurrent or isinstance(layer, keras.layers.RNN)
    by_input = recurrent or isinstance(layer, _TRANSPOSED)
    tensors = call.inputs if by_input else call.outputs
    places = positions(layer, tensors[0].shape)
    return None if places is None else 2 * kernels * places


def positions(layer, shape: tuple) -> int | None:
    """Counts the positions of a tensor: sizes without batch and channels.

    Args:
        layer: Keras layer that puts it out.
        shape: Tuple of integers or `None`, with the batch.

    Returns:
        Integer, or `None` if a size is not known.
    """
    sizes = list(shape[1:])
    first = getattr(layer, "data_format", None) == "channels_first"
    rank = getattr(layer, "rank", 2)
    if sizes:
        sizes.pop(-rank - 1 if first else -1)
    return None if None in sizes else math.prod(sizes)
