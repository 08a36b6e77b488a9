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
from keras_transfer.transfer.programs import Chain, Walk

_DRAWS = 5  # to find out whether a layer draws at random
_ROWS = 3
# For sides of the input that the network leaves open, tried in turn.
_OPEN_SIDES = (32, 96)
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


def probe_batches(program: Chain | Walk) -> list:
    """Makes inputs that layers may take, the same at every call.

    Args:
        program: `Chain` or `Walk`; what it is given says the shapes, and
            vocabularies of its layers are used for texts.

    Returns:
        List of batches to be tried in turn: each a tensor, or a list of one
        for every input; empty if it is not known what the layers take.
    """
    words = _vocabularies(program.layers)
    open_sides = any(None in spec.shape[1:] for spec in program.given)
    found = []
    for side in _OPEN_SIDES if open_sides else _OPEN_SIDES[:1]:
        each = [_inputs_like(spec, side, words) for spec in program.given]
        if len(each) == 1:
            found += each[0]
        elif each:
            # Inputs of words have a single batch.
            most = max(map(len, each))
            found += [
                [tried[i % len(tried)] for tried in each] for i in range(most)
            ]
    return found


def _inputs_like(spec, open_side: int, words: list) -> list:
    shape = [
        side or (open_side if i else _ROWS) for i, side in enumerate(spec.shape)
    ]
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


def compare_outputs(
    source: Chain | Walk, target: Chain | Walk, batches: list
) -> Outcome:
    """Compares what layers put out one by one, in inference mode.

    No variable of theirs is changed, and no random state moves on.

    Args:
        source: `Chain` or `Walk`.
        target: `Chain` or `Walk` of as many steps.
        batches: List of batches; the first that both can take is used.

    Returns:
        `Outcome`.
    """
    reason = "the network does not say what its input is"
    for batch in batches:
        try:
            with undisturbed(_layers(source, target)):
                first, second = _outputs(source, batch), _outputs(target, batch)
            found = tuple(map(_difference, first, second))
        except Exception as error:
            reason = f"a made-up batch cannot be used: {first_line(error)}"
            continue
        wrong = find_excess(found, source.layers, target.layers)
        if wrong is not None and _is_random(source, batch, wrong):
            return Outcome(
                found[:wrong],
                f"'{source.layers[wrong].name}' draws at random in inference "
                "mode",
            )
        return Outcome(found)
    return Outcome(reason=reason)


def _layers(*programs: Chain | Walk) -> list[keras.layers.Layer]:
    """The layers of programs, without operations that are none."""
    return [
        step
        for program in programs
        for step in program.layers
        if isinstance(step, keras.layers.Layer)
    ]


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
            dtype = getattr(layer, "compute_dtype", "float32")
            tolerance = max(tolerance, _rounding(dtype))
        if difference > tolerance:
            return index
    return None


def changes_itself(
    program: Chain | Walk, frozen: set[int], batches: list
) -> keras.layers.Layer | None:
    """Finds a frozen layer that a step of training would change anyway.

    Args:
        program: `Chain` or `Walk`.
        frozen: Set of integers, ids of the layers to look at.
        batches: List of batches, as for `compare_outputs`.

    Returns:
        The first such layer; or `None`, also if no batch can be used.
    """
    for batch in batches:
        found = []

        def visit(index, step, found=found):
            layer = program.layers[index]
            if id(layer) in frozen and _moves(layer, step):
                found.append(layer)
            return step(training=False)

        try:
            with undisturbed(_layers(program)):
                program.run(batch, visit)
        except Exception:  # a layer that cannot take the made-up batch
            if not found:
                continue
        return found[0] if found else None
    return None


def _moves(layer, step) -> bool:
    before = [weight.numpy().tobytes() for weight in layer.weights]
    step(training=True)
    return before != [weight.numpy().tobytes() for weight in layer.weights]


def _outputs(program: Chain | Walk, batch) -> list:
    outputs = []

    def visit(_, step):
        outputs.append(step(training=False))
        return outputs[-1]

    program.run(batch, visit)
    return outputs


def _is_random(program: Chain | Walk, batch, index: int) -> bool:
    reached = program.first(index + 1)
    with undisturbed(_layers(program)):
        # A few values may be drawn alike twice, hardly every time.
        first, *others = (_outputs(reached, batch)[-1] for _ in range(_DRAWS))
    return any(_difference(first, other) > 0 for other in others)


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
        if not isinstance(layer, keras.layers.Layer):
            continue
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
