"""Correctness drawn from a model whose true accuracies are known."""

import dataclasses

import numpy as np

# Deviations of an image's difficulty, and of a stage's own difficulty.
DIFFICULTY, OWN_DIFFICULTY = 1.5, 0.7


@dataclasses.dataclass(frozen=True)
class Setting:
    """One row of the table: a world in which the truth is known.

    Args:
        accuracies: Tuple of floats, of the candidates, shallowest first.
        images, seeds: Integers.
        seed_spread: Float, deviation of a network's accuracy over seeds, in
            units of the probit scale (0.1 is about 1.5 points at 80 %).
        seed_spread_last: Float or `None`, that of the deepest candidate if
            it differs, as a probe's does. Defaults to `None`.
    """

    accuracies: tuple[float, ...]
    images: int
    seeds: int
    seed_spread: float
    seed_spread_last: float | None = None


def draw(setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """Draws whether each image is classified correctly.

    Args:
        setting: `Setting`.
        rng: `numpy.random.Generator`.

    Returns:
        Boolean array of shape `(candidates, seeds, images)`.
    """
    count, seeds = len(setting.accuracies), setting.seeds
    spread = np.full(count, setting.seed_spread)
    if setting.seed_spread_last is not None:
        spread[-1] = setting.seed_spread_last
    shape = (count, seeds, setting.images)
    # The sum's variance is known, hence the level that gives an accuracy.
    total = 1 + DIFFICULTY**2 + OWN_DIFFICULTY**2 + spread**2
    level = probit(setting.accuracies) * np.sqrt(total)
    value = rng.standard_normal(shape) + level[:, None, None]
    value += DIFFICULTY * rng.standard_normal(setting.images)
    value += OWN_DIFFICULTY * rng.standard_normal((count, 1, shape[2]))
    value += spread[:, None, None] * rng.standard_normal((count, seeds, 1))
    return value > 0


def probit(shares) -> np.ndarray:
    """Returns normal quantiles of shares.

    Args:
        shares: Sequence of floats.
    """
    from scipy import stats

    return stats.norm.ppf(shares)
