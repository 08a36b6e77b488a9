"""How sure a map of when to freeze will be, said before it is trained."""

import dataclasses
import itertools

from experiments.common.effect_plan import (
    foreseen,
    half_images,
    planned,
    told,
)
from keras_transfer.analysis.contrasts import Observations
from keras_transfer.analysis.freeze_contrasts import (
    MapContrast,
    cell_contrasts,
    label,
    trend_contrasts,
)
from keras_transfer.analysis.freeze_map import RIVALS
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.studies.dataset_facts import DatasetFacts


def foresee(
    most: int, specs: list[NetworkSpec], facts: DatasetFacts | None
) -> list[str]:
    """Says how wide the interval of each cell and trend will be.

    Args:
        most: Integer, all training images of a class.
        specs: List of `NetworkSpec`.
        facts: `DatasetFacts`, or `None` if they are not known.

    Returns:
        List of strings; what is alike at all widths is said once.
    """
    networks = Observations(
        dataclasses.replace(o, target_images=o.target_images or most)
        for o in planned(specs, lambda s: label(s.treatment, s.model.width))
    )
    images = half_images(facts, specs)
    rows = [
        foreseen(
            f"n = {_layers(contrast)}: {contrast.effect}",
            contrast.effect,
            networks,
            contrast.weights,
            images,
        )
        for contrast in _asked(specs, most, networks)
    ]
    return told(rows, len(specs))


def _asked(specs, most: int, networks: Observations) -> list[MapContrast]:
    """Lists the cells that have networks of both sides, then trends."""
    copies = [spec for spec in specs if spec.n]
    axes = (
        {spec.n for spec in copies},
        {spec.model.width for spec in copies},
        {spec.target_images or most for spec in copies},
    )
    places = itertools.product(RIVALS, *map(sorted, axes))
    cells = [
        contrast
        for contrast in cell_contrasts(places)
        if contrast.weights.keys() <= networks.cells
    ]
    return cells + trend_contrasts([contrast.place for contrast in cells])


def _layers(contrast: MapContrast) -> int:
    # A cell's place is rival, n, width, images; a trend's ends with n.
    return next(cell[1] for cell in contrast.weights if cell[1])
