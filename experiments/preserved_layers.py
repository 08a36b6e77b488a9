"""Preserved layers: copy and fine-tune some layers above the frozen ones.

Claim (the authors' unpublished follow-up): the loss of BnB in the middle is
co-adaptation cut in two; keeping the next one or two layers as a start does
not mend it.

    python -m experiments.preserved_layers --dataset cifar100
"""

import dataclasses
import sys

from experiments.common.bases import base_specs
from experiments.common.running import Study, main_of
from experiments.common.settings import Layers, Splits, StudySettings
from keras_transfer.reports import preserved_layers
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class PreservedSettings(Layers, Splits, StudySettings):
    """What this study can be told; its treatments are BnB and AnB."""

    preserved: tuple[int, ...] = (0, 1, 2)
    """Layers above the frozen ones that are copied and fine-tuned."""


def study(settings: PreservedSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `PreservedSettings`.

    Returns:
        `Study`.
    """
    recipe = settings.resolve()
    bases = base_specs(settings, recipe)
    specs = bases + grids.preserved_networks(
        bases, recipe.layers, settings.preserved
    )
    title = f"Preserved layers above the cut on {settings.dataset}"

    def write(rows, command, folder):
        return preserved_layers.write_report(rows, title, command, folder), []

    return Study("preserved_layers", specs, write)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.common.running.main_of`."""
    return main_of(
        "preserved_layers", __doc__, study, arguments, PreservedSettings
    )


if __name__ == "__main__":
    sys.exit(main())
