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

import dataclasses
import sys

from experiments.common.bases import with_bases
from experiments.common.distances import report_distance
from experiments.common.running import Experiment
from experiments.common.study_settings import CopySettings, Overlay
from keras_transfer.specs.origins import (
    EARLIER_INITIALIZATIONS,
    INITIALIZATIONS,
)
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


STUDY = Experiment("random_weights", __doc__, RandomSettings, _specs, _report)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
