"""Keras callbacks: rows, checkpoints and early failure."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.storage.files import (
    load_arrays,
    save_arrays,
    write_atomically,
)


class EpochRows(keras.callbacks.Callback):
    """Keeps one row an epoch in `epochs.jsonl` and in memory.

    Args:
        path: Path of the file.
        rows: List of dicts, rows of the epochs before a resume; the file is
            written anew with these, so a row is never missing or doubled.
        report: Callable or `None`, called with each new row.
    """

    def __init__(
        self,
        path: Path,
        rows: list[dict],
        report: Callable[[dict], None] | None = None,
    ):
        super().__init__()
        self.path = path
        self.rows = rows
        self.report = report

    def on_train_begin(self, logs=None):
        """Writes the rows of the epochs before a resume, and no others.

        Args:
            logs: Dict or `None`, given by Keras and not used.
        """
        text = "".join(json.dumps(row) + "\n" for row in self.rows)
        write_atomically(self.path, text)

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch}
        row.update({k: float(v) for k, v in (logs or {}).items()})
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.report is not None:
            self.report(row)


class Checkpoint(keras.callbacks.Callback):
    """Saves everything that the next epoch depends on, atomically.

    Weights, optimizer and the states of dropout's seed generators, which
    `.keras` files and `BackupAndRestore` leave out. List it after
    `EpochRows`.

    Args:
        path: Path of the `.npz` file.
        rows: List of dicts, the rows kept so far.
        network: `keras.Sequential`, the whole network, of which the model
            that is fitted may be the upper part.
        fingerprint: String, SHA-256 of the images that it learns from.
    """

    def __init__(
        self,
        path: Path,
        rows: list[dict],
        network: keras.Model,
        fingerprint: str,
    ):
        super().__init__()
        self.path = path
        self.rows = rows
        self.network = network
        self.fingerprint = fingerprint

    def on_epoch_end(self, epoch, logs=None):
        arrays = {
            f"{index:04d}": variable.numpy()
            for index, variable in enumerate(_state(self.model, self.network))
        }
        arrays["rows"] = np.frombuffer(json.dumps(self.rows).encode(), "uint8")
        arrays["images"] = np.frombuffer(self.fingerprint.encode(), "uint8")
        save_arrays(self.path, arrays)

    @staticmethod
    def restore(
        path: Path,
        model: keras.Model,
        network: keras.Model,
        fingerprint: str,
        notice: Callable[[str], None] | None = None,
    ) -> list[dict]:
        """Puts a compiled network back to its last finished epoch.

        Args:
            path: Path of the `.npz` file, which may be absent.
            model: Compiled `keras.Model` that is fitted, changed in place.
            network: The whole network, which may be the same.
            fingerprint: String, SHA-256 of the images it would go on with.
            notice: Callable or `None`, told if the file cannot be used.

        Returns:
            List of the rows up to there; empty to begin at the start, also
            if the file is damaged (its checksum tells) or does not fit.

        Raises:
            UserError: If it was made on other images.
        """
        model.optimizer.build(model.trainable_variables)
        if not path.is_file():
            return []
        variables = _state(model, network)
        arrays = load_arrays(path)
        try:
            rows = json.loads(arrays.pop("rows").tobytes())
            # Absent from checkpoints of earlier versions.
            images = arrays.pop("images", None)
            state = [arrays[f"{i:04d}"] for i in range(len(arrays))]
            fits = [tuple(v.shape) for v in variables]
            fits = [array.shape for array in state] == fits
        except (AttributeError, KeyError, ValueError):
            fits = False
        if not fits:
            if notice is not None:
                notice(f"{path} is damaged; its network begins at the start")
            return []
        if images is not None and images.tobytes() != fingerprint.encode():
            raise UserError(
                f"{path} was made on other images than the data set holds "
                "now. Choose another `log_dir`, or delete that file to "
                "train its network from the start."
            )
        for variable, array in zip(variables, state, strict=True):
            variable.assign(array)
        return rows


def _state(model: keras.Model, network: keras.Model) -> list:
    # Of the whole network, so that a run may go on with or without stored
    # features. The order of creation is fixed by the settings.
    return [*network.variables, *model.optimizer.variables]


class FailOnNonFinite(keras.callbacks.Callback):
    """Ends a network whose loss is no longer a number.

    The record names the epoch and the norm of every layer's weights, so that
    one sees which layer exploded.
    """

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        norms = {
            weight.path: float(np.linalg.norm(weight.numpy()))
            for weight in self.model.weights
        }
        raise NetworkFailed(
            f"The loss became {loss} in epoch {self.epoch}, batch {batch}. "
            "A lower `learning_rate` often helps.",
            # NaN is not JSON: norms go in as text.
            {
                "epoch": self.epoch,
                "batch": batch,
                "layer_norms": {k: f"{v:.6g}" for k, v in norms.items()},
            },
        )
