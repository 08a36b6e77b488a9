"""A log folder that several machines share, and what they must have alike."""

import dataclasses
import hashlib
import json
import os
import secrets
import socket
import time
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.storage.files import write_atomically
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.training.versions import package_versions

PACKAGE = Path(__file__).parents[2]
SHARED_SECONDS = 90.0  # NFS shows another machine's new file this late


@dataclasses.dataclass(frozen=True)
class ClusterIdentity:
    """Where the study was started, which every node has to match.

    Args:
        log_dir: Path, the shared folder.
        folder_id: String, see `folder_id`.
        versions: Dict from packages to versions.
    """

    log_dir: Path
    folder_id: str
    versions: dict[str, str]

    def check(self, seconds: float = SHARED_SECONDS) -> None:
        """Fails on a node that would write elsewhere or compute otherwise.

        Args:
            seconds: Float, longest wait until the log folder is seen.
                Defaults to `SHARED_SECONDS`.

        Raises:
            UserError: Naming the node.
        """
        name = socket.gethostname()
        if (
            not appears(self.log_dir, ".folder_id", seconds)
            or folder_id(self.log_dir) != self.folder_id
        ):
            raise UserError(
                f"Node {name} does not see the log folder {self.log_dir} of "
                "the machine that started the study. Expected a `log_dir` "
                "on a file system that all nodes share, under one path."
            )
        own = versions()
        if own != self.versions:
            pairs = {
                key: (own.get(key), self.versions.get(key))
                for key in sorted(own.keys() | self.versions.keys())
                if own.get(key) != self.versions.get(key)
            }
            raise UserError(
                f"Node {name} would compute otherwise. Expected the versions "
                "of the machine that started the study. Received (node, "
                f"machine): {pairs}. Install the same on every node."
            )


def folder_id(log_dir: Path) -> str:
    """Returns a log folder's own random name, drawn when first asked.

    Args:
        log_dir: Path.

    Returns:
        String of 32 hexadecimal digits.
    """
    path = log_dir / ".folder_id"
    if not path.is_file():
        write_atomically(path, secrets.token_hex(16))
    return path.read_text()


def versions(package: Path = PACKAGE) -> dict[str, str]:
    """Returns the versions that results depend on, and a hash of our code.

    Args:
        package: Path, the folder of our code. Defaults to this package's.

    Returns:
        Dict from packages to versions.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    found = {"keras_transfer": digest.hexdigest()[:12]}
    return found | package_versions()


def appears(folder: Path, name: str, seconds: float = SHARED_SECONDS) -> bool:
    """Waits until a file that another machine wrote is seen here.

    Args:
        folder: Path.
        name: String, the file's name in it.
        seconds: Float, longest wait. Defaults to `SHARED_SECONDS`.

    Returns:
        Boolean, whether it was seen.
    """
    end = time.monotonic() + seconds
    while True:
        # Listing a folder makes NFS ask the server anew.
        if folder.is_dir() and name in os.listdir(folder):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(2)


class EpochTail:
    """Reads the new rows of a network's `epochs.jsonl`.

    Args:
        network: `NetworkFolder` of the network, which another process may be
            training. Rows that are there already are no news.
    """

    def __init__(self, network: NetworkFolder):
        self.path = network.folder / "epochs.jsonl"
        self.last = -1
        self.new_rows()  # those of an earlier start are no news

    def new_rows(self) -> list[dict]:
        """Returns the rows of epochs that were not returned yet."""
        try:
            lines = self.path.read_text().split("\n")[:-1]
            rows = [json.loads(line) for line in lines]
        except (OSError, ValueError):
            return []  # being written; the next look sees it
        rows = [row for row in rows if row["epoch"] > self.last]
        if rows:
            self.last = rows[-1]["epoch"]
        return rows
