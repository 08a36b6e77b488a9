"""Which stage to recommend, and whether the data can tell.

Candidates are compared image by image: differences of the same images and
seeds vary far less than accuracies do. Intervals hold for all comparisons at
once (95 %), since the best of many candidates looks better than it is.
"""

import dataclasses

from keras_transfer.errors import UserError
from keras_transfer.recommendation.comparison import Loss, compare
from keras_transfer.recommendation.simultaneous import check_correct


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
        incumbent: String or `None`, the candidate that stands unless another
            is shown to do. Defaults to `None`.
        able: Tuple of strings, candidates that were considered: the incumbent
            and those shown to do, or all. Defaults to `()`.
        images_of_a_point: Float or `None`, about how many validation images
            tell a difference of one point between the chosen one and the
            best. A quarter of them tell one of two points. Defaults to
            `None`.
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
    incumbent: str | None = None
    able: tuple[str, ...] = ()
    images_of_a_point: float | None = None


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
    order = sorted(
        range(len(names)),
        key=lambda i: (-candidates[i].depth, candidates[i].cost, i),
    )
    own = None if incumbent is None else names.index(incumbent)
    compared = compare(names, order, correct, seed, own)
    losses, best = compared.losses, compared.best
    able, chosen, open_ones, (images, more_seeds) = compared.at(tolerance)
    return Recommendation(
        chosen=names[chosen],
        best=names[best],
        loss=losses[chosen],
        losses=tuple(losses),
        tie_set=tuple(loss.name for loss in losses if loss.low <= tolerance),
        can_tell=not open_ones,
        images_needed=images,
        seeds_needed=more_seeds,
        tolerance=float(tolerance),
        images=correct.shape[2],
        seeds=correct.shape[1],
        incumbent=incumbent,
        able=tuple(names[i] for i in able),
        images_of_a_point=compared.images_of_a_point(chosen),
    )
