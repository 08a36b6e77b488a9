"""Networks and studies that tests train, stop and compare."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.conftest import TINY

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900  # seconds that a test waits for another process


class Stop(Exception):
    """Ends a network in the middle of an epoch, as a kill would."""


def stop_in_epoch(number):
    """Returns a report that raises `Stop` before that epoch's checkpoint."""

    def stop(row):
        if row["epoch"] == number:
            raise Stop

    return stop


def treats_rows_alike():
    """Whether this processor's kernels compute each row of a batch alike.

    oneDNN's do with AVX-512. With others the last bits of a row depend on its
    place in the batch and in memory.
    """
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def assert_same_rows(first, second):
    """Compares what was computed in other batches: bits, where they hold."""
    if treats_rows_alike():
        np.testing.assert_array_equal(first, second)
    else:
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-3)


def weights_of(network):
    """Returns the saved weights of a network's folder."""
    from keras_transfer.models import saving

    return saving.load_model(network).get_weights()


def assert_same_weights(first, second):
    """Compares two lists of arrays bit by bit."""
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_same_bits(first, second):
    """Compares the saved weights of two networks' folders bit by bit."""
    assert_same_weights(weights_of(first), weights_of(second))


def wait_for(condition, poll):
    """Waits until a condition holds, as long as a process runs.

    Args:
        condition: Callable without arguments.
        poll: Callable that returns None while the process runs that must not
            end before, such as `subprocess.Popen.poll`.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert poll() is None, "the process ended first"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def study_words(log_dir, *arguments):
    """Returns what `similar_datasets` is told for a study on the tiny pool."""
    words = ["--dataset", TINY, "--image-size", "20", "--width", "4"]
    words += ["--epochs", "3", "--batch-size", "8"]
    return [*words, "--log-dir", str(log_dir), *arguments]


def start_study(log_dir, *arguments):
    """Starts that study in a process of its own.

    A start takes 6 s of a core; where nothing is killed, `main` with
    `study_words` does in the test's process.
    """
    command = [sys.executable, "-m", "experiments.similar_datasets"]
    return subprocess.Popen(
        [*command, *study_words(log_dir, *arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process):
    """Waits for a process; returns its status, output and errors."""
    output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output, errors
