"""When freezing wins, ties or loses, by width and target images.

Everything that is said of it is computed from `results.csv`, so that a
committed table is enough to check each number.
"""

import csv
import dataclasses
import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_transfer.analysis import contrasts, primary, verdicts
from keras_transfer.analysis.contrasts import ModelEstimate, Observation
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.results_table import short_csv
from keras_transfer.analysis.target_size import images_a_class
from keras_transfer.analysis.verdicts import Part, Verdict
from keras_transfer.specs.costs import network_costs
from keras_transfer.specs.treatments import BASE, FINETUNED_TRANSFER, TRANSFER

# What freezing is held against, the paper's question first.
RIVALS = (FINETUNED_TRANSFER, BASE)
WINS, TIES, LOSES, UNDECIDED = "wins", "ties", "loses", "undecided"
_WORDS = {
    verdicts.PRESENT: WINS,
    verdicts.ABSENT: TIES,
    verdicts.REVERSED: LOSES,
    verdicts.UNDECIDED: UNDECIDED,
}


def results_csv(rows: Iterable[Row]) -> str:
    """Writes a line for each network.

    Args:
        rows: Iterable of `Row`.

    Returns:
        String, the content of a CSV file.
    """
    first = {
        "width": lambda row: row.spec.model.width,
        "target_images": images_a_class,
        "weights": _weights,
        "learning_rate": lambda row: row.spec.solver.learning_rate,
    }
    return short_csv(rows, first)


def _weights(row: Row) -> int:
    costs = network_costs(row.spec, len(row.result.classes))
    return sum(cost.parameters for cost in costs)


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
    def word(self) -> str:
        """Says it: freezing `WINS`, `TIES`, `LOSES` or it is `UNDECIDED`."""
        return _WORDS[self.verdict.name]


@dataclasses.dataclass(frozen=True)
class Axis:
    """How what freezing is worth beside fine-tuning moves along an axis.

    Args:
        name: String, such as `"fewer images"`.
        meaning: String, which cells are subtracted.
        n: Integer, layers copied.
        estimate: `ModelEstimate`, of accuracy from 0 to 1; above 0 if
            freezing gains, as the paper's introduction expects.
        verdict: `Verdict`, corrected for both axes.
    """

    name: str
    meaning: str
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
            contrasts.observation_of(
                line,
                "test_accuracy",
                _label(line["treatment"], int(line["width"])),
            )
            for line in self.lines
        )

    def _values(self, column: str, lines: list[dict] | None = None):
        chosen = self.lines if lines is None else lines
        return sorted({int(line[column]) for line in chosen})

    def base_images(self) -> int:
        """Returns the images of each class of the bases that are copied."""
        return max(int(line["target_images"]) for line in self.lines)

    def base_accuracy(self, width: int) -> float:
        """Averages the test accuracy of bases, of either half.

        Args:
            width: Integer.
        """
        return float(
            np.mean(
                [
                    float(line["test_accuracy"])
                    for line in self.lines
                    if line["treatment"] == BASE
                    and int(line["width"]) == width
                    and int(line["target_images"]) == self.base_images()
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
        places = [
            (rival, n, width, images)
            for rival in RIVALS
            for n in self.layers
            for width in self.widths
            for images in self.sizes
        ]
        found = [
            (place, one)
            for place in places
            if (one := self._estimate(_worth(*place))) is not None
        ]
        judged = verdicts.judge([[Part(one)] for _, one in found])
        return [
            Cell(*place, one, verdict)
            for (place, one), verdict in zip(found, judged, strict=True)
        ]

    @functools.cached_property
    def axes(self) -> list[Axis]:
        """What fewer images and more weights do; none of a map of one row."""
        found = []
        for n in self.layers:
            for name, meaning, weights in self._axes(n):
                one = self._estimate(weights)
                if one is not None:
                    found.append((name, meaning, n, one))
        judged = verdicts.judge([[Part(one)] for *_, one in found])
        return [
            Axis(*place, verdict)
            for place, verdict in zip(found, judged, strict=True)
        ]

    def _axes(self, n: int):
        few, many = self.sizes[0], self.sizes[-1]
        narrow, wide = self.widths[0], self.widths[-1]
        rival = FINETUNED_TRANSFER
        if few < many:
            yield (
                "fewer images",
                f"at {few} minus at {many} images a class, mean of widths",
                _mean_of(
                    _minus(_worth(rival, n, w, few), _worth(rival, n, w, many))
                    for w in self.widths
                ),
            )
        if narrow < wide:
            yield (
                "more weights",
                f"at width {wide} minus at width {narrow}, mean of sizes",
                _mean_of(
                    _minus(
                        _worth(rival, n, wide, s), _worth(rival, n, narrow, s)
                    )
                    for s in self.sizes
                ),
            )

    def _estimate(self, weights: contrasts.Weights) -> ModelEstimate | None:
        return primary.estimate(self.observations, weights)


def _label(treatment: str, width: int) -> str:
    return f"{treatment}, width {width}"


def _worth(rival: str, n: int, width: int, images: int) -> contrasts.Weights:
    """Weighs frozen minus a rival."""
    return contrasts.difference(
        [(_label(TRANSFER, width), n, images)],
        [(_label(rival, width), 0 if rival == BASE else n, images)],
    )


def _minus(one: dict, other: dict) -> contrasts.Weights:
    return {k: one.get(k, 0) - other.get(k, 0) for k in {**one, **other}}


def _mean_of(parts: Iterable[dict]) -> contrasts.Weights:
    found = list(parts)
    total: contrasts.Weights = {}
    for part in found:
        for cell, weight in part.items():
            total[cell] = total.get(cell, 0) + weight / len(found)
    return total


def count_words(cells: Iterable[Cell]) -> dict[str, int]:
    """Counts the cells of each word.

    Args:
        cells: Iterable of `Cell`.

    Returns:
        Dict from `WINS`, `TIES`, `LOSES` and `UNDECIDED` to a number.
    """
    words = [cell.word for cell in cells]
    return {word: words.count(word) for word in _WORDS.values()}
