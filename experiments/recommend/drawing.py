"""The network of a task with all weights drawn anew, beside the model's own."""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.recommend.workshop import Workshop
from keras_transfer.errors import UserError
from keras_transfer.recommendation.drawn import Beside, compare_probes
from keras_transfer.recommendation.score_accuracy import fit_linear_probe
from keras_transfer.recommendation.ways import Choice
from keras_transfer.storage.files import new_array, read_json, write_atomically
from keras_transfer.training.candidate_networks import Task, head_of
from keras_transfer.transfer.stage_outputs import StageOutputs, looker

MOST_DRAWS, LEAST_DRAWS = 5, 3  # networks whose stages are probed
PROBED = 4  # stages, spread evenly, the last among them
PROBING_SHARE = 0.1  # of the budget, that probing takes
_MOST_IMAGES = 1000  # that probes are fitted on, and told on
_LEAST_IMAGES = 100
_SLICE = 256  # images whose whole outputs are in memory
_NOTHING_PROBED = {"images": 0, "seconds": 0.0, "probes": []}


class Drawn:
    """One draw of a task's network at a time; it is built and traced once.

    Args:
        task: `Task`.

    Raises:
        UserError: If a layer cannot be drawn anew.
    """

    def __init__(self, task: Task):
        from keras_transfer.models.heads import new_head
        from keras_transfer.models.stages import stages

        self.task = task
        model = new_head(task.model, task.classes, seed=0)
        table = stages(model, [s.last_layer for s in task.stages[:-1]])
        nothing = StageOutputs({}, {}, task.outputs.seconds, 0)
        self._drawn = dataclasses.replace(
            task, model=model, stages=table, outputs=nothing
        )
        self._look = None
        self.turn(0)

    def turn(self, seed: int) -> None:
        """Draws all weights.

        Args:
            seed: Integer.
        """
        from keras_transfer.models.fresh_weights import draw_anew

        draw_anew(self._drawn.model, 0, seed + 1)

    def look(self, images: np.ndarray, stage: int | None = None):
        """Returns what the stages put out, see `looker`.

        Args:
            images: `uint8` array.
            stage: Integer or `None`, whose whole output is wanted.
        """
        if self._look is None:
            self._look = looker(self._drawn.model, self._drawn.stages)
        return self._look(images, self.task.scale, stage)

    def task_for(self, choice: Choice, folder: Path) -> Task:
        """Returns the task with this draw, and the outputs a choice needs.

        Args:
            choice: `Choice`.
            folder: Path, for whole outputs; those of another draw are
                replaced.
        """
        parts = ()
        stored = self.task.outputs.whole.get(choice.stage, {})
        if not choice.row.trained:
            parts, stored = ("train", "test"), {}
        elif stored:
            parts = tuple(stored)
        elif choice.row.probe_first:
            parts = ("train",)
        pooled, whole = {}, {}
        for part in parts:
            images, slices = self.task.images[part], []
            for start in range(0, len(images), _SLICE):
                found, values = self.look(
                    images[start : start + _SLICE],
                    choice.stage if stored else None,
                )
                slices.append(found)
                if stored:
                    if part not in whole:
                        folder.mkdir(exist_ok=True)
                        shape = len(images), *values.shape[1:]
                        path = folder / f"{part}.npy"
                        whole[part] = new_array(path, values.dtype, shape)
                    whole[part][start : start + len(values)] = values
            pooled[part] = list(map(np.concatenate, zip(*slices, strict=True)))
        outputs = StageOutputs(
            pooled,
            {choice.stage: whole} if whole else {},
            self.task.outputs.seconds,
            0,
        )
        return dataclasses.replace(self._drawn, outputs=outputs)


def evidence(
    drawn: Drawn | None,
    workshop: Workshop,
    path: Path,
    budget: float,
    report: Callable[[str], None],
) -> Beside:
    """Says what weights and probes tell of copying; filed, and read again.

    A linear probe of some stages of the model, fitted on training images, is
    told on validation images beside those of networks drawn anew. What a
    smaller budget had no time for is done once there is.

    Args:
        drawn: `Drawn`, or `None` if a layer cannot be drawn anew.
        workshop: `Workshop`.
        path: Path of the file.
        budget: Float, seconds of everything; a tenth of it is for probes, of
            fewer images or networks if need be, and of none at all.
        report: Callable of what is done next.

    Returns:
        `Beside`.
    """
    from keras_transfer.models.training_seen import compare_with_draws

    if drawn is None:
        return Beside()
    task = workshop.task
    last = len(task.stages) - 1
    numbers = sorted(
        set(np.linspace(1, last, PROBED).round().astype(int).tolist())
    )
    labels = {p: task.labels[p] for p in ("train", "validation")}
    most = PROBING_SHARE * budget
    before = found = _filed(path, numbers, labels)
    if found is None:
        report("are the weights trained?")
        likeness = compare_with_draws(task.model, without=head_of(task.model))
        found = {
            "tensors": likeness.tensors,
            "untrained": likeness.untrained,
            "stages": numbers,
            **_NOTHING_PROBED,
        }
    images = _images_in(most, task)
    if images > found["images"]:
        found = {**found, **_NOTHING_PROBED, "images": images}
    rows = _rows(labels, found["images"])
    probes = [_right(row) for row in found["probes"]]
    begun = time.perf_counter() - found["seconds"]
    if rows and not probes:
        probes.append(_probed(task.outputs.pooled, labels, rows, numbers))
    while rows and len(probes) <= MOST_DRAWS:
        spent = time.perf_counter() - begun
        if len(probes) > LEAST_DRAWS and spent + spent / len(probes) > most:
            break
        report(f"probes of networks drawn anew, {len(probes)}")
        drawn.turn(len(probes) - 1)
        looked = {p: drawn.look(task.images[p][rows[p]])[0] for p in rows}
        same = {p: np.arange(len(own)) for p, own in rows.items()}
        those = {p: labels[p][rows[p]] for p in rows}
        probes.append(_probed(looked, those, same, numbers))
    if len(probes) > len(found["probes"]):
        digits = [
            ["".join("01"[int(r)] for r in one) for one in probe]
            for probe in probes
        ]
        spent = time.perf_counter() - begun
        found = {**found, "seconds": spent, "probes": digits}
    if found != before:
        write_atomically(path, json.dumps(found))
    gains = None
    if probes:
        gains = compare_probes(numbers, probes[0], np.array(probes[1:]))
    return Beside(found["untrained"], found["tensors"], gains)


def _images_in(seconds: float, task: Task) -> int:
    """Returns how many images of a part there is time to probe on."""
    forward = max(sum(task.outputs.seconds), 1e-6)
    # As many as leave time for the least draws, half of each part.
    images = int(seconds / 2 / LEAST_DRAWS / forward / 2)
    if images < _LEAST_IMAGES:
        return 0
    there = max(len(task.labels[p]) for p in ("train", "validation"))
    return min(_MOST_IMAGES, images, there)


def _rows(labels: dict[str, np.ndarray], images: int) -> dict[str, np.ndarray]:
    """Returns the images of each part that probes use; empty for none."""
    if not images:
        return {}
    return {part: _spread(len(own), images) for part, own in labels.items()}


def _filed(path: Path, numbers: list[int], labels) -> dict | None:
    """Returns what was filed, or `None` if a part does not fit this task."""
    content = read_json(path)
    wanted = {
        "tensors": int,
        "untrained": bool,
        "stages": list,
        "images": int,
        "seconds": float,
        "probes": list,
    }
    if not isinstance(content, dict) or any(
        type(content.get(name)) is not kind for name, kind in wanted.items()
    ):
        return None
    if (
        content["stages"] != numbers
        or not 0 <= content["images"] <= _MOST_IMAGES
        or not 0 <= content["seconds"] < math.inf
        or len(content["probes"]) > 1 + MOST_DRAWS
    ):
        return None
    rows = _rows(labels, content["images"])
    told = len(rows["validation"]) if rows else 0
    fits = all(
        isinstance(row, list)
        and len(row) == len(numbers)
        and all(isinstance(one, str) and len(one) == told for one in row)
        and set("".join(row)) <= {"0", "1"}
        for row in content["probes"]
    )
    return content if fits and bool(rows) >= bool(content["probes"]) else None


def open_drawn(task: Task) -> tuple[Drawn | None, str | None]:
    """Builds the network that is drawn anew.

    Args:
        task: `Task`.

    Returns:
        Pair of a `Drawn`, and what the user is told if there is none.
    """
    try:
        return Drawn(task), None
    except UserError as error:
        return None, (
            f"Nothing can be said of whether copying helps, and no layers are "
            f"drawn anew: {error}"
        )


def _spread(count: int, most: int) -> np.ndarray:
    """Rows of some images; those of a class stand together."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def _right(row: list[str]) -> np.ndarray:
    return np.array([list(digits) for digits in row]) == "1"


def _probed(pooled, labels, rows, numbers: list[int]) -> np.ndarray:
    """Returns which validation images the probe of each stage gets right."""
    found = []
    for number in numbers:
        train, told = (pooled[p][number - 1][rows[p]] for p in rows)
        probe = fit_linear_probe(train, labels["train"][rows["train"]], 0)
        wanted = labels["validation"][rows["validation"]]
        found.append(probe.predict(told) == wanted)
    return np.array(found)
