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
    from scipy import special

    error = np.std(values, ddof=1) / np.sqrt(len(values))
    reach = special.stdtrit(len(values) - 1, (1 + LEVEL) / 2) * error
    mean = float(np.mean(values))
    return mean - float(reach), mean + float(reach)


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
