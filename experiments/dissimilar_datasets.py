"""Dissimilar data sets: natural and man-made classes (section 4.2, figure 3).

Claim: the less alike two tasks are, the more is lost by freezing layers of
one for the other, the more so the higher the layer.

    python -m experiments.dissimilar_datasets --dataset cifar100
    python -m experiments.dissimilar_datasets --dataset SET --classes FILE

A is man-made and B natural, or the first and second section of the file.
Networks of `similar_datasets` and `random_weights` with the same recipe are
drawn beside, where they are finished.

Cost: 139 minutes of one core for the 130 networks of
`logs/published/cifar100-dissimilar`. Expected there: at n = 5 and 7 the other
kind loses 4.8 to 6.7 points more than random halves, in that one division. On
CIFAR-100, 30 classes stand against 70, so that kind, number of classes and, at
equal epochs, steps are mixed. `--balanced` takes 30 of each, with as many
images and steps; `similar_datasets --classes-per-half 30` gives random halves
of as many to stand beside, of which kinds lost 1.3 to 4.6 points more.
"""

import dataclasses
import sys

from experiments.common.bases import find_or_prepare
from experiments.common.distances import foresee_distance, report_distance
from experiments.common.running import Experiment
from experiments.common.study_settings import (
    Layers,
    Overlay,
    StudySettings,
    Treatments,
)
from keras_transfer.datasets import class_kinds
from keras_transfer.errors import UserError
from keras_transfer.studies import dataset_facts, grids

SPLITS = (0, 1, 2, 3)  # of random halves, which a plan takes to stand beside


@dataclasses.dataclass(frozen=True)
class DissimilarSettings(Overlay, Treatments, Layers, StudySettings):
    """What this study can be told."""

    classes: str | None = None
    """Text file: two sections such as [cats] and [dogs], a class a line."""
    balanced: bool = False
    """Drop classes of the larger side until both have as many."""
    balance_draw: int = 0
    """Which classes `--balanced` drops: the number of a random draw."""


def find_halves(
    settings: DissimilarSettings, image_size: int
) -> tuple[tuple, tuple[str, str]]:
    """Returns the classes of both sides, and what the sides are called.

    Args:
        settings: `DissimilarSettings`.
        image_size: Integer, side in pixels that images are kept at.

    Returns:
        Tuple of the pair of tuples of class indices, and the pair of names.
    """
    if settings.balance_draw and not settings.balanced:
        raise UserError(
            "Expected `--balance-draw` only with `--balanced`. Received: "
            f"{settings.balance_draw} without it."
        )
    if settings.balance_draw < 0:
        raise UserError(
            "Expected `--balance-draw` of 0 or more. "
            f"Received: {settings.balance_draw}."
        )
    sides = class_kinds.KINDS
    if settings.classes is None:
        halves = class_kinds.known_kinds(settings.dataset)
    else:
        names = find_or_prepare(
            settings, image_size, dataset_facts.find_class_names
        )
        halves, sides = class_kinds.read_kinds(settings.classes, names)
    if settings.balanced:
        halves = class_kinds.balance(halves, settings.balance_draw)
    return halves, sides


def _specs(settings: DissimilarSettings):
    """Lists the networks, bases first."""
    recipe = settings.resolve()
    halves, _ = find_halves(settings, recipe.image_size)
    return grids.similar_networks(
        settings.dataset,
        recipe,
        grids.Grid((0,), recipe.seeds, recipe.layers, settings.treatments),
        settings.mean,
        halves,
    )


def _report(settings: DissimilarSettings, rows, command, folder):
    """Writes figure 3 beside networks of the other sections."""
    halves, sides = find_halves(settings, settings.resolve().image_size)
    title = f"Dissimilar data sets: {' and '.join(sides)} {settings.dataset}"
    return report_distance(
        settings, title, rows, command, folder, {halves: sides}
    )


def _foresee(settings: DissimilarSettings, specs, facts) -> list[str]:
    """Says how wide the intervals will be, beside random halves."""
    recipe = settings.resolve()
    if settings.balanced:
        sides = specs[0].data.halves
        recipe = dataclasses.replace(recipe, classes_per_half=len(sides[0]))
    layers, treatments = recipe.layers, settings.treatments
    grid = grids.Grid(SPLITS, recipe.seeds, layers, treatments)
    others = grids.similar_networks(
        settings.dataset, recipe, grid, settings.mean
    )
    return foresee_distance(settings, specs, facts, others, "similar_datasets")


STUDY = Experiment(
    "dissimilar_datasets",
    __doc__,
    DissimilarSettings,
    _specs,
    _report,
    _foresee,
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
