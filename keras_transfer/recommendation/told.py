"""What test images say about a recommendation, once it is made."""

import dataclasses

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.recommendation.simultaneous import (
    accuracy_intervals,
    check_correct,
    spread_of,
    with_level,
)


@dataclasses.dataclass(frozen=True)
class Told:
    """What the test images say about a choice already made.

    Args:
        chosen: String.
        accuracy, low, high: Floats, of the chosen candidate, with its 95 %
            interval.
        differences: Dict from each other name to `(mean, low, high)`, the
            chosen one's accuracy minus the other's, with intervals that
            hold for all at once (95 %).
    """

    chosen: str
    accuracy: float
    low: float
    high: float
    differences: dict[str, tuple[float, float, float]]


def tell(names: list[str], chosen: str, correct, seed: int = 0) -> Told:
    """Tells a choice on test images, once: they must not have led to it.

    Args:
        names: List of strings, of the chosen candidate and of those it is
            compared with, for instance the folk rules.
        chosen: String among `names`.
        correct: Boolean array of shape `(candidates, seeds, images)`, on
            test images.
        seed: Integer, of the draws behind the simultaneous level. Defaults
            to `0`.

    Returns:
        `Told`.

    Raises:
        UserError: An unknown choice, or a bad `correct`.
    """
    if names.count(chosen) != 1 or len(set(names)) < len(names):
        raise UserError(
            f"Expected `chosen` among distinct names {', '.join(names)}. "
            f"Received: {chosen}."
        )
    correct = check_correct(correct, len(names))
    own = names.index(chosen)
    low, high = accuracy_intervals(correct[[own]], seed)
    others = [i for i in range(len(names)) if i != own]
    differences = {}
    if others:
        spread = spread_of(correct[own] - correct[others], len(names))
        contrasts = np.eye(len(names))[own] - np.eye(len(names))[others]
        factors = with_level(spread, contrasts, correct, seed)
        reaches = factors * np.sqrt(spread.variance)
        for k, i in enumerate(others):
            mean = float((correct[own] - correct[i]).mean())
            middle = float(spread.centre[k])
            differences[names[i]] = (
                mean,
                max(-1.0, middle - float(reaches[k])),
                min(1.0, middle + float(reaches[k])),
            )
    return Told(
        chosen,
        float(correct[own].mean()),
        float(low[0]),
        float(high[0]),
        differences,
    )
