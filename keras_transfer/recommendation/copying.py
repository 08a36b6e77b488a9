"""Does copying help, or would the same network drawn anew do as well?"""

import dataclasses
import math

import numpy as np

from keras_transfer.recommendation.simultaneous import LEVEL, disagreement

# Of fewer degrees Student's t reaches so far that an interval says nothing.
LEAST_FREEDOM = 2


@dataclasses.dataclass(frozen=True)
class Copying:
    """The copied network against networks drawn anew and treated alike.

    Args:
        copied, fresh: Floats, mean accuracies.
        mean, low, high: Floats, the difference and its 95 % interval.
        error: Float, standard error of the difference. Defaults to `0.0`.
        draws: Integer, networks drawn anew. Defaults to `0`.
        freedom: Float, degrees of freedom of the interval. Defaults to `0.0`.
    """

    copied: float
    fresh: float
    mean: float
    low: float
    high: float
    error: float = 0.0
    draws: int = 0
    freedom: float = 0.0

    @property
    def helps(self) -> bool:
        """Whether the interval lies above zero."""
        return self.low > 0

    @property
    def sized(self) -> bool:
        """Whether the interval has degrees of freedom enough to say it."""
        return self.freedom >= LEAST_FREEDOM

    @property
    def seems(self) -> bool:
        """Whether the gain is beyond two standard errors, as estimated.

        Two or three draws tell their spread badly, for which the interval
        allows and this does not.
        """
        return self.mean > 2 * self.error

    def useless(self, tolerance: float) -> bool:
        """Whether copying certainly gains no more than does not count.

        Args:
            tolerance: Float, a gain that does not count, as a share.
        """
        return not (self.helps or self.seems) and self.high <= tolerance


def compare_with_fresh(copied, fresh, like=(), level=LEVEL) -> Copying:
    """Compares a copied network with others of the same form drawn anew.

    The source is one draw of weights. If it were as random as the others, its
    difference to their mean would spread as that of one more draw does, by
    `s^2 (1 + 1/m)` for `m` draws, besides the spread over images.

    Two or three draws tell `s` badly. Networks that were trained with several
    seeds, each from its own start, tell what training alone spreads by. Draws
    can spread by more, since what a network starts from may matter as well,
    and by chance show less. So `s^2` is the larger of the draws' own and that
    of draws and seeds pooled, with the degrees of freedom of the one taken.
    Fewer draws than three cannot tell that they spread as seeds do: pooling
    raises their `s^2`, not its degrees of freedom. One draw shows no spread,
    and its interval is the widest.

    Spreads hold the chance of single images as well, so those of seeds are
    brought to the number of images of the draws. That chance is in the part of
    images too; without it in both, few images give intervals that are too
    short (`experiments.coverage_recommend`).

    Args:
        copied: Boolean array `(seeds, images)`, correctness of the copied
            network.
        fresh: Boolean array `(draws, images)`, of networks drawn anew.
        like: Sequence of boolean arrays `(seeds, images)`, correctness of
            trained networks, each on the same images for all its seeds.
            Defaults to `()`.
        level: Float, of the interval. Defaults to 0.95.

    Returns:
        `Copying`.
    """
    from scipy import stats

    copied, fresh = np.asarray(copied, float), np.asarray(fresh, float)
    draws, images = len(fresh), copied.shape[1]
    gain = copied.mean(0) - fresh.mean(0)
    mean = float(gain.mean())
    if draws < 2:
        return Copying(
            float(copied.mean()), float(fresh.mean()), mean, -1.0, 1.0, 1.0, 1
        )
    of_images = float((gain**2).mean() - mean**2 + 2 / images) / images
    spread, draw_freedom = _spread(fresh, like)
    of_draws = spread * (1 + 1 / draws)
    variance = of_images + of_draws
    freedom = variance**2 / (of_images**2 / images + of_draws**2 / draw_freedom)
    reach = float(stats.t.isf((1 - level) / 2, freedom)) * math.sqrt(variance)
    return Copying(
        float(copied.mean()),
        float(fresh.mean()),
        mean,
        max(-1.0, mean - reach),
        min(1.0, mean + reach),
        math.sqrt(variance),
        draws,
        freedom,
    )


def _spread(fresh: np.ndarray, like) -> tuple[float, int]:
    """Returns the variance of a draw's accuracy and its degrees of freedom."""
    own = float(fresh.mean(1).var(ddof=1))
    own_freedom = len(fresh) - 1
    groups = [np.asarray(group, float) for group in like if len(group) > 1]
    if not groups:
        return own, own_freedom
    freedoms = [len(group) - 1 for group in groups]
    squares = [
        freedom * _variance_at(group, fresh.shape[1])
        for group, freedom in zip(groups, freedoms, strict=True)
    ]
    freedom = own_freedom + sum(freedoms)
    pooled = (own_freedom * own + max(0.0, math.fsum(squares))) / freedom
    if own > pooled:
        return own, own_freedom
    return pooled, freedom if own_freedom >= LEAST_FREEDOM else own_freedom


def _variance_at(correct: np.ndarray, images: int) -> float:
    """Returns the variance of a seed's accuracy, were it of so many images."""
    chance = float(disagreement(correct[None])[0])
    variance = float(correct.mean(1).var(ddof=1))
    return variance + chance * (1 / images - 1 / correct.shape[1])
