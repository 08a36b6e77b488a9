"""Moves all that a layer has learned, and puts it back if that fails."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.errors import UserError, first_line
from keras_transfer.transfer.layer_identity import ordered_weights, parts_of


def fits_without_loss(source: keras.Variable, target: keras.Variable) -> bool:
    """Says whether every value of one variable's type is one of another's.

    Args:
        source: `keras.Variable`.
        target: `keras.Variable`.

    Returns:
        Boolean.
    """
    return np.can_cast(_numpy_dtype(source), _numpy_dtype(target), "safe")


def cast_values(source: keras.Variable, target: keras.Variable) -> np.ndarray:
    """Returns a variable's values in the type of another.

    Args:
        source: `keras.Variable`.
        target: `keras.Variable`.

    Returns:
        NumPy array.
    """
    return source.numpy().astype(_numpy_dtype(target))


def move_state(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    """Gives a layer the state of another, as saving and loading would.

    Weights are not all: a `Normalization` computes with constants that it
    makes of its weights, a `TextVectorization` with a table of words. Keras
    moves those by `load_own_variables` and `load_assets`.

    Args:
        source: Built `keras.layers.Layer`.
        target: Built `keras.layers.Layer` of the same parts and shapes.

    Raises:
        UserError: If a part of the layer cannot be saved or loaded.
    """
    parts = zip(parts_of(source), parts_of(target), strict=True)
    for origin, part in parts:
        try:
            _load(part, *_save(origin))
        except Exception as error:
            raise UserError(
                f"Cannot copy the state of layer '{source.name}' to "
                f"'{target.name}': saving and loading it as Keras does ended "
                f"in: {first_line(error)} Expected a layer that `save_model` "
                "and `load_model` can handle; adapt it first, or copy by hand."
            ) from error
    pairs = zip(ordered_weights(source), ordered_weights(target), strict=True)
    for origin, weight in pairs:
        weight.assign(cast_values(origin, weight))


@contextlib.contextmanager
def all_or_nothing(
    layers: list[keras.layers.Layer], network: keras.Model | None = None
) -> Iterator[None]:
    """Puts layers back, flags too, if what is done with them fails.

    Args:
        layers: List of layers.
        network: `keras.Model` or `None`, whose own flag, and those of models
            inside it, are kept as well.
    """
    parts = [part for layer in layers for part in parts_of(layer)]
    owners = [] if network is None else parts_of(network)
    flags = [(part, part.trainable) for part in (*owners, *parts)]
    state = [_save_if_possible(part) for part in parts]
    values = _values(layers)
    try:
        yield
    except Exception:
        for part, kept in zip(parts, state, strict=True):
            if kept is not None:
                _load(part, *kept)
        _put_back(values)
        # A part's flag is set with that of what holds it, so it comes later.
        flags.sort(key=lambda pair: -len(parts_of(pair[0])))
        for part, flag in flags:
            part.trainable = flag
        raise


@contextlib.contextmanager
def undisturbed(layers: Iterable[keras.layers.Layer]) -> Iterator[None]:
    """Puts every variable back, random states and metrics too.

    Args:
        layers: Iterable of Keras layers.
    """
    values = _values(layers)
    try:
        yield
    finally:
        _put_back(values)


def _values(layers) -> list[tuple[keras.Variable, np.ndarray]]:
    found = {}
    for layer in layers:
        for variable in (*layer.variables, *layer.metrics_variables):
            found[id(variable)] = variable
    return [(variable, variable.numpy()) for variable in found.values()]


def _put_back(values) -> None:
    for variable, kept in values:
        if variable.numpy().tobytes() != kept.tobytes():
            variable.assign(kept)


def _save(layer) -> tuple[dict, dict]:
    """Returns own variables and the files of assets, if it has such."""
    own, assets = {}, {}
    if _overrides(layer, "save_own_variables", "load_own_variables"):
        layer.save_own_variables(own)
        own = {key: np.array(value) for key, value in own.items()}
    if hasattr(layer, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            assets = _read(folder)
    return own, assets


def _save_if_possible(layer):
    # What was never adapted has nothing that could be put back.
    try:
        return _save(layer)
    except Exception:
        return None


def _load(layer, own: dict, assets: dict) -> None:
    if own:
        layer.load_own_variables(own)
    if assets:
        with tempfile.TemporaryDirectory() as folder:
            _write(folder, assets)
            layer.load_assets(folder)


def _read(folder: str) -> dict[str, bytes]:
    files = (p for p in Path(folder).rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def _write(folder: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _overrides(layer, *methods: str) -> bool:
    stock = keras.layers.Layer
    return any(
        getattr(type(layer), name) is not getattr(stock, name)
        for name in methods
    )


def _numpy_dtype(variable: keras.Variable) -> np.dtype:
    return tf.as_dtype(variable.dtype).as_numpy_dtype
