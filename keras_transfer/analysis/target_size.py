"""Accuracy by number of target images, and where one start overtakes another.

The supplement's figure S1 trains on fewer images of each class. The paper's
introduction says when to freeze (a small target set, many weights) and when
to fine-tune (a large one), but draws no curve of it.
"""

import dataclasses
import math
from collections import Counter

from keras_transfer.analysis import contrasts, pairs, primary, results
from keras_transfer.analysis.intervals import Estimate
from keras_transfer.analysis.observed import observe_all
from keras_transfer.analysis.results import Row
from keras_transfer.specs.treatments import (
    BASE,
    FINETUNED_TRANSFER,
    TRANSFER,
)

# How a network begins: from scratch, with frozen or with fine-tuned layers.
STARTS = {
    BASE: "from scratch",
    TRANSFER: "frozen",
    FINETUNED_TRANSFER: "fine-tuned",
}
# Which may overtake which as images become more.
RIVALS = (
    (FINETUNED_TRANSFER, TRANSFER),
    (BASE, TRANSFER),
    (BASE, FINETUNED_TRANSFER),
)
_DOING = {
    BASE: "training from scratch",
    TRANSFER: "freezing",
    FINETUNED_TRANSFER: "fine-tuning",
}


def images_a_class(row: Row) -> int:
    """Returns the training images of each class that a network had.

    Args:
        row: `Row`.
    """
    images, classes = row.result.images, row.result.classes
    return round(images["train"] / len(classes))


def _values(rows: list[Row]) -> dict[tuple, float]:
    return {
        (size, *pair): row.accuracy
        for pair, sizes in pairs.by_pair(rows, images_a_class).items()
        for size, row in sizes.items()
    }


def accuracies(rows: list[Row], start: str, n: int) -> dict[int, Estimate]:
    """Averages networks by the number of images; halves differ, so no interval.

    Args:
        rows: List of `Row`.
        start: String, a treatment such as a key of `STARTS`.
        n: Integer, layers copied; of no meaning from scratch.

    Returns:
        Dict from images a class to `Estimate`, in order.
    """
    values = _values(results.select(rows, start, n, n))
    found: dict[int, list[float]] = {}
    for size, *_ in sorted(values):
        found[size] = [v for key, v in values.items() if key[0] == size]
    return {
        size: Estimate(math.fsum(own) / len(own), len(own))
        for size, own in found.items()
    }


def differences(
    rows: list[Row], first: str, second: str, n: int
) -> dict[int, Estimate]:
    """Subtracts two starts, by the rule of `primary`.

    Draws of the images are no splits: they repeat a network of the same base.

    Args:
        rows: List of `Row`.
        first, second: Strings, keys of `STARTS`.
        n: Integer, layers copied.

    Returns:
        Dict from images a class to `Estimate`, in order, whose counts are
        those of pairs of split, seed, draw and target.
    """
    found = pairs.differences(
        results.select(rows, first, n, n),
        results.select(rows, second, n, n),
        images_a_class,
    )
    counts = Counter(size for sizes in found.values() for size in sizes)
    kept = [row for row in rows if row.spec.treatment in STARTS]
    data = observe_all(kept, images_a_class)
    estimates = {}
    for size in sorted(counts):
        cells = [
            [(name, 0 if name == BASE else n, size)] for name in (first, second)
        ]
        one = primary.estimate(data, contrasts.difference(*cells))
        ends = one.mean, counts[size], one.low, one.high
        estimates[size] = Estimate(*ends, "too few networks")
    return estimates


@dataclasses.dataclass(frozen=True)
class Crossing:
    """Where one start overtakes another.

    Args:
        n: Integer, layers copied.
        first, second: Strings, keys of `STARTS`.
        below: Integer or `None`, the most images a class at which the second
            is ahead in the mean.
        above: Integer or `None`, the fewest from which the first stays so.
        unsure: Tuple of integers, sizes on both sides, or of all if there is
            one side alone, whose interval includes 0 or is not known.
    """

    n: int
    first: str
    second: str
    below: int | None
    above: int | None
    unsure: tuple[int, ...]

    def in_words(self) -> str:
        """Says it in a sentence."""
        one, other = _DOING[self.first], _DOING[self.second]
        if self.below is None and self.above is None:
            return f"n = {self.n}, {one} and {other}: not measured."
        if self.below is None:
            text = f"{one} is ahead of {other} at every size"
        elif self.above is None:
            text = f"{other} is ahead of {one} at every size"
        else:
            text = (
                f"{one} overtakes {other} between {self.below} and "
                f"{self.above} images a class"
            )
        doubt = ""
        if self.unsure:
            sizes = ", ".join(map(str, self.unsure))
            doubt = f" (the 95 % interval includes 0 at {sizes})"
        return f"n = {self.n}: {text}{doubt}."


def find_crossing(rows: list[Row], n: int, first: str, second: str) -> Crossing:
    """Finds the size from which one start stays ahead of another.

    Args:
        rows: List of `Row`.
        n: Integer, layers copied.
        first, second: Strings, keys of `STARTS`.

    Returns:
        `Crossing`.
    """
    ahead = differences(rows, first, second, n)
    sizes = list(ahead)
    # From the largest size down, while the first is ahead in the mean.
    place = len(sizes)
    while place and ahead[sizes[place - 1]].mean > 0:
        place -= 1
    below = sizes[place - 1] if place else None
    above = sizes[place] if place < len(sizes) else None
    sides = sizes if None in (below, above) else (below, above)
    unsure = tuple(
        size
        for size in sides
        if ahead[size].t_low is None
        or ahead[size].t_low * ahead[size].t_high <= 0
    )
    return Crossing(n, first, second, below, above, unsure)


def crossings(rows: list[Row], layers: list[int]) -> list[str]:
    """Says for each `n` which start is ahead, and from which size on.

    Args:
        rows: List of `Row`.
        layers: List of integers, the `n`.

    Returns:
        List of sentences.
    """
    return [
        find_crossing(rows, n, *pair).in_words()
        for n in layers
        for pair in RIVALS
    ]
