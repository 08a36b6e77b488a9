"""The key of a prefix's output: what it was computed by, and from what."""

import dataclasses
import hashlib
import itertools
import json

import keras
import numpy as np

from keras_transfer.datasets.halves import HalfData
from keras_transfer.models.model_graph import Call, read_graph
from keras_transfer.specs.settings import DataSpec
from keras_transfer.transfer.proof import sha256


@dataclasses.dataclass(frozen=True, eq=False)
class Prefix:
    """The first layers of a network, and the images that they see.

    Args:
        network: `keras.Sequential` or Functional model.
        cut: Integer, layer calls of the prefix.
        half: `HalfData`.
        mean: `float32` array, the mean image.
        spec: `DataSpec` with fixed `views`.
        fingerprint: String, SHA-256 of the decoded images.
    """

    network: keras.Model
    cut: int
    half: HalfData
    mean: np.ndarray
    spec: DataSpec
    fingerprint: str

    def keys(self) -> list[str]:
        """Returns the key of the output of each of the first `cut` calls.

        Each covers the images, the views and all calls up to its own: layers,
        weights and what they take.
        """
        digest = hashlib.sha256()
        digest.update(self.fingerprint.encode())
        digest.update(self.mean.tobytes())
        for part in (self.half.train, self.half.validation):
            digest.update(np.ascontiguousarray(part.indices, "<i8").tobytes())
        spec = self.spec
        seen = [spec.image_size, spec.crop, spec.mirror, spec.views, spec.scale]
        if spec.channels is not None:
            seen.append(spec.channels)
        digest.update(json.dumps(seen).encode())
        keys = []
        graph = read_graph(self.network)
        places = {graph.key(tensor): -1 for tensor in graph.inputs}
        calls = itertools.islice(graph.leaves(), self.cut)
        for place, call in enumerate(calls):
            layer = call.operation
            taken = [places[graph.key(tensor)] for tensor in call.inputs]
            if taken != [place - 1]:
                digest.update(json.dumps(taken).encode())
            places |= {graph.key(tensor): place for tensor in call.outputs}
            digest.update(_described(layer, call).encode())
            for weight in getattr(layer, "weights", ()):
                digest.update(sha256(weight).encode())
            keys.append(digest.hexdigest()[:20])
        return keys


def _described(layer, call: Call) -> str:
    if not isinstance(layer, keras.layers.Layer):
        # An operation says by its arguments what it does.
        return f"{type(layer).__name__} {_plain((call.args, call.kwargs))}"
    config = {
        key: value
        for key, value in layer.get_config().items()
        # The start of a layer does not matter once weights are in it.
        if key not in ("name", "trainable", "seed")
        and not key.endswith("_initializer")
    }
    text = json.dumps(config, sort_keys=True, default=str)
    return f"{type(layer).__name__}{text}"


def _plain(arguments) -> list:
    """Returns what a call was given beside tensors of the graph."""
    flat = keras.tree.flatten(arguments)
    return [
        "tensor" if isinstance(part, keras.KerasTensor) else str(part)
        for part in flat
    ]
