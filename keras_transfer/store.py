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
base is shared by all studies that need it.
"""

import dataclasses
import datetime
import hashlib
import json
import os
import re
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs import NetworkSpec, from_dict, to_dict


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a file so that it is there whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def file_sha256(path: Path) -> str:
    """Hashes a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

    def begin(self) -> None:
        """Makes the folder and writes what determines the result.

        Raises:
            UserError: If the folder holds the settings of another network.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "settings.json"
        if path.is_file():
            found = _read_json(path)
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

    def fail(self, message: str, record: dict, trace: str) -> None:
        """Keeps why a network failed; it is tried again by a later start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.set_status("FAILED", error=message, record=record, trace=trace)

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
        self.set_status("COMPLETED")
        self.checkpoint_path.unlink(missing_ok=True)

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
        content = _read_json(path)
        if (
            not isinstance(content, dict)
            or content.pop("sha256", None) != _checksum(content)
            or content.get("network_id") != self.spec.network_id
        ):
            raise DamagedResult(path)
        return content


class DamagedResult(Exception):
    """A `result.json` that was cut short or edited."""

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path


def _read_json(path: Path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _checksum(content: dict) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
        self._known: dict[str, Path] = {
            path.parent.name.rsplit("-", 1)[-1]: path.parent
            for path in self.log_dir.glob("*/*/*/*/seed*-*/settings.json")
        }

    @property
    def study_dir(self) -> Path:
        """Folder of this study's networks."""
        return self.log_dir / self.study

    def check_writable(self) -> None:
        """Makes the log folder and fails early if it cannot be written.

        Raises:
            UserError: Naming the folder.
        """
        try:
            self.study_dir.mkdir(parents=True, exist_ok=True)
            probe = self.study_dir / f".probe.{os.getpid()}"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise UserError(
                f"Cannot write to the log folder {self.log_dir} "
                f"({error.strerror}). Choose another with `--log-dir`."
            ) from error

    def network(self, spec: NetworkSpec) -> Network:
        """Returns a network's place, in whichever study it was trained."""
        known = self._known.get(spec.network_id)
        if known is not None:
            return Network(spec, known)
        data = spec.data
        folder = (
            self.study_dir
            / data.name.replace("/", "-")
            / spec.division
            / spec.label
            / f"seed{spec.seed}-{spec.network_id}"
        )
        return Network(spec, folder)

    def result(self, spec: NetworkSpec) -> dict | None:
        """Returns the result of a finished network, or `None`.

        A damaged result is set aside, and `notices` says so: its network
        counts as not trained.
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
        for path in sorted(self.log_dir.glob("*/*/*/*/seed*-*/result.json")):
            content = _read_json(path)
            if not isinstance(content, dict) or "settings" not in content:
                continue
            spec = from_dict(content["settings"])
            result = self.result(spec)
            if result is not None:
                results.append(result)
        return results
