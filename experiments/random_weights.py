"""Random weights: the first n layers are never trained (section 4.3).

Claim: even features of a distant task are better than random ones; how much
better depends on how the random layers are drawn, so several ways are tried.

    python -m experiments.random_weights --dataset cifar100

Networks of `similar_datasets` and `dissimilar_datasets` with the same recipe
are drawn beside, where they are finished.
"""

import dataclasses
import sys

from rich.console import Console

from experiments.distances import run_distances
from experiments.settings import Settings, main_of
from keras_transfer import networks
from keras_transfer.specs import INITIALIZATIONS, NetworkSpec


@dataclasses.dataclass(frozen=True)
class RandomSettings(Settings):
    """What this study can be told; it has no treatments."""

    initializations: tuple[str, ...] = INITIALIZATIONS
    """Among he, gaussian (the paper's) and mean-var (like the trained)."""


def random_specs(settings: RandomSettings) -> list[NetworkSpec]:
    """Lists the networks of this study, bases first."""
    recipe = settings.resolve()
    bases = networks.similar_networks(
        settings.dataset,
        recipe,
        recipe.splits,
        settings.seeds,
        recipe.layers,
        (),
        settings.mean,
    )
    return bases + networks.random_networks(
        bases, recipe.layers, settings.initializations
    )


def run(settings: RandomSettings, console: Console) -> int:
    """Trains the study's networks and writes its results.

    Args:
        settings: `RandomSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    specs = random_specs(settings)
    title = f"Random weights: untrained layers on {settings.dataset}"
    return run_distances(settings, specs, "random_weights", title, console)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.settings.main_of`."""
    return main_of("random_weights", __doc__, run, arguments, RandomSettings)


if __name__ == "__main__":
    sys.exit(main())
