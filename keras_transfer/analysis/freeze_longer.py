"""What longer training changes in the map of when to freeze.

A map has networks of one length at each place, so those that were trained
longer stand in a table of their own. Networks are compared one by one: of the
same width, images, split, half and seed, and copied from the same base.
"""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np

from keras_transfer.analysis import contrasts, primary
from keras_transfer.analysis.contrasts import ModelEstimate, Observation
from keras_transfer.analysis.freeze_contrasts import (
    Place,
    cell_contrasts,
    minus,
)
from keras_transfer.analysis.freeze_map import RIVALS, FreezeMap, observe
from keras_transfer.analysis.freeze_table import place_of
from keras_transfer.analysis.target_size import STARTS

_LONGER = ", longer"
Pair = tuple[dict[str, str], dict[str, str]]  # a line of the map, and longer


@dataclasses.dataclass(frozen=True)
class Gain:
    """What more steps give networks of one place.

    Args:
        start: String, a key of `STARTS`.
        n: Integer, layers copied; 0 from scratch.
        width: Integer, channels of conv1.
        images: Integer, target images of each class.
        steps: Tuple of two integers, of the map and of the longer training.
        training: Tuple of two floats, accuracy on the training images.
        estimate: `ModelEstimate` of test accuracy, longer minus the map's.
    """

    start: str
    n: int
    width: int
    images: int
    steps: tuple[int, int]
    training: tuple[float, float]
    estimate: ModelEstimate


@dataclasses.dataclass(frozen=True)
class Worth:
    """What freezing is worth at a place, at the map's steps and at more.

    Args:
        place: Tuple of rival, n, width and images.
        before, after: `ModelEstimate`, frozen minus rival, of the splits in
            which both were trained longer.
        change: `ModelEstimate`, after minus before.
    """

    place: Place
    before: ModelEstimate
    after: ModelEstimate
    change: ModelEstimate


def gains(found: FreezeMap, longer: FreezeMap) -> list[Gain]:
    """Compares networks of both that differ in their steps alone.

    Args:
        found: `FreezeMap`.
        longer: `FreezeMap` of the longer training.

    Returns:
        List of `Gain`, by start, n, width and images.
    """
    places: dict[tuple, list[Pair]] = {}
    for pair in _pairs(found, longer):
        places.setdefault(_place(pair[0]), []).append(pair)
    order = list(STARTS)
    return [
        _gain(places[place])
        for place in sorted(places, key=lambda p: (order.index(p[0]), *p[1:]))
    ]


def worths(found: FreezeMap, longer: FreezeMap) -> list[Worth]:
    """Compares what freezing is worth, where both sides trained longer.

    Args:
        found: `FreezeMap`.
        longer: `FreezeMap` of the longer training.

    Returns:
        List of `Worth`, by rival, n, width and images.
    """
    both = _observations(_pairs(found, longer))
    places = itertools.product(
        RIVALS, longer.layers, longer.widths, longer.sizes
    )
    found_worths = []
    for asked in cell_contrasts(places):
        before = asked.weights
        after = {_of_longer(cell): one for cell, one in before.items()}
        change = minus(after, before)
        splits = contrasts.by_split(both, change)
        own = [one for one in both if one.split in splits]
        parts = [primary.estimate(own, w) for w in (before, after, change)]
        if splits and None not in parts:
            found_worths.append(Worth(asked.place, *parts))
    return found_worths


def _pairs(found: FreezeMap, longer: FreezeMap) -> list[Pair]:
    """Joins the networks of both whose steps differ."""
    here = {place_of(line): line for line in found.lines}
    pairs = ((here.get(place_of(line)), line) for line in longer.lines)
    return [
        (one, other)
        for one, other in pairs
        if one is not None and one["steps"] != other["steps"]
    ]


def _place(line: dict[str, str]) -> tuple[str, int, int, int]:
    numbers = (int(line[c]) for c in ("n", "width", "target_images"))
    return line["treatment"], *numbers


def _gain(pairs: list[Pair]) -> Gain:
    def of(column: str, kind: Callable) -> tuple:
        sides = zip(*pairs, strict=True)
        return tuple(
            kind(np.mean([float(line[column]) for line in own]))
            for own in sides
        )

    both = _observations(pairs)
    (cell,) = {one.cell for one in both[: len(pairs)]}
    weights = contrasts.difference([_of_longer(cell)], [cell])
    estimate = primary.estimate(both, weights)
    return Gain(
        *_place(pairs[0][0]),
        of("steps", round),
        of("train_accuracy", float),
        estimate,
    )


def _observations(pairs: list[Pair]) -> tuple[Observation, ...]:
    """Lists the networks of the map, then as many of longer training."""
    before = [observe(one) for one, _ in pairs]
    after = [observe(other) for _, other in pairs]
    return *before, *(
        dataclasses.replace(one, treatment=one.treatment + _LONGER)
        for one in after
    )


def _of_longer(cell: contrasts.Cell) -> contrasts.Cell:
    treatment, *others = cell
    return treatment + _LONGER, *others
