"""Draws a network's layers anew, each by its own initialisers."""

from collections.abc import Iterator

import keras
import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.models.model_graph import read_graph
from keras_transfer.specs.seeds import derive_seed


def draw_anew(model: keras.Model, start: int = 0, seed: int = 0) -> None:
    """Draws the weights of a network from a layer on, in place.

    Moving statistics of batch normalisation start again too. What a layer
    has learnt without training (the mean of a `Normalization`) stays, since
    it is part of how images are scaled.

    Args:
        model: Built `keras.Sequential` or Functional model.
        start: Integer, place of the first layer call that is drawn anew, as
            `Stage.stop` counts them. Defaults to `0`, all.
        seed: Integer, of all draws; a layer's name and place count too.
            Defaults to `0`.

    Raises:
        UserError: If a layer cannot be built again from its settings.
    """
    for layer, weights in draws_of(model, start, seed):
        layer.set_weights(weights)


def draws_of(
    model: keras.Model, start: int = 0, seed: int = 0
) -> Iterator[tuple[keras.Layer, list[np.ndarray]]]:
    """Yields each layer with weights, and what it draws for them.

    Args:
        model, start, seed: As of `draw_anew`; nothing is changed.

    Yields:
        Pairs of a layer and a list of arrays, as its `set_weights` takes them.

    Raises:
        UserError: If a layer cannot be built again from its settings.
    """
    calls = list(read_graph(model).leaves())
    early = {id(call.operation) for call in calls[:start]}
    done = set()
    for place, call in enumerate(calls[start:], start=start):
        layer = call.operation
        known = id(layer) in early or id(layer) in done
        if known or not getattr(layer, "weights", ()):
            continue
        done.add(id(layer))
        if not hasattr(layer, "adapt"):
            yield layer, _fresh_weights(layer, call.path, place, seed)


def _fresh_weights(layer, path: str, place: int, seed: int) -> list:
    config = _with_seeds(
        layer.get_config(), (seed, path.split("/")[-1], str(place))
    )
    try:
        fresh = type(layer).from_config(config)
        fresh.build_from_config(layer.get_build_config())
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"Layer '{layer.name}' cannot be drawn anew: {error} Give its "
            "class a `get_config` that returns every argument of `__init__`."
        ) from error
    return fresh.get_weights()


def _with_seeds(config, parts: tuple):
    """Gives everything in a layer's settings that has a seed one of its own."""
    if isinstance(config, list):
        return [
            _with_seeds(value, (*parts, str(index)))
            for index, value in enumerate(config)
        ]
    if not isinstance(config, dict):
        return config
    return {
        key: derive_seed(parts[0], *parts[1:])
        if key == "seed"
        else _with_seeds(value, (*parts, str(key)))
        for key, value in config.items()
    }
