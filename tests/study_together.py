"""Starts one study in several processes at the same time, for a test.

    python -m tests.study_together FOLDER

Each process is a fork of this one, which has imported TensorFlow and run
nothing. Results lie in FOLDER/<name>, what a process said in
FOLDER/<name>-<number>.txt.
"""

import os
import signal
import sys
from pathlib import Path

from keras_transfer.studies.executors.quiet import quiet_import
from tests.conftest import TINY, write_tiny_pool
from tests.trained import wait_for

ARGUMENTS = ["--dataset", TINY, "--image-size", "20", "--width", "4"]
ARGUMENTS += ["--epochs", "8", "--steps-per-epoch", "2", "--batch-size", "8"]
ARGUMENTS += ["--layers", "7", "--treatments", "AnB", "--workers", "1"]


def start(log_dir: Path, number: int) -> int:
    """Starts the study in a process group of its own; returns its id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    output = os.open(
        log_dir.parent / f"{log_dir.name}-{number}.txt",
        os.O_WRONLY | os.O_CREAT,
    )
    os.dup2(output, 1)
    os.dup2(output, 2)
    status = 1
    try:
        status = similar_datasets.main([*ARGUMENTS, "--log-dir", str(log_dir)])
    finally:
        os._exit(status)


def poll(child: int) -> int | None:
    """Returns None while a child runs, and its status when it has ended."""
    ended, status = os.waitpid(child, os.WNOHANG)
    return status if ended else None


def together(folder: Path, name: str, count: int) -> None:
    """Runs a study in `count` processes and prints how each ended."""
    log_dir = folder / name
    write_tiny_pool(log_dir / ".cache")
    children = [start(log_dir, number) for number in range(count)]
    for child in children:
        print(name, os.waitpid(child, 0)[1], flush=True)


def with_a_death(folder: Path, name: str) -> None:
    """Runs a study in two processes, of which the first is killed.

    It is halted in the middle of a network, so that the second has to wait
    for that, and killed when the second says so.
    """
    log_dir = folder / name
    write_tiny_pool(log_dir / ".cache")
    first = start(log_dir, 0)
    pattern = "*/*/*/*/*/checkpoint.npz"
    wait_for(lambda: list(log_dir.glob(pattern)), lambda: poll(first))
    os.killpg(first, signal.SIGSTOP)
    second = start(log_dir, 1)
    said = folder / f"{name}-1.txt"
    wait_for(
        lambda: said.is_file() and "waiting for" in said.read_text(),
        lambda: poll(second),
    )
    os.killpg(first, signal.SIGKILL)
    os.waitpid(first, 0)
    print(name, os.waitpid(second, 0)[1], flush=True)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with quiet_import():
        from experiments import similar_datasets
        from keras_transfer.studies.executors import worker

    worker.START = "fork"
    for name, count in (("alone", 1), ("four", 4)):
        together(folder, name, count)
    with_a_death(folder, "death")
