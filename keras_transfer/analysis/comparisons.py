"""Comparisons that claims are about."""

import dataclasses
from collections.abc import Callable, Iterable

from keras_transfer.analysis import contrasts, verdicts
from keras_transfer.analysis.contrasts import (
    Cell,
    ModelEstimate,
    Weights,
)
from keras_transfer.analysis.pairs import n_in_words
from keras_transfer.specs.treatments import (
    BASES,
    SAME_STEPS,
    TWICE,
    WHOLE_BASE,
)

ACCURACY, TRAIN_LOSS = "test_accuracy", "train_loss"

Layers = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A difference of two treatments that a claim is about.

    Args:
        first, second: Strings, treatments; `"base"` stands against every n.
        low, high: Integers, range of n, both included; those that were
            trained count.
        weigh: Callable of the comparison and those n that returns weights of
            cells. Defaults to the difference of means.
        threshold: Float, what the difference should exceed.
        margin: Float or `None`, within which of it there is no effect.
        outcome: String, a field of a result.
    """

    first: str
    second: str
    low: int = 1
    high: int = 7
    weigh: Callable[["Comparison", Layers], Weights] = lambda c, n: (
        contrasts.difference(_cells(c.first, n), _cells(c.second, n))
    )
    threshold: float = 0.0
    margin: float | None = verdicts.MARGIN
    outcome: str = ACCURACY

    def layers(self, cells: Iterable[Cell]) -> Layers:
        """Returns the n in range at which both treatments have networks.

        Args:
            cells: Iterable of `Cell` that have networks.

        Returns:
            Tuple of integers, ascending; empty if there is none, or if neither
            treatment has an n.
        """
        known = [
            {n for name, n, images in cells if name == t and images is None}
            for t in (self.first, self.second)
            if t not in WITHOUT_N
        ]
        common = set.intersection(*known) if known else set()
        return tuple(n for n in sorted(common) if self.low <= n <= self.high)

    def name(self, layers: Layers) -> str:
        """Says it, with the n that were trained.

        Args:
            layers: Tuple of integers, as of `layers`.
        """
        if self.second in ON_ALL:
            return f"halves - {ON_ALL[self.second]}"
        difference = f"{self.first} - {self.second}"
        if self.weigh is slope:
            difference = f"slope of {difference}"
        if self.outcome == TRAIN_LOSS:
            difference = f"training loss of {difference}"
        return f"{difference}, {n_in_words(layers)}" if layers else difference

    def in_unit(self, estimate: ModelEstimate, digits: int = 1) -> str:
        """Says an estimate in the unit of the outcome.

        Args:
            estimate: `ModelEstimate` of this comparison.
            digits: Integer, digits after the point, of percentage points.
                Defaults to `1`.

        Returns:
            String: percentage points, a layer for a slope; a training loss as
            it is.
        """
        if self.outcome == TRAIN_LOSS:
            return estimate.in_words()
        unit = " points a layer" if self.weigh is slope else ""
        return estimate.in_points(digits) + unit


WITHOUT_N = (*BASES, TWICE, SAME_STEPS)
ON_ALL = {
    WHOLE_BASE: "all classes",
    SAME_STEPS: "all classes in as many steps",
}


def _cells(treatment: str, layers: Layers) -> list[Cell]:
    if treatment in WITHOUT_N:
        return [(treatment, 0, None)]
    return [(treatment, n, None) for n in layers]


def slope(comparison: Comparison, layers: Layers) -> Weights:
    """Weighs the cells of a comparison for its slope over `n`.

    Args:
        comparison: `Comparison`.
        layers: Tuple of integers, the n that were trained.

    Returns:
        Dict from `Cell` to number; empty for fewer than two n, which have no
        slope.
    """
    if len(layers) < 2:
        return {}
    return contrasts.trend(comparison.first, comparison.second, layers)
