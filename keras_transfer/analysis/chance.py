"""Networks that do no better than a guess: failures of optimisation."""

from collections.abc import Iterable

TIMES_CHANCE = 1.5  # of 1 / classes; twice would be all of two classes


def did_not_learn(row) -> bool:
    """Returns whether a network did not even learn its training images.

    Args:
        row: `Row`.
    """
    chance = 1 / len(row.result.classes)
    return row.result.train_accuracy < TIMES_CHANCE * chance


def above_chance(accuracies: Iterable[float], chance: float) -> bool:
    """Returns whether there are networks and each is better than a guess.

    Args:
        accuracies: Iterable of floats.
        chance: Float, accuracy of a guess.
    """
    values = list(accuracies)
    return bool(values) and min(values) > TIMES_CHANCE * chance
