"""Why a candidate was chosen, and what would tell more, in sentences."""

from keras_transfer.recommendation.comparison import (
    MOST_IMAGES,
    MOST_SEEDS,
    rough,
)
from keras_transfer.recommendation.decision import Recommendation

_COARSE = 0.05  # a difference that few images tell, as a share
_NAMED = 4  # of more candidates than that, their number is said


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


def share_of(tolerance: float) -> str:
    """Says a tolerance in points.

    Args:
        tolerance: Float, as a share: `0.01` is one point.
    """
    return points_of(round(100 * tolerance, 9))


def reasons(found: Recommendation) -> list[str]:
    """Says what was chosen, how sure that is and what would tell more.

    Args:
        found: `Recommendation`.

    Returns:
        List of strings, a paragraph each.
    """
    loss, most = found.loss, share_of(found.tolerance)
    if found.chosen == found.best:
        best = (
            f"{found.chosen} is best on {found.images:,} validation images, "
            f"{100 * loss.accuracy:.1f} %"
        )
        other = f"another could be better by at most {100 * loss.high:.1f}"
        first = f"{best}; {other} points."
        if loss.high < 0.0005:  # 0.0 points
            first = f"{best}, beyond what chance explains."
    else:
        first = (
            f"{found.chosen} loses {100 * loss.mean:.1f} points "
            f"{points(loss.low, loss.high)} against the best, {found.best}, "
            f"on {found.images:,} validation images."
        )
    if found.can_tell:
        return [first, f"No deeper candidate is within {most} of the best."]
    seeds = f"{found.seeds} seed{'s' * (found.seeds != 1)}"
    why = (
        f"{found.images:,} images and {seeds} cannot tell which candidates "
        f"lose at most {most}: {_ties(found)} may."
    )
    return [first, f"{why} {_rule(found, most)} {_advice(found)}"]


def _ties(found: Recommendation) -> str:
    count, total = len(found.tie_set), len(found.losses)
    if count <= _NAMED:
        *rest, last = found.tie_set
        return f"{', '.join(rest)} and {last}" if rest else last
    return f"all {total}" if count == total else f"{count} of {total}"


def _rule(found: Recommendation, most: str) -> str:
    """Says why this one was picked all the same."""
    if found.incumbent is None:
        return (
            f"{found.chosen} is the deepest whose measured loss is within "
            f"{most}."
        )
    if len(found.able) == 1:
        return (
            f"So {found.incumbent} stands: no other is shown to lose at most "
            f"{most} against it."
        )
    return (
        f"Of {found.incumbent} and the {len(found.able) - 1} shown to lose at "
        f"most {most} against it, {found.chosen} is the deepest that is "
        f"measured within {most} of the best of them."
    )


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
        "would be needed to decide all, since a loss is too close to the "
        f"tolerance; {resolution_text(found)}."
    )


def resolution_text(found: Recommendation) -> str:
    """Says how many images tell a difference of the tolerance, and of more.

    Args:
        found: `Recommendation` of two candidates or more.

    Returns:
        String, without a full stop.
    """
    sizes = sorted({size for size in (found.tolerance, _COARSE) if size})
    counts = [
        rough(found.images_of_a_point * (0.01 / size) ** 2) for size in sizes
    ]
    first, *others = zip(sizes, counts, strict=True)
    text = f"to tell a difference of {share_of(first[0])} takes about "
    text += f"{first[1]:,}"
    for size, count in others:
        text += f", one of {share_of(size)} about {count:,}"
    return text
