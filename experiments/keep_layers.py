"""Keep layers: what drawing the layers above the cut anew costs.

Claim: BnB loses because co-adapted layers are cut in two, so a network that
keeps all layers above the frozen ones, and trains them, loses less.

    python -m experiments.keep_layers --dataset cifar100 --splits 0 1 2

Cost: 54 networks a split at seven layers, `--plan` says how long. Expected:
see `dose_response`, which asks it at several lengths. In 2014 the training
loss of BnB rose by 0.22 and 0.62 at n = 4 and 5 (`reanalyse_2014`).
"""

import sys

from experiments.common.bases import grid_specs
from experiments.common.effect_plan import not_known
from experiments.common.running import Experiment
from experiments.common.study_settings import CopySettings
from keras_transfer.reports.questions import kept_question, paired_report


def _specs(settings: CopySettings):
    """Lists the networks: bases, then each n with and without the rest."""
    treatments = ("BnB", "BnB-keep", "AnB", "AnB-keep")
    return grid_specs(settings, settings.resolve(), treatments)


def _report(settings: CopySettings, rows, command, folder):
    """Writes figure and table."""
    title = f"Layers above the cut, kept or drawn anew, {settings.dataset}"
    written = paired_report((kept_question("BnB"), kept_question("AnB")))
    return written.write(rows, title, command, folder), []


STUDY = Experiment(
    "keep_layers", __doc__, CopySettings, _specs, _report, not_known
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
