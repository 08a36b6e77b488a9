"""Two treatments on the same test images: a paired test for a single split.

Accuracies of two networks differ by the images that one of them alone has
right. Which images those are says more than the accuracies do: the test is
McNemar's, and with several seeds its form for clustered pairs, an image being
the cluster. It is about these networks on other images of these classes; what
other training runs or halves would give, it does not know.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_transfer.analysis import pairs, results
from keras_transfer.analysis.contrasts import LEVEL
from keras_transfer.analysis.remembered import of_rows
from keras_transfer.analysis.results import Row
from keras_transfer.specs.treatments import BASE, BASES
from keras_transfer.storage.correctness import correctness


@dataclasses.dataclass(frozen=True)
class PairedImages:
    """What the test images of one split say of two treatments.

    Args:
        images: Integer, test images of both halves.
        first_alone, second_alone: Floats, shares of images that one treatment
            has right and the other wrong, the mean over seeds.
        mean: Float, difference of accuracies, each half counting alike.
        low, high: Floats, 95 % interval.
        p: Float, two-sided.
    """

    images: int
    first_alone: float
    second_alone: float
    mean: float
    low: float
    high: float
    p: float


def compare_images(
    rows: list[Row], first: str, second: str, n: int
) -> PairedImages | None:
    """Compares two treatments image by image.

    Args:
        rows: List of `Row`, of one recipe.
        first, second: Strings, treatments; `second` may be `"base"`.
        n: Integer, layers copied.

    Returns:
        `PairedImages`, or `None` if there are several splits, no pair, or
        results that do not say which images are right.
    """
    halves: dict[str, list[np.ndarray]] = {}
    if len(results.divisions_of(rows)) != 1:
        return None
    seconds = [row for name in BASES for row in results.select(rows, name)]
    if second != BASE:
        seconds = results.select(rows, second, n, n)
    known = _known_hits(rows)
    ones = pairs.by_pair(results.select(rows, first, n, n))
    others = pairs.by_pair(seconds)
    for pair in sorted(ones.keys() & others.keys()):
        found = [
            _hits(known, row)
            for own in (ones[pair], others[pair])
            for row in own.values()
        ]
        if len(found) != 2 or any(bits is None for bits in found):
            return None
        halves.setdefault(pair[-1], []).append(np.stack(found))
    return compare_halves(list(halves.values())) if halves else None


@of_rows
def _known_hits(rows: list[Row]) -> dict[str, np.ndarray | None]:
    return {}  # filled as pairs ask: a base stands beside many networks


def _hits(known: dict, row: Row) -> np.ndarray | None:
    name = row.spec.network_id
    if name not in known:
        known[name] = correctness(row.result)
    return known[name]


def compare_halves(halves: Sequence[Sequence[np.ndarray]]) -> PairedImages:
    """Tests two treatments on the images of each half.

    Args:
        halves: Sequence of the halves' sequences of pairs of networks, each a
            boolean array `(2, images)`: what is right in the first and in
            the second.

    Returns:
        `PairedImages`. Its p value is 1 if nothing differs. The interval is
        Wald's.

    References:
        - [McNemar, 1947](https://doi.org/10.1007/BF02295996).
        - [Obuchowski, 1998](https://doi.org/10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I),
          clustered pairs.
    """
    from scipy import special

    seeds = [np.stack(list(half)).astype(float) for half in halves]
    # Of each image: the mean over seeds.
    differ = [(half[:, 0] - half[:, 1]).mean(0) for half in seeds]
    alone = [
        [float(np.mean(half[:, one] * (1 - half[:, other]))) for half in seeds]
        for one, other in ((0, 1), (1, 0))
    ]
    count = len(differ)
    mean = float(np.mean([d.mean() for d in differ]))
    # Without a difference the mean of an image is zero: McNemar's variance.
    null = sum((d @ d) / d.size**2 for d in differ) / count**2
    error = (sum(d.var() / d.size for d in differ) / count**2) ** 0.5
    reach = float(special.ndtri((1 + LEVEL) / 2)) * error
    p = float(2 * special.ndtr(-abs(mean) / null**0.5)) if null else 1.0
    return PairedImages(
        sum(d.size for d in differ),
        float(np.mean(alone[0])),
        float(np.mean(alone[1])),
        mean,
        mean - reach,
        mean + reach,
        p,
    )
