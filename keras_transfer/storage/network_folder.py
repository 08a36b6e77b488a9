"""A network's folder. Files only: no TensorFlow, no training.

It is `log_dir/<study>/<data set>/split0/A3B+/seed0-<id>/`:

- `settings.json`  everything that determines the result
- `command.json`   the command that last trained it
- `status.json`    RUNNING, COMPLETED or FAILED, since when
- `epochs.jsonl`   one row an epoch
- `checkpoint.npz` the last finished epoch, gone once the network is finished
- `model.keras`    the trained network, `mean.npy` the image it subtracts
- `moments.npz`    moments of batch normalisation, where they are taken anew
- `result.json`    written last, atomically: its presence means finished

Its event files lie in `log_dir/tb/A3B+ s0 r0/train/<data set> <id>`, since
TensorBoard names a run by its folder and shows the beginning of the name.

Whoever trains a network holds its lock, `log_dir/.locks/<id>.lock`, whichever
study it does that for.
"""

import contextlib
import dataclasses
import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.storage import locks, tree
from keras_transfer.storage.files import (
    file_sha256,
    has_leftovers,
    read_file,
    read_json,
    remove_leftovers,
    write_atomically,
)
from keras_transfer.storage.result import Result, seal, unseal
from keras_transfer.storage.stored_command import (
    StoredCommand,
    read_command,
    write_command,
)


@dataclasses.dataclass(frozen=True)
class NetworkFolder:
    """A network's place in a log folder.

    Args:
        spec: `NetworkSpec`.
        folder: Path.
        command: `StoredCommand` or `None`, what is kept beside the settings
            when training begins. Defaults to `None`.
    """

    spec: NetworkSpec
    folder: Path
    command: StoredCommand | None = dataclasses.field(
        default=None, compare=False
    )

    @property
    def log_dir(self) -> Path:
        """The log folder that this folder lies in."""
        return tree.log_dir_of(self.folder)

    @property
    def result_path(self) -> Path:
        """What the network reached, once it is finished."""
        return self.folder / "result.json"

    @property
    def model_path(self) -> Path:
        """The trained network."""
        return self.folder / "model.keras"

    @property
    def checkpoint_path(self) -> Path:
        """Weights, optimizer and rows of the last finished epoch."""
        return self.folder / "checkpoint.npz"

    @property
    def lock_path(self) -> Path:
        """Lock that whoever trains this network holds."""
        return self.log_dir / tree.LOCKS / f"{self.spec.network_id}.lock"

    def events_dir(self, run: str) -> Path:
        """Returns the folder of one of this network's TensorBoard runs.

        Args:
            run: String: `"train"`, `"validation"` or `"hparams"`.

        Raises:
            UserError: If a symbolic link leads it out of the log folder.
        """
        spec, log_dir = self.spec, self.log_dir
        words = [spec.label, spec.division.replace("split", "s")]
        words.append(f"r{spec.seed}")
        if spec.target_images is not None:
            words += [f"{spec.target_images}x", f"d{spec.draw}"]
        unique = f"{tree.file_name(spec.data.name)} {spec.network_id}"
        # Strings: thousands of networks are asked for theirs.
        above = f"{log_dir}/{tree.EVENTS}"
        places = [above, f"{above}/{' '.join(words)}"]
        places.append(f"{places[-1]}/{run}")
        places.append(f"{places[-1]}/{unique}")
        folder = Path(places[-1])
        # Without a link, which is what thousands of them are, it lies inside.
        linked = any(map(os.path.islink, places))
        if linked and not folder.resolve().is_relative_to(log_dir.resolve()):
            raise UserError(
                f"{folder} lies outside the log folder: a symbolic link leads "
                f"to {folder.resolve()}. Replace the link by a folder."
            )
        return folder

    @contextlib.contextmanager
    def claim(self) -> Iterator["NetworkFolder | None"]:
        """Keeps other processes from training this network meanwhile.

        Yields:
            `NetworkFolder`, that of whichever study has begun it by now,
            or `None` if another process is training it.
        """
        with locks.hold(self.lock_path) as held:
            if not held:
                yield None
                return
            name = f"seed*-{self.spec.network_id}"
            begun = tree.find_files(self.log_dir, "settings.json", name)
            place = self
            if begun:
                place = dataclasses.replace(self, folder=begun[0].parent)
            remove_leftovers(place.folder)
            yield place

    def begin(self) -> None:
        """Makes the folder and writes what determines the result.

        Raises:
            UserError: If the folder holds the settings of another network,
                or a symbolic link, through which a write would leave it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_symlink():
                raise UserError(
                    f"Expected plain files in a network's folder. {path} is "
                    "a symbolic link; delete it."
                )
        path = self.folder / "settings.json"
        if path.is_file():
            found = read_json(path)
            if found is not None and from_dict(found) != self.spec:
                raise UserError(
                    f"{self.folder} holds another network's settings: expected "
                    f"id {self.spec.network_id}. Move the folder away or "
                    "choose another `log_dir`."
                )
        write_atomically(path, json.dumps(to_dict(self.spec), indent=1))
        if self.command is not None:
            write_command(self.folder, self.command)
        self.set_status("RUNNING")

    def keep_command(self) -> None:
        """Keeps the command of a study that found the network finished.

        One that is there stays: it trained the network.
        """
        if self.command is not None and read_command(self.folder) is None:
            write_command(self.folder, self.command)

    def set_status(self, status: str, **details) -> None:
        """Writes `status.json`: RUNNING, COMPLETED or FAILED, since when.

        Args:
            status: String, `"RUNNING"`, `"COMPLETED"` or `"FAILED"`.
            **details: JSON values, kept beside it, such as why it failed.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        content = {"status": status, "since": now, "pid": os.getpid()}
        write_atomically(
            self.folder / "status.json",
            json.dumps({**content, **details}, indent=1),
        )

    def failure(self) -> str | None:
        """Returns why training failed, if it did when it was last tried.

        A process that was ended is no such failure.
        """
        status = read_json(self.folder / "status.json")
        if not isinstance(status, dict) or status.get("status") != "FAILED":
            return None
        return None if status.get("died") else str(status.get("error"))

    def fail(
        self, message: str, record: dict, trace: str, died: bool = False
    ) -> None:
        """Keeps why a network failed; it is tried again by a later start.

        Args:
            message: String.
            record: Dict of JSON values.
            trace: String, where in the code.
            died: Boolean, whether its process was ended from outside.
                Defaults to `False`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        details = {"error": message, "record": record, "trace": trace}
        self.set_status("FAILED", **details, died=died)

    def complete(self, result: Result) -> Result:
        """Writes the result, the last file of a finished network.

        Args:
            result: `Result`.

        Returns:
            `Result`, with the settings, the network's id and the checksum of
            the model that were added.
        """
        filed = dataclasses.replace(
            result,
            network_id=self.spec.network_id,
            settings=to_dict(self.spec),
            # A trial of a search saves no model.
            model_sha256=(
                file_sha256(self.model_path)
                if self.model_path.is_file()
                else None
            ),
        )
        write_atomically(self.result_path, seal(filed.to_json()))
        self.tidy()
        return filed

    def tidy(self) -> None:
        """Drops what a finished network needs no more."""
        self.set_status("COMPLETED")
        self.checkpoint_path.unlink(missing_ok=True)

    def tidy_if_left(self) -> None:
        """Tidies up after a process that was killed just before it could."""
        left = os.path.isfile(f"{self.folder}/checkpoint.npz")
        if left or has_leftovers(self.folder):
            with contextlib.suppress(OSError), self.claim() as network:
                if network is not None:
                    network.tidy()

    def read_result(self) -> Result | None:
        """Reads the result of a finished network.

        Returns:
            `Result`, or `None` if there is none.

        Raises:
            DamagedResult: If the file was cut short, edited, or belongs to
                another network.
        """
        path = self.result_path
        try:
            text = read_file(path)
            if text is None:
                return None
            content = unseal(text)
        except OSError:
            content = None
        if content is None or content.get("network_id") != self.spec.network_id:
            raise DamagedResult(path)
        return Result.from_json(content)

    def whole_result(self) -> Result | None:
        """Returns the result if it is sound and its model is there."""
        try:
            result = self.read_result()
        except DamagedResult:
            return None
        if result is None or result.model_sha256 is None:
            return result
        return result if self.model_path.is_file() else None


class DamagedResult(Exception):
    """A `result.json` that was cut short or edited.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path
