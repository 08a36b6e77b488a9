"""What copied stages of EfficientNet-Lite0 are worth, from committed tables."""

import csv
from functools import cache
from pathlib import Path

from experiments.findings.committed import PUBLISHED
from experiments.transfer_figure import read_balanced, read_panels, summary
from keras_transfer.analysis.contrasts import Cell
from keras_transfer.analysis.copied_stages import SCRATCH, CopiedStages
from keras_transfer.analysis.rounding import rounded

FOLDER = "efficientnet_lite0"
SEEDS_FOLDER = "efficientnet_lite0_seeds"
SETS = ("sign_digits", "clothing", "cyrillic", "omniglot")
_TITLES = {
    FOLDER: "Copied stages of EfficientNet-Lite0",
    SEEDS_FOLDER: "EfficientNet-Lite0 on four folders, 120 steps",
}
TOP = 11  # all stages but the classifier
MIDDLE = 7
FROZEN, FINETUNED = ("SnT", TOP, None), ("SnT+", TOP, None)
HALF_FROZEN = ("SnT", MIDDLE, None)


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
    """Counts the committed networks of one seed."""
    return sum(len(_accuracies(name)) for name in SETS)


def _tables(folder: str) -> list[Path]:
    return [PUBLISHED / folder / f"{name}.csv" for name in SETS]


@cache
def over_seeds() -> dict[str, CopiedStages]:
    """Returns the networks of several seeds, by data set."""
    return read_panels(_tables(SEEDS_FOLDER))


def summaries() -> dict[Path, str]:
    """Returns the summary of each folder, by its path."""
    return {
        PUBLISHED / folder / "summary.md": summary(
            read_panels(_tables(folder)),
            title,
            balanced=read_balanced(_tables(folder)),
        )
        for folder, title in _TITLES.items()
    }


def contrast(first: Cell, second: Cell) -> str:
    """Says a difference with its interval for each set that has both.

    Args:
        first, second: `Cell`; the second is subtracted.
    """
    estimates = {
        name: found.compare(first, second)
        for name, found in over_seeds().items()
    }
    return ", ".join(
        f"{name} {value.in_points()}"
        for name, value in estimates.items()
        if value is not None
    )


def levels(cell: Cell) -> str:
    """Says the mean accuracies of a cell in percent, set by set.

    Args:
        cell: `Cell`.
    """
    means = [100 * found.mean(cell) for found in over_seeds().values()]
    return ", ".join(rounded(mean, signed=False) for mean in means)


def seeds() -> int:
    """Counts the seeds, the same for all sets."""
    (count,) = {len(found.seeds) for found in over_seeds().values()}
    return count


def range_of(first: Cell, second: Cell) -> str:
    """Says a difference over the data sets, and how many intervals agree.

    Args:
        first, second: `Cell`; the second is subtracted.
    """
    found = [data.compare(first, second) for data in over_seeds().values()]
    means = [100 * one.mean for one in found]
    above = sum(one.low > 0 for one in found)
    below = sum(one.high < 0 for one in found)
    count, side = max((above, "above"), (below, "below"))
    return (
        f"{rounded(min(means))} to {rounded(max(means))}, {count} of "
        f"{len(found)} intervals {side} 0"
    )


def findings() -> list[tuple[str, str, str]]:
    """Returns the row of the README's table."""
    return [
        (
            "All of EfficientNet-Lite0 copied and frozen beats the same "
            "network from scratch in 120 steps (SnT - baseAll, n = "
            f"{TOP}; {seeds()} seeds, {len(SETS)} folders)",
            f"{range_of(FROZEN, SCRATCH)} (t over seeds, on these images). "
            f"Fine-tuned - frozen {range_of(FINETUNED, FROZEN)}, at one rate; "
            "[AdamW turned that round on validation images of two]"
            "(logs/README.md#what-efficientnet_lite0_seeds-does-not-show)",
            SEEDS_FOLDER,
        )
    ]


def folders() -> list[tuple[str, str, str]]:
    """Returns the rows of `logs/README.md`."""
    return [
        (
            SEEDS_FOLDER,
            "transfer_study --model FILE.keras --images DIR --image-size 64 "
            f"--stages {TOP} --treatments SnT SnT+ --epochs 4 "
            "--steps-per-epoch 30 --seeds "
            f"{' '.join(map(str, range(seeds())))}",
            f"{sum(len(f.observations) for f in over_seeds().values())} "
            f"networks on {len(SETS)} folders, {seeds()} seeds; intervals over "
            "seeds, on these images. Means: all stages frozen "
            f"{levels(FROZEN)} %, fine-tuned {levels(FINETUNED)} %, from "
            f"scratch {levels(SCRATCH)} %. Frozen - scratch: "
            f"{contrast(FROZEN, SCRATCH)}. Fine-tuned - frozen: "
            f"{contrast(FINETUNED, FROZEN)}. Fine-tuned - scratch: "
            f"{contrast(FINETUNED, SCRATCH)}. Frozen to the middle, drawn anew "
            f"above - all frozen (a second command with --stages {MIDDLE} "
            f"{TOP} --treatments SnT): {contrast(HALF_FROZEN, FROZEN)}. "
            "[How the rate was chosen, and what the rows do not show]"
            "(#what-efficientnet_lite0_seeds-does-not-show)",
        ),
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
        ),
    ]
