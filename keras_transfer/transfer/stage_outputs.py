"""One pass over images that stores what every stage of a network puts out.

Pooled outputs of all stages serve scores and linear heads; whole outputs
serve training above a frozen stage, which then never runs again. They are
found by a key of the network, the images and their scaling, with a checksum
of each file, so they can be neither stale nor another network's.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.models.model_graph import read_graph
from keras_transfer.models.parts import build_part
from keras_transfer.models.stages import Stage, Stages
from keras_transfer.storage import locks
from keras_transfer.storage.files import (
    file_sha256,
    new_array,
    read_json,
    remove_leftovers,
    temporary_beside,
    write_atomically,
)
from keras_transfer.transfer.proof import sha256

_BATCH = 32  # images of a forward pass


def pool(outputs: np.ndarray) -> np.ndarray:
    """Averages what a stage puts out over places.

    Args:
        outputs: Float array `(images, ..., channels)`.

    Returns:
        `float32` array `(images, channels)`.
    """
    places = tuple(range(1, outputs.ndim - 1))
    # 16-bit sums would overflow.
    pooled = outputs.mean(places, dtype=np.float32) if places else outputs
    return np.asarray(pooled, np.float32)


def model_key(model: keras.Model) -> str:
    """Hashes a network: its settings and every weight.

    Args:
        model: Built Keras model.

    Returns:
        String of 64 hexadecimal digits; names of models do not count.
    """
    digest = hashlib.sha256()
    for call in read_graph(model).leaves():
        config = getattr(call.operation, "get_config", dict)()
        config = {k: v for k, v in config.items() if k not in ("trainable",)}
        text = json.dumps(config, sort_keys=True, default=str)
        digest.update(f"{type(call.operation).__name__}{text}".encode())
    for weight in model.weights:
        digest.update(sha256(weight).encode())
    return digest.hexdigest()


def segments(model: keras.Model, stages: Stages) -> list[keras.Model]:
    """Builds a model of each stage but the last; they share its layers.

    Args:
        model: Built `keras.Sequential` or Functional model.
        stages: `Stages` of it.

    Returns:
        List of Keras models. One after the other they compute what a prefix
        does.
    """
    graph = read_graph(model)
    leaves = list(graph.leaves())
    given, start, parts = graph.inputs, 0, []
    for stage in stages[:-1]:
        wanted = leaves[stage.stop - 1].outputs
        parts.append(build_part(graph, given, wanted, start, stage.stop))
        given, start = wanted, stage.stop
    return parts


@dataclasses.dataclass(frozen=True)
class StageOutputs:
    """What the stages put out for some images.

    Args:
        pooled: Dict from a part of the images to a list of `float32` arrays
            `(images, channels)`, one for each stage but the last.
        whole: Dict from the number of a stage to a dict from a part to a
            memory map `(images, ...)`, of those stages that were stored.
        seconds: List of floats, forward pass of an image through each stage.
        stored_bytes: Integer.
    """

    pooled: dict[str, list[np.ndarray]]
    whole: dict[int, dict[str, np.ndarray]]
    seconds: list[float]
    stored_bytes: int


@dataclasses.dataclass(frozen=True)
class Request:
    """A network and the images that it is to look at.

    Args:
        model: Built Keras model.
        stages: `Stages` of it.
        images: Dict from a part to a `uint8` array `(images, height, width,
            3)`.
        scale: Function from `float32` images, 0 to 255, to what the model
            takes.
        key: String, of the images and their scaling.
        whole_parts: Tuple of strings, parts whose whole outputs are stored.
        most_bytes: Integer, of all whole outputs together.
        clock: Callable that returns seconds. Defaults to
            `time.perf_counter`.
    """

    model: keras.Model
    stages: Stages
    images: dict[str, np.ndarray]
    scale: Callable
    key: str
    whole_parts: tuple[str, ...] = ("train", "validation")
    most_bytes: int = 2_000_000_000
    clock: Callable[[], float] = time.perf_counter

    def name(self) -> str:
        """Returns the name of the folder of its outputs."""
        ends = ",".join(stage.last_layer for stage in self.stages)
        wanted = f"{ends}|{self.whole_parts}|{self.most_bytes}"
        text = f"{model_key(self.model)}|{self.key}|{wanted}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def find_or_compute(
    request: Request,
    folder: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> StageOutputs:
    """Returns the outputs of all stages, stored or new.

    Args:
        request: `Request`.
        folder: Path; safe to delete.
        report: Callable of the images done and in all. Defaults to silence.

    Returns:
        `StageOutputs`.

    Raises:
        OSError: If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = request.name()
    with locks.hold(folder / f"{name}.lock", wait=True):
        remove_leftovers(folder, name)
        found = _read(folder / name)
        if found is not None:
            return found
        temporary = temporary_beside(folder / name)
        temporary.mkdir()
        try:
            _compute(request, temporary, report)
            shutil.rmtree(folder / name, ignore_errors=True)
            os.replace(temporary, folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return _read(folder / name)


def whole_bytes(stage: Stage, images: int) -> int:
    """Returns the bytes of a stage's whole output for some images.

    Args:
        stage: `Stage`, of a model whose image size is known.
        images: Integer.
    """
    return images * int(np.prod(stage.output_shape[1:])) * 4


def stages_to_store(
    stages: Stages, images: int, most_bytes: int
) -> tuple[int, ...]:
    """Chooses the stages whose whole outputs are worth their place.

    The deepest first: they are small, and save the most computation.

    Args:
        stages: `Stages`.
        images: Integer.
        most_bytes: Integer, of all together.

    Returns:
        Tuple of integers, numbers of stages, deepest first. Above the last
        stage before the classifier nothing is trained but a linear head.
    """
    chosen, left = [], most_bytes
    for stage in reversed(stages[:-2]):
        size = whole_bytes(stage, images)
        if size <= left:
            chosen.append(stage.index)
            left -= size
    return tuple(chosen)


def _compute(request: Request, folder: Path, report) -> None:
    parts = [_inference(p) for p in segments(request.model, request.stages)]
    images = sum(len(request.images[part]) for part in request.whole_parts)
    kept = stages_to_store(request.stages, images, request.most_bytes)
    spent = np.zeros(len(parts))
    total, done = sum(map(len, request.images.values())), 0
    for name, array in request.images.items():
        files: dict[str, np.memmap] = {}
        for start, batch in _batches(array):
            if not done:  # traced first: that is not timed
                _run(
                    parts, request.scale(batch), np.zeros(len(parts)), time.time
                )
            outputs = _run(parts, request.scale(batch), spent, request.clock)
            for index, output in enumerate(outputs, start=1):
                wanted = {f"pooled-{index}-{name}": pool(output)}
                if index in kept and name in request.whole_parts:
                    wanted[f"whole-{index}-{name}"] = output
                for key, values in wanted.items():
                    if key not in files:
                        shape = len(array), *values.shape[1:]
                        path = folder / f"{key}.npy"
                        files[key] = new_array(path, values.dtype, shape)
                    files[key][start : start + len(batch)] = values
            done += len(batch)
            report(done, total)
        for file in files.values():
            file.flush()
    sums = {path.stem: file_sha256(path) for path in folder.glob("*.npy")}
    content = {
        "sha256": sums,
        "seconds": (spent / max(done, 1)).tolist(),
        "stages": len(parts),
    }
    write_atomically(folder / "outputs.json", json.dumps(content))


def looker(model: keras.Model, stages: Stages) -> Callable:
    """Returns a function that looks at images, traced once for all weights.

    Args:
        model: Built Keras model, whose weights may change between looks.
        stages: `Stages` of it.

    Returns:
        Function of a `uint8` array of images, of the scaling as in `Request`,
        and of a number of a stage or `None`. It returns the pooled outputs, as
        `StageOutputs.pooled` has them, and the whole one of that stage or
        `None`.
    """
    parts = [_inference(part) for part in segments(model, stages)]

    def look(images: np.ndarray, scale: Callable, stage: int | None = None):
        pooled = [[] for _ in parts]
        whole = []
        for _, batch in _batches(images):
            outputs = _run(parts, scale(batch), np.zeros(len(parts)), time.time)
            for own, output in zip(pooled, outputs, strict=True):
                own.append(pool(output))
            if stage is not None:
                whole.append(outputs[stage - 1])
        found = [np.concatenate(values) for values in pooled]
        return found, np.concatenate(whole) if whole else None

    return look


def _inference(part: keras.Model):
    def forward(batch):
        return tf.cast(part(batch, training=False), tf.float32)

    # With a signature nothing is traced again for the last, smaller batch.
    tensor = part.inputs[0]
    shape = (None, *tensor.shape[1:])
    spec = tf.TensorSpec(shape, tf.as_dtype(tensor.dtype))
    return tf.function(forward, input_signature=[spec])


def _batches(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(array), _BATCH):
        yield start, array[start : start + _BATCH].astype(np.float32)


def _run(parts, batch, spent: np.ndarray, clock) -> list[np.ndarray]:
    outputs, x = [], tf.constant(np.asarray(batch))
    for index, part in enumerate(parts):
        begun = clock()
        x = part(x)
        outputs.append(x.numpy())
        spent[index] += clock() - begun
    return outputs


def _read(folder: Path) -> StageOutputs | None:
    content = read_json(folder / "outputs.json")
    try:
        pooled: dict[str, dict[int, np.ndarray]] = {}
        whole: dict[int, dict[str, np.ndarray]] = {}
        size = 0
        for key, digest in content["sha256"].items():
            path = folder / f"{key}.npy"
            if file_sha256(path) != digest:
                return None
            kind, index, part = key.split("-", 2)
            mode = "r" if kind == "whole" else None
            array = np.load(path, mmap_mode=mode, allow_pickle=False)
            size += path.stat().st_size
            if kind == "whole":
                whole.setdefault(int(index), {})[part] = array
            else:
                pooled.setdefault(part, {})[int(index)] = array
        order = range(1, content["stages"] + 1)
        lists = {part: [a[i] for i in order] for part, a in pooled.items()}
        seconds = [float(value) for value in content["seconds"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(folder / "outputs.json")  # used now
    return StageOutputs(lists, whole, seconds, size)
