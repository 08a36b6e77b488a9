"""The numbers of the map of when to freeze, from its committed table."""

from functools import cache
from pathlib import Path

from experiments.findings.committed import PUBLISHED
from keras_transfer.analysis.freeze_map import (
    LOSES,
    RIVALS,
    WINS,
    FreezeMap,
    count_words,
)
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.reports import freeze_text
from keras_transfer.specs.treatments import FINETUNED_TRANSFER

FOLDER = "cifar100-when-to-freeze"
TITLE = "When to freeze on cifar100"


def table() -> Path:
    """Returns the path of the committed networks."""
    return PUBLISHED / FOLDER / "results.csv"


def is_published() -> bool:
    """Returns whether networks of the map are committed."""
    return table().is_file()


@cache
def _map(path: Path) -> FreezeMap:
    return FreezeMap(path)


def found() -> FreezeMap:
    """Returns the committed map."""
    return _map(table())


def command() -> str:
    """Returns the command that trains the map, without its log folder."""
    data = found()
    few, splits = data.sizes[:-1], data.splits
    flags = {"width": data.widths, "images": few, "splits": splits}
    said = " ".join(
        f"--{name} {' '.join(map(str, values))}"
        for name, values in flags.items()
    )
    return (
        f"when_to_freeze --dataset cifar100 {said} --precision bfloat16 "
        f"--learning-rates logs/published/{FOLDER}/best.json"
    )


def findings() -> list[tuple[str, str, str]]:
    """Returns the README's row of it, if its networks are committed."""
    if not is_published():
        return []
    return [(_claim(), f"{_corner()}. {_axes()}", FOLDER)]


def folders() -> list[tuple[str, str, str]]:
    """Returns its row in the table of published folders, if it is one."""
    if not is_published():
        return []
    text = (
        f"{len(found().lines)} networks, widths {_words(found().widths)}, "
        f"{_words(found().sizes)} images of each class, "
        f"{freeze_text.splits_in_words(found())}; rates tuned for each width "
        f"and treatment on validation images of another split. {_counts()}. "
        f"{_axes()}"
    )
    return [(FOLDER, command(), text)]


def summary() -> tuple[Path, str]:
    """Returns the path of the summary and its text."""
    words = f"python -m experiments.{command()}"
    text = freeze_text.text(found(), TITLE, words)
    return table().with_name("summary.md"), text


def _claim() -> str:
    data = found()
    return (
        "With few target images and many weights, freezing beats fine-tuning "
        f"(AnB - AnB+, n = {_words(data.layers)}; widths "
        f"{_words(data.widths)}, {_words(data.sizes)} images of each class, "
        f"rates tuned; {freeze_text.splits_in_words(data)})"
    )


def _corner() -> str:
    data = found()
    said = []
    for n in data.layers:
        cells = [
            c for c in data.cells if (c.rival, c.n) == (FINETUNED_TRANSFER, n)
        ]
        wide = [c for c in cells if c.width == data.widths[-1]]
        values = ", ".join(
            f"at {c.images} {c.estimate.in_points()} {c.word}" for c in wide
        )
        said.append(f"width {data.widths[-1]}: {values}")
    return f"{'; '.join(said)}. {_counts()}"


def _counts() -> str:
    data = found()
    parts = []
    for rival in RIVALS:
        cells = [c for c in data.cells if c.rival == rival]
        counts = count_words(cells)
        parts.append(
            f"Against {STARTS[rival]}, freezing wins in {counts[WINS]} of "
            f"{len(cells)} cells and loses in {counts[LOSES]}"
        )
    return ". ".join(parts)


def _axes() -> str:
    said = "; ".join(
        f"{axis.name} ({axis.meaning}) move AnB - AnB+ by "
        f"{axis.estimate.in_points()}: {axis.verdict.name}"
        for axis in found().axes
    )
    return said[:1].upper() + said[1:]


def _words(values: list[int]) -> str:
    return ", ".join(map(str, values))
