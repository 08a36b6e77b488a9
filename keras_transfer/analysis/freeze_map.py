"""When freezing wins, ties or loses, by width and target images.

Everything that is said of it is computed from `results.csv`, so that a
committed table is enough to check each number.
"""

import csv
import dataclasses
import functools
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_transfer.analysis import contrasts, primary, verdicts
from keras_transfer.analysis.contrasts import ModelEstimate, Observation
from keras_transfer.analysis.freeze_contrasts import (
    MapContrast,
    Place,
    cell_contrasts,
    label,
    trend_contrasts,
)
from keras_transfer.analysis.verdicts import Part, Verdict
from keras_transfer.specs.treatments import BASE, FINETUNED_TRANSFER

# What freezing is held against, the paper's question first.
RIVALS = (FINETUNED_TRANSFER, BASE)
WINS, TIES, LOSES, UNDECIDED = "wins", "ties", "loses", "undecided"
_WORDS = {
    verdicts.PRESENT: WINS,
    verdicts.ABSENT: TIES,
    verdicts.REVERSED: LOSES,
    verdicts.UNDECIDED: UNDECIDED,
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """What freezing is worth at a width and a number of target images.

    Args:
        rival: String, the treatment that it is held against.
        n: Integer, layers copied.
        width: Integer, channels of conv1.
        images: Integer, target images of each class.
        estimate: `ModelEstimate`, frozen minus rival, accuracy from 0 to 1.
        verdict: `Verdict`, corrected for all cells of all maps.
    """

    rival: str
    n: int
    width: int
    images: int
    estimate: ModelEstimate
    verdict: Verdict

    @property
    def place(self) -> Place:
        """Rival, n, width and images."""
        return self.rival, self.n, self.width, self.images

    @property
    def word(self) -> str:
        """Says it: freezing `WINS`, `TIES`, `LOSES` or it is `UNDECIDED`."""
        return _WORDS[self.verdict.name]


@dataclasses.dataclass(frozen=True)
class Trend:
    """How what freezing is worth beside fine-tuning moves along an axis.

    Args:
        axis: String, `FEWER_IMAGES` or `MORE_WEIGHTS`.
        place: Integer, the width at which images become fewer, or the images
            of each class at which weights become more.
        ends: Tuple of integers, from where to where.
        n: Integer, layers copied.
        estimate: `ModelEstimate`, of accuracy from 0 to 1; above 0 if
            freezing gains, as the paper's introduction expects.
        verdict: `Verdict`, corrected for all trends of the map.
    """

    axis: str
    place: int
    ends: tuple[int, int]
    n: int
    estimate: ModelEstimate
    verdict: Verdict


class FreezeMap:
    """The networks of a map, read from a table.

    Args:
        path: Path of a `results.csv`.
    """

    def __init__(self, path: Path):
        with Path(path).open(newline="") as file:
            self.lines = list(csv.DictReader(file))
        self.widths = self._values("width")
        # Bases have images of their own, whatever targets have.
        copies = [line for line in self.lines if int(line["n"])]
        self.sizes = self._values("target_images", copies)
        self.layers = self._values("n", copies)
        self.splits = self._values("split")
        # One model for all widths: they share splits and halves.
        self.observations: tuple[Observation, ...] = tuple(
            observe(line) for line in self.lines
        )

    def _values(self, column: str, lines: list[dict] | None = None):
        chosen = self.lines if lines is None else lines
        return sorted({int(line[column]) for line in chosen})

    def base_images(self) -> int:
        """Returns the images of each class of the bases that are copied."""
        return max(int(line["target_images"]) for line in self.lines)

    def base_accuracy(self, width: int) -> float:
        """Averages the test accuracy of the bases that are copied.

        Args:
            width: Integer.
        """
        sources = {line["base"] for line in self.lines if line["base"]}
        return float(
            np.mean(
                [
                    float(line["test_accuracy"])
                    for line in self.lines
                    if line["treatment"] == BASE
                    and line["target"] in sources
                    and int(line["width"]) == width
                ]
            )
        )

    def numbers(
        self, column: str, start: str, n: int, width: int, images: int
    ) -> list[float]:
        """Returns a column of the networks of one cell and start.

        Args:
            column: String, such as `"train_accuracy"`.
            start: String, a key of `STARTS`.
            n: Integer, layers copied; of no meaning from scratch.
            width, images: Integers.

        Returns:
            List of floats, of networks on the target halves of the map.
        """
        targets = {line["target"] for line in self.lines if line["base"]}
        place = {
            "treatment": start,
            "n": str(0 if start == BASE else n),
            "width": str(width),
            "target_images": str(images),
        }
        return [
            float(line[column])
            for line in self.lines
            if line["target"] in targets
            and all(line[key] == value for key, value in place.items())
        ]

    def mean(self, *place) -> float | None:
        """Averages what `numbers` returns.

        Args:
            *place: As of `numbers`.

        Returns:
            Float, or `None` without networks.
        """
        found = self.numbers(*place)
        return float(np.mean(found)) if found else None

    def weights(self, width: int) -> int:
        """Counts the weights of a network.

        Args:
            width: Integer.
        """
        return next(
            int(line["weights"])
            for line in self.lines
            if int(line["width"]) == width
        )

    @functools.cached_property
    def cells(self) -> list[Cell]:
        """Every cell that was measured, by rival, n, width and images.

        All are judged together, with Holm's correction.
        """
        places = itertools.product(RIVALS, self.layers, self.widths, self.sizes)
        found = self._answered(cell_contrasts(places))
        judged = verdicts.judge([[Part(one)] for _, one in found])
        return [
            Cell(*place, one, verdict)
            for (place, one), verdict in zip(found, judged, strict=True)
        ]

    @functools.cached_property
    def trends(self) -> list[Trend]:
        """What fewer images do at each width, and more weights at each size.

        Images go from the most to the fewest that were measured at a width;
        weights from each width to the next one at a size, for wide networks
        may have fewer splits, which the narrow ones need not share. A trend
        has the splits that have both ends, so that no cell need be there.
        All are judged together, with Holm's correction.
        """
        found = self._answered(trend_contrasts(self._places()))
        judged = verdicts.judge([[Part(one)] for _, one in found])
        return [
            Trend(*place, one, verdict)
            for (place, one), verdict in zip(found, judged, strict=True)
        ]

    def asked(self) -> list[MapContrast]:
        """Lists what was measured, cells first."""
        places = self._places()
        return cell_contrasts(places) + trend_contrasts(places)

    def _places(self) -> list[Place]:
        return [cell.place for cell in self.cells]

    def _answered(self, asked: list[MapContrast]) -> list[tuple]:
        """Returns place and estimate of what was measured."""
        found = ((q.place, self._estimate(q.weights)) for q in asked)
        return [(place, one) for place, one in found if one is not None]

    def runs(self) -> list[tuple[tuple[int, ...], ...]]:
        """Lists the rectangles that the map is made of, most splits first.

        Returns:
            List of tuples of widths, sizes and splits, each trained whole.
        """
        sizes: dict[tuple[int, int], set[int]] = {}
        for line in self.lines:
            if int(line["n"]):
                place = int(line["width"]), int(line["split"])
                sizes.setdefault(place, set()).add(int(line["target_images"]))
        splits: dict[tuple, list[int]] = {}
        for (width, split), own in sorted(sizes.items()):
            splits.setdefault((width, tuple(sorted(own))), []).append(split)
        widths: dict[tuple, list[int]] = {}
        for (width, own), numbers in splits.items():
            widths.setdefault((own, tuple(numbers)), []).append(width)
        found = [(tuple(w), own, many) for (own, many), w in widths.items()]
        return sorted(found, key=lambda run: (-len(run[2]), run[0]))

    def _estimate(self, weights: contrasts.Weights) -> ModelEstimate | None:
        if not set(weights) <= self._measured:
            return None
        return primary.estimate(self.observations, weights)

    @functools.cached_property
    def _measured(self) -> set[contrasts.Cell]:
        return {one.cell for one in self.observations}


def observe(line: dict[str, str]) -> Observation:
    """Reads a network of a map.

    Args:
        line: Dict from a column of `results.csv` to its text.

    Returns:
        `Observation` of test accuracy, whose treatment names the width too:
        one model has all widths.
    """
    name = label(line["treatment"], int(line["width"]))
    return contrasts.observation_of(line, "test_accuracy", name)


def count_words(cells: Iterable[Cell]) -> dict[str, int]:
    """Counts the cells of each word.

    Args:
        cells: Iterable of `Cell`.

    Returns:
        Dict from `WINS`, `TIES`, `LOSES` and `UNDECIDED` to a number.
    """
    words = [cell.word for cell in cells]
    return {word: words.count(word) for word in _WORDS.values()}
