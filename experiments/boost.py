"""Boost: does fine-tuned transfer (AnB+) beat fine-tuned selffer (BnB+)?

Claim (the paper's fifth interpretation): having seen other classes helps even
after fine-tuning. The published logs cannot tell that from training longer
(see `reanalyse_2014`); here every comparison is paired, over several splits
in both directions, beside a base trained as long.

    python -m experiments.boost --dataset cifar100
"""

import dataclasses
import sys

from experiments.common.running import Study, main_of
from experiments.common.settings import StudySettings
from keras_transfer.reports import boost
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class BoostSettings(StudySettings):
    """What this study can be told; its treatments are BnB+ and AnB+."""

    splits: tuple[int, ...] | None = None
    """Random splits of the classes (0 1 2 3 if not given)."""
    layers: tuple[int, ...] | None = None
    """Numbers n of copied layers, among 1 to 7 (3 5 7 if not given)."""


def study(settings: BoostSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `BoostSettings`.

    Returns:
        `Study`.
    """
    recipe = settings.resolve()
    smoke = settings.preset == "smoke"
    specs = grids.similar_networks(
        settings.dataset,
        recipe,
        settings.splits or ((0,) if smoke else (0, 1, 2, 3)),
        settings.seeds,
        settings.layers or ((5,) if smoke else (3, 5, 7)),
        ("BnB+", "AnB+"),
        settings.mean,
    )
    bases = [spec for spec in specs if spec.is_base]
    title = f"The boost of fine-tuned transfer on {settings.dataset}"

    def write(rows, command, folder):
        paths = boost.write_report(rows, title, command, folder)
        return paths, [boost.verdict(rows)]

    return Study("boost", specs + grids.long_bases(bases), write)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.common.running.main_of`."""
    return main_of("boost", __doc__, study, arguments, BoostSettings)


if __name__ == "__main__":
    sys.exit(main())
