"""What the weights of a model do not tell: settings and wiring of its layers.

Ids of registered models come from types, names and weights of layers, so two
models may share one and compute otherwise.
"""

import json

import keras
import numpy as np

from keras_transfer.models.model_graph import Call, read_graph

# Names are told by the id; the others do not matter once weights are there.
_FREE = ("name", "trainable", "seed")


def find_difference(model: keras.Model, other: keras.Model) -> str | None:
    """Finds a layer that computes otherwise in another model.

    Args:
        model: Built Keras model with a graph.
        other: Likewise, with layers of the same names and types.

    Returns:
        String, the first such layer and what differs, or `None`.
    """
    pairs = zip(_settings(model), _settings(other), strict=True)
    for (path, ours), (_, theirs) in pairs:
        for key in sorted(ours.keys() | theirs.keys()):
            values = [_text(side.get(key)) for side in (ours, theirs)]
            if values[0] != values[1]:
                return f"layer {path}, {key}={values[0]} and {values[1]}"
    return None


def _settings(model: keras.Model) -> list[tuple[str, dict]]:
    graph = read_graph(model)
    places = {graph.key(tensor): "the input" for tensor in graph.inputs}
    found = []
    for call in graph.leaves():
        # `get` as the inner end of a model that is called twice has no place.
        taken = [
            places.get(graph.key(part))
            if isinstance(part, keras.KerasTensor)
            else _plain(part)
            for part in keras.tree.flatten((call.args, call.kwargs))
            if part is not None
        ]
        found.append((call.path, {**_config(call), "arguments": taken}))
        for number, tensor in enumerate(call.outputs):
            places[graph.key(tensor)] = f"{call.path}:{number}"
    return found


def _config(call: Call) -> dict:
    if isinstance(call.operation, keras.Model):
        return {}  # one without a graph: its wiring goes by names
    config = keras.saving.serialize_keras_object(call.operation)["config"]
    return {
        key: value
        for key, value in config.items()
        if key not in _FREE and not key.endswith("_initializer")
    }


def _plain(part):
    known = isinstance(part, bool | int | float | str)
    return part if known else type(part).__name__


def _text(value) -> str:
    return json.dumps(value, sort_keys=True, default=_listed)


def _listed(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return type(value).__name__
