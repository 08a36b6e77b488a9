"""Moments of copied, frozen batch normalisation, taken anew on the target.

A frozen normalisation keeps the moving mean and variance of the base. In AnB
they are those of A's images on B's: a loss that the networks of 2014, which
had no batch normalisation, could not have. With moments of B's own images
only the weights are A's.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from keras_transfer.storage.files import load_arrays, save_arrays
from keras_transfer.transfer.proof import Proof, TensorProof, sha256

NOTE = "moments of the target's training images, not copied"
_MOMENTS = ("moving_mean", "moving_variance")


def recalibrate(
    network: keras.Sequential,
    proof: Proof,
    batches: Iterable,
    stored: Path,
) -> Proof:
    """Gives frozen batch normalisation the moments of some images.

    From below upwards, since those of a layer depend on the moments below.

    Args:
        network: Built `keras.Sequential`, changed in place; layers were
            copied and frozen.
        proof: `Proof` of that.
        batches: Iterable of `(images, labels)`, all images once, whenever it
            is asked.
        stored: Path that the moments are kept at, so that a run that goes on
            elsewhere has the same bits; read if it is there.

    Returns:
        `Proof`, in which those moments are frozen but not copied, and the
        rest is as it was.
    """
    names = {t.layer for t in proof.tensors if t.copied and t.frozen}
    norms = [
        layer
        for layer in network.layers
        if layer.name in names
        and isinstance(layer, keras.layers.BatchNormalization)
    ]
    known = load_arrays(stored) or {}
    for layer in norms:
        if layer.name not in known:
            known[layer.name] = _moments(network, layer, batches)
        mean, variance = known[layer.name]
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    save_arrays(stored, known)
    hashes = {
        (layer.name, name): sha256(getattr(layer, name))
        for layer in norms
        for name in _MOMENTS
    }
    return dataclasses.replace(
        proof, tensors=tuple(_retold(t, hashes) for t in proof.tensors)
    )


def _moments(network, layer, batches) -> np.ndarray:
    """Returns mean and variance of what a layer is given, in float32."""
    below = keras.Model(network.inputs[0], layer.input)
    count, total, square = 0, 0.0, 0.0
    for images, _ in batches:
        values = np.array(below(images, training=False), np.float64)
        values = values.reshape(-1, values.shape[-1])
        count += len(values)
        total = total + values.sum(0)
        square = square + (values**2).sum(0)
    mean = total / count
    variance = np.maximum(square / count - mean**2, 0)
    return np.array([mean, variance], np.float32)


def _retold(tensor: TensorProof, hashes: dict) -> TensorProof:
    found = hashes.get((tensor.layer, tensor.target_path.rpartition("/")[2]))
    if found is None:
        return tensor
    return dataclasses.replace(
        tensor,
        source_path=None,
        source_sha256=None,
        before_sha256=found,
        output_difference=None,
        note=NOTE,
    )
