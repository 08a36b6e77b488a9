"""What copied stages of EfficientNet-Lite0 are worth, from committed tables."""

import csv
from functools import cache

from experiments.findings.committed import PUBLISHED
from keras_transfer.analysis.rounding import rounded

FOLDER = "efficientnet_lite0"
SETS = ("sign_digits", "clothing", "cyrillic", "omniglot")


@cache
def _accuracies(name: str) -> dict[tuple[str, int], float]:
    """Returns percent by treatment and n; each has one seed."""
    with (PUBLISHED / FOLDER / f"{name}.csv").open(newline="") as table:
        return {
            (row["treatment"], int(row["n"])): 100 * float(row["test_accuracy"])
            for row in csv.DictReader(table)
        }


def gains(first: tuple[str, int], second: tuple[str, int]) -> str:
    """Says the least and the greatest difference over the sets.

    Args:
        first: Tuple of treatment and n.
        second: Tuple of treatment and n.
    """
    found = [
        _accuracies(name)[first] - _accuracies(name)[second] for name in SETS
    ]
    return f"{rounded(min(found))} to {rounded(max(found))}"


def networks() -> int:
    """Counts the committed networks."""
    return sum(len(_accuracies(name)) for name in SETS)


def findings() -> list[tuple[str, str, str]]:
    """Returns the row of the README's table."""
    return [
        (
            "EfficientNet-Lite0 frozen up to its middle, what is above drawn "
            "anew, beats all of it frozen (SnT, n = 7 - n = 11; "
            f"{len(SETS)} folders)",
            f"{gains(('SnT', 7), ('SnT', 11))}, in each; one seed, 80 steps, "
            "so no intervals; in part the classifier's rate, too high at n = "
            "11",
            FOLDER,
        )
    ]


def folders() -> list[tuple[str, str, str]]:
    """Returns the row of `logs/README.md`."""
    return [
        (
            FOLDER,
            "transfer_study --model FILE.keras --images DIR --image-size 64 "
            "--stages 3 7 11 --epochs 5 --steps-per-epoch 16 "
            "--learning-rate 0.05",
            f"{networks()} networks on {len(SETS)} folders, one seed, so no "
            "intervals. n = 7 - n = 11: frozen "
            f"{gains(('SnT', 7), ('SnT', 11))}, fine-tuned "
            f"{gains(('SnT+', 7), ('SnT+', 11))}; at n = 7 fine-tuned - "
            f"frozen {gains(('SnT+', 7), ('SnT', 7))}, layers above kept - "
            f"drawn anew {gains(('SnT-keep', 7), ('SnT', 7))}. 80 steps from "
            "scratch teach next to nothing, so that is no fair floor. [What "
            "the rows do not show](#what-efficientnet_lite0-does-not-show)",
        )
    ]
