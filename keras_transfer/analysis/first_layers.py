"""From general to specific without a transfer: tables of base networks.

`kernels.csv` has a line for each kernel of conv1, `pairs.csv` one for each
measure of two networks; all estimates follow from them.
"""

import csv
import dataclasses
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from keras_transfer.analysis import primary
from keras_transfer.analysis.contrasts import ModelEstimate, Observation

# Weights of a network: after training, its random start, or after training on
# labels that were dealt at random.
TRAINED, UNTRAINED, SHUFFLED = "trained", "untrained", "shuffled labels"
WEIGHTS = (TRAINED, SHUFFLED, UNTRAINED)
# Pairs of networks: of both halves, of one half and two seeds, of both halves
# with the labels of one shuffled, of the starts of both halves.
OTHER, SAME, STARTS = "other classes", "same classes", "untrained"
PAIRS = (OTHER, SAME, SHUFFLED, STARTS)
# Measures of a pair: similarity of a layer's outputs, and of conv1's kernels
# matched to the other's, and to mixtures of the other's.
CKA, MATCHED, MIXED = "cka", "matched", "mixtures"


@dataclasses.dataclass(frozen=True)
class KernelRow:
    """One kernel of conv1.

    Args:
        split, seed: Integers.
        target: String, half `"A"` or `"B"`.
        weights: String, one of `WEIGHTS`.
        kernel: Integer, its place.
        gabor, blob: Floats, shares of its energy; see `kernel_shapes`.
    """

    split: int
    seed: int
    target: str
    weights: str
    kernel: int
    gabor: float
    blob: float

    @property
    def explained(self) -> float:
        """Share that the better shape explains."""
        return max(self.gabor, self.blob)


@dataclasses.dataclass(frozen=True)
class PairRow:
    """One measure of two networks.

    Args:
        split, seed: Integers, of the first network.
        pair: String, one of `PAIRS`.
        measure: String, `CKA`, `MATCHED` or `MIXED`.
        layer: Integer, 1 to 8.
        value: Float.
    """

    split: int
    seed: int
    pair: str
    measure: str
    layer: int
    value: float


def as_csv(rows: list) -> str:
    """Writes rows of one kind, a line each.

    Args:
        rows: List of `KernelRow` or of `PairRow`, not empty.

    Returns:
        String, the content of a CSV file.
    """
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(rows[0])]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow(
            f"{v:.4f}" if isinstance(v, float) else v for v in values
        )
    return text.getvalue()


@cache
def read_kernels(path: Path) -> list[KernelRow]:
    """Reads `kernels.csv`.

    Args:
        path: Path.
    """
    return _read(path, KernelRow)


@cache
def read_pairs(path: Path) -> list[PairRow]:
    """Reads `pairs.csv`.

    Args:
        path: Path.
    """
    return _read(path, PairRow)


def _read(path: Path, kind: type) -> list:
    fields = dataclasses.fields(kind)
    with Path(path).open(newline="") as table:
        return [
            kind(
                **{field.name: field.type(line[field.name]) for field in fields}
            )
            for line in csv.DictReader(table)
        ]


def share(
    rows: list[KernelRow],
    weights: str,
    minus: str | None = None,
    shape: str = "explained",
) -> ModelEstimate | None:
    """Estimates the mean share of energy that shapes explain.

    Kernels of a network are averaged first; then the rule of `primary`.

    Args:
        rows: List of `KernelRow`.
        weights: String, one of `WEIGHTS`.
        minus: String, weights to subtract, of the same half and seed, or
            `None`. Defaults to `None`.
        shape: String, `"explained"`, `"gabor"` or `"blob"`. Defaults to
            `"explained"`.

    Returns:
        `ModelEstimate`, or `None` if it was not measured.
    """
    networks: dict[tuple, list[float]] = {}
    for row in rows:
        key = row.split, row.target, row.seed, row.weights
        networks.setdefault(key, []).append(getattr(row, shape))
    return _estimate(
        (
            (*key, float(np.mean(values)))
            for key, values in networks.items()
            if key[3] in (weights, minus)
        ),
        weights,
        minus,
    )


def similarity(
    rows: list[PairRow],
    pair: str,
    measure: str,
    layer: int = 1,
    minus: tuple[str, str] | None = None,
) -> ModelEstimate | None:
    """Estimates a measure of pairs of networks, by the rule of `primary`.

    Args:
        rows: List of `PairRow`.
        pair: String, one of `PAIRS`.
        measure: String, `CKA`, `MATCHED` or `MIXED`.
        layer: Integer, 1 to 8. Defaults to `1`.
        minus: Pair of strings, a pair and a measure to subtract within each
            split, or `None`. Defaults to `None`.

    Returns:
        `ModelEstimate`, or `None` if it was not measured.
    """
    wanted = {(pair, measure): "first", minus: "second"}
    found = (
        # A pair of networks has no half of its own.
        (row.split, "", row.seed, wanted[row.pair, row.measure], row.value)
        for row in rows
        if row.layer == layer and (row.pair, row.measure) in wanted
    )
    return _estimate(found, "first", None if minus is None else "second")


def _estimate(
    values: Iterable[tuple], first: str, second: str | None
) -> ModelEstimate | None:
    data = [
        Observation(split, half, seed, name, 0, "", value)
        for split, half, seed, name, value in values
    ]
    weights = {(first, 0, None): 1}
    if second is not None:
        weights[second, 0, None] = -1
    names = {cell[0] for cell in weights}
    if not names <= {o.treatment for o in data}:
        return None
    return primary.estimate(data, weights)
