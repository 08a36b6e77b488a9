"""Networks that do no better than a guess: failures of optimisation."""

import math
from collections.abc import Iterable

TIMES_CHANCE = 1.5  # of 1 / classes; twice would be all of two classes
NEARLY = 0.95  # of the loss of a guess, ln(classes)


def did_not_learn(row) -> bool:
    """Returns whether a network did not even learn its training images.

    Args:
        row: `Row`.
    """
    chance = 1 / len(row.result.classes)
    return row.result.train_accuracy < TIMES_CHANCE * chance


def hardly_learnt(row) -> bool:
    """Returns whether a network learnt, but barely left the loss of a guess.

    Args:
        row: `Row`.
    """
    loss, classes = row.result.train_loss, len(row.result.classes)
    if loss is None or did_not_learn(row):
        return False
    return loss > NEARLY * math.log(classes)


def above_chance(accuracies: Iterable[float], chance: float) -> bool:
    """Returns whether there are networks and each is better than a guess.

    Args:
        accuracies: Iterable of floats.
        chance: Float, accuracy of a guess.
    """
    values = list(accuracies)
    return bool(values) and min(values) > TIMES_CHANCE * chance
