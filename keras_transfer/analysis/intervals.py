"""Intervals for means of paired differences."""

import dataclasses

import numpy as np

LEVEL = 0.95
RESAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % intervals.

    Args:
        mean: Float.
        count: Integer, number of pairs or networks.
        t_low, t_high: Floats or `None`, Student's t interval; `None` for
            fewer than two values.
        boot_low, boot_high: Floats or `None`, hierarchical bootstrap.
        lacks: String, why there is no t interval; without meaning where
            there is one. Defaults to `"one pair"`.
    """

    mean: float
    count: int
    t_low: float | None = None
    t_high: float | None = None
    boot_low: float | None = None
    boot_high: float | None = None
    lacks: str = "one pair"

    def in_points(self, digits: int = 1) -> str:
        """Says the mean and t interval in percentage points."""
        text = f"{100 * self.mean:+.{digits}f}"
        if self.t_low is None:
            return f"{text} ({self.lacks}, no interval)"
        low, high = 100 * self.t_low, 100 * self.t_high
        return f"{text} [{low:+.{digits}f}, {high:+.{digits}f}]"


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


def hierarchical_bootstrap(
    values: np.ndarray, groups: list[tuple], seed: int = 0
) -> tuple[float, float] | None:
    """Computes a 95 % percentile interval that respects nesting.

    Splits are drawn with replacement, then seeds within each drawn split,
    then targets within each drawn seed: pairs that share networks stay
    together, which the t interval ignores.

    Args:
        values: Float array of shape `(n,)`.
        groups: List of `n` tuples `(split, seed, target)`.
        seed: Integer, of the resampling. Defaults to `0`.

    Returns:
        Tuple `(low, high)`, or `None` if `n` is below 2.

    Reference:
        - [Saravanan et al., 2020](https://arxiv.org/abs/2007.07797).
    """
    if len(values) < 2:
        return None
    tree: dict = {}
    for value, (split, run, target) in zip(values, groups, strict=True):
        tree.setdefault(split, {}).setdefault(run, {})[target] = value
    padded, targets = _pad(tree)
    runs = (targets > 0).sum(1)
    # Draws of every resample at once; a slot beyond a split's own number of
    # seeds, or a seed's of targets, is masked.
    rng = np.random.default_rng(seed)
    count, most_runs, most_targets = padded.shape
    s = rng.integers(count, size=(RESAMPLES, count))[:, :, None]
    r = rng.random((RESAMPLES, count, most_runs)) * runs[s]
    r = r.astype(int)
    t = rng.random((*r.shape, most_targets)) * targets[s, r][..., None]
    t = t.astype(int)
    drawn = padded[s[..., None], r[..., None], t]
    used = (np.arange(most_runs) < runs[s])[..., None] & (
        np.arange(most_targets) < targets[s, r][..., None]
    )
    means = np.where(used, drawn, 0).sum((1, 2, 3)) / used.sum((1, 2, 3))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _pad(tree: dict) -> tuple[np.ndarray, np.ndarray]:
    """Lays nested values out as `(splits, seeds, targets)`, with counts."""
    splits = [list(split.values()) for split in tree.values()]
    most_runs = max(len(split) for split in splits)
    most_targets = max(len(run) for split in splits for run in split)
    padded = np.zeros((len(splits), most_runs, most_targets))
    targets = np.zeros((len(splits), most_runs), int)
    for i, split in enumerate(splits):
        for j, run in enumerate(split):
            targets[i, j] = len(run)
            padded[i, j, : len(run)] = list(run.values())
    return padded, targets


def estimate(values: list[float], groups: list[tuple]) -> Estimate | None:
    """Summarises values by their mean and both intervals.

    Args:
        values: List of floats.
        groups: List of tuples `(split, seed, target)`.

    Returns:
        `Estimate`, or `None` without values.
    """
    if not values:
        return None
    array = np.array(values, float)
    t = t_interval(array) or (None, None)
    boot = hierarchical_bootstrap(array, groups) or (None, None)
    return Estimate(float(array.mean()), len(array), *t, *boot)
