"""A study's networks as they are written, in a log folder shared by all."""

import contextlib
import os
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage import tree
from keras_transfer.storage.files import remove_leftovers, temporary_beside
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.result import Result
from keras_transfer.storage.stored_command import StoredCommand


class RunStore(LogFolder):
    """A log folder that a study writes its networks to.

    Args:
        log_dir: Path or string.
        study: String, name of the study that new networks are filed under.
        cache_dir: Path or `None`, folder of decoded data sets. Defaults to
            `None` for `.cache` in the log folder.
        command: Sequence of strings, the words of the command that runs the
            study, kept beside each network. Defaults to none.
    """

    def __init__(
        self,
        log_dir: str | Path,
        study: str,
        cache_dir: str | Path | None = None,
        command: tuple[str, ...] = (),
    ):
        super().__init__(log_dir, cache_dir)
        self.study = study
        self.command = None
        if command:
            self.command = StoredCommand(study, tuple(command))

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
            probe = temporary_beside(self.study_dir / "probe")
            probe.write_text("")
            remove_leftovers(self.study_dir, "probe")
        except OSError as error:
            raise UserError(
                f"Cannot write to the log folder {self.log_dir} "
                f"({error.strerror}). Choose another with `log_dir`."
            ) from error

    def find(self, spec: NetworkSpec) -> NetworkFolder:
        """Returns a network's folder, also of one that is still to begin.

        Args:
            spec: `NetworkSpec`.
        """
        return self.network(spec)

    def network(self, spec: NetworkSpec) -> NetworkFolder:
        """Returns a network's folder: where it was begun, or will be.

        Args:
            spec: `NetworkSpec`.

        Returns:
            `NetworkFolder`, in whichever study it was begun.

        Raises:
            UserError: If its folder would lie outside the log folder.
        """
        begun = self.folder_of(spec)
        if begun is not None:
            return NetworkFolder(spec, begun, self.command)
        folder = tree.network_path(self.study_dir, spec)
        if not folder.resolve().is_relative_to(self.log_dir.resolve()):
            raise UserError(
                f"{folder} lies outside the log folder: a symbolic link leads "
                f"to {folder.resolve()}. Replace the link by a folder."
            )
        return NetworkFolder(spec, folder, self.command)

    def set_aside_damaged(
        self, spec: NetworkSpec, check_model: bool = False
    ) -> Result | None:
        """Renames a damaged result, and returns a sound one as `result` does.

        Called when a study starts training: the network is trained again and
        the damaged file is kept beside the new one.

        Args:
            spec: `NetworkSpec`.
            check_model: Boolean, as of `result`.

        Returns:
            `Result` or `None`.
        """
        network = self.network(spec)
        result, damage = self.examine(network, check_model)
        if damage:
            path = network.result_path
            aside = path.with_name(path.name + ".damaged")
            self.notice(
                f"{path} {damage}; it is set aside as {aside.name} and its "
                "network is trained again."
            )
            # In a read-only folder the network still counts as missing.
            with contextlib.suppress(OSError):
                os.replace(path, aside)
        return result
