"""Stores what a frozen prefix computes, and trains only what is above it.

Stored output is found by a key that covers the images, the views and every
weight below the cut, so it can be neither stale nor another network's; its
checksum is looked at before it is used, and what is damaged is computed anew.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.datasets import views
from keras_transfer.datasets.batches import Course, in_order, row_source
from keras_transfer.datasets.halves import HalfData, Part
from keras_transfer.models.cuts import possible_cuts
from keras_transfer.models.model_graph import Call, read_graph
from keras_transfer.models.parts import build_part
from keras_transfer.models.random_state import draws_numbers
from keras_transfer.specs.costs import LEAST_SECONDS
from keras_transfer.specs.settings import DataSpec
from keras_transfer.storage import locks
from keras_transfer.storage.files import (
    file_sha256,
    leftovers,
    new_array,
    remove_leftovers,
    temporary_beside,
    write_atomically,
)
from keras_transfer.transfer.feature_keys import Prefix

_BATCH = 250  # images of a forward pass
_PARTS = ("train", "validation")


def reusable_layers(network: keras.Model) -> int:
    """Counts the layer calls at the start whose output can be stored.

    They are frozen and draw no random numbers: from the first dropout on,
    every step computes something else. Nothing but the last one's output is
    needed above.

    Args:
        network: Built `keras.Sequential` or Functional model whose
            `trainable` flags are set.

    Returns:
        Integer, place of the first call that has to be run at every step.
    """
    graph = read_graph(network)
    still = list(itertools.takewhile(_is_fixed, graph.leaves()))
    cuts = [0, *possible_cuts(graph)]
    return max(cut for cut in cuts if cut <= len(still))


def _is_fixed(call: Call) -> bool:
    layer = call.operation
    return not getattr(layer, "trainable", False) and not draws_numbers(layer)


def upper_part(network: keras.Model, cut: int) -> keras.Model:
    """Returns the layers from `cut` on as a network of their own.

    The layers are shared, not copied: training the upper part trains the
    whole network.

    Args:
        network: Built `keras.Sequential` or Functional model.
        cut: Integer, place of its first layer call.

    Returns:
        Functional model, not compiled.
    """
    return _between(network, cut, None)


def _between(network, start: int, stop: int | None) -> keras.Model:
    graph = read_graph(network)
    leaves = list(graph.leaves())
    stop = len(leaves) if stop is None else stop
    given = leaves[start - 1].outputs if start else graph.inputs
    wanted = leaves[stop - 1].outputs
    return build_part(graph, given, wanted, start, stop)


@dataclasses.dataclass(frozen=True)
class Features:
    """Stored output of a prefix for one half of the classes.

    Args:
        train: Memory map `(views * images, ...)`, view by view.
        validation: Memory map `(images, ...)`.
        dtype: String; NumPy has no bfloat16, whose bits are kept as uint16.
    """

    train: np.ndarray
    validation: np.ndarray
    dtype: str

    def source(self, part: str):
        """Returns a function from rows of a part to their features.

        Args:
            part: String, `"train"` or `"validation"`.

        Returns:
            Function of a tensor of row numbers.
        """
        fetch = row_source(getattr(self, part))
        return lambda rows: tf.bitcast(fetch(rows), self.dtype)

    def train_batches(
        self, half: HalfData, spec: DataSpec, course: Course
    ) -> tf.data.Dataset:
        """Yields what `batches.train_batches` would, the prefix behind it.

        Args:
            half: `HalfData`.
            spec: `DataSpec`.
            course: `Course`, which rows and views make up each batch.

        Returns:
            `tf.data.Dataset` of features and labels.
        """
        fetch = self.source("train")
        labels = tf.constant(half.train.labels)

        def batch(places, view):
            rows = view * len(half.train) + places
            return fetch(rows), tf.gather(labels, places)

        return course.batches(spec, batch)

    def validation_batches(
        self, half: HalfData, batch_size: int = 500, replicas: int = 1
    ) -> tf.data.Dataset:
        """Yields the validation images' features once; see `in_order`.

        Args:
            half: `HalfData`.
            batch_size: Integer. Defaults to `500`.
            replicas: Integer, devices that share a batch. Defaults to `1`.

        Returns:
            `tf.data.Dataset` of features and labels.
        """
        fetch = self.source("validation")
        labels = tf.constant(half.validation.labels)
        return in_order(
            len(half.validation),
            lambda places: (fetch(places), tf.gather(labels, places)),
            batch_size,
            replicas,
        )


class FeatureStore:
    """A folder of stored features within a budget of disk.

    Args:
        folder: Path; safe to delete.
        budget_bytes: Integer, largest size of the folder. What was used
            longest ago goes first.
        least_seconds: Float, time that storing has to save a network.
            Defaults to `costs.LEAST_SECONDS`.
    """

    def __init__(
        self,
        folder: Path,
        budget_bytes: int,
        least_seconds: float = LEAST_SECONDS,
    ):
        self.folder = Path(folder)
        self.budget_bytes = budget_bytes
        self.least_seconds = least_seconds

    def find_or_compute(self, prefix: Prefix) -> Features | None:
        """Returns the output of the first layers, stored or new.

        Args:
            prefix: `Prefix`.

        Returns:
            `Features`, or `None` if they do not fit into the budget.
        """
        keys = prefix.keys()
        network, half, spec = prefix.network, prefix.half, prefix.spec
        self.folder.mkdir(parents=True, exist_ok=True)
        # Another process that computes it is waited for.
        with locks.hold(self._lock_path(keys[-1]), wait=True):
            remove_leftovers(self.folder, keys[-1])
            found = self.read(keys[-1])
            if found is not None:
                return found
            calls = list(read_graph(network).leaves())
            (output,) = calls[prefix.cut - 1].outputs
            images = spec.views * len(half.train) + len(half.validation)
            size = images * int(np.prod(output.shape[1:]))
            if not self._make_room(size * tf.as_dtype(output.dtype).size):
                return None
            below, features = self._nearest(keys[:-1])
            upper = _between(network, below, prefix.cut)
            temporary = temporary_beside(self.folder / keys[-1])
            temporary.mkdir()
            try:
                if features is None:
                    parts = _image_batches(half, prefix.mean, spec)
                else:
                    parts = _feature_batches(features)
                for name, (rows, batches) in parts.items():
                    _write(upper, rows, batches, temporary / f"{name}.npy")
                self._file(temporary, self.folder / keys[-1], output.dtype)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            return self.read(keys[-1], check=False)

    def _lock_path(self, key: str) -> Path:
        return self.folder / f"{key}.lock"

    def _nearest(self, keys: list[str]) -> tuple[int, Features | None]:
        """Finds the highest layer below whose output is stored."""
        for below in range(len(keys), 0, -1):
            features = self.read(keys[below - 1])
            if features is not None:
                return below, features
        return 0, None

    def _file(self, temporary: Path, folder: Path, dtype: str) -> None:
        checksums = {
            part: file_sha256(temporary / f"{part}.npy") for part in _PARTS
        }
        content = json.dumps({"dtype": dtype, "sha256": checksums})
        write_atomically(temporary / "features.json", content)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)

    def read(self, key: str, check: bool = True) -> Features | None:
        """Returns stored output.

        Args:
            key: String, one of `Prefix.keys`.
            check: Boolean, whether its checksum is compared. Defaults to
                `True`.

        Returns:
            `Features`, or `None` if it is absent or damaged.
        """
        folder = self.folder / key
        try:
            content = json.loads((folder / "features.json").read_text())
            arrays = []
            for part in _PARTS:
                path = folder / f"{part}.npy"
                if check and file_sha256(path) != content["sha256"][part]:
                    return None
                arrays.append(np.load(path, mmap_mode="r"))
            os.utime(folder / "features.json")  # used now
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Features(*arrays, content["dtype"])

    def _make_room(self, size: int) -> bool:
        """Deletes what was used longest ago until `size` bytes fit."""
        if size > self.budget_bytes:
            return False
        if size > shutil.disk_usage(self.folder).free / 2:
            return False
        self._drop_leftovers()
        stored = []
        for folder in self.folder.iterdir():
            used = folder / "features.json"
            with contextlib.suppress(OSError):
                total = sum(f.stat().st_size for f in folder.iterdir())
                stored.append((used.stat().st_mtime, total, folder))
        total = sum(entry[1] for entry in stored)
        for _, freed, folder in sorted(stored):
            if total + size <= self.budget_bytes:
                break
            # A process that reads it keeps its map until it is done.
            shutil.rmtree(folder, ignore_errors=True)
            total -= freed
        return True

    def _drop_leftovers(self) -> None:
        """Deletes what killed processes were writing."""
        for key in leftovers(self.folder):
            with locks.hold(self._lock_path(key)) as held:
                if held:
                    remove_leftovers(self.folder, key)


def _image_batches(half: HalfData, mean: np.ndarray, spec: DataSpec) -> dict:
    def shown(part: Part, view: int | None):
        fetch = row_source(part.images, part.indices)
        identities = tf.constant(part.indices, tf.int64)

        def batch(places):
            images = fetch(places)
            if view is None:
                return views.centre_view(images, mean, spec)
            number = tf.constant(view, tf.int64)
            chosen = tf.gather(identities, places)
            return views.random_view(images, chosen, number, mean, spec)

        return in_order(len(part), batch, _BATCH)

    train = shown(half.train, 0)
    for view in range(1, spec.views):
        train = train.concatenate(shown(half.train, view))
    rows = spec.views * len(half.train)
    return {
        "train": (rows, train),
        "validation": (len(half.validation), shown(half.validation, None)),
    }


def _feature_batches(features: Features) -> dict:
    parts = {}
    for name in _PARTS:
        rows = len(getattr(features, name))
        parts[name] = rows, in_order(rows, features.source(name), _BATCH)
    return parts


def _write(upper, rows: int, batches: tf.data.Dataset, path: Path) -> None:
    kept_as = tf.as_dtype(upper.outputs[0].dtype)
    if kept_as == tf.bfloat16:
        kept_as = tf.uint16
    shape = rows, *upper.output_shape[1:]
    output = new_array(path, kept_as.as_numpy_dtype, shape)
    forward = tf.function(
        lambda inputs: tf.bitcast(upper(inputs, training=False), kept_as),
        reduce_retracing=True,
    )
    done = 0
    for batch in batches:
        values = forward(batch).numpy()
        output[done : done + len(values)] = values
        done += len(values)
    output.flush()
