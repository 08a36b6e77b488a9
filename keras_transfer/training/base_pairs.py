"""Base networks in pairs: kernels fitted and matched, layers compared."""

import dataclasses

import numpy as np
from threadpoolctl import threadpool_limits

from keras_transfer.analysis import first_layers as tables
from keras_transfer.analysis.first_layers import KernelRow, PairRow
from keras_transfer.analysis.kernel_matching import (
    match_kernels,
    match_mixtures,
)
from keras_transfer.analysis.kernel_shapes import fit_shapes
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.recommendation.score_similarity import linear_cka
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.training.base_layers import (
    BaseLayers,
    find_layers,
    shared_images,
)


@dataclasses.dataclass(frozen=True, order=True)
class Key:
    """Which network: split, seed, half and weights.

    Args:
        split, seed: Integers.
        target: String, half `"A"` or `"B"`.
        weights: String, one of `first_layers.WEIGHTS`.
    """

    split: int
    seed: int
    target: str
    weights: str


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of a study's base networks.

    Args:
        kernels: List of `KernelRow`.
        pairs: List of `PairRow`.
        shown: Dict from `Key` to the kernels of conv1.
        images: Integer, test images that layers were compared on.
    """

    kernels: list[KernelRow]
    pairs: list[PairRow]
    shown: dict[Key, np.ndarray]
    images: int


def measure(
    networks: list[NetworkFolder], pool: ImagePool, most_images: int
) -> Measured:
    """Fits, matches and compares finished base networks and their starts.

    Args:
        networks: List of `NetworkFolder`, finished bases of one recipe.
        pool: `ImagePool`.
        most_images: Integer, test images; see `shared_images`.

    Returns:
        `Measured`.

    Raises:
        UserError: If a network is no base of 8 layers.
        NetworkFailed: If a file is not the one that was filed.
    """
    part = shared_images(pool, most_images)
    found: dict[Key, BaseLayers] = {}
    for network in networks:
        spec = network.spec
        weights = tables.TRAINED
        if spec.data.labels is not None:
            weights = tables.SHUFFLED
        place = (spec.data.split, spec.seed, spec.target)
        found[Key(*place, weights)] = find_layers(network, pool, part, True)
        if weights == tables.TRAINED:
            found[Key(*place, tables.UNTRAINED)] = find_layers(
                network, pool, part, False
            )
    # Threads wait for each other longer than such small products take.
    with threadpool_limits(1):
        kernels = [
            row for key in sorted(found) for row in _fit(key, found[key])
        ]
    return Measured(
        kernels,
        [row for pair in _pairs(found) for row in _compare(*pair)],
        {key: layers.kernels for key, layers in found.items()},
        len(part),
    )


def _fit(key: Key, layers: BaseLayers) -> list[KernelRow]:
    shapes = [
        fit_shapes(layers.kernels[..., place])
        for place in range(layers.kernels.shape[-1])
    ]
    return [
        KernelRow(*dataclasses.astuple(key), place, shape.gabor, shape.blob)
        for place, shape in enumerate(shapes)
    ]


def _pairs(found: dict[Key, BaseLayers]):
    """Yields a pair's name, its first network's key and both networks."""
    for key in sorted(found):
        other = dataclasses.replace(key, target="B")
        # On shuffled labels a network of half A has the start of the one on
        # its true labels: it is compared with half B's, as that one is.
        second = {
            ("A", tables.TRAINED): (tables.OTHER, other),
            ("A", tables.UNTRAINED): (tables.STARTS, other),
            ("A", tables.SHUFFLED): (
                tables.SHUFFLED,
                dataclasses.replace(other, weights=tables.TRAINED),
            ),
            ("B", tables.TRAINED): (
                tables.SAME,
                dataclasses.replace(key, seed=key.seed + 1),
            ),
        }.get((key.target, key.weights))
        if second is not None and second[1] in found:
            yield second[0], key, found[key], found[second[1]]


def _compare(
    name: str, key: Key, first: BaseLayers, second: BaseLayers
) -> list[PairRow]:
    kernels = first.kernels, second.kernels
    values = [
        (tables.MATCHED, 1, match_kernels(*kernels).mean),
        (tables.MIXED, 1, match_mixtures(*kernels)),
    ]
    layers = zip(first.outputs, second.outputs, strict=True)
    values += [
        (tables.CKA, layer, float(linear_cka(one, other, debiased=True)))
        for layer, (one, other) in enumerate(layers, 1)
    ]
    return [
        PairRow(key.split, key.seed, name, measure, layer, value)
        for measure, layer, value in values
    ]
