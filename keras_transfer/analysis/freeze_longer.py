"""What longer training changes in the map of when to freeze.

A map has networks of one length at each place, so those that were trained
longer stand in a table of their own.
"""

import dataclasses
import itertools

from keras_transfer.analysis import contrasts, primary
from keras_transfer.analysis.contrasts import ModelEstimate, Observation
from keras_transfer.analysis.freeze_contrasts import label
from keras_transfer.analysis.freeze_map import FreezeMap
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.specs.treatments import BASE

_LONGER = ", longer"


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


def gains(found: FreezeMap, longer: FreezeMap) -> list[Gain]:
    """Compares networks of both that differ in their steps alone.

    Args:
        found: `FreezeMap`.
        longer: `FreezeMap` of the longer training.

    Returns:
        List of `Gain`, by n, start, width and images, of places that both
        have and where steps differ.
    """
    both = (*found.observations, *map(_of_longer, longer.observations))
    copies = itertools.product(longer.layers, STARTS)
    starts = [(0, BASE), *(one for one in copies if one[1] != BASE)]
    places = itertools.product(starts, longer.widths, longer.sizes)
    gained = []
    for (n, start), width, images in places:
        place = start, n, width, images
        maps = found, longer
        if not all(one.numbers("steps", *place) for one in maps):
            continue
        before, after = (round(one.mean("steps", *place)) for one in maps)
        if before == after:
            continue
        own = label(start, width)
        weights = contrasts.difference(
            [(own + _LONGER, n, images)], [(own, n, images)]
        )
        estimate = primary.estimate(both, weights)
        if estimate is not None:
            shares = tuple(one.mean("train_accuracy", *place) for one in maps)
            gained.append(Gain(*place, (before, after), shares, estimate))
    return gained


def _of_longer(one: Observation) -> Observation:
    return dataclasses.replace(one, treatment=one.treatment + _LONGER)
