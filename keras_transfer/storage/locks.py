"""Locks between processes that none can leave behind.

The kernel holds them (`flock`) and drops them when a process ends, however it
ends. A lock's file stays, is nearly empty, and means nothing by itself.

On a folder that several machines mount, it is the file system that decides:
NFS (Linux, version 3 with its lock service or 4) and SMB hold them across
machines, and free those of a machine that died after their lease; Lustre
needs the mount option `flock`. Where there are no locks at all, `supported`
says so.
"""

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_TAKEN = (errno.EWOULDBLOCK, errno.EACCES)
_UNSUPPORTED = (
    errno.ENOLCK,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.EINVAL,
)


@contextlib.contextmanager
def hold(path: Path, wait: bool = False) -> Iterator[bool]:
    """Holds a lock while the block runs, if it can be had.

    Args:
        path: Path of the lock's file, made if it is absent.
        wait: Boolean, whether to wait until whoever has it is done.
            Defaults to `False`.

    Yields:
        Boolean, `False` if another process has it. `True` as well on a file
        system without locks: someone has to be able to work there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not truncated: it may be another's, with its holder's name in it. NFS
    # gives exclusive locks only on files opened for writing.
    with path.open("a") as file:
        if not take(file, wait):
            yield False
            return
        # The holder's name is a courtesy; a full disk must not cost the lock.
        with contextlib.suppress(OSError):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield True


def take(file: IO, wait: bool = False) -> bool:
    """Locks an open file, which holds its lock until all have closed it.

    Args:
        file: File, open for writing.
        wait: Boolean, as of `hold`. Defaults to `False`.

    Returns:
        Boolean, as `hold` yields it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def is_taken(path: Path) -> bool:
    """Returns whether another process holds a lock at this moment.

    Args:
        path: Path of the lock's file; it is not made.
    """
    if not path.is_file():
        return False
    with hold(path) as held:
        return not held


def holder(path: Path) -> str:
    """Names who holds a lock, or held it last: `process 12 on node3`.

    Args:
        path: Path of the lock's file.

    Returns:
        String, empty if the file cannot be read.
    """
    try:
        return path.read_text()[:200]
    except (OSError, ValueError):
        return ""


def supported(folder: Path) -> bool:
    """Returns whether a folder's file system has locks.

    Args:
        folder: Path, made if it is absent; `probe.lock` is left in it.

    Raises:
        OSError: If the folder or a file in it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / "probe.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _UNSUPPORTED
    return True
