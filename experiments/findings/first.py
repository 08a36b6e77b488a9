"""The numbers of first layers without a transfer, from committed tables."""

from pathlib import Path

from experiments.findings.committed import PUBLISHED
from keras_transfer.analysis import first_layers as tables
from keras_transfer.analysis.primary import splits_in_words
from keras_transfer.reports import first_layers_text as texts

FOLDER = "first-layers"
TITLE = "First layers on cifar100"


def folder() -> Path:
    """Returns the path of the committed tables."""
    return PUBLISHED / FOLDER


def is_published() -> bool:
    """Returns whether the tables are committed."""
    return (folder() / "pairs.csv").is_file()


def command() -> str:
    """Returns the command that made the tables, without its log folder."""
    rows = tables.read_kernels(folder() / "kernels.csv")
    splits = sorted({row.split for row in rows})
    dealt = sorted({r.split for r in rows if r.weights == tables.SHUFFLED})
    return (
        f"first_layers --dataset cifar100 --splits {_listed(splits)} "
        f"--shuffled-splits {_listed(dealt)} --precision bfloat16"
    )


def _listed(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def splits() -> str:
    """Says how many splits there are, and whether it is of these only."""
    pairs = tables.read_pairs(folder() / "pairs.csv")
    return splits_in_words([len({row.split for row in pairs})])


def findings() -> list[tuple[str, str, str]]:
    """Returns the README's row of it, if its tables are committed."""
    if not is_published():
        return []
    claim = (
        "First layers are Gabor filters and colour blobs whatever the "
        "classes; higher layers are less alike (bases alone, kernels of 7x7; "
        f"{splits()})"
    )
    return [(claim, texts.in_short(folder()), FOLDER)]


def folders() -> list[tuple[str, str, str]]:
    """Returns its row in the table of published folders, if it is one."""
    if not is_published():
        return []
    found = " ".join(texts.findings(folder()))
    text = f"{texts.trained(folder())} {found}"
    return [(FOLDER, command(), text)]


def summary() -> tuple[Path, str]:
    """Returns the path of the summary and its text."""
    text = texts.text(folder(), TITLE, f"python -m experiments.{command()}")
    return folder() / "summary.md", text
