"""What TensorBoard shows of a network while it is trained."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.storage.event_files import EventFile, read_events
from keras_transfer.training.layer_statistics import (
    LayerStatistics,
    Measurement,
)
from keras_transfer.training.optimizers import CaffeSGD

LEVELS = ("off", "default", "full")
_TILE = 32  # pixels of a filter's side, at least
_COLUMNS = 8  # filters in a row, at least


class Observer(keras.callbacks.Callback):
    """Writes a network's curves, layer statistics and filters.

    Training goes to the run `train`, validation to `validation`, under
    Keras's own tags `epoch_accuracy` and `epoch_loss`. What is said of layers
    goes to `train`, too; the README has each tag's formula. Everything is
    computed once an epoch, from a probe batch and the weights.

    Args:
        train_dir, validation_dir: Paths of the two runs. Written anew, with
            what was written of the epochs before a resume, so that each epoch
            is there once.
        rows: List of dicts, rows of the epochs before a resume.
        statistics: `LayerStatistics` of the whole network.
        epochs: Integer, of the whole training.
        level: String: `"off"` writes accuracy and loss alone, `"default"`
            each layer's kernel, `"full"` every weight, with histograms of
            all in every epoch. Defaults to `"default"`.
    """

    def __init__(
        self,
        train_dir: Path,
        validation_dir: Path,
        rows: list[dict],
        statistics: LayerStatistics,
        epochs: int,
        level: str = "default",
    ):
        super().__init__()
        self.statistics = statistics
        self.level = level
        # Histograms and filters are the bytes: the end and two before it.
        self.seldom = {epochs // 4, epochs // 2, epochs - 1}
        self.train = EventFile(train_dir, replaces=True)
        self.validation = EventFile(validation_dir, replaces=True)
        self.rows = rows

    def on_train_begin(self, logs=None):
        """Opens both runs and writes the epochs before a resume anew.

        Without any, the filters of the first layer as they start are drawn,
        unless the level is `"off"`.

        Args:
            logs: Dict or `None`, given by Keras and not used.
        """
        rows = self.rows
        # What is said of layers cannot be computed again. By tag: a process
        # that was killed while it wrote anew leaves events twice.
        earlier = {
            (event.step, event.summary.value[0].tag): event
            for event in read_events(self.train.folder)
            if event.step < len(rows) and _is_of_layers(event)
        }
        self.train.open()
        self.validation.open()
        for row in rows:
            self._write_row(row["epoch"], row)
            for event in earlier.values():
                if event.step == row["epoch"]:
                    self.train.write(event)
        self.train.publish()
        self.validation.publish()
        if self.level != "off" and not rows:
            self._write_filters("start", 0)

    def on_epoch_end(self, epoch, logs=None):
        self._write_row(epoch, logs or {})
        if self.level != "off":
            full = self.level == "full"
            self.train.scalars(self._layer_scalars(full), epoch)
            if full or epoch in self.seldom:
                self._write_histograms(full, epoch)
            if epoch in self.seldom:
                self._write_filters("trained", epoch)
        self.train.flush()
        self.validation.flush()

    def on_train_end(self, logs=None):
        self.train.close()
        self.validation.close()

    def _write_row(self, epoch: int, row: dict) -> None:
        values: dict[str, dict[str, float]] = {"val_": {}, "": {}}
        for name, value in row.items():
            if name != "epoch":
                part = "val_" if name.startswith("val_") else ""
                values[part][f"epoch_{name.removeprefix('val_')}"] = value
        self.train.scalars(values[""], epoch)
        self.validation.scalars(values["val_"], epoch)

    def _layer_scalars(self, every_weight: bool) -> dict[str, float]:
        now = self.statistics.measure()
        wanted = self.statistics.kernels
        chosen = [
            weight
            for weight in self.statistics.weights
            if every_weight or self.statistics.name_of(weight) in wanted
        ]
        values = {}
        for weight in chosen:
            values.update(self._weight_scalars(weight, now))
        for layer, outputs in now.layers.items():
            for name, value in outputs.items():
                values[f"layer_{name}/{layer}"] = value
        return values

    def _weight_scalars(self, weight, now: Measurement) -> dict[str, float]:
        path = self.statistics.name_of(weight)
        measured, start = now.weights[path], self.statistics.start.weights[path]
        norm = measured["norm"]
        # A frozen weight has no gradient and no update: its zeros are shown.
        gradient, step = measured.get("gradient_norm", 0.0), 0.0
        if weight.trainable:
            step = _length_of_step(self.model.optimizer, weight)
        values = {
            "norm": norm,
            "distance": measured["distance"],
            "relative_distance": _ratio(measured["distance"], start["norm"]),
            "angle": measured["angle"],
            "gradient_norm": gradient,
            "relative_gradient_norm": _ratio(gradient, norm),
            "update_ratio": None if step is None else _ratio(step, norm),
        }
        return {f"weight_{k}/{path}": value for k, value in values.items()}

    def _write_histograms(self, every_weight: bool, epoch: int) -> None:
        for weight in self.statistics.weights:
            name = self.statistics.name_of(weight)
            if every_weight or (
                name in self.statistics.kernels and weight.trainable
            ):
                self.train.histogram(f"weight/{name}", weight.numpy(), epoch)

    def _write_filters(self, moment: str, step: int) -> None:
        kernel = self.statistics.first_kernel
        if len(kernel.shape) != 4:
            return  # a dense layer has no filters to look at
        picture = filter_picture(kernel.numpy())
        png = tf.io.encode_png(picture).numpy()
        tag = f"first_layer_filters/{moment}"
        self.train.image(tag, png, picture.shape[:2], step)


def _is_of_layers(event) -> bool:
    """Whether an event is kept at a resume; rows are written from rows."""
    tags = [value.tag for value in event.summary.value]
    return bool(tags) and not any(tag.startswith("epoch_") for tag in tags)


def _length_of_step(optimizer, weight) -> float | None:
    """Returns the norm of the last momentum step of a weight."""
    if not isinstance(optimizer, CaffeSGD):
        return None
    step = optimizer.last_step(weight)
    return None if step is None else float(np.linalg.norm(step))


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def filter_picture(kernel: np.ndarray) -> np.ndarray:
    """Draws the filters of a convolution side by side.

    Grey is 0; all filters share a scale, whose ends are the largest weight
    and its negative. Filters of other than three channels are averaged.

    Args:
        kernel: Float array `(height, width, channels, filters)`.

    Returns:
        `uint8` array `(height, width, 3)`, one pixel of white between.
    """
    if kernel.shape[2] != 3:
        kernel = np.repeat(kernel.mean(axis=2, keepdims=True), 3, axis=2)
    reach = np.abs(kernel).max() or 1.0
    shades = np.round(127.5 + 127.5 * kernel / reach).astype(np.uint8)
    height, width, _, count = shades.shape
    scale = max(1, _TILE // max(height, width))
    columns = max(_COLUMNS, int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    tall, wide = height * scale + 1, width * scale + 1
    picture = np.full((rows * tall + 1, columns * wide + 1, 3), 255, np.uint8)
    for index in range(count):
        tile = shades[..., index].repeat(scale, axis=0).repeat(scale, axis=1)
        top, left = (index // columns) * tall + 1, index % columns * wide + 1
        picture[top : top + tall - 1, left : left + wide - 1] = tile
    return picture
