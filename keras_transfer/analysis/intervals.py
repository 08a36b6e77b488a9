"""Intervals for means of paired differences."""

import dataclasses

import numpy as np

from keras_transfer.analysis.rounding import rounded

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval.

    Args:
        mean: Float.
        count: Integer, number of pairs or networks.
        t_low, t_high: Floats or `None`, Student's t interval; `None` for
            fewer than two values.
        lacks: String, why there is no t interval; without meaning where
            there is one. Defaults to `"one pair"`.
    """

    mean: float
    count: int
    t_low: float | None = None
    t_high: float | None = None
    lacks: str = "one pair"

    def percent(self) -> tuple[float, float | None, float | None]:
        """Returns mean, low and high in percent or points."""
        if self.t_low is None:
            return 100 * self.mean, None, None
        return 100 * self.mean, 100 * self.t_low, 100 * self.t_high

    def in_points(self, digits: int = 1) -> str:
        """Says the mean and t interval in percentage points.

        Args:
            digits: Integer, digits after the point. Defaults to `1`.
        """
        text = rounded(100 * self.mean, digits)
        if self.t_low is None:
            return f"{text} ({self.lacks}, no interval)"
        low, high = (
            rounded(100 * end, digits) for end in (self.t_low, self.t_high)
        )
        return f"{text} [{low}, {high}]"


def t_interval(values: np.ndarray) -> tuple[float, float] | None:
    """Computes Student's 95 % interval of a mean.

    Args:
        values: Float array of shape `(n,)`, taken as independent.

    Returns:
        Tuple `(low, high)`, or `None` if `n` is below 2.

    Example:
        >>> t_interval(np.array([1.0, 2.0, 3.0]))
        (-0.4841377117, 4.4841377117)
    """
    if len(values) < 2:
        return None
    from scipy import stats

    error = np.std(values, ddof=1) / np.sqrt(len(values))
    reach = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * error
    mean = float(np.mean(values))
    return mean - float(reach), mean + float(reach)


def welch_difference(
    first: list[float], second: list[float], of: str = "network"
) -> Estimate:
    """Subtracts two means of values that are not paired.

    Args:
        first, second: Lists of floats, neither empty.
        of: String, what a value is one of. Defaults to `"network"`.

    Returns:
        `Estimate` with Welch's 95 % t interval, which allows for unequal
        spread; without one, and saying why, if either side has fewer than
        two values or nothing varies.

    Reference:
        - [Welch, 1947](https://doi.org/10.1093/biomet/34.1-2.28).
    """
    mean = float(np.mean(first) - np.mean(second))
    count = min(len(first), len(second))
    if count < 2:
        lacks = f"{len(first)} {of}{'s' * (len(first) > 1)} against "
        return Estimate(mean, count, lacks=f"{lacks}{len(second)}")
    if np.ptp(first) + np.ptp(second) == 0:
        return Estimate(mean, count, lacks="equal values on each side")
    from scipy import stats

    test = stats.ttest_ind(first, second, equal_var=False)
    interval = test.confidence_interval(LEVEL)
    return Estimate(mean, count, float(interval.low), float(interval.high))


def estimate(values: list[float]) -> Estimate | None:
    """Summarises values by their mean and Student's interval.

    Args:
        values: List of floats, one a pair.

    Returns:
        `Estimate`, or `None` without values.
    """
    if not values:
        return None
    array = np.array(values, float)
    t = t_interval(array) or (None, None)
    return Estimate(float(array.mean()), len(array), *t)
