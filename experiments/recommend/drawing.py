"""The network of a task with all weights drawn anew, beside the model's own."""

import dataclasses
import json
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
from keras_transfer.training.candidate_networks import Task
from keras_transfer.transfer.stage_outputs import StageOutputs, looker

MOST_DRAWS, LEAST_DRAWS = 5, 3  # networks whose stages are probed
PROBED = 4  # stages, spread evenly, the last among them
PROBING_SHARE = 0.1  # of the budget, that probing takes
_MOST_IMAGES = 1000  # that probes are fitted on, and told on
_LEAST_IMAGES = 100
_SLICE = 256  # images whose whole outputs are in memory


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
    told on validation images beside those of networks drawn anew.

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
    count = len(task.stages) - 1
    numbers = sorted(
        set(np.linspace(1, count, PROBED).round().astype(int).tolist())
    )
    labels = {p: task.labels[p] for p in ("train", "validation")}
    content = read_json(path)
    try:
        tensors, untrained = content["tensors"], bool(content["untrained"])
        filed = [_right(row) for row in content["probes"]]
    except (KeyError, TypeError, ValueError):
        report("are the weights trained?")
        likeness = compare_with_draws(task.model)
        tensors, untrained = likeness.tensors, likeness.untrained
        own, begun = task.outputs.pooled, time.perf_counter()
        most = PROBING_SHARE * budget
        forward = max(sum(task.outputs.seconds), 1e-6)
        # As many images as leave time for the least draws, half of each part.
        count = min(_MOST_IMAGES, int(most / 2 / LEAST_DRAWS / forward / 2))
        filed = []
        if count >= _LEAST_IMAGES:
            rows = {p: _spread(len(all_), count) for p, all_ in labels.items()}
            filed.append(_probed(own, labels, rows, numbers))
        while filed and len(filed) <= MOST_DRAWS:
            each = (time.perf_counter() - begun) / len(filed)
            left = begun + most - time.perf_counter()
            if len(filed) > LEAST_DRAWS and left < each:
                break
            report(f"probes of networks drawn anew, {len(filed)}")
            drawn.turn(len(filed) - 1)
            looked = {p: drawn.look(task.images[p][rows[p]])[0] for p in rows}
            same = {p: np.arange(len(own)) for p, own in rows.items()}
            those = {p: labels[p][rows[p]] for p in rows}
            filed.append(_probed(looked, those, same, numbers))
        content = {
            "tensors": tensors,
            "untrained": untrained,
            "stages": numbers,
            "probes": [
                ["".join("01"[int(r)] for r in one) for one in row]
                for row in filed
            ],
        }
        write_atomically(path, json.dumps(content))
    gains = None
    if filed:
        gains = compare_probes(numbers, filed[0], np.array(filed[1:]))
    return Beside(untrained, tensors, gains)


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
