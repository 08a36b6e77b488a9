"""Contrasts of treatments: what is estimated, of which networks, how surely.

Below, Student's t over splits; which estimate is taken says `primary`.
"""

import csv
import dataclasses
import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_transfer.analysis.rounding import rounded

LEVEL = 0.95
FEWEST_SPLITS = 3  # below, nothing is said about other splits
THESE = "these halves only"
OTHERS = "random halves of these classes"

Cell = tuple  # (treatment, n, target images or None)
Weights = dict  # from `Cell` to a number


@dataclasses.dataclass(frozen=True)
class Observation:
    """One network, as the model sees it.

    Args:
        split: Integer or string, the random split, or what else divides the
            classes into halves.
        half: String, the target.
        seed: Integer.
        treatment: String, such as `"AnB+"`.
        n: Integer, layers copied; 0 for a base network.
        source: String, the half whose base network gave the layers; empty
            for a base network and for random layers.
        value: Float, the outcome.
        target_images: Integer or `None`, images a class, if not all.
    """

    split: int | str
    half: str
    seed: int
    treatment: str
    n: int
    source: str
    value: float
    target_images: int | None = None

    @functools.cached_property  # a report asks for it millions of times
    def cell(self) -> Cell:
        """What fixed effects tell apart."""
        return self.treatment, self.n, self.target_images

    @functools.cached_property
    def pair(self) -> tuple[int | str, str, int]:
        """Split, half and seed, which the networks of a pair share."""
        return self.split, self.half, self.seed


class Observations(tuple):
    """`Observation`s in order, with what is asked of them again and again."""

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return super().__hash__()

    @functools.cached_property
    def pairs(self) -> dict[tuple, dict[Cell, float]]:
        """From split, half and seed to the mean value of each cell."""
        found: dict[tuple, dict[Cell, list[float]]] = {}
        for o in self:
            cells = found.setdefault(o.pair, {})
            cells.setdefault(o.cell, []).append(o.value)
        return {
            key: {
                cell: v[0] if len(v) == 1 else float(np.mean(v))
                for cell, v in cells.items()
            }
            for key, cells in found.items()
        }

    @functools.cached_property
    def by_split(self) -> dict[int | str, set[Cell]]:
        """From each split to the cells that have networks of it."""
        found: dict[int | str, set[Cell]] = {}
        for (split, *_), cells in self.pairs.items():
            found.setdefault(split, set()).update(cells)
        return found

    @functools.cached_property
    def by_cell(self) -> dict[Cell, list[Observation]]:
        """From each cell to its networks."""
        found: dict[Cell, list[Observation]] = {}
        for o in self:
            found.setdefault(o.cell, []).append(o)
        return found

    @functools.cached_property
    def cells(self) -> frozenset[Cell]:
        """The cells that have networks."""
        return frozenset(o.cell for o in self)

    @functools.cached_property
    def cells_of_splits(self) -> list[tuple[int | str, frozenset[Cell]]]:
        """Each split with the cells of a pair of it, those alike once."""
        found = ((split, frozenset(c)) for (split, *_), c in self.pairs.items())
        return list(dict.fromkeys(found))

    @classmethod
    def of(cls, observations: Iterable["Observation"]) -> "Observations":
        """Returns observations as they are, if they are of this class.

        Args:
            observations: Iterable of `Observation`.
        """
        if isinstance(observations, cls):
            return observations
        return cls(observations)


@dataclasses.dataclass(frozen=True)
class ModelEstimate:
    """An effect with its 95 % interval, and what it is an effect of.

    Args:
        mean: Float.
        error: Float or `None`, standard error.
        df: Float or `None`, degrees of freedom.
        low, high: Floats or `None`, 95 % interval; `None` if the networks
            leave nothing to estimate their noise from.
        scope: String, `THESE` or `OTHERS`.
        splits: Integer, splits with networks in the contrast.
        count: Integer, pairs of split, half and seed in the contrast.
        networks: Integer, networks in the whole model.
    """

    mean: float
    error: float | None
    df: float | None
    low: float | None
    high: float | None
    scope: str
    splits: int
    count: int
    networks: int

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Returns the interval of a level.

        Args:
            level: Float, between 0 and 1. Defaults to `0.95`.

        Returns:
            Tuple `(low, high)` in the unit of the mean.
        """
        reach = t_quantile((1 + level) / 2, self.df) * self.error
        return self.mean - reach, self.mean + reach

    def percent(self) -> tuple[float, float | None, float | None]:
        """Returns mean, low and high in percent or points."""
        if self.low is None or self.high is None:
            return 100 * self.mean, None, None
        return 100 * self.mean, 100 * self.low, 100 * self.high

    def in_points(self, digits: int = 1) -> str:
        """Says the mean and interval in percentage points.

        Args:
            digits: Integer, digits after the point. Defaults to `1`.
        """
        return self.in_words(100, digits)

    def in_words(self, factor: float = 1, digits: int = 2) -> str:
        """Says the mean and interval, multiplied by `factor`.

        Args:
            factor: Float, such as 100 for percent. Defaults to `1`.
            digits: Integer, digits after the point. Defaults to `2`.
        """
        text = rounded(factor * self.mean, digits)
        if self.low is None:
            return f"{text} (too few networks for an interval)"
        low, high = (
            rounded(factor * end, digits) for end in (self.low, self.high)
        )
        return f"{text} [{low}, {high}]"


def t_quantile(share: float, df: float) -> float:
    """Returns a quantile of Student's distribution, such as 0.975's.

    Args:
        share: Float, share of the distribution below, between 0 and 1.
        df: Float, degrees of freedom, above 0.
    """
    # `scipy.stats` says the same to the bit, and takes long to import.
    from scipy import special

    return float(special.stdtrit(df, share))


def read_observations(
    path: Path, outcome: str = "test_accuracy"
) -> list[Observation]:
    """Reads a study's `results.csv`.

    Args:
        path: Path.
        outcome: String, a column such as `"train_loss"`. Defaults to
            `"test_accuracy"`.

    Returns:
        List of `Observation`, in the order of the file.
    """
    with Path(path).open(newline="") as file:
        return [observation_of(row, outcome) for row in csv.DictReader(file)]


def observation_of(
    row: dict[str, str], outcome: str, treatment: str | None = None
) -> Observation:
    """Reads a line of a table of networks.

    Args:
        row: Dict from column to text.
        outcome: String, a column such as `"train_loss"`.
        treatment: String, in place of the line's own. Defaults to `None`.

    Returns:
        `Observation`.
    """
    return Observation(
        split=int(row["split"]),
        half=row["target"],
        seed=int(row["seed"]),
        treatment=treatment or row["treatment"],
        n=int(row["n"]),
        source=source_of(row["base"]),
        value=float(row[outcome]),
        target_images=int(row.get("target_images") or 0) or None,
    )


def source_of(base: str | None) -> str:
    """Names the network that layers were copied from, if they were.

    Args:
        base: String or `None`, as of `NetworkSpec`. Random layers come from
            no network that two could share.

    Returns:
        String, empty for none.
    """
    return "" if base in (None, "random") else base


def subtract(one: ModelEstimate, other: ModelEstimate) -> ModelEstimate:
    """Subtracts an effect from another that shares no network with it.

    Args:
        one, other: `ModelEstimate`.

    Returns:
        `ModelEstimate`, with Satterthwaite's degrees of freedom; without an
        interval if either has none. It is about the halves at hand if either
        is.
    """
    parts = (one, other)
    scope = THESE if THESE in {e.scope for e in parts} else OTHERS
    counts = (
        scope,
        min(e.splits for e in parts),
        min(e.count for e in parts),
        sum(e.networks for e in parts),
    )
    mean = one.mean - other.mean
    if any(e.low is None for e in parts):
        return ModelEstimate(mean, None, None, None, None, *counts)
    squares = [e.error**2 for e in parts]
    error = sum(squares) ** 0.5
    spread = sum(v**2 / e.df for v, e in zip(squares, parts, strict=True))
    df = sum(squares) ** 2 / spread if spread else float("inf")
    reach = t_quantile((1 + LEVEL) / 2, df) * error
    return ModelEstimate(mean, error, df, mean - reach, mean + reach, *counts)


def difference(first: Iterable[Cell], second: Iterable[Cell]) -> Weights:
    """Weighs the mean of some cells against the mean of others.

    Args:
        first, second: Iterables of `Cell`; each cell counts alike.

    Returns:
        Dict from `Cell` to number.
    """
    weights: Weights = {}
    for cells, sign in ((list(first), 1), (list(second), -1)):
        for cell in cells:
            weights[cell] = weights.get(cell, 0) + sign / len(cells)
    return weights


def trend(first: str, second: str, layers: Iterable[int]) -> Weights:
    """Weighs a difference of treatments by `n`: its slope for each layer.

    Args:
        first, second: Strings, treatments.
        layers: Iterable of integers, at least two.

    Returns:
        Dict from `Cell` to number.
    """
    numbers = np.array(sorted(layers), float)
    centred = numbers - numbers.mean()
    weights: Weights = {}
    for n, weight in zip(numbers, centred / (centred @ centred), strict=True):
        weights[first, int(n), None] = float(weight)
        weights[second, int(n), None] = -float(weight)
    return weights


def by_split(
    observations: Iterable[Observation], weights: Weights
) -> dict[int | str, float]:
    """Forms a contrast within pairs and averages it over each split.

    A pair is a half and seed that has all cells of the contrast. Seeds, then
    halves of a split are averaged.

    Args:
        observations: Iterable of `Observation`.
        weights: Dict from `Cell` to number.

    Returns:
        Dict from split to number; splits without a pair are left out.
    """
    values = _averaged(_averaged(_pairs(observations, weights)))
    return {split: value for (split,), value in values.items()}


def _pairs(observations, weights: Weights) -> dict[tuple, float]:
    """Returns the contrast of each split, half and seed with all cells."""
    # In order: the last digit of a sum is not to depend on a set's.
    needed = {cell: weight for cell, weight in weights.items() if weight}
    return {
        key: sum(weight * cells[c] for c, weight in needed.items())
        for key, cells in Observations.of(observations).pairs.items()
        if needed and needed.keys() <= cells.keys()
    }


def estimate_over_splits(
    observations: Iterable[Observation], weights: Weights
) -> ModelEstimate | None:
    """Estimates a contrast by Student's t over splits.

    What `by_split` returns, a number a split, is independent from split to
    split, whatever seeds and halves of one share.

    Args:
        observations: Iterable of `Observation`.
        weights: Dict from `Cell` to number.

    Returns:
        `ModelEstimate`; without an interval below three splits. `None` if no
        half has all cells.
    """
    data = Observations.of(observations)
    numbers = np.array(list(by_split(data, weights).values()))
    if not numbers.size:
        return None
    splits = len(numbers)
    counts = {
        "splits": splits,
        "count": len(_pairs(data, weights)),
        "networks": len(data),
    }
    mean = float(numbers.mean())
    if splits < FEWEST_SPLITS:
        return ModelEstimate(mean, None, None, None, None, THESE, **counts)
    error = float(numbers.std(ddof=1) / splits**0.5)
    reach = t_quantile((1 + LEVEL) / 2, splits - 1) * error
    low, high = mean - reach, mean + reach
    return ModelEstimate(mean, error, splits - 1, low, high, OTHERS, **counts)


def _averaged(values: dict[tuple, float]) -> dict[tuple, float]:
    """Averages over the last part of the keys."""
    groups: dict[tuple, list[float]] = {}
    for key, value in values.items():
        groups.setdefault(key[:-1], []).append(value)
    return {key: float(np.mean(found)) for key, found in groups.items()}
