"""A lock lasts as long as the process that holds it, and no longer."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

from keras_transfer.storage import locks

HOLD = """
import sys, time
from pathlib import Path
from keras_transfer.storage import locks
with locks.hold(Path(sys.argv[1])) as held:
    print(held, flush=True)
    time.sleep(600)
"""


def test_a_lock_is_had_by_one_and_dropped_at_the_end(tmp_path):
    path = tmp_path / "new" / "a.lock"
    assert not locks.is_taken(path)
    with locks.hold(path) as first:
        assert first and locks.is_taken(path)
        with locks.hold(path) as second:
            assert not second
        assert locks.holder(path).startswith(f"process {os.getpid()} on ")
        with locks.hold(tmp_path / "new" / "b.lock") as other:
            assert other
    assert not locks.is_taken(path)


def test_a_killed_process_leaves_no_lock(tmp_path):
    path = tmp_path / "a.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"True\n"
    assert locks.is_taken(path)
    assert f"process {process.pid} on" in locks.holder(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locks.hold(path) as held:
        assert held


def test_where_there_are_no_locks_work_goes_on_and_it_is_said(
    tmp_path, monkeypatch
):
    def refuse(file, operation):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    assert locks.supported(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not locks.supported(tmp_path)
    with locks.hold(tmp_path / "a.lock") as held:
        assert held
