"""Reduced data: fewer training images of each class (figure S1).

Claim: accuracy falls as images become few, a measure of how much a network
of this size overfits. Every network takes as many steps as that on all
images, at the paper's faster schedule.

    python -m experiments.reduced_data --dataset cifar100

Cost: a network on all classes for each number of images, all of the same
number of steps. Expected: accuracy that rises with the images. Not measured;
in 2014 networks on 5 to 100 images a class never left their starting loss.
"""

import dataclasses
import sys

from experiments.common.bases import check_images, few_image_bases
from experiments.common.effect_plan import no_intervals
from experiments.common.running import Experiment
from experiments.common.study_settings import Overlay, StudySettings
from keras_transfer.analysis import published_2014
from keras_transfer.reports import data_size
from keras_transfer.specs.settings import SolverSpec
from keras_transfer.studies import grids

# The paper's sizes; those that a set does not have are left out.
SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 750, 1000, 1300)


@dataclasses.dataclass(frozen=True)
class ReducedSettings(Overlay, StudySettings):
    """What this study can be told; it has no splits, layers or treatments."""

    images: tuple[int, ...] | None = None
    """Training images of each class (the paper's 12 sizes)."""


def faster(solver: SolverSpec) -> SolverSpec:
    """Returns the supplement's schedule: a quarter more, 0.64 as often.

    Only of the paper's step schedule; a cosine ends by itself.

    Args:
        solver: `SolverSpec`.

    Returns:
        `SolverSpec`; the same one if its schedule is not `"step"`.
    """
    if solver.schedule != "step":
        return solver
    return dataclasses.replace(
        solver,
        learning_rate=1.25 * solver.learning_rate,
        step_every=round(0.64 * solver.step_every),
        epochs=round(solver.epochs * 4 / 9),
    )


def _specs(settings: ReducedSettings):
    """Lists the networks: few images of each class, then all of them."""
    recipe = settings.resolve()
    recipe = dataclasses.replace(recipe, solver=faster(recipe.solver))
    bases, most = few_image_bases(settings, recipe)
    whole = grids.all_class_networks(bases)
    if settings.images is None:
        offered = SIZES[:: 5 if settings.preset == "smoke" else 1]
        sizes = tuple(size for size in offered if size < most)
    else:
        sizes = settings.images
        check_images(sizes, most, settings.dataset)
    return grids.limited_networks(whole, sizes) + whole


def _report(settings: ReducedSettings, rows, command, folder):
    """Writes figure S1 and its table."""
    title = f"Reduced data: fewer images a class of {settings.dataset}"
    published = settings.published(published_2014.reduced_curve)
    written = data_size.reduced_report(published)
    return written.write(rows, title, command, folder), []


STUDY = Experiment(
    "reduced_data", __doc__, ReducedSettings, _specs, _report, no_intervals
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
