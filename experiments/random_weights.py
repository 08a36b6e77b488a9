"""Random weights: the first n layers are never trained (section 4.3).

Claim: even features of a distant task are better than random ones; how much
better depends on how the random layers are drawn, so several ways are tried.

    python -m experiments.random_weights --dataset cifar100

Networks of `similar_datasets` and `dissimilar_datasets` with the same recipe
are drawn beside, where they are finished.

Cost: two networks for each n and way of drawing, beside the bases. Expected
on CIFAR-100 (`--preset earlier --width 16`): at n = 5 and 7, layers drawn
after He lose 15.3 to 20.2 points more than those of the other kind.
"""

import dataclasses
import sys

from experiments.common.bases import base_specs
from experiments.common.distances import distance_writer
from experiments.common.running import Study, main_of
from experiments.common.settings import Layers, Overlay, Splits, StudySettings
from keras_transfer.specs.network import INITIALIZATIONS, NetworkSpec
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class RandomSettings(Overlay, Layers, Splits, StudySettings):
    """What this study can be told; it has no treatments."""

    initializations: tuple[str, ...] = INITIALIZATIONS
    """Among he, gaussian (the paper's) and mean-var (like the trained)."""


def random_specs(settings: RandomSettings) -> list[NetworkSpec]:
    """Lists the networks of this study, bases first."""
    recipe = settings.resolve()
    bases = base_specs(settings, recipe)
    return bases + grids.random_networks(
        bases, recipe.layers, settings.initializations
    )


def study(settings: RandomSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `RandomSettings`.

    Returns:
        `Study`.
    """
    specs = random_specs(settings)
    title = f"Random weights: untrained layers on {settings.dataset}"
    write = distance_writer(settings, title)
    return Study("random_weights", specs, write)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.common.running.main_of`."""
    return main_of("random_weights", __doc__, study, arguments, RandomSettings)


if __name__ == "__main__":
    sys.exit(main())
