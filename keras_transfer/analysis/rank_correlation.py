"""Do cheap scores order stages as training does?"""

import dataclasses
import math

import numpy as np

from keras_transfer.errors import UserError

LEVEL = 0.95
FEWEST = 5


@dataclasses.dataclass(frozen=True)
class RankCorrelation:
    """Agreement of two orders.

    Args:
        method: String, `kendall` or `spearman`.
        value: Float between -1 and 1; `nan` if either side is constant.
        low, high: Floats or `None`, 95 % interval; `None` for fewer than
            five stages.
        p_value: Float, of no agreement; exact for few stages without ties.
        count: Integer, number of stages.
    """

    method: str
    value: float
    low: float | None
    high: float | None
    p_value: float
    count: int


def rank_correlation(
    scores, accuracies, method: str = "kendall"
) -> RankCorrelation:
    """Computes the rank correlation of scores with accuracies over stages.

    The interval is Fisher's: `atanh` of Kendall's tau-b has a variance near
    0.437 / (n - 4), that of Spearman's rho near (1 + rho^2 / 2) / (n - 3).
    Full agreement is moved in by one exchanged pair first, since `atanh(1)`
    has no bound. Stages of one network are not independent draws: read the
    interval as a lower limit of what is unknown, and average over settings.

    Args:
        scores: Float array of shape `(stages,)`, larger for better.
        accuracies: Float array of shape `(stages,)`.
        method: String, `kendall` or `spearman`. Defaults to `"kendall"`.

    Returns:
        `RankCorrelation`.

    Raises:
        UserError: Fewer than two stages, other shapes, values that are not
            finite, or another method.

    References:
        - [Fieller et al., 1957](https://doi.org/10.1093/biomet/44.3-4.470).
        - [Bonett and Wright, 2000](https://doi.org/10.1007/BF02294183).
    """
    from scipy import stats

    first = np.asarray(scores, float)
    second = np.asarray(accuracies, float)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise UserError(
            "Expected one score and one accuracy a stage, of two stages or "
            f"more. Received: shapes {first.shape} and {second.shape}."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UserError(
            "Expected finite scores and accuracies. Received: NaN or "
            "infinite ones. Leave those stages out."
        )
    tests = {"kendall": stats.kendalltau, "spearman": stats.spearmanr}
    if method not in tests:
        raise UserError(
            f"Expected `method` kendall or spearman. Received: {method}."
        )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        nan = float("nan")
        return RankCorrelation(method, nan, None, None, nan, len(first))
    found = tests[method](first, second)
    # Rounded, since full agreement is else 0.9999999999999999.
    value = round(float(found.statistic), 12)
    low, high = _interval(value, len(first), method)
    return RankCorrelation(
        method, value, low, high, float(found.pvalue), len(first)
    )


def _interval(value: float, count: int, method: str):
    from scipy import stats

    if count < FEWEST:
        return None, None
    if method == "kendall":
        # One exchanged pair of neighbours changes tau by 4 / (n (n - 1)),
        # and rho by 12 / (n (n^2 - 1)).
        nearest = 1 - 4 / (count * (count - 1))
        error = math.sqrt(0.437 / (count - 4))
    else:
        nearest = 1 - 12 / (count * (count**2 - 1))
        error = math.sqrt((1 + value**2 / 2) / (count - 3))
    middle = math.atanh(max(-nearest, min(nearest, value)))
    reach = stats.norm.ppf((1 + LEVEL) / 2) * error
    low, high = math.tanh(middle - reach), math.tanh(middle + reach)
    return min(low, value), max(high, value)
