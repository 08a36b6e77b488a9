"""Compares what two stacks of layers compute, on a few made-up inputs.

Equal weights do not make equal layers: a layer may hold a table, a constant
or a flag that no weight shows.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.errors import first_line
from keras_transfer.models.layers import has_gpu
from keras_transfer.transfer.layer_identity import parts_of
from keras_transfer.transfer.layer_state import undisturbed

_ROWS = 3
_OPEN_SIDE = 32  # for a side of the input that the network leaves open
_WORDS = 16  # of each vocabulary


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a probe found.

    Args:
        differences: Tuple of floats, for every layer the largest difference
            of its outputs as a share of the source's largest output. Shorter
            than the layers if it could not go on.
        reason: String or `None`, why not all was compared.
    """

    differences: tuple[float, ...] = ()
    reason: str | None = None


def probe_batches(network: keras.Model, layers: list) -> list:
    """Makes inputs that a network may take, the same at every call.

    Args:
        network: Built `keras.Model` of one input.
        layers: List of layers whose vocabularies are used for texts.

    Returns:
        List of tensors, to be tried in turn; empty if the network does not
        say what it takes.
    """
    try:
        (spec,) = network.inputs
    except (AttributeError, TypeError, ValueError):
        return []
    shape = [
        side or (_OPEN_SIDE if i else _ROWS)
        for i, side in enumerate(spec.shape)
    ]
    words = _vocabularies(layers)
    texts = [w for w in words if isinstance(w, str)]
    numbers = [w for w in words if not isinstance(w, str)]
    if spec.dtype == "string":
        return [_repeat([*texts, "", "a word", "of no list"], shape, tf.string)]
    counted = [
        _repeat([*numbers, *range(100)], shape, spec.dtype),
        _repeat([0, 1], shape, spec.dtype),
    ]
    if not tf.as_dtype(spec.dtype).is_floating:
        return counted
    # Inputs are in [-1, 1], standardised, or pixels: rows of each range.
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, shape)
    values[1::3] *= 3
    values[2::3] = 255 * np.abs(values[2::3])
    return [tf.cast(values, spec.dtype), *counted]


def compare_outputs(source: list, target: list, batches: list) -> Outcome:
    """Compares two stacks layer by layer in inference mode.

    No variable of theirs is changed, and no random state moves on.

    Args:
        source: List of layers, called one after another.
        target: List of as many layers.
        batches: List of tensors; the first that both can take is used.

    Returns:
        `Outcome`.
    """
    reason = "the network does not say what its input is"
    for batch in batches:
        try:
            with undisturbed([*source, *target]):
                first, second = _outputs(source, batch), _outputs(target, batch)
            found = tuple(map(_difference, first, second))
        except Exception as error:
            reason = f"a made-up batch cannot be used: {first_line(error)}"
            continue
        wrong = find_excess(found, source, target)
        if wrong is not None and _is_random(source, batch, wrong):
            return Outcome(
                found[:wrong],
                f"'{source[wrong].name}' draws at random in inference mode",
            )
        return Outcome(found)
    return Outcome(reason=reason)


def find_excess(differences, source: list, target: list) -> int | None:
    """Finds the first layer that differs by more than rounding.

    Args:
        differences: Sequence of floats, as in `Outcome`.
        source: List of layers.
        target: List of layers.

    Returns:
        Integer, place of the layer; or `None`.
    """
    tolerance = 0.0
    for index, difference in enumerate(differences):
        for layer in (source[index], target[index]):
            tolerance = max(tolerance, _rounding(layer.compute_dtype))
        if difference > tolerance:
            return index
    return None


def changes_itself(
    layers: list, frozen: list[bool], batches: list
) -> int | None:
    """Finds a frozen layer that a step of training would change anyway.

    Args:
        layers: List of layers, called one after another.
        frozen: List of booleans, the layers to look at.
        batches: List of tensors, as for `compare_outputs`.

    Returns:
        Integer, place of the first such layer; or `None`, also if no batch
        can be used.
    """
    for batch in batches:
        try:
            with undisturbed(layers):
                return _first_changed(layers, frozen, batch)
        except Exception:  # a layer that cannot take the made-up batch
            continue
    return None


def _first_changed(layers, frozen, batch) -> int | None:
    for index, layer in enumerate(layers):
        if frozen[index] and layer.weights:
            before = [weight.numpy().tobytes() for weight in layer.weights]
            layer(batch, training=True)
            after = [weight.numpy().tobytes() for weight in layer.weights]
            if before != after:
                return index
        batch = layer(batch, training=False)
    return None


def _outputs(layers: list, batch) -> list:
    outputs = []
    for layer in layers:
        batch = layer(batch, training=False)
        outputs.append(batch)
    return outputs


def _is_random(layers: list, batch, index: int) -> bool:
    reached = layers[: index + 1]
    with undisturbed(layers):
        first, second = _outputs(reached, batch), _outputs(reached, batch)
    return _difference(first[-1], second[-1]) > 0


def _difference(first, second) -> float:
    flat = keras.tree.flatten(first), keras.tree.flatten(second)
    return max(
        (_of_arrays(_array(a), _array(b)) for a, b in zip(*flat, strict=True)),
        default=0.0,
    )


def _of_arrays(first: np.ndarray, second: np.ndarray) -> float:
    if first.shape != second.shape:
        return 1.0
    if first.dtype == object:  # texts
        return float(not np.array_equal(first, second))
    first, second = first.astype("float64"), second.astype("float64")
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    if same.all():
        return 0.0
    difference = np.abs(first - second)[~same]
    scale = np.abs(first[np.isfinite(first)]).max(initial=0.0) or 1.0
    worst = difference.max() / scale
    return float(worst) if np.isfinite(worst) else 1.0


def _array(value) -> np.ndarray:
    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor()
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    return np.asarray(value.numpy())


def _rounding(dtype: str) -> float:
    kind = tf.as_dtype(dtype)
    if not kind.is_floating:
        return 0.0
    # A GPU multiplies float32 with 10 bits of mantissa.
    if kind == tf.float32 and has_gpu():
        return 0.03
    exponent = {tf.bfloat16: -7, tf.float16: -10, tf.float64: -52}
    return 2.0 ** (exponent.get(kind, -23) / 2)


def _vocabularies(layers: list) -> list:
    words = []
    for layer in layers:
        for part in parts_of(layer):
            if hasattr(part, "get_vocabulary"):
                words += part.get_vocabulary()[:_WORDS]
    return [w.item() if isinstance(w, np.generic) else w for w in words]


def _repeat(values: list, shape: list[int], dtype):
    return (
        tf.cast(np.resize(values, shape), dtype)
        if dtype != tf.string
        else (tf.constant(np.resize(np.array(values, dtype=object), shape)))
    )
