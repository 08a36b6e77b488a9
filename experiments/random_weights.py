"""Random weights: the first n layers are never trained (section 4.3).

Claim: even features of a distant task are better than random ones; how much
better depends on how the random layers are drawn, so several ways are tried.

    python -m experiments.random_weights --dataset cifar100

Networks of `similar_datasets` and `dissimilar_datasets` with the same recipe
are drawn beside, where they are finished.

Cost: two networks for each n and way of drawing, beside the bases. Expected
on CIFAR-100 (`--preset earlier --width 16`): at n = 5 and 7, layers drawn
after He lose 15.7 to 19.4 points more than those of the other kind.
"""

import contextlib
import dataclasses
import sys

from experiments.common.bases import with_bases
from experiments.common.distances import foresee_distance, report_distance
from experiments.common.running import Experiment
from experiments.common.study_settings import CopySettings, Overlay
from keras_transfer.datasets import class_kinds
from keras_transfer.errors import UserError
from keras_transfer.specs.origins import (
    EARLIER_INITIALIZATIONS,
    INITIALIZATIONS,
)
from keras_transfer.specs.treatments import TRANSFER
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class RandomSettings(Overlay, CopySettings):
    """What this study can be told; it has no treatments."""

    initializations: tuple[str, ...] = tuple(
        name for name in INITIALIZATIONS if name not in EARLIER_INITIALIZATIONS
    )
    """Among he, paper (as large a signal as in 2014), permuted (entries of
    the trained layers), and of earlier versions gaussian and mean-var."""


def _specs(settings: RandomSettings):
    """Lists the networks: bases, then those with random layers."""
    random = grids.random_networks
    return with_bases(settings, random, settings.initializations)


def _report(settings: RandomSettings, rows, command, folder):
    """Writes figure 3 beside networks of the other sections."""
    title = f"Random weights: untrained layers on {settings.dataset}"
    return report_distance(settings, title, rows, command, folder)


def _foresee(settings: RandomSettings, specs, facts) -> list[str]:
    """Says how wide the intervals will be, beside features of another kind."""
    recipe, others = settings.resolve(), []
    with contextlib.suppress(UserError):  # no kinds are known of this set
        others = grids.similar_networks(
            settings.dataset,
            recipe,
            grids.Grid((0,), recipe.seeds, recipe.layers, (TRANSFER,)),
            settings.mean,
            class_kinds.known_kinds(settings.dataset),
        )
    script = "dissimilar_datasets"
    return foresee_distance(settings, specs, facts, others, script)


STUDY = Experiment(
    "random_weights", __doc__, RandomSettings, _specs, _report, _foresee
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
