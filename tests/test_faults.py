"""Faults in the middle of a study: what is said, what is kept, what follows.

Each interrupts the training of a network, looks at the message, cures the
fault and starts again: the result is that of a study without a fault.
"""

import dataclasses
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from keras_transfer.datasets import checksums
from keras_transfer.errors import UserError
from keras_transfer.specs.network import (
    DataSpec,
    ModelSpec,
    NetworkSpec,
    SolverSpec,
)
from keras_transfer.storage.files import remove_leftovers
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.scheduler import Reporter, run_study
from tests.conftest import TINY, TINY_SIZE, write_tiny_pool
from tests.trained import assert_same_weights, weights_of

# Epochs enough for a fault to come in the middle of them.
SPEC = NetworkSpec(
    data=DataSpec(TINY, 0, TINY_SIZE, 18, scale=1 / 64),
    model=ModelSpec("cnn8", width=4),
    solver=SolverSpec(0.05, batch_size=8, epochs=30, steps_per_epoch=1),
    target="A",
)
KEPT = "Finished networks and the last epoch of the others are kept"


class Interruption(Reporter):
    """Calls a function after the second epoch and keeps what is said."""

    def __init__(self, cause=lambda: None):
        self.cause = cause
        self.notices = []

    def epoch(self, spec, row):
        if row["epoch"] == 1:
            self.cause()

    def notice(self, text):
        self.notices.append(text)


def train(store, cause=lambda: None, specs=(SPEC,)):
    reporter = Interruption(cause)
    outcome = run_study(
        list(specs), store, workers=1, reporter=reporter, observe="off"
    )
    return outcome, reporter.notices


def rows_of(store):
    return (store.network(SPEC).folder / "epochs.jsonl").read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_tiny_pool(folder / ".cache")
    store = RunStore(folder, "study")
    train(store)
    return weights_of(store.network(SPEC)), rows_of(store)


@pytest.fixture
def store(tmp_path):
    write_tiny_pool(tmp_path / "cache")
    return RunStore(tmp_path / "logs", "study", tmp_path / "cache")


def assert_goes_on_as_if_nothing_had_been(store, whole, resumed=True):
    outcome, _ = train(store)
    assert outcome.trained == [SPEC] and not outcome.failed
    assert bool(store.result(SPEC).resumed_at_epoch) == resumed
    assert_same_weights(weights_of(store.network(SPEC)), whole[0])
    assert rows_of(store) == whole[1]
    assert not list(store.log_dir.rglob(".*.tmp*"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB, which only root may make."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC


@pytest.mark.slow
def test_full_disk(tmp_path, small_disk, whole):
    write_tiny_pool(tmp_path / "cache")
    store = RunStore(small_disk / "logs", "study", tmp_path / "cache")
    with pytest.raises(UserError, match=f"the disk is full. {KEPT}"):
        train(store, lambda: fill(small_disk))
    (small_disk / "filler").unlink()
    assert_goes_on_as_if_nothing_had_been(store, whole)


def test_disk_that_is_full_before_images_are_decoded(small_disk):
    from keras_transfer.storage.files import new_array

    fill(small_disk)
    # Without its space set aside, writing to the map would be a signal.
    with pytest.raises(OSError) as error:
        new_array(small_disk / "images.npy", np.uint8, (1000, 1000))
    assert error.value.errno == errno.ENOSPC


def test_read_only_file_system(tmp_path, small_disk):
    write_tiny_pool(tmp_path / "cache")
    store = RunStore(small_disk / "logs", "study", tmp_path / "cache")
    command = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(command, check=True)
    with pytest.raises(UserError, match="Cannot write.*Read-only file system"):
        train(store)


@pytest.mark.slow
def test_folder_that_turns_read_only(store, whole):
    folder = store.network(SPEC).folder

    def change(sign):  # root may write whatever the mode, but not here
        command = ["chattr", f"{sign}i", str(folder)]
        subprocess.run(command, check=True, capture_output=True)

    store.study_dir.mkdir(parents=True)
    probe = ["chattr", "+i", str(store.study_dir)]
    if shutil.which("chattr") is None or subprocess.run(probe).returncode:
        pytest.skip("folders cannot be made immutable here")
    subprocess.run(["chattr", "-i", str(store.study_dir)], check=True)
    try:
        with pytest.raises(UserError, match=f"not permitted. {KEPT}"):
            train(store, lambda: change("+"))
    finally:
        change("-")
    assert_goes_on_as_if_nothing_had_been(store, whole)


def kill_worker(store):
    path = store.network(SPEC).folder / "status.json"
    os.kill(json.loads(path.read_text())["pid"], signal.SIGKILL)


@pytest.mark.slow
def test_memory_limit(tmp_path):
    write_tiny_pool(tmp_path / ".cache")
    command = [sys.executable, "-m", "experiments.similar_datasets"]
    command += ["--dataset", TINY, "--image-size", str(TINY_SIZE), "--quiet"]
    command += ["--log-dir", str(tmp_path), "--workers", "1"]
    limit = 10**9  # bytes; TensorFlow alone takes more
    done = subprocess.run(
        command,
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (limit, limit)
        ),
    )
    assert done.returncode == 2
    # The fork server's own last words may come before ours.
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("error: A process to train in could not")
    assert "memory" in message and "are kept" in message


def listening_sockets():
    """Returns inodes of TCP sockets that listen on this machine."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                found.add(f"socket:[{words[9]}]")
    return found


def sockets_of_children():
    pids, found = [os.getpid()], set()
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            pids += task.read_text().split()
    for pid in pids[1:]:
        for path in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.add(os.readlink(path))
            except OSError:
                continue
    return found


@pytest.mark.slow
def test_killed_worker_then_other_images_then_a_clock_set_back(store, whole):
    sockets = {}

    def look_and_kill():
        sockets["open"] = sockets_of_children()
        sockets["listening"] = listening_sockets()
        kill_worker(store)

    outcome, _ = train(store, look_and_kill)
    # As when memory runs out: the system ends the largest process.
    assert "ended by SIGKILL (out of memory?)" in outcome.failed[SPEC]
    assert "last epoch is kept" in outcome.failed[SPEC]
    # What a study starts talks through pipes; no port is opened.
    assert any(name.startswith("socket:") for name in sockets["open"])
    assert not sockets["open"] & sockets["listening"]

    # The data set changes under a half-trained network.
    path = store.cache_dir / f"{TINY}-{TINY_SIZE}px" / "pool.json"
    before = path.read_text()
    changed = json.loads(before)
    del changed["sha256"]
    changed["fingerprint"] = "of other images"
    path.write_text(json.dumps(checksums.seal(changed)))
    with pytest.raises(UserError, match="made on other images.*--log-dir"):
        train(store)
    path.write_text(before)

    # A clock set back: everything here seems to be of the future.
    future = time.time() + 20 * 365 * 86_400
    for file in store.log_dir.rglob("*"):
        os.utime(file, (future, future))
    status = store.network(SPEC).folder / "status.json"
    content = json.loads(status.read_text())
    content["since"] = "2046-01-01T00:00:00+00:00"
    status.write_text(json.dumps(content))
    assert_goes_on_as_if_nothing_had_been(store, whole)


@pytest.mark.slow
def test_damaged_base_and_checkpoint_are_made_anew(store, whole):
    transfer = dataclasses.replace(
        SPEC,
        base="A",
        target="B",
        n=7,
        solver=dataclasses.replace(SPEC.solver, epochs=1),
        base_solver=SPEC.solver,
    )
    base = store.network(SPEC)
    base.begin()
    base.checkpoint_path.write_bytes(b"PK\x03\x04 cut short")
    outcome, notices = train(store)
    assert outcome.trained == [SPEC]
    assert "checkpoint.npz is damaged" in notices[0]
    content = bytearray(base.model_path.read_bytes())
    content[len(content) // 2] ^= 4
    base.model_path.write_bytes(bytes(content))
    outcome, notices = train(store, specs=(SPEC, transfer))
    assert "does not fit its model.keras, which is damaged" in notices[0]
    assert outcome.trained == [SPEC, transfer]
    assert_same_weights(weights_of(store.network(SPEC)), whole[0])


@pytest.mark.slow
def test_what_a_killed_process_left_undone_is_tidied(store, whole):
    train(store)
    network = store.network(SPEC)
    # Killed after the result was written, and before the rest.
    network.checkpoint_path.write_bytes(b"state")
    network.set_status("RUNNING")
    (network.folder / ".status.ab12.tmp.json").write_text("{")
    outcome, _ = train(store)
    assert outcome.found == [SPEC] and not outcome.trained
    assert not network.checkpoint_path.exists()
    assert not list(network.folder.glob(".*"))
    status = json.loads((network.folder / "status.json").read_text())
    assert status["status"] == "COMPLETED"


INTERRUPTED = """
    import os, signal, sys
    from pathlib import Path
    from keras_transfer.storage.files import write_atomically

    # A shell's background jobs inherit that SIGINT is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    real = os.fsync
    def interrupted(descriptor):
        os.kill(os.getpid(), int(sys.argv[2]))
        real(descriptor)

    os.fsync = interrupted
    write_atomically(Path(sys.argv[1]), "new " * 1000)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_in_the_middle_of_a_write(tmp_path, number):
    path = tmp_path / "result.json"
    path.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)]
        + [str(path), str(int(number))],
        capture_output=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert done.returncode == -number
    assert path.read_text() == "old"
    # SIGINT unwinds and cleans up; after SIGTERM the next start does.
    left = [p.name for p in tmp_path.iterdir() if p != path]
    assert len(left) == (number == signal.SIGTERM)
    remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_write_that_fails_leaves_no_half_file(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    from keras_transfer.storage import files

    path = tmp_path / "result.json"
    path.write_text("old")
    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError):
        files.write_atomically(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"
