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
from experiments.common.running import Study, main_of
from experiments.common.settings import Overlay, StudySettings
from keras_transfer.analysis import published_2014
from keras_transfer.reports import data_size
from keras_transfer.specs.network import SolverSpec
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
    """
    if solver.schedule != "step":
        return solver
    return dataclasses.replace(
        solver,
        learning_rate=1.25 * solver.learning_rate,
        step_every=round(0.64 * solver.step_every),
        epochs=round(solver.epochs * 4 / 9),
    )


def study(settings: ReducedSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `ReducedSettings`.

    Returns:
        `Study`.
    """
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
    specs = grids.limited_networks(whole, sizes) + whole
    title = f"Reduced data: fewer images a class of {settings.dataset}"

    def write(rows, command, folder):
        published = None
        if settings.overlay_2014:
            published = published_2014.reduced_curve()
        paths = data_size.write_reduced(rows, title, command, folder, published)
        return paths, []

    return Study("reduced_data", specs, write)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.common.running.main_of`."""
    return main_of("reduced_data", __doc__, study, arguments, ReducedSettings)


if __name__ == "__main__":
    sys.exit(main())
