"""Boost: does fine-tuned transfer (AnB+) beat fine-tuned selffer (BnB+)?

Claim (the paper's fifth interpretation): having seen other classes helps even
after fine-tuning. The published logs cannot tell that from training longer
(see `reanalyse_2014`); here every comparison is paired, over several splits
in both directions, beside a base trained as long.

    python -m experiments.boost --dataset cifar100
"""

import dataclasses
import sys

from rich.console import Console

from experiments.running import run_script
from experiments.settings import Settings, main_of
from keras_transfer import boost, networks


@dataclasses.dataclass(frozen=True)
class BoostSettings(Settings):
    """What this study can be told; its treatments are BnB+ and AnB+."""

    splits: tuple[int, ...] | None = None
    """Random splits of the classes (0 1 2 3 if not given)."""
    layers: tuple[int, ...] | None = None
    """Numbers n of copied layers, among 1 to 7 (3 5 7 if not given)."""


def run(settings: BoostSettings, console: Console) -> int:
    """Trains the networks and writes the comparison.

    Args:
        settings: `BoostSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    recipe = settings.resolve()
    smoke = settings.preset == "smoke"
    specs = networks.similar_networks(
        settings.dataset,
        recipe,
        settings.splits or ((0,) if smoke else (0, 1, 2, 3)),
        settings.seeds,
        settings.layers or ((5,) if smoke else (3, 5, 7)),
        ("BnB+", "AnB+"),
        settings.mean,
    )
    bases = [spec for spec in specs if spec.base is None]
    title = f"The boost of fine-tuned transfer on {settings.dataset}"

    def write(rows, command, folder):
        paths = boost.write_report(rows, title, command, folder)
        return paths, [boost.verdict(rows)]

    return run_script(
        settings, specs + boost.long_bases(bases), "boost", write, console
    )


def main(arguments=None) -> int:
    """Runs the script; see `experiments.settings.main_of`."""
    return main_of("boost", __doc__, run, arguments, BoostSettings)


if __name__ == "__main__":
    sys.exit(main())
