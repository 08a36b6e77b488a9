"""Does copying help, or would the same network drawn anew do as well?"""

import dataclasses
import math

import numpy as np

from keras_transfer.recommendation.simultaneous import LEVEL

# Of fewer degrees Student's t reaches so far that an interval says nothing.
LEAST_FREEDOM = 2
_UNLIKE = 0.1  # level of the test whether draws spread by more than seeds


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


def compare_with_fresh(copied, fresh, like=()) -> Copying:
    """Compares a copied network with others of the same form drawn anew.

    The source is one draw of weights. If it were as random as the others, its
    difference to their mean would spread as that of one more draw does, by
    `s^2 (1 + 1/m)` for `m` draws, besides the spread over images.

    Two or three draws tell `s` badly. Networks that were trained with several
    seeds, each from its own start, tell what training alone spreads by: both
    are pooled unless the draws spread by more (F test, 10 %), since what a
    network starts from may matter as well. With one draw and no such networks
    nothing is known of that spread, and the interval is the widest.

    Args:
        copied: Boolean array `(seeds, images)`, correctness of the copied
            network.
        fresh: Boolean array `(draws, images)`, of networks drawn anew.
        like: Sequence of sequences of floats, accuracies of trained networks
            over their seeds. Defaults to `()`.

    Returns:
        `Copying`.
    """
    from scipy import stats

    copied, fresh = np.asarray(copied, float), np.asarray(fresh, float)
    draws, images = len(fresh), copied.shape[1]
    gain = copied.mean(0) - fresh.mean(0)
    mean = float(gain.mean())
    of_images = float((gain**2).mean() - mean**2 + 2 / images) / images
    spread, draw_freedom = _spread(fresh.mean(1), like)
    if not draw_freedom:
        return Copying(
            float(copied.mean()), float(fresh.mean()), mean, -1.0, 1.0, 1.0, 1
        )
    of_draws = spread * (1 + 1 / draws)
    variance = of_images + of_draws
    freedom = variance**2 / (of_images**2 / images + of_draws**2 / draw_freedom)
    reach = float(stats.t.isf((1 - LEVEL) / 2, freedom)) * math.sqrt(variance)
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


def _spread(drawn, like) -> tuple[float, int]:
    """Returns the variance of a draw and its degrees of freedom."""
    from scipy import stats

    groups = [np.asarray(g, float) for g in (drawn, *like) if len(g) > 1]
    if not groups:
        return 0.0, 0
    freedoms = [len(group) - 1 for group in groups]
    squares = [((group - group.mean()) ** 2).sum() for group in groups]
    if len(drawn) > 1 and len(groups) > 1:
        own, trained = freedoms[0], sum(freedoms[1:])
        largest = stats.f.isf(_UNLIKE, own, trained)
        if squares[0] / own > largest * sum(squares[1:]) / trained:
            return squares[0] / own, own
    return sum(squares) / sum(freedoms), sum(freedoms)
