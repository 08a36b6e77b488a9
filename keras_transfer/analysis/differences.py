"""Differences of two treatments, with the interval that the splits allow."""

from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.evidence import Evidence


def estimate_difference(
    evidence: Evidence, first: str, second: str, low: int = 1, high: int = 7
) -> ModelEstimate | None:
    """Estimates a difference of treatments, the mean over a range of `n`.

    The rule is that of `primary`.

    Args:
        evidence: `Evidence`.
        first, second: Strings, treatments, `"base"` or `TWICE`.
        low, high: Integers, range of `n`, both included; those at which both
            treatments were trained count.

    Returns:
        `ModelEstimate`, whose `scope` says what it holds for; `None` if it
        was not measured.
    """
    return evidence.estimate(Comparison(first, second, low, high))
