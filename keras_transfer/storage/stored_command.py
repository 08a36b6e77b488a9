"""The command that trained a network, kept beside its settings.

It is no part of the network's identity: another command may list the same
network.
"""

import dataclasses
import json
from pathlib import Path

from keras_transfer.storage.files import read_json, write_atomically

_NAME = "command.json"


@dataclasses.dataclass(frozen=True)
class StoredCommand:
    """A command and the study that it runs.

    Args:
        study: String.
        words: Tuple of strings, as a shell would split them.
    """

    study: str
    words: tuple[str, ...]


def write_command(folder: Path, command: StoredCommand) -> None:
    """Writes `command.json`.

    Args:
        folder: Path of the network.
        command: `StoredCommand`.
    """
    content = {"study": command.study, "argv": list(command.words)}
    write_atomically(folder / _NAME, json.dumps(content, indent=1))


def read_command(folder: Path) -> StoredCommand | None:
    """Reads `command.json`.

    Args:
        folder: Path of the network.

    Returns:
        `StoredCommand`, or `None` if it was not kept or is damaged.
    """
    content = read_json(f"{folder}/{_NAME}")
    if not isinstance(content, dict):
        return None
    study, words = content.get("study"), content.get("argv")
    if not isinstance(study, str) or not isinstance(words, list):
        return None
    if not words or not all(isinstance(word, str) for word in words):
        return None
    return StoredCommand(study, tuple(words))
