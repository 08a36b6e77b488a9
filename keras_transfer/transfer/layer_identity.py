"""What a Keras layer is: its parts, its tensors in order, its settings."""

import keras
import numpy as np

# Settings of names, of the start and of training; none changes what a layer
# computes in inference mode from given weights.
_FREE = {
    "name",
    "trainable",
    "dtype",  # compared by itself: see `dtype_note`
    "seed",
    "rng",
    "dropout",
    "recurrent_dropout",
    "momentum",
    "synchronized",
    "unroll",
    "batch_shape",
    "vocabulary_size",  # follows from the vocabulary, which is copied
}
_FREE_ENDINGS = ("_initializer", "_regularizer", "_constraint", "_dropout")
_FREE_OF_CLASS = {
    "Dropout": {"rate", "noise_shape"},
    "Noise": {"stddev"},
    "ActivityRegularization": {"l1", "l2"},
}
_MODELS = {"Sequential", "Functional", "Model"}
_MISSING = object()


def children(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers that a layer holds directly, in order of making.

    Args:
        layer: Keras layer.

    Returns:
        List of Keras layers.
    """
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    found: dict[int, keras.layers.Layer] = {}

    def look(value, depth):
        if isinstance(value, keras.layers.Layer):
            if value is not layer:
                found.setdefault(id(value), value)
        elif isinstance(value, (list, tuple)) and depth:
            for item in value:
                look(item, depth - 1)
        elif isinstance(value, dict) and depth:
            for item in value.values():
                look(item, depth - 1)

    for value in list(vars(layer).values()):
        look(value, 2)
    return list(found.values())


def parts_of(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all that it holds, each once, from the top down.

    Args:
        layer: Keras layer.

    Returns:
        List of Keras layers; the first is the layer itself.
    """
    found: dict[int, keras.layers.Layer] = {}

    def walk(part):
        if id(part) not in found:
            found[id(part)] = part
            for child in children(part):
                walk(child)

    walk(layer)
    return list(found.values())


def ordered_weights(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Returns a layer's weights in an order that freezing does not change.

    `layer.weights` has what was trainable when it was made first, so a layer
    that was frozen before it was built, as by `load_model`, may list them in
    another order. Attributes are made in the same order either way.

    Args:
        layer: Built Keras layer.

    Returns:
        List of `keras.Variable`, each once.
    """
    wanted = {id(weight): weight for weight in layer.weights}
    found: dict[int, keras.Variable] = {}
    for part in parts_of(layer):
        below = {id(w) for child in children(part) for w in child.weights}
        own = [w for w in part.weights if id(w) not in below]
        for value in (*vars(part).values(), *own):
            if id(value) in wanted:
                found.setdefault(id(value), wanted[id(value)])
    for key, weight in wanted.items():
        found.setdefault(key, weight)
    return list(found.values())


def find_difference(
    source: keras.layers.Layer, target: keras.layers.Layer
) -> tuple[str, object, object] | None:
    """Finds a setting by which two layers compute something else.

    Names, seeds, initialisers, regularisers, constraints and dropout may
    differ. The parts of a layer are compared as well.

    Args:
        source: Built `keras.layers.Layer`.
        target: Built `keras.layers.Layer`.

    Returns:
        Tuple of the setting's name, its value in the source and in the
        target; or `None`.
    """
    first, second = parts_of(source), parts_of(target)
    kinds = [[type(part).__name__ for part in p] for p in (first, second)]
    if kinds[0] != kinds[1]:
        return "class", *kinds
    for one, other in zip(first, second, strict=True):
        found = _compare("", _settings(one), _settings(other))
        if found is not None:
            return found
    return None


def dtype_note(
    source: keras.layers.Layer, target: keras.layers.Layer
) -> str | None:
    """Says so if two layers compute in different types.

    Args:
        source: Keras layer.
        target: Keras layer.

    Returns:
        String, or `None` if they do not.
    """
    if source.compute_dtype == target.compute_dtype:
        return None
    return (
        f"computes in {target.compute_dtype}, the source in "
        f"{source.compute_dtype}"
    )


def _settings(layer: keras.layers.Layer) -> dict:
    if isinstance(layer, keras.Model):
        return {}  # its wiring goes by names; its layers are parts
    try:
        config = layer.get_config()
    except (NotImplementedError, AttributeError):
        return {}  # an own layer without `get_config`: outputs decide
    return _reduce(config, type(layer).__name__)


def _reduce(value, kind: str = ""):
    """Leaves of a configuration what decides a layer's computation."""
    if isinstance(value, dict):
        if "class_name" in value and "config" in value:
            kind = str(value["class_name"])
            if kind in _MODELS:
                return kind
            config = value["config"]
            # Two lambdas of one text differ in their byte code's line.
            inner = None if kind == "__lambda__" else _reduce(config, kind)
            return {"class_name": kind, "config": inner}
        return {
            key: _reduce(item)
            for key, item in value.items()
            if not _is_free(kind, key)
        }
    if isinstance(value, (list, tuple)):
        return [_reduce(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def _is_free(kind: str, key: str) -> bool:
    if key in _FREE or str(key).endswith(_FREE_ENDINGS):
        return True
    return any(key in keys for k, keys in _FREE_OF_CLASS.items() if k in kind)


def _compare(name: str, source, target) -> tuple[str, object, object] | None:
    if isinstance(source, dict) and isinstance(target, dict):
        for key in [*source, *(k for k in target if k not in source)]:
            inner = name if key in ("config", "class_name") else key
            found = _compare(
                inner, source.get(key, _MISSING), target.get(key, _MISSING)
            )
            if found is not None:
                return found
        return None
    if repr(source) == repr(target):
        return None
    absent = {_MISSING: "absent"}
    pair = [absent[v] if v is _MISSING else v for v in (source, target)]
    return name, *pair
