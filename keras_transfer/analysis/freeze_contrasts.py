"""What a map of when to freeze is asked for: its cells and its two axes."""

import dataclasses
import itertools
from collections.abc import Iterable

from keras_transfer.analysis import contrasts
from keras_transfer.specs.treatments import BASE, FINETUNED_TRANSFER, TRANSFER

# The two axes of the paper's introduction.
FEWER_IMAGES, MORE_WEIGHTS = "fewer images", "more weights"


@dataclasses.dataclass(frozen=True)
class MapContrast:
    """A contrast that a map is asked for.

    Args:
        effect: String, what it is of, alike at every width.
        weights: Dict from a cell of `contrasts` to number.
        place: Tuple, the first fields of a `Cell` or `Trend`.
    """

    effect: str
    weights: contrasts.Weights
    place: tuple


Place = tuple[str, int, int, int]  # rival, n, width, images


def cell_contrasts(places: Iterable[Place]) -> list[MapContrast]:
    """Lists what is asked of each cell of a map.

    Args:
        places: Iterable of `(rival, n, width, images)`.

    Returns:
        List of `MapContrast`, in order.
    """
    return [
        MapContrast(
            f"{TRANSFER} - {rival}, {images} images a class",
            _worth(rival, n, width, images),
            (rival, n, width, images),
        )
        for rival, n, width, images in places
    ]


def trend_contrasts(places: Iterable[Place]) -> list[MapContrast]:
    """Lists what fewer images and more weights are asked for.

    Args:
        places: Iterable of `(rival, n, width, images)` of measured cells.

    Returns:
        List of `MapContrast`, by n.
    """
    layers: dict[int, set[tuple[int, int]]] = {}
    for rival, n, width, images in places:
        if rival == FINETUNED_TRANSFER:
            layers.setdefault(n, set()).add((width, images))
    return [
        MapContrast(effect, minus(*parts), (axis, place, ends, n))
        for n, there in layers.items()
        for effect, axis, place, ends, parts in _ends(n, there)
    ]


def _ends(n: int, there: set[tuple[int, int]]):
    """Yields effect, axis, place, ends and what freezing is worth at both."""
    rival = FINETUNED_TRANSFER
    difference = f"{TRANSFER} - {rival}"
    for width in sorted({w for w, _ in there}):
        sizes = sorted(s for w, s in there if w == width)
        if len(sizes) > 1:
            many, few = sizes[-1], sizes[0]
            parts = [_worth(rival, n, width, s) for s in (few, many)]
            effect = f"{difference}, {few} minus {many} images a class"
            yield effect, FEWER_IMAGES, width, (many, few), parts
    for size in sorted({s for _, s in there}):
        widths = sorted(w for w, s in there if s == size)
        for low, high in itertools.pairwise(widths):
            parts = [_worth(rival, n, w, size) for w in (high, low)]
            effect = f"{difference}, wider minus narrower, {size} images"
            yield f"{effect} a class", MORE_WEIGHTS, size, (low, high), parts


def label(treatment: str, width: int) -> str:
    """Names a treatment at a width, for one model of all widths.

    Args:
        treatment: String.
        width: Integer, channels of conv1.
    """
    return f"{treatment}, width {width}"


def _worth(rival: str, n: int, width: int, images: int) -> contrasts.Weights:
    """Weighs frozen minus a rival."""
    return contrasts.difference(
        [(label(TRANSFER, width), n, images)],
        [(label(rival, width), 0 if rival == BASE else n, images)],
    )


def minus(
    one: contrasts.Weights, other: contrasts.Weights
) -> contrasts.Weights:
    """Subtracts a contrast from another.

    Args:
        one, other: Dicts from a cell of `contrasts` to number.
    """
    return {k: one.get(k, 0) - other.get(k, 0) for k in {**one, **other}}
