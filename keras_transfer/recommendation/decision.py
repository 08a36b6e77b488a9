"""Which stage to recommend, and whether the data can tell.

Candidates are compared image by image: differences of the same images and
seeds vary far less than accuracies do. Intervals hold for all comparisons at
once (95 %), since the best of many candidates looks better than it is.
"""

import dataclasses
import math

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.recommendation.simultaneous import (
    Spread,
    check_correct,
    lowest_differences,
    spread_of,
    with_level,
)

# Beyond, nobody has as many validation images, or the time for the seeds, and
# the extrapolation from a few hundred means little.
MOST_IMAGES, MOST_SEEDS = 20_000, 100
ROUNDING = 1e-9  # Of shares: 0.9 - 0.875 is more than 0.025.


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One way to use one stage.

    Args:
        name: String, as sentences call it.
        depth: Integer, larger for more layers kept as they are.
        cost: Float, for instance seconds of training; decides between
            candidates of one depth. Defaults to `0.0`.
    """

    name: str
    depth: int
    cost: float = 0.0


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
class Recommendation:
    """What to use, and how sure that is.

    Args:
        chosen: String, name of the recommended candidate.
        best: String, name of the candidate of highest accuracy.
        loss: `Loss` of the chosen one.
        losses: Tuple of `Loss`, of every candidate in the order given.
        tie_set: Tuple of strings, candidates that may lose no more than the
            tolerance: the data do not rule them out.
        can_tell: Boolean, whether the chosen one certainly loses no more
            than the tolerance and every deeper one certainly more.
        images_needed: Integer or `None`, about how many validation images
            would decide; `None` if it is decided, or if more than
            `MOST_IMAGES` would be needed.
        seeds_needed: Integer or `None`, about how many seeds would, where
            the spread over seeds alone leaves it open; `None` also if more
            than `MOST_SEEDS` would be needed.
        tolerance: Float, as a share.
        images, seeds: Integers, that this was decided on.
        sentences: Tuple of strings, what was chosen, how sure, what next.
        incumbent: String or `None`, the candidate that stands unless another
            is shown to do. Defaults to `None`.
    """

    chosen: str
    best: str
    loss: Loss
    losses: tuple[Loss, ...]
    tie_set: tuple[str, ...]
    can_tell: bool
    images_needed: int | None
    seeds_needed: int | None
    tolerance: float
    images: int
    seeds: int
    sentences: tuple[str, ...]
    incumbent: str | None = None


def decide(
    candidates: list[Candidate],
    correct,
    tolerance: float,
    seed: int = 0,
    incumbent: str | None = None,
) -> Recommendation:
    """Chooses the deepest candidate not worse than the best by too much.

    The deepest (then cheapest) candidate is chosen whose loss against the
    best is measured to be at most the tolerance. The data can tell if its
    interval lies wholly within the tolerance and those of all deeper ones
    wholly beyond.

    An incumbent is what is best as a rule. Others are considered only if
    they are shown to lose no more than the tolerance against it: the 95 %
    interval of each difference, by itself, must end there. With few images
    the best of several looks better than it is, and so the incumbent stands;
    with more the rule turns into the one above.

    Args:
        candidates: List of `Candidate`, names distinct.
        correct: Boolean array of shape `(candidates, seeds, images)`, on
            validation images, which nothing was trained on.
        tolerance: Float, largest accepted loss as a share: `0.01` is one
            percentage point.
        seed: Integer, of the draws behind the simultaneous level. Defaults
            to `0`.
        incumbent: String, the name of a candidate. Defaults to `None`.

    Returns:
        `Recommendation`.

    Raises:
        UserError: No candidate, two of one name, an incumbent that is none
            of them, a negative tolerance, or a bad `correct`.

    Reference:
        - [Hsu, 1984](https://doi.org/10.1214/aos/1176346725), comparisons
          with the best; here from intervals of all pairs.
    """
    names = [candidate.name for candidate in candidates]
    if not names or len(set(names)) < len(names):
        raise UserError(
            "Expected one candidate or more, each with a name of its own. "
            f"Received: {', '.join(names) or 'none'}."
        )
    if incumbent is not None and incumbent not in names:
        raise UserError(
            f"Expected `incumbent` among {', '.join(names)}. Received: "
            f"{incumbent}."
        )
    if not 0 <= tolerance <= 1:
        raise UserError(
            "Expected `tolerance` as a share from 0 to 1, 0.01 for one "
            f"percentage point. Received: {tolerance}."
        )
    correct = check_correct(correct, len(names))
    losses, spreads, levels = _losses(names, correct, seed)
    order = sorted(
        range(len(names)),
        key=lambda i: (-candidates[i].depth, candidates[i].cost, i),
    )
    able = range(len(names))
    if incumbent is not None:
        own = names.index(incumbent)
        low = lowest_differences(correct, own)
        able = [i for i in able if i == own or low[i] >= -tolerance - ROUNDING]
    most = max(losses[i].accuracy for i in able) - tolerance - ROUNDING
    chosen = next(i for i in order if i in able and losses[i].accuracy >= most)
    open_ones = _undecided(order, chosen, losses, tolerance)
    best = int(np.argmax([loss.accuracy for loss in losses]))
    images, seeds = _needed(
        open_ones, best, losses, spreads, levels, tolerance, correct.shape
    )
    found = Recommendation(
        chosen=names[chosen],
        best=names[best],
        loss=losses[chosen],
        losses=tuple(losses),
        tie_set=tuple(loss.name for loss in losses if loss.low <= tolerance),
        can_tell=not open_ones,
        images_needed=images,
        seeds_needed=seeds,
        tolerance=float(tolerance),
        images=correct.shape[2],
        seeds=correct.shape[1],
        sentences=(),
        incumbent=incumbent,
    )
    return dataclasses.replace(found, sentences=_sentences(found))


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
            float(max(0.0, high[:, i].max())),
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
    return max(images + 1, _rounded(most_images)), None


def _rounded(number: float) -> int:
    """Rounds up to two digits, since the number is rough."""
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return int(math.ceil(number / step) * step)


def points(low: float, high: float) -> str:
    """Says an interval in percentage points: `[0.2, 1.3]`.

    Args:
        low, high: Floats, ends of the interval as shares: `0.01` is one
            point.

    Returns:
        String, both ends to a tenth of a point.
    """
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def points_of(number: float) -> str:
    """Says a number of points: `1 point`, `0.5 points`.

    Args:
        number: Float, in points.
    """
    return f"{number:g} point" + ("" if number == 1 else "s")


def _sentences(found: Recommendation) -> tuple[str, ...]:
    loss, tolerance = found.loss, points_of(round(100 * found.tolerance, 9))
    if found.chosen == found.best:
        first = (
            f"{found.chosen} has the highest accuracy on {found.images} "
            f"validation images, {100 * loss.accuracy:.1f} %; another could "
            f"be better by at most {100 * loss.high:.1f} points."
        )
    else:
        first = (
            f"{found.chosen} loses {100 * loss.mean:.1f} points "
            f"{points(loss.low, loss.high)} against the best, {found.best}, "
            f"on {found.images} validation images."
        )
    if found.can_tell:
        return (
            first,
            f"No deeper candidate is within {tolerance} of the best.",
        )
    ties = ", ".join(found.tie_set)
    rule = f"{found.chosen} is the deepest whose measured loss is."
    if found.incumbent is not None:
        rule = (
            f"Of {found.incumbent} and those at most {tolerance} below it by "
            f"their own 95 % interval, {found.chosen} is the deepest whose "
            f"measured loss against the best of these is at most {tolerance}."
        )
    why = (
        f"{found.images} images and {found.seeds} "
        f"{'seed' if found.seeds == 1 else 'seeds'} cannot tell which "
        f"candidates lose at most {tolerance}: it may be any of "
        f"{ties}. {rule}"
    )
    return first, why, _advice(found)


def _advice(found: Recommendation) -> str:
    if found.images_needed is not None:
        return f"About {found.images_needed:,} validation images would decide."
    if found.seeds_needed is not None:
        return (
            f"More images would not decide, about {found.seeds_needed:,} "
            "seeds would."
        )
    return (
        f"More than {MOST_IMAGES:,} validation images or {MOST_SEEDS} seeds "
        "would be needed, since a loss is too close to the tolerance, so "
        "images cannot decide it; another tolerance may."
    )
