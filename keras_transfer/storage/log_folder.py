"""A log folder as it is read: all networks, found by their ids.

A finished network is found in every study of the log folder, so a base is
shared by all studies that need it. Nothing here writes but `save_index`.
"""

import functools
import os
import re
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.paths import user_path
from keras_transfer.storage import tree
from keras_transfer.storage.files import file_sha256, read_json
from keras_transfer.storage.network_folder import DamagedResult, NetworkFolder
from keras_transfer.storage.result import Result
from keras_transfer.storage.result_index import ResultIndex, Stamp, stamp_of


class LogFolder:
    """All networks of a log folder, to be read.

    Args:
        log_dir: Path or string.
        cache_dir: Path or `None`, folder of decoded data sets. Defaults to
            `None` for `.cache` in the log folder.

    Attributes:
        cache_dir: Path; safe to delete.
        notices: List of strings, results that were found damaged.

    Raises:
        UserError: If `log_dir` is an address, not a folder.

    Example:
        >>> [result.label for result in LogFolder("logs").finished()]
        ['baseA', 'baseB', 'A1A']
    """

    def __init__(
        self, log_dir: str | Path, cache_dir: str | Path | None = None
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
        self.cache_dir = user_path(cache_dir or self.log_dir / ".cache")
        self.notices: list[str] = []
        self._known: dict[str, Path] | None = None  # not looked yet
        # A study asks for its results three times; each is read once.
        self._results: dict[tuple[str, str], tuple[Stamp, Result]] = {}
        self._index = ResultIndex(self.log_dir / tree.INDEX)

    @property
    def locks_dir(self) -> Path:
        """Folder of the locks of all networks."""
        return self.log_dir / tree.LOCKS

    def look_again(self) -> list[Path]:
        """Finds the networks that other processes have begun since.

        Returns:
            List of paths, as of `folders`.
        """
        folders = self.folders()
        self._known = {
            tree.id_of(folder): folder
            for folder in folders
            if os.path.isfile(f"{folder}/settings.json")
        }
        return folders

    def folders(self) -> list[Path]:
        """Returns the folders of networks, in order.

        Those that a symbolic link leads out of the log folder are left out.
        """
        root = self.log_dir.resolve()

        @functools.cache  # thousands of networks lie in a few folders
        def lies_inside(path: Path) -> bool:
            return path.resolve().is_relative_to(root)

        return [
            path
            for path in tree.find_networks(self.log_dir)
            if lies_inside(path if path.is_symlink() else path.parent)
        ]

    def find(self, spec: NetworkSpec) -> NetworkFolder | None:
        """Returns a network's folder, in whichever study it was begun.

        Args:
            spec: `NetworkSpec`.

        Returns:
            `NetworkFolder`, or `None` if no study has begun it.
        """
        folder = self.folder_of(spec)
        return None if folder is None else NetworkFolder(spec, folder)

    def folder_of(self, spec: NetworkSpec) -> Path | None:
        """Returns the path that a network was begun in, if it was.

        Args:
            spec: `NetworkSpec`.
        """
        if self._known is None:
            self.look_again()
        return self._known.get(spec.network_id)

    def result(
        self, spec: NetworkSpec, check_model: bool = False
    ) -> Result | None:
        """Returns the result of a finished network, or `None`.

        A query: it changes nothing. A damaged result counts as missing, and
        `notices` says so; `RunStore.set_aside_damaged` makes room for a new
        one.

        Args:
            spec: `NetworkSpec`.
            check_model: Boolean, whether to read the whole `model.keras` as
                well and compare its checksum. Defaults to `False`.

        Returns:
            `Result` or `None`.
        """
        network = self.find(spec)
        if network is None:
            return None
        result, damage = self.examine(network, check_model)
        if damage:
            self.notice(
                f"{network.result_path} {damage}; its network counts as not "
                "finished, and is trained again when its study is started."
            )
        return result

    def notice(self, text: str) -> None:
        """Keeps what is to be said, once: a plan asks for a network twice.

        Args:
            text: String.
        """
        if text not in self.notices:
            self.notices.append(text)

    def finished(self) -> list[Result]:
        """Returns every readable result of the log folder."""
        results = []
        for folder in self.folders():
            content = read_json(folder / "result.json")
            try:
                result = self.result(Result.from_json(content).spec)
            except (AttributeError, KeyError, TypeError, UserError):
                continue  # not of ours
            if result is not None:
                results.append(result)
        return results

    def examine(
        self, network: NetworkFolder, check_model: bool = False
    ) -> tuple[Result | None, str]:
        """Reads a network's result and looks whether it is sound.

        Args:
            network: `NetworkFolder`.
            check_model: Boolean, whether to compare the checksum of the model.

        Returns:
            Tuple of the `Result` or `None`, and of what is wrong in words,
            empty if nothing is.
        """
        try:
            result = self._read(network)
        except DamagedResult:
            return None, "was cut short or edited"
        if result is None or result.model_sha256 is None:
            return result, ""
        if not os.path.isfile(f"{network.folder}/model.keras"):
            return None, "has lost its model.keras"
        if (
            check_model
            and file_sha256(network.model_path) != result.model_sha256
        ):
            return None, "does not fit its model.keras, which is damaged"
        return result, ""

    def _read(self, network: NetworkFolder) -> Result | None:
        """Reads a network's result, unless its file is the one read before."""
        # A string: paths are asked for thrice of thousands of networks.
        path = f"{network.folder}/result.json"
        stamp = stamp_of(path)
        if stamp is None:
            return network.read_result()
        key = path, network.spec.network_id
        before, result = self._results.get(key, (None, None))
        if before != stamp:
            result = self._index.find(*key, stamp)
            if result is None:
                result = network.read_result()
                if result is not None:
                    self._index.add(path, result, stamp)
            if result is not None:
                self._results[key] = stamp, result
        return result

    def save_index(self) -> None:
        """Keeps what was read of many results, so that the next is faster."""
        folders = (self._known or {}).values()
        self._index.save([f"{folder}/result.json" for folder in folders])
