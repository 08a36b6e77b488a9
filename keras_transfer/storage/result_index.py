"""What was read of thousands of results, kept for the next reader.

Reading and checking a `result.json` takes half a millisecond, most of it for
proofs that a report only counts. The index holds the rest of each result, by
inode, size and times of its file, as Git's does: an entry that does not fit
its file is not used, nor is one whose file was so young when it was read that
a later change may bear the same time. An index that is absent, damaged or of
another version of this code means that results are read, nothing more; it may
be deleted at any time. Damage that leaves a file's times as they were, as of
a failing disk, is found where proofs are read, and else once the index is
deleted.
"""

import contextlib
import functools
import hashlib
import json
import os
import time
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs import origins
from keras_transfer.storage import locks, stored_proof, tree
from keras_transfer.storage import result as result_module
from keras_transfer.storage.files import (
    leftovers,
    read_file,
    remove_leftovers,
    write_atomically,
)
from keras_transfer.storage.result import Result, unseal
from keras_transfer.storage.stored_proof import (
    ProofCounts,
    StoredProof,
    count_tensors,
)

FEWEST = 100  # results; fewer are read in no time, and their folder stays plain
# Some file systems tell times by two seconds.
RACY_NS = 2_000_000_000

Stamp = tuple[int, int, int, int]


def stamp_of(path: str) -> Stamp | None:
    """Returns what changes when a file is written or replaced.

    Args:
        path: String.

    Returns:
        Tuple of integers, inode, size and the times of the last change of
        content and of anything, in nanoseconds; `None` without a file.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class ResultIndex:
    """Results that were read before, without their proofs.

    Args:
        path: Path of the index; it may be absent.
    """

    def __init__(self, path: Path):
        self.path = path
        self._changed = False

    @functools.cached_property
    def _entries(self) -> dict[str, dict]:
        return _load(self.path)

    def find(self, path: str, network_id: str, stamp: Stamp) -> Result | None:
        """Returns a result that was read from this very file.

        Args:
            path: String, a `result.json` below the index's folder.
            network_id: String.
            stamp: Tuple, of the file as it is now.

        Returns:
            `Result` whose proof is a `StoredProof`, or `None` if the file has
            to be read.
        """
        entry = self._entries.get(self._name(path))
        if entry is None or tuple(entry["stamp"]) != stamp:
            return None
        content = entry["result"]
        if content["network_id"] != network_id:
            return None
        read = functools.partial(_read_proof, self.path, path, network_id)
        proof = StoredProof(ProofCounts(*entry["counts"]), read)
        return Result(**content, proof=proof)

    def add(self, path: str, result: Result, stamp: Stamp) -> None:
        """Keeps a result for the next reader, if it can be told from a later.

        Args:
            path: String, the `result.json` that was read.
            result: `Result`, sound.
            stamp: Tuple, of the file before it was read.
        """
        # A change that comes after this moment has a later time than that of
        # the file, if that is older than the file system tells times.
        if max(stamp[2:]) > time.time_ns() - RACY_NS:
            return
        if result.wrong_field() is not None:
            return
        counts = count_tensors(result.proof)
        content = result.to_json()
        del content["proof"]
        self._entries[self._name(path)] = {
            "stamp": stamp,
            "counts": [*vars(counts).values()],
            "result": content,
        }
        self._changed = True

    def save(self, paths: list[str]) -> None:
        """Writes the index, if there is something new in it.

        Of two that write at once the later leaves it: what is lost is read
        again, and nobody waits for a process that is halted. What one left
        that was killed while it wrote is deleted. A folder that cannot be
        written stays without.

        Args:
            paths: List of strings, the `result.json` that are to stay.
        """
        names = {self._name(path) for path in paths}
        kept = {k: v for k, v in self._entries.items() if k in names}
        grown = self._changed and len(kept) >= FEWEST
        if not grown and self.path.stem not in leftovers(self.path.parent):
            return
        with contextlib.suppress(OSError), self._alone() as alone:
            if not alone:
                return
            # Of a process that is dead: who lives holds the lock.
            remove_leftovers(self.path.parent, self.path.stem)
            if grown:
                self._write(kept)

    def _alone(self):
        lock = self.path.parent / tree.LOCKS / "index.lock"
        return locks.hold(lock)

    def _write(self, entries: dict[str, dict]) -> None:
        body = json.dumps({"code": _code(), "entries": entries}).encode()
        mark = hashlib.sha256(body).hexdigest().encode()
        write_atomically(self.path, mark + b"\n" + body)
        self._changed = False

    def _name(self, path: str) -> str:
        # Cheaper than `relpath`, of thousands.
        return path.removeprefix(f"{self.path.parent}/")


@functools.cache
def _code() -> str:
    """Names the code that read and judged the entries."""
    digest = hashlib.sha256()
    modules = (result_module, stored_proof, origins)
    for file in (*(module.__file__ for module in modules), __file__):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _load(path: Path) -> dict[str, dict]:
    try:
        text = read_file(path) or b""
        mark, _, body = text.partition(b"\n")
        if mark != hashlib.sha256(body).hexdigest().encode():
            return {}
        content = json.loads(body)
        return content["entries"] if content["code"] == _code() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _read_proof(index: Path, path: str, network_id: str) -> list[dict]:
    content = None
    with contextlib.suppress(OSError):
        content = unseal(read_file(path) or b"")
    if content is None or content.get("network_id") != network_id:
        raise UserError(
            f"Expected {path} as it was when it was last read and found "
            f"sound. Received: another, or one that is damaged. Delete {index} "
            "and start again: all results are read then, and it tells what "
            "became of this one."
        )
    return content["proof"]
