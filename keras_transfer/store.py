"""The folders that networks live in. Files only: no TensorFlow, no training.

A network's folder is `log_dir/<study>/<data set>/split0/A3B+/seed0-<id>/`:

- `settings.json`  everything that determines the result
- `status.json`    RUNNING, COMPLETED or FAILED, since when
- `epochs.jsonl`   one row an epoch
- `checkpoint.npz` the last finished epoch, gone once the network is finished
- `model.keras`    the trained network, `mean.npy` the image it subtracts
- `tensorboard/`   event files
- `result.json`    written last, atomically: its presence means finished

A finished network is found by its id in every study of the log folder, so a
base is shared by all studies that need it. Whoever trains a network holds
its lock, `log_dir/.locks/<id>.lock`, whichever study it does that for.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from keras_transfer import locks
from keras_transfer.errors import UserError
from keras_transfer.files import (
    file_sha256,
    has_leftovers,
    read_json,
    remove_leftovers,
    temporary_beside,
    write_atomically,
)
from keras_transfer.specs import (
    NetworkSpec,
    check_dataset_name,
    from_dict,
    to_dict,
)


@dataclasses.dataclass(frozen=True)
class Network:
    """A network's place in the store.

    Args:
        spec: `NetworkSpec`.
        folder: Path.
    """

    spec: NetworkSpec
    folder: Path

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
        folder = self.folder.parents[4] / LOCKS
        return folder / f"{self.spec.network_id}.lock"

    @contextlib.contextmanager
    def claim(self) -> Iterator["Network | None"]:
        """Keeps other processes from training this network meanwhile.

        Yields:
            `Network`, in the folder of whichever study has begun it by now,
            or `None` if another process is training it.
        """
        with locks.hold(self.lock_path) as held:
            if not held:
                yield None
                return
            log_dir = self.folder.parents[4]
            pattern = f"*/*/*/*/seed*-{self.spec.network_id}/settings.json"
            begun = next(iter(sorted(log_dir.glob(pattern))), None)
            place = Network(self.spec, begun.parent) if begun else self
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
                    "choose another `--log-dir`."
                )
        write_atomically(path, json.dumps(to_dict(self.spec), indent=1))
        self.set_status("RUNNING")

    def set_status(self, status: str, **details) -> None:
        """Writes `status.json`: RUNNING, COMPLETED or FAILED, since when."""
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

    def complete(self, result: dict) -> None:
        """Writes the result, the last file of a finished network.

        Args:
            result: Dict of JSON values; the settings, the network's id and
                checksums of the result and the model are added.
        """
        content = {
            "network_id": self.spec.network_id,
            "settings": to_dict(self.spec),
            # A trial of a search saves no model.
            "model_sha256": (
                file_sha256(self.model_path)
                if self.model_path.is_file()
                else None
            ),
            **result,
        }
        content["sha256"] = _checksum(content)
        write_atomically(
            self.folder / "result.json", json.dumps(content, indent=1)
        )
        self.tidy()

    def tidy(self) -> None:
        """Drops what a finished network needs no more."""
        self.set_status("COMPLETED")
        self.checkpoint_path.unlink(missing_ok=True)

    def tidy_if_left(self) -> None:
        """Tidies up after a process that was killed just before it could."""
        if self.checkpoint_path.is_file() or has_leftovers(self.folder):
            with contextlib.suppress(OSError), self.claim() as network:
                if network is not None:
                    network.tidy()

    def read_result(self) -> dict | None:
        """Reads the result of a finished network.

        Returns:
            Dict, or `None` if there is none.

        Raises:
            DamagedResult: If the file was cut short, edited, or belongs to
                another network.
        """
        path = self.folder / "result.json"
        if not path.is_file():
            return None
        content = read_json(path)
        if (
            not isinstance(content, dict)
            or content.pop("sha256", None) != _checksum(content)
            or content.get("network_id") != self.spec.network_id
        ):
            raise DamagedResult(path)
        return content

    def whole_result(self) -> dict | None:
        """Returns the result if it is sound and its model is there."""
        try:
            result = self.read_result()
        except DamagedResult:
            return None
        if result is None or result["model_sha256"] is None:
            return result
        return result if self.model_path.is_file() else None


class DamagedResult(Exception):
    """A `result.json` that was cut short or edited."""

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path


def _checksum(content: dict) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


LOCKS = ".locks"  # folder of the locks in a log folder


class RunStore:
    """All networks of a log folder.

    Args:
        log_dir: Path or string.
        study: String, name of the study that new networks are filed under.
        cache_dir: Path or `None`, folder of decoded data sets. Defaults to
            `None` for `.cache` in the log folder.

    Attributes:
        cache_dir: Path; safe to delete.
    """

    def __init__(
        self,
        log_dir: str | Path,
        study: str,
        cache_dir: str | Path | None = None,
    ):
        if re.match(r"[a-z][a-z0-9+.-]+:/", str(log_dir)):
            raise UserError(
                "Expected `--log-dir` to be a folder of this machine, or one "
                f"that is mounted on it. Received: {str(log_dir)!r}. Images "
                "are memory-mapped and checkpoints renamed into place, which "
                "object storage cannot do: write to a folder and copy it "
                "there afterwards."
            )
        self.log_dir = Path(log_dir)
        self.study = study
        self.cache_dir = Path(cache_dir or self.log_dir / ".cache")
        self.notices: list[str] = []
        self._known: dict[str, Path] = {}
        self.look_again()

    @property
    def study_dir(self) -> Path:
        """Folder of this study's networks."""
        return self.log_dir / self.study

    @property
    def locks_dir(self) -> Path:
        """Folder of the locks of all networks."""
        return self.log_dir / LOCKS

    def check_writable(self) -> None:
        """Makes the log folder and fails early if it cannot be written.

        Raises:
            UserError: Naming the folder.
        """
        try:
            self.study_dir.mkdir(parents=True, exist_ok=True)
            probe = temporary_beside(self.study_dir / "probe")
            probe.write_text("")
            remove_leftovers(self.study_dir, "probe")
        except OSError as error:
            raise UserError(
                f"Cannot write to the log folder {self.log_dir} "
                f"({error.strerror}). Choose another with `--log-dir`."
            ) from error

    def look_again(self) -> None:
        """Finds the networks that other processes have begun since."""
        self._known = {
            folder.name.rsplit("-", 1)[-1]: folder
            for folder in self.folders()
            if (folder / "settings.json").is_file()
        }

    def folders(self) -> list[Path]:
        """Returns the folders of networks, in order.

        Those that a symbolic link leads out of the log folder are left out.
        """
        root = self.log_dir.resolve()
        return [
            path
            for path in sorted(self.log_dir.glob("*/*/*/*/seed*-*"))
            if path.is_dir() and path.resolve().is_relative_to(root)
        ]

    def network(self, spec: NetworkSpec) -> Network:
        """Returns a network's place, in whichever study it was trained.

        Raises:
            UserError: If its folder would lie outside the log folder.
        """
        known = self._known.get(spec.network_id)
        if known is not None:
            return Network(spec, known)
        data = spec.data
        check_dataset_name(data.name)
        folder = (
            self.study_dir
            / data.name.replace("/", "-")
            / spec.division
            / spec.label
            / f"seed{spec.seed}-{spec.network_id}"
        )
        if not folder.resolve().is_relative_to(self.log_dir.resolve()):
            raise UserError(
                f"{folder} lies outside the log folder: a symbolic link leads "
                f"to {folder.resolve()}. Replace the link by a folder."
            )
        return Network(spec, folder)

    def result(
        self, spec: NetworkSpec, check_model: bool = False
    ) -> dict | None:
        """Returns the result of a finished network, or `None`.

        A damaged result is set aside, and `notices` says so: its network
        counts as not trained.

        Args:
            spec: `NetworkSpec`.
            check_model: Boolean, whether to read the whole `model.keras` as
                well and compare its checksum.

        Returns:
            Dict or `None`.
        """
        network = self.network(spec)
        try:
            result = network.read_result()
        except DamagedResult as damage:
            return self._set_aside(damage.path, "was cut short or edited")
        has_model = result is not None and result["model_sha256"] is not None
        if has_model and not network.model_path.is_file():
            return self._set_aside(
                network.folder / "result.json", "has lost its model.keras"
            )
        if has_model and check_model:
            if file_sha256(network.model_path) != result["model_sha256"]:
                return self._set_aside(
                    network.folder / "result.json",
                    "does not fit its model.keras, which is damaged",
                )
        return result

    def _set_aside(self, path: Path, what: str) -> None:
        aside = path.with_name(path.name + ".damaged")
        self.notices.append(
            f"{path} {what}; it is set aside as {aside.name} and its network "
            "is trained again."
        )
        try:
            os.replace(path, aside)
        except OSError:
            pass  # a read-only folder: the network still counts as missing
        return None

    def finished(self) -> list[dict]:
        """Returns every readable result of the log folder."""
        results = []
        for folder in self.folders():
            content = read_json(folder / "result.json")
            try:
                result = self.result(from_dict(content["settings"]))
            except (KeyError, TypeError, UserError):
                continue  # not of ours
            if result is not None:
                results.append(result)
        return results
