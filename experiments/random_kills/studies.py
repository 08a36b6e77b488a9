"""The study that is killed: tiny, in a process group of its own."""

import os
import signal
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

from experiments.random_kills.aims import Aim, take_aim

_ARGUMENTS = (
    *("--dataset", "tiny_squares", "--image-size", "20", "--width", "4"),
    *("--epochs", "3", "--steps-per-epoch", "2", "--batch-size", "8"),
    *("--views", "2", "--layers", "7", "--treatments", "AnB"),
    # Networks so small would store no features: it saves them no time.
    *("--workers", "2", "--reuse-seconds=-1000"),
)


def register_tiny_squares():
    """Registers a data set of 8 classes of squares of one colour."""
    import tensorflow_datasets as tfds

    class TinySquares(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(20, 20, 3)),
                    "label": tfds.features.ClassLabel(num_classes=8),
                }
            )
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(12),
                "test": self._generate_examples(5),
            }

        def _generate_examples(self, count):
            rng = np.random.default_rng(count)
            for index in range(8 * count):
                image = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
                image[4:16, 4:16, index % 3] = 30 * (index % 8)
                yield index, {"image": image, "label": index % 8}

    return TinySquares


def start_study(log_dir: Path, data_dir: Path, aim: Aim | None, seconds=None):
    """Runs the study in a process group of its own until it ends.

    Args:
        log_dir: Path.
        data_dir: Path of the prepared data set.
        aim: `Aim` or `None`.
        seconds: Float or `None`, time after which it is killed anyway.

    Returns:
        Boolean, whether it was killed.

    Raises:
        RuntimeError: If it ended with an error.
    """
    log = log_dir.parent / f"{log_dir.name}.txt"
    child = os.fork()
    if not child:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        status = 1
        try:
            status = _run_study(log_dir, data_dir, aim)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    deadline = None if seconds is None else time.monotonic() + seconds
    ended = 0
    try:
        while not ended:
            ended, status = os.waitpid(child, os.WNOHANG if deadline else 0)
            if deadline is not None and time.monotonic() > deadline:
                os.killpg(child, signal.SIGKILL)
                deadline = None
            time.sleep(0.01)
    finally:
        if not ended:
            os.killpg(child, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        _wait_for_group(child)
        return True
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"A study failed; see {log}:\n{log.read_text()}")
    return False


def _wait_for_group(group: int) -> None:
    """Waits until the last process of a killed group is gone."""
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def _run_study(log_dir: Path, data_dir: Path, aim: Aim | None) -> int:
    from experiments import similar_datasets
    from keras_transfer.studies.executors import worker

    # What killed processes leave in the system's own folder is not ours.
    tempfile.tempdir = os.environ["TMPDIR"] = str(log_dir.parent / "tmp")
    worker.START = "fork"
    if aim is not None:
        take_aim(aim, log_dir)
    return similar_datasets.main(
        [*_ARGUMENTS, "--log-dir", str(log_dir), "--data-dir", str(data_dir)]
    )
