"""The images that a recommendation is made from, decoded."""

import dataclasses
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_transfer.datasets.image_files import fit_image, read_image
from keras_transfer.datasets.image_folder import ImageFolder
from keras_transfer.errors import UserError

PARTS = ("train", "validation", "test")
_LEAST = 2  # training images a class, so that a score can hold one out
_MOST = 2000  # validation images, and test images, that are looked at
_DEMO = {"train": 20, "validation": 40, "test": 60}  # images of each class


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """Decoded images in three parts.

    Args:
        name: String.
        folder: String or `None`, where they are from.
        class_names: List of strings.
        images: Dict from a part to a `uint8` array `(n, height, width, 3)`.
        labels: Dict from a part to an integer array.
        notices: List of strings, what a user has to know.
    """

    name: str
    folder: str | None
    class_names: list[str]
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    notices: list[str]

    @property
    def key(self) -> str:
        """SHA-256 of every pixel and label."""
        digest = hashlib.sha256()
        for part in PARTS:
            shape = str(self.images[part].shape)
            digest.update(f"{part}{shape}".encode())
            digest.update(np.ascontiguousarray(self.images[part]).tobytes())
            digest.update(self.labels[part].astype("<i8").tobytes())
        return digest.hexdigest()

    def describe(self) -> str:
        """Says how many images there are."""
        counts = ", ".join(f"{len(self.labels[p]):,} {p}" for p in PARTS)
        per_class = np.bincount(
            self.labels["train"], minlength=len(self.class_names)
        )
        height, width = self.images["train"].shape[1:3]
        least, most = per_class.min(), per_class.max()
        span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return (
            f"{self.name}: {len(self.class_names)} classes, {counts} images "
            f"of {width} x {height} px ({span} training images a class)"
        )


def load_folder(
    folder: str,
    size: tuple[int, int],
    per_class: int | None,
    most_classes: int | None = None,
) -> Images:
    """Decodes a folder of images.

    Args:
        folder: String.
        size: Pair of integers, height and width in pixels.
        per_class: Integer or `None`, training images of each class at most:
            those whose content's hash is lowest, so that others added later
            change few of them.
        most_classes: Integer or `None`, classes at most, spread evenly over
            their names. Defaults to `None`, all of them.

    Returns:
        `Images`.

    Raises:
        UserError: If the folder cannot be used, or has too few images.
    """
    source = ImageFolder(folder)
    rows = {part: list(source.divided.get(part, ())) for part in PARTS}
    _check_counts(source, rows)
    kept = _spread(len(source.class_names), most_classes)
    rows = {
        part: [row for row in found if row.label in kept]
        for part, found in rows.items()
    }
    hashes = source.hashes
    if per_class is not None:
        rows["train"] = _first_of_class(rows["train"], hashes, per_class)
    notices = list(source.notices)
    for part in PARTS[1:]:
        if len(rows[part]) > _MOST:
            chosen = sorted(rows[part], key=lambda r: hashes[r.path])[:_MOST]
            notices.append(
                f"{_MOST:,} of {len(rows[part]):,} {part} images are used."
            )
            rows[part] = chosen

    def decode(row):
        return fit_image(read_image(row.path), size)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        images = {
            part: np.stack(list(threads.map(decode, found)))
            for part, found in rows.items()
        }
    labels = {
        part: np.array([kept.index(row.label) for row in found], np.int64)
        for part, found in rows.items()
    }
    names = [source.class_names[label] for label in kept]
    found = Images(source.name, folder, names, images, labels, notices)
    _check_differ(found)
    return found


def _spread(count: int, most: int | None) -> list[int]:
    """Numbers of at most so many classes, evenly spread."""
    if most is None or most >= count:
        return list(range(count))
    return [place * count // most for place in range(most)]


def _first_of_class(rows, hashes, per_class: int) -> list:
    taken: dict[int, int] = {}
    chosen = []
    for row in sorted(rows, key=lambda row: (hashes[row.path], row.relative)):
        taken[row.label] = taken.get(row.label, 0) + 1
        if taken[row.label] <= per_class:
            chosen.append(row)
    return sorted(chosen, key=lambda row: row.relative)


def _check_counts(source: ImageFolder, rows: dict) -> None:
    # The same file twice is one image.
    distinct = {name: set() for name in source.class_names}
    for found in rows.values():
        for row in found:
            content = source.hashes[row.path]
            distinct[source.class_names[row.label]].add(content)
    if len(set.union(*distinct.values())) == 1:
        files = [row for found in rows.values() for row in found]
        read_image(files[0].path)  # if it is no picture, that is to be told
        _refuse_alike(str(source.folder), len(files))
    trained = {row.label for row in rows["train"]}
    counts = np.bincount([row.label for row in rows["train"]])
    few = len(trained) < len(distinct) or counts.min() < _LEAST
    if few or min(len(rows[part]) for part in PARTS) < 2:
        least = min(distinct, key=lambda name: len(distinct[name]))
        raise UserError(
            f"Expected at least {_LEAST} images of each class to train on, "
            "and others to choose by and to test on: 4 different ones or more "
            f"of each class. Received: {len(distinct[least]):,} of {least!r} "
            f"in {str(source.folder)!r}. Add images, or take small classes out."
        )


def _refuse_alike(folder: str, count: int) -> None:
    raise UserError(
        f"All {count:,} images of {folder!r} are the same picture, so no class "
        "can be told from another. Expected images that differ: look at one "
        "of the files."
    )


def _check_differ(found: Images) -> None:
    train = found.images["train"]
    if (train == train[:1]).all():
        _refuse_alike(found.folder, len(train))


def demonstration() -> Images:
    """Draws man-made shapes, which `cnn8` has not seen.

    Returns:
        `Images` of 10 classes, 20 training images of each.
    """
    from keras_transfer.datasets.synthetic_shapes import MAN_MADE

    parts = {part: [] for part in PARTS}
    for name in MAN_MADE:
        train, test = _drawn(name)
        cut = _DEMO["train"], _DEMO["train"] + _DEMO["validation"]
        parts["train"].append(train[: cut[0]])
        parts["validation"].append(train[cut[0] : cut[1]])
        parts["test"].append(test)
    count = len(MAN_MADE)
    return Images(
        "synthetic_shapes, man-made",
        None,
        list(MAN_MADE),
        {part: np.concatenate(found) for part, found in parts.items()},
        {part: np.repeat(np.arange(count), n) for part, n in _DEMO.items()},
        [],
    )


def _drawn(name: str):
    from keras_transfer.datasets.synthetic_shapes import draw

    count = _DEMO["train"] + _DEMO["validation"]
    return draw(name, count, seed=0), draw(name, _DEMO["test"], seed=1)
