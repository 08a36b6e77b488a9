"""All networks of a log folder, found by their ids.

A finished network is found in every study of the log folder, so a base is
shared by all studies that need it. What is in its folder: `network_folder`.
"""

import contextlib
import os
import re
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.network import (
    NetworkSpec,
    check_dataset_name,
    from_dict,
)
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import (
    file_sha256,
    read_json,
    remove_leftovers,
    temporary_beside,
)
from keras_transfer.storage.network_folder import LOCKS, DamagedResult, Network


class RunStore:
    """All networks of a log folder.

    Args:
        log_dir: Path or string.
        study: String, name of the study that new networks are filed under.
        cache_dir: Path or `None`, folder of decoded data sets. Defaults to
            `None` for `.cache` in the log folder.

    Attributes:
        cache_dir: Path; safe to delete.
        notices: List of strings, results that were found damaged.
    """

    def __init__(
        self,
        log_dir: str | Path,
        study: str,
        cache_dir: str | Path | None = None,
    ):
        if re.match(r"[a-z][a-z0-9+.-]+:/", str(log_dir)):
            raise UserError(
                "Expected `log_dir` to be a folder of this machine, or one "
                f"that is mounted on it. Received: {str(log_dir)!r}. Images "
                "are memory-mapped and checkpoints renamed into place, which "
                "object storage cannot do: write to a folder and copy it "
                "there afterwards."
            )
        self.log_dir = user_path(log_dir)
        self.study = study
        self.cache_dir = user_path(cache_dir or self.log_dir / ".cache")
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
                f"({error.strerror}). Choose another with `log_dir`."
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

        A query: it changes nothing. A damaged result counts as missing, and
        `notices` says so; `set_aside_damaged` makes room for a new one.

        Args:
            spec: `NetworkSpec`.
            check_model: Boolean, whether to read the whole `model.keras` as
                well and compare its checksum.

        Returns:
            Dict or `None`.
        """
        result, damage = self._examine(spec, check_model)
        if damage:
            self._notice(
                f"{self._result_path(spec)} {damage}; its network counts as "
                "not finished, and is trained again when its study is started."
            )
        return result

    def set_aside_damaged(
        self, spec: NetworkSpec, check_model: bool = False
    ) -> dict | None:
        """Renames a damaged result, and returns a sound one as `result` does.

        Called when a study starts training: the network is trained again and
        the damaged file is kept beside the new one.

        Args:
            spec: `NetworkSpec`.
            check_model: Boolean, as of `result`.

        Returns:
            Dict or `None`.
        """
        result, damage = self._examine(spec, check_model)
        if damage:
            path = self._result_path(spec)
            aside = path.with_name(path.name + ".damaged")
            self._notice(
                f"{path} {damage}; it is set aside as {aside.name} and its "
                "network is trained again."
            )
            # In a read-only folder the network still counts as missing.
            with contextlib.suppress(OSError):
                os.replace(path, aside)
        return result

    def _examine(
        self, spec: NetworkSpec, check_model: bool
    ) -> tuple[dict | None, str]:
        """Returns the result, or `None` and what is wrong, if anything is."""
        network = self.network(spec)
        try:
            result = network.read_result()
        except DamagedResult:
            return None, "was cut short or edited"
        if result is None or result["model_sha256"] is None:
            return result, ""
        if not network.model_path.is_file():
            return None, "has lost its model.keras"
        if check_model:
            if file_sha256(network.model_path) != result["model_sha256"]:
                damage = "does not fit its model.keras, which is damaged"
                return None, damage
        return result, ""

    def _result_path(self, spec: NetworkSpec) -> Path:
        return self.network(spec).folder / "result.json"

    def _notice(self, text: str) -> None:
        if text not in self.notices:  # a plan asks for each network twice
            self.notices.append(text)

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
