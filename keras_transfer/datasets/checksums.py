"""Whether decoded images are still those that were decoded.

A pool lists a checksum of every block of its files. A small pool is read
whole when a study starts; of a large one, such as ImageNet, all labels and as
many blocks, drawn anew each time, as a few seconds allow.
"""

import hashlib
import json
import random
import zlib
from pathlib import Path

import numpy as np

_BLOCK = 256  # rows
READ_BYTES = 4_000_000_000  # most of a pool that a start of a study reads
VALIDATION_ROWS = "validation_rows.npy"  # of sets that choose them
_FILES = tuple(
    f"{part}_{kind}.npy"
    for part in ("train", "test")
    for kind in ("labels", "images")
)


def take_checksums(folder: Path) -> tuple[str, dict[str, list[int]]]:
    """Reads the arrays of a pool once.

    Args:
        folder: Path of a pool.

    Returns:
        Tuple of the fingerprint, a SHA-256 of all labels and pixels, and a
        dict from each file to the CRC-32 of its blocks.
    """
    digest = hashlib.sha256()
    blocks: dict[str, list[int]] = {}
    chosen = (VALIDATION_ROWS,) if (folder / VALIDATION_ROWS).exists() else ()
    for name in (*_FILES, *chosen):
        array = np.load(folder / name, mmap_mode="r")
        blocks[name] = []
        for start in range(0, len(array), _BLOCK):
            content = array[start : start + _BLOCK].tobytes()
            digest.update(content)
            blocks[name].append(zlib.crc32(content))
    return digest.hexdigest(), blocks


def seal(meta: dict) -> dict:
    """Adds a checksum to the content of a `pool.json`.

    Args:
        meta: Dict, without `"sha256"`.

    Returns:
        Dict with `"sha256"` as well.
    """
    return {**meta, "sha256": _checksum(meta)}


def is_sealed(meta: dict) -> bool:
    """Returns whether a `pool.json` is as it was written.

    Files that were written before there was a checksum count as such.

    Args:
        meta: Dict, the content of the file.

    Returns:
        Boolean.
    """
    rest = {key: value for key, value in meta.items() if key != "sha256"}
    return meta.get("sha256", _checksum(rest)) == _checksum(rest)


def find_damage(
    folder: Path, meta: dict, read_bytes: int = READ_BYTES
) -> str | None:
    """Looks for a file of a pool that is not what was written.

    Args:
        folder: Path of a pool.
        meta: Dict, its `pool.json`.
        read_bytes: Integer, most to read; from a pool that is larger, blocks
            are drawn at random.

    Returns:
        String such as `"train_images.npy, rows 256 to 511"`, or `None`.
    """
    blocks = meta.get("blocks")
    files = _FILES
    if blocks is not None and VALIDATION_ROWS in blocks:
        files = (*_FILES, VALIDATION_ROWS)
    size = 0
    for name in files:
        try:
            array = np.load(folder / name, mmap_mode="r")
        except (OSError, ValueError):
            return f"{name}, cut short or unreadable"
        size += array.nbytes
    if blocks is None:
        # Decoded before blocks had checksums.
        if size > read_bytes:
            return None
        same = take_checksums(folder)[0] == meta["fingerprint"]
        return None if same else "its fingerprint differs"
    for name in files:
        array = np.load(folder / name, mmap_mode="r")
        expected = blocks[name]
        if len(expected) != -(-len(array) // _BLOCK):
            return f"{name}, {len(array)} rows"
        chosen = range(len(expected))
        if size > read_bytes and name.endswith("_images.npy"):
            count = int(len(expected) * read_bytes / size)
            chosen = random.sample(chosen, max(1, count))
        for block in sorted(chosen):
            start = block * _BLOCK
            content = array[start : start + _BLOCK].tobytes()
            if zlib.crc32(content) != expected[block]:
                last = min(start + _BLOCK, len(array)) - 1
                return f"{name}, rows {start} to {last}"
    return None


def _checksum(content: dict) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
