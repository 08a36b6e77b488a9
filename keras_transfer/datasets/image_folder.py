"""A folder of images as a data set: a folder for each class.

Parts are `train/`, `validation/` and `test/` where a folder has them. Where
not, each image's own content decides which part it is in, so that adding
images moves none of those that are there.
"""

import functools
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_transfer.datasets.image_files import (
    FITS,
    content_hash,
    fit_image,
    read_image,
    upright_size,
)
from keras_transfer.datasets.image_listing import (
    ALL,
    FoundImage,
    Listing,
    list_images,
    listed,
)
from keras_transfer.datasets.sources import FOLDER
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path

TEST_SHARE = 0.2  # of each class, where a folder has no test part
VALIDATION_SHARE = 0.1
_BATCH = 256  # images that are decoded and handed on together
_SQUASH = ",fit=squash"


class ImageFolder:
    """A `Source` of images in folders; needs no TensorFlow.

    Args:
        folder: String or path; see `image_listing.list_images`.
        fit: String, how images get the height and width asked for: `"crop"`
            or `"squash"`, see `image_files.fit_image`.

    Attributes:
        name: String, `folder:NAME-DIGEST`. The digest is of all paths and
            sizes, so that another folder of the same name, or the same one
            with other images, is another data set.
        listing: `Listing`.

    Raises:
        UserError: If the folder cannot be used.
    """

    def __init__(self, folder: str | Path, fit: str = "crop"):
        if fit not in FITS:
            raise UserError(f"Expected `fit` among {FITS}. Received: {fit!r}.")
        self.folder = user_path(folder)
        self.fit = fit
        self.listing: Listing = list_images(self.folder)
        self.class_names = list(self.listing.class_names)
        self.unlabelled: dict[str, int] = {}
        self.name = _name_of(self.folder, self._all_images())
        self.name += _SQUASH if fit == "squash" else ""

    @classmethod
    def named(cls, name: str, folder: str | None) -> "ImageFolder":
        """Opens the folder that a network's settings name.

        Args:
            name: String, `ImageFolder.name`.
            folder: String or `None`.

        Returns:
            `ImageFolder`.

        Raises:
            UserError: If the folder is not given or has other images.
        """
        if folder is None:
            raise UserError(
                f"Data set {name!r} is a folder of images: expected that "
                "folder (`images`, or `data_dir`). Received: none."
            )
        fit = "squash" if name.endswith(_SQUASH) else "crop"
        found = cls(folder, fit)
        if found.name != name:
            raise UserError(
                f"Expected the images of {name!r} in {folder!r}. Received: "
                f"{found.name!r}: files were added, removed or changed, or "
                "it is another folder."
            )
        return found

    @property
    def parts(self) -> dict[str, str]:
        """Which part serves as what; see `Source`."""
        folders = self.listing.part_folders
        words = {part: f"folder {name!r}" for part, name in folders.items()}
        if "test" not in words and "validation" in words:
            # As with other sets: tested on the held-out part that there is.
            words["test"] = words.pop("validation")
        first = words.get("train", "cut by content")
        words["train"] = first
        words.setdefault("test", f"cut by content from {first}")
        words.setdefault("validation", f"cut by content from {first}")
        if not folders:
            return dict.fromkeys(words, "cut by content")
        return words

    @functools.cached_property
    def version(self) -> str:
        """Digest of every path and every byte; all files are read once."""
        return _digest(
            f"{image.relative}\0{self.hashes[image.path]}"
            for image in self._all_images()
        )[:16]

    @property
    def state(self) -> str:
        """Changes when a file's name, size or time does."""
        return _digest(
            f"{image.relative}\0{image.size}\0{image.changed}"
            for image in self._all_images()
        )[:16]

    @functools.cached_property
    def hashes(self) -> dict[Path, str]:
        """SHA-256 of the content of every file."""
        paths = [image.path for image in self._all_images()]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return dict(
                zip(paths, threads.map(content_hash, paths), strict=True)
            )

    @property
    def notices(self) -> list[str]:
        """What was left out, and images that are there twice."""
        return [*self.listing.notices, *self._duplicates()]

    @functools.cached_property
    def divided(self) -> dict[str, list[FoundImage]]:
        """Images of `"train"`, `"validation"` and `"test"`."""
        found = {part: list(i) for part, i in self.listing.images.items()}
        if "test" not in found and "validation" in found:
            found["test"] = found.pop("validation")
        whole = found.pop(ALL, None) or found["train"]
        shares = {}
        if "test" not in found:
            shares["test"] = TEST_SHARE
        if "validation" not in found:
            shares["validation"] = VALIDATION_SHARE
        return {**found, **self._cut(whole, shares)}

    def counts(self, part: str | None = None) -> np.ndarray:
        """Counts the images of each class.

        Args:
            part: String or `None`, `"train"`, `"validation"` or `"test"`
                (then every file is read if parts are cut by content).
                Defaults to `None` for all, of which names are enough.

        Returns:
            `int64` array `(num_classes,)`.
        """
        images = self.divided[part] if part else self._all_images()
        labels = [image.label for image in images]
        return np.bincount(labels, minlength=len(self.class_names))

    def native_shape(self) -> tuple[int, int] | None:
        """Returns height and width if all images have the same, by headers."""
        shapes = set()
        for image in self._all_images():
            shapes.add(upright_size(image.path))
            if len(shapes) > 1:
                return None
        return shapes.pop()

    def describe(self) -> str:
        """Says which classes and how many images there are, by names only."""
        counts = self.counts()
        parts = ", ".join(
            f"{len(images):,} in {self.listing.part_folders[part]!r}"
            for part, images in self.listing.images.items()
            if part != ALL
        )
        shares = f"{TEST_SHARE:.0%} test, {VALIDATION_SHARE:.0%} validation"
        classes = [
            f"{name} {count:,}"
            for name, count in zip(self.class_names, counts, strict=True)
        ]
        return (
            f"{self.name}: {len(self.class_names):,} classes, "
            f"{counts.sum():,} images "
            f"({parts or f'to be cut by content: {shares}'}), "
            f"{counts.min():,} to {counts.max():,} a class: "
            f"{listed(classes, 20)}."
        )

    def labels(self, part: str) -> np.ndarray:
        """See `Source`."""
        return np.array([image.label for image in self._rows(part)], np.int64)

    def validation_rows(self) -> np.ndarray:
        """See `Source`."""
        count = len(self.divided["train"])
        return np.arange(len(self._rows("train"))) >= count

    def images(
        self,
        part: str,
        image_shape: tuple[int, int],
        batch_size: int = _BATCH,
    ) -> Iterator[np.ndarray]:
        """See `Source`; `batch_size` images are decoded together."""

        def decode(image: FoundImage) -> np.ndarray:
            return fit_image(read_image(image.path), image_shape, self.fit)

        rows = self._rows(part)
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for start in range(0, len(rows), batch_size):
                batch = rows[start : start + batch_size]
                yield np.stack(list(threads.map(decode, batch)))

    def _rows(self, part: str) -> list[FoundImage]:
        # A pool keeps validation images behind those to train on.
        if part == "train":
            return self.divided["train"] + self.divided["validation"]
        return self.divided[part]

    def _all_images(self) -> list[FoundImage]:
        return [i for images in self.listing.images.values() for i in images]

    def _cut(self, images: list[FoundImage], shares: dict) -> dict:
        hashes = [self.hashes[image.path] for image in images] if shares else []
        parts = {part: [] for part in ("train", *shares)}
        labels = [image.label for image in images]
        chosen = cut_by_content(hashes, labels, shares) if shares else None
        for index, image in enumerate(images):
            parts[chosen[index] if chosen else "train"].append(image)
        return parts

    def _duplicates(self) -> list[str]:
        places: dict[str, list[tuple[str, FoundImage]]] = {}
        for part, images in self.divided.items():
            for image in images:
                content = self.hashes[image.path]
                places.setdefault(content, []).append((part, image))
        across, classes = [], []
        for found in places.values():
            alike = " = ".join(image.relative for _, image in found[:4])
            if len({part for part, _ in found}) > 1:
                across.append(alike)
            if len({image.label for _, image in found}) > 1:
                classes.append(alike)
        return [
            f"{self.folder}: {len(sets):,} images are {what}: {listed(sets)}."
            for sets, what in (
                (
                    across,
                    "in two parts, seen before they are tested",
                ),
                (classes, "in two classes"),
            )
            if sets
        ]


def cut_by_content(
    hashes: list[str], labels: list[int], shares: dict[str, float]
) -> list[str]:
    """Decides by each image's own content which part it is in.

    The first digits of a hash are a number in 0..1: below the first share it
    is in the first part, below the next in the next, else for training. So
    an image stays where it is whatever is added, and equal images are in the
    same part. Only where that leaves a part of a class empty, the images
    with the lowest numbers fill it; one of these may move when others come.

    Args:
        hashes: List of hexadecimal strings.
        labels: List of integers, of each image.
        shares: Dict from a part to its share of every class.

    Returns:
        List of parts; `"train"` keeps at least one image of every class.
    """
    numbers: dict[int, set[str]] = {}
    for content, label in zip(hashes, labels, strict=True):
        numbers.setdefault(label, set()).add(content)
    part_of = {
        (label, content): part
        for label, contents in numbers.items()
        for content, part in _cut_class(sorted(contents), shares).items()
    }
    pairs = zip(labels, hashes, strict=True)
    return [part_of[pair] for pair in pairs]


def _cut_class(contents: list[str], shares: dict[str, float]) -> dict[str, str]:
    values = np.array([int(c[:12], 16) / 16**12 for c in contents])
    part_of = dict.fromkeys(contents, "train")
    start, threshold, waiting = 0, 0.0, len(shares)
    for part, share in shares.items():
        threshold += share
        waiting -= 1
        end = int((values < threshold).sum())
        # One for this part and, if there are enough, for those after it.
        room = len(contents) - start - 1
        later = min(waiting, max(0, room - 1))
        count = min(max(end - start, 1), max(0, room - later))
        part_of.update(dict.fromkeys(contents[start : start + count], part))
        start += count
    return part_of


def _name_of(folder: Path, images: list[FoundImage]) -> str:
    plain = unicodedata.normalize("NFC", folder.resolve().name)
    plain = re.sub(r"[^A-Za-z0-9_.]+", "_", plain).strip("_.") or "images"
    digest = _digest(f"{image.relative}\0{image.size}" for image in images)
    return f"{FOLDER}{plain}-{digest[:8]}"


def _digest(lines) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
