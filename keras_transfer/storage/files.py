"""Files that are there whole or not at all, and how to tell that they are."""

import errno
import fnmatch
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
from pathlib import Path

import numpy as np

_DIGEST = hashlib.sha256().digest_size
_ZIP_END = 22  # bytes of a zip file's last record
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_PIECE = 1 << 20  # bytes read at once of a file that has grown


def temporary_beside(path: Path) -> Path:
    """Names a temporary file or folder beside another, for `os.replace`.

    The name is drawn, since containers on two machines may well have the
    same process number; it keeps the suffix, by which some writers choose
    their format.

    Args:
        path: Path of the file or folder that will be replaced.
    """
    name = f".{path.stem}.{secrets.token_hex(6)}.tmp{path.suffix}"
    return path.with_name(name)


def leftovers(folder: Path) -> list[str]:
    """Lists what the temporary files and folders of a folder stand for.

    Args:
        folder: Path.

    Returns:
        List of strings, the stems of the paths that they were to replace,
        each once and in order.
    """
    return sorted({_stem(path.name) for path in folder.glob(_pattern())})


def find_leftovers(folder: Path) -> list[Path]:
    """Finds the temporary files and folders below a folder.

    Args:
        folder: Path.
    """
    return sorted(folder.rglob(_pattern()))


def _pattern(stem: str = "*") -> str:
    return f".{stem}.*.tmp*"


def _stem(name: str) -> str:
    # A drawn number and `.tmp` follow, and perhaps a suffix.
    return name[1 : name.rindex(".tmp")].rpartition(".")[0]


def has_leftovers(folder: Path) -> bool:
    """Returns whether a folder holds temporary files.

    Args:
        folder: Path.
    """
    try:
        # Of thousands of folders: `glob` takes several times as long.
        return bool(fnmatch.filter(os.listdir(folder), _pattern()))
    except OSError:
        return False


def remove_leftovers(folder: Path, stem: str = "") -> None:
    """Deletes the temporary files and folders of killed processes.

    Args:
        folder: Path. Hold a lock on whatever writes there.
        stem: String, of the paths whose temporaries are meant. Defaults to
            `""` for all.
    """
    for path in folder.glob(_pattern(stem or "*")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a file so that it is there whole or not at all.

    Args:
        path: Path; its folder must be there.
        content: Bytes, or a string, which is written as UTF-8.

    Raises:
        OSError: If it cannot be written; what was there stays.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        # Half a file would only fill what is left of a full disk.
        temporary.unlink(missing_ok=True)
        raise


def new_array(path: Path, dtype, shape: tuple[int, ...]) -> np.memmap:
    """Opens a new `.npy` file as an array whose disk space is set aside.

    Args:
        path: Path; a file that is there is replaced.
        dtype: NumPy data type, or its name.
        shape: Tuple of integers.

    Returns:
        `numpy.memmap`, to be read and written.

    Raises:
        OSError: If it does not fit on the disk. A map without its space
            would end the process with a signal when the disk is full.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            # Some file systems cannot tell beforehand.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    return array


def file_sha256(path: Path) -> str:
    """Hashes a file.

    Args:
        path: Path.

    Returns:
        String of 64 hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_file(path: Path | str) -> bytes | None:
    """Returns the bytes of a file, `None` if no plain file is there.

    Args:
        path: Path or string; it may be absent.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        # A pipe is not waited for.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        found = os.fstat(number)
        # A device would never end.
        if not stat.S_ISREG(found.st_mode):
            return None
        parts = [os.read(number, found.st_size + 1)]
        while parts[-1]:
            parts.append(os.read(number, _PIECE))
    finally:
        os.close(number)
    return b"".join(parts)


def read_json(path: Path | str):
    """Returns what a JSON file holds, or `None` if it cannot be read.

    Args:
        path: Path or string; it may be absent.
    """
    try:
        text = read_file(path)
        return None if text is None else json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays as one `.npz`, atomically, with a SHA-256 at its end.

    The CRC-32 that a zip file has of each array is not enough: a flipped bit
    in its directory may lose an array.

    Args:
        path: Path.
        arrays: Dict from name to array.

    Raises:
        OSError: If it cannot be written; what was there stays.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    write_atomically(path, content + hashlib.sha256(content).digest())


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Reads what `save_arrays` wrote.

    Args:
        path: Path.

    Returns:
        Dict, or `None` if the file is damaged in any way or holds anything
        but plain arrays: a pickle inside is not opened.
    """
    try:
        content = path.read_bytes()
        body, digest = content[:-_DIGEST], content[-_DIGEST:]
        if hashlib.sha256(body).digest() != digest:
            # Written before there was a digest, if it ends as zip files do.
            if not content[-_ZIP_END:].startswith(b"PK\x05\x06"):
                return None
            body = content
        with np.load(io.BytesIO(body), allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
    except Exception:  # zip files can be wrong in every way
        return None
    plain = all(isinstance(array, np.ndarray) for array in arrays.values())
    return arrays if plain else None
