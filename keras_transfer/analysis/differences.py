"""Differences of two treatments, with the interval that the splits allow."""

from keras_transfer.analysis.comparisons import Comparison, Evidence
from keras_transfer.analysis.contrasts import (
    ModelEstimate,
    estimate_over_splits,
)


def estimate_difference(
    evidence: Evidence, first: str, second: str, low: int = 1, high: int = 7
) -> ModelEstimate | None:
    """Estimates a difference of treatments, the mean over a range of `n`.

    From three splits on it is Student's t over splits, which takes halves
    and seeds of a split as one. With fewer nothing is said about other
    splits: the interval is then the mixed model's, of these halves only.

    Args:
        evidence: `Evidence`.
        first, second: Strings, treatments, `"base"` or `TWICE`.
        low, high: Integers, range of `n`, both included; those at which both
            treatments were trained count.

    Returns:
        `ModelEstimate`, whose `scope` says what it holds for; `None` if it
        was not measured.
    """
    comparison = Comparison(first, second, low, high)
    layers = comparison.layers({o.cell for o in evidence.accuracies})
    weights = comparison.weigh(comparison, layers)
    found = estimate_over_splits(evidence.accuracies, weights)
    if found is None or found.low is not None:
        return found
    return evidence.estimate(comparison) or found
