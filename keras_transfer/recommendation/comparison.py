"""Candidates beside each other: losses, and how many images would decide."""

import dataclasses
import math

import numpy as np

from keras_transfer.recommendation.simultaneous import (
    Spread,
    lowest_differences,
    spread_of,
    with_level,
)

# Beyond, nobody has as many validation images, or the time for the seeds, and
# the extrapolation from a few hundred means little.
MOST_IMAGES, MOST_SEEDS = 20_000, 100
_POINT = 0.01  # as a share
ROUNDING = 1e-9  # Of shares: 0.9 - 0.875 is more than 0.025.


@dataclasses.dataclass(frozen=True)
class Loss:
    """What a candidate loses against the best one.

    Args:
        name: String, of the candidate.
        accuracy: Float, mean over seeds and images.
        mean: Float, loss against the candidate of highest accuracy, 0 or
            more.
        low, high: Floats, simultaneous 95 % interval of the loss against the
            truly best one, which may be another.
    """

    name: str
    accuracy: float
    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Compared:
    """All candidates beside each other, whatever the tolerance.

    Args:
        losses: List of `Loss`.
        spreads, levels: Dicts from pairs of places to a `Spread` and to the
            factor of its interval.
        order: List of places, the deepest and cheapest first.
        lows: Array of floats, the least that each may gain on the incumbent,
            or `None` where there is none.
        shape: Tuple, candidates, seeds and images.
    """

    losses: list[Loss]
    spreads: dict
    levels: dict
    order: list[int]
    lows: np.ndarray | None
    shape: tuple[int, int, int]

    @property
    def best(self) -> int:
        """The place of the highest accuracy."""
        return int(np.argmax([loss.accuracy for loss in self.losses]))

    def at(self, tolerance: float):
        """Decides at a tolerance.

        Args:
            tolerance: Float, as a share.

        Returns:
            Tuple of the places that are considered, the one chosen, those
            that leave it open, and the images or seeds that would decide.
        """
        able = [
            i
            for i in range(len(self.losses))
            if self.lows is None or self.lows[i] >= -tolerance - ROUNDING
        ]
        most = max(self.losses[i].accuracy for i in able)
        least = most - tolerance - ROUNDING
        chosen = next(
            i
            for i in self.order
            if i in able and self.losses[i].accuracy >= least
        )
        open_ones = _undecided(self.order, chosen, self.losses, tolerance)
        needed = _needed(
            open_ones,
            self.best,
            self.losses,
            self.spreads,
            self.levels,
            tolerance,
            self.shape,
        )
        return able, chosen, open_ones, needed

    def images_of_a_point(self, chosen: int) -> float | None:
        """Returns about how many images an interval of one point takes.

        Args:
            chosen: Integer, the place of a candidate; it is compared with the
                best, or with the next if it is the best.
        """
        if len(self.losses) < 2:
            return None
        other = self.best
        if chosen == other:
            other = max(
                (i for i in range(len(self.losses)) if i != chosen),
                key=lambda i: self.losses[i].accuracy,
            )
        factor = min(self.levels.values())
        part: Spread = self.spreads[chosen, other]
        of_one_image = part.of_images * self.shape[2]
        return of_one_image * (factor / _POINT) ** 2


def compare(
    names: list[str],
    order: list[int],
    correct: np.ndarray,
    seed: int = 0,
    incumbent: int | None = None,
) -> Compared:
    """Compares candidates image by image.

    Args:
        names: List of strings.
        order: List of places, the deepest and cheapest first.
        correct: Float array of shape `(candidates, seeds, images)`.
        seed: Integer, of the draws behind the simultaneous level. Defaults
            to `0`.
        incumbent: Integer, the place of what stands unless another is shown
            to do. Defaults to `None`.

    Returns:
        `Compared`.
    """
    losses, spreads, levels = _losses(names, correct, seed)
    lows = None
    if incumbent is not None:
        lows = lowest_differences(correct, incumbent)
    return Compared(losses, spreads, levels, order, lows, correct.shape)


def _losses(names, correct, seed):
    """Returns losses to the best, and spread and reach of each pair."""
    count = len(names)
    accuracies = correct.mean((1, 2))
    pairs = [(i, j) for i in range(count) for j in range(count) if i < j]
    spreads, reaches = {}, {}
    low, high = np.zeros((count, count)), np.zeros((count, count))
    if pairs:
        first, second = np.array(pairs).T
        spread = spread_of(correct[first] - correct[second], count)
        contrasts = np.eye(count)[first] - np.eye(count)[second]
        factors = with_level(spread, contrasts, correct, seed)
        for k, (i, j) in enumerate(pairs):
            part = spread.at(k)
            reach = factors[k] * math.sqrt(part.variance)
            # By how much the first is better, and the second.
            low[i, j], high[i, j] = part.centre - reach, part.centre + reach
            low[j, i], high[j, i] = -high[i, j], -low[i, j]
            spreads[i, j] = spreads[j, i] = part
            reaches[i, j] = reaches[j, i] = float(factors[k])
    best = int(np.argmax(accuracies))
    losses = [
        Loss(
            name,
            float(accuracies[i]),
            float(accuracies[best] - accuracies[i]),
            float(max(0.0, low[:, i].max())),
            float(np.clip(high[:, i].max(), 0.0, 1.0)),
        )
        for i, name in enumerate(names)
    ]
    return losses, spreads, reaches


def _undecided(order, chosen, losses, tolerance) -> list[int]:
    """Lists the candidates because of which the data cannot tell."""
    found = [chosen] if losses[chosen].high > tolerance else []
    deeper = order[: order.index(chosen)]
    return found + [i for i in deeper if losses[i].low <= tolerance]


def _needed(open_ones, best, losses, spreads, factors, tolerance, shape):
    """About how many images, or else seeds, would decide all open ones."""
    _, seeds, images = shape
    # With more seeds Student's factor falls, towards that of the surest pair.
    factor = min(factors.values(), default=1.0)
    most_images, most_seeds = 0.0, 0.0
    for i in open_ones:
        other = best
        if i == best:  # Whichever is most likely to be better still.
            other = max(
                (j for j in range(len(losses)) if j != best),
                key=lambda j: losses[j].accuracy,
            )
        gap = abs(losses[i].mean - tolerance)
        if i == best:
            gap = losses[other].mean + tolerance
        allowed = (gap / factor) ** 2 if gap > ROUNDING else 0.0
        part: Spread = spreads[i, other]
        if allowed > part.of_seeds:
            needed = part.of_images * images / (allowed - part.of_seeds)
            most_images = max(most_images, needed)
        elif allowed > 0:
            needed = 2 * part.of_seeds * seeds / allowed
            most_seeds = max(most_seeds, needed)
        else:
            most_images = math.inf
    beyond = most_images > MOST_IMAGES or most_seeds > MOST_SEEDS
    if not open_ones or beyond:
        return None, None
    if most_seeds:
        return None, math.ceil(most_seeds)
    return max(images + 1, rough(most_images)), None


def rough(number: float) -> int:
    """Rounds up to two digits, since the number is an extrapolation.

    Args:
        number: Float, positive.
    """
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return int(math.ceil(number / step) * step)
