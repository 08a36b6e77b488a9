"""Preserved layers: copy and fine-tune some layers above the frozen ones.

Claim (the authors' unpublished follow-up): the loss of BnB in the middle is
co-adaptation cut in two; keeping the next one or two layers as a start does
not mend it.

    python -m experiments.preserved_layers --dataset cifar100

Cost: `--plan` says it. Expected: as little accuracy with kept layers as with
new ones. Not measured.
"""

import dataclasses
import sys

from experiments.common.bases import with_bases
from experiments.common.effect_plan import not_known
from experiments.common.running import Experiment
from experiments.common.study_settings import CopySettings
from keras_transfer.reports import preserved_layers
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class PreservedSettings(CopySettings):
    """What this study can be told; its treatments are BnB and AnB."""

    preserved: tuple[int, ...] = (0, 1, 2)
    """Layers above the frozen ones that are copied and fine-tuned."""


def _specs(settings: PreservedSettings):
    """Lists the networks: bases, then BnB and AnB by layers kept."""
    return with_bases(settings, grids.preserved_networks, settings.preserved)


def _report(settings: PreservedSettings, rows, command, folder):
    """Writes figure and table."""
    title = f"Preserved layers above the cut on {settings.dataset}"
    return preserved_layers.write_report(rows, title, command, folder), []


STUDY = Experiment(
    "preserved_layers",
    __doc__,
    PreservedSettings,
    _specs,
    _report,
    not_known,
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
