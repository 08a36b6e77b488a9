"""Paths that a user gives: `~` is the home folder, names are UTF-8."""

import os
from pathlib import Path

from keras_transfer.errors import UserError


def check_text(text: str) -> None:
    """Refuses bytes that are no UTF-8, which no report could be written with.

    Args:
        text: String, a word of a command or a path, as Python decoded it:
            bytes that are no UTF-8 are lone surrogates in it.

    Raises:
        UserError: Showing the text with its bytes escaped.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"Expected text and names of files in UTF-8. Received: {text!r}. "
            "Rename the file or folder."
        ) from error


def user_path(path: str | os.PathLike) -> Path:
    """Returns a path that a user gave, with `~` as the home folder.

    Args:
        path: String or path.

    Returns:
        Path.

    Raises:
        UserError: If its name is not UTF-8 or the home folder is unknown.
    """
    check_text(os.fspath(path))
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"Expected a folder of a user that this machine knows. Received: "
            f"{str(path)!r}. Write the whole path."
        ) from error
