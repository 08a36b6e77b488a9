"""The key of a prefix's output: what it was computed by, and from what."""

import dataclasses
import hashlib
import json

import keras
import numpy as np

from keras_transfer.datasets.halves import HalfData
from keras_transfer.specs.settings import DataSpec
from keras_transfer.transfer.proof import sha256


@dataclasses.dataclass(frozen=True, eq=False)
class Prefix:
    """The first layers of a network, and the images that they see.

    Args:
        network: `keras.Sequential`.
        cut: Integer, layers of the prefix.
        half: `HalfData`.
        mean: `float32` array, the mean image.
        spec: `DataSpec` with fixed `views`.
        fingerprint: String, SHA-256 of the decoded images.
    """

    network: keras.Sequential
    cut: int
    half: HalfData
    mean: np.ndarray
    spec: DataSpec
    fingerprint: str

    def keys(self) -> list[str]:
        """Returns the key of the output of each of the first `cut` layers.

        Each covers the images, the views and all layers up to its own.
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
        for layer in self.network.layers[: self.cut]:
            config = {
                key: value
                for key, value in layer.get_config().items()
                # The start of a layer does not matter once weights are in it.
                if key not in ("name", "trainable", "seed")
                and not key.endswith("_initializer")
            }
            digest.update(type(layer).__name__.encode())
            digest.update(
                json.dumps(config, sort_keys=True, default=str).encode()
            )
            for weight in layer.weights:
                digest.update(sha256(weight).encode())
            keys.append(digest.hexdigest()[:20])
        return keys
