"""Arrays, `tf.data` and `PyDataset` as a folder of images, for the studies.

A study reads its images from files: a process that was killed, another
machine and the next seed find the same ones, and the content of each decides
the part it belongs to. So data that live in Python are written once, without
loss, and `--images` takes them from there.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_transfer.datasets.image_listing import listed
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import check_text, user_path
from keras_transfer.storage.files import temporary_beside

_INFINITE = -1  # what `tf.data` calls the cardinality of an endless set


def write_images(
    folder: str | Path,
    data: Any,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
) -> int:
    """Writes images and labels as PNG files, a folder for each class.

    The folder is what `--images` takes. Write below `train/`, `validation/`
    and `test/` of one folder to decide the parts; else the content of each
    image does.

    Args:
        folder: String or path that does not exist yet.
        data: Array `(n, height, width, 1 or 3)` or `(n, height, width)` with
            `labels` beside it; or a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or any other iterable of pairs of images
            and labels, batched or one by one. Values are 0 to 255; fractions
            are rounded. With a one-hot row of h labels `(h, width, 1 or 3)`
            is one image, no batch of h grey ones of 1 or 3 pixels' width.
        labels: Integers `(n,)`, or one-hot rows `(n, classes)`, if `data` is
            an array. Defaults to `None`.
        class_names: Sequence of strings, the name of each label. Defaults to
            its number. No two may be alike.

    Returns:
        Integer, images written.

    Raises:
        UserError: If the folder is there, or images or labels are none.
            Nothing is left behind.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3))
        >>> kt.write_images("mine", images, [0, 1, 0, 1, 0, 1], ["hat", "cap"])
        6
        >>> import os
        >>> sorted(os.listdir("mine"))
        ['cap', 'hat']
    """
    folder = user_path(str(folder))
    if folder.exists():
        raise UserError(
            f"Expected `folder` to be a new one. Received: {folder}, which is "
            "there. Delete it or choose another."
        )
    for name in class_names or ():
        _check_name(name)
    if class_names and len(set(class_names)) < len(class_names):
        raise UserError(
            "Expected `class_names` that differ, as each is a folder. "
            f"Received: {listed(list(class_names), 6)}."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(folder)
    written = 0
    try:
        for images, numbers in _batches(data, labels):
            for pixels, number in zip(images, numbers, strict=True):
                place = temporary / _class_name(int(number), class_names)
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place / f"{written:07d}.png")
                written += 1
        if not written:
            raise UserError("Expected at least one image. Received: none.")
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def _check_name(name: str) -> None:
    bad = not isinstance(name, str) or name in ("", ".", "..")
    if bad or "/" in name or os.sep in name or name.startswith("."):
        raise UserError(
            "Expected `class_names` that can be names of folders. "
            f"Received: {name!r}."
        )
    check_text(name)


def _class_name(number: int, names: Sequence[str] | None) -> str:
    if number < 0 or (names is not None and number >= len(names)):
        known = "0 or more" if names is None else f"0 to {len(names) - 1}"
        raise UserError(f"Expected `labels` of {known}. Received: {number}.")
    # Folders are sorted by name, so that labels keep their order.
    return f"{number:05d}" if names is None else names[number]


def _batches(data, labels) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    most, fractions = 0.0, False
    for images, numbers in _pairs(data, labels):
        images, numbers = np.asarray(images), np.asarray(numbers)
        if labels is None and _is_one(images, numbers):
            images, numbers = images[None], numbers[None]
        pixels, numbers = _as_pixels(images), _as_numbers(numbers)
        if images.size:
            most = max(most, float(images.max()))
            fractions |= images.dtype.kind == "f"
        if len(pixels) != len(numbers):
            raise UserError(
                "Expected a label for each image. Received: "
                f"{len(pixels)} images and {len(numbers)} labels."
            )
        yield pixels, numbers
    # Known at the end only: a batch may have nothing but black images.
    if fractions and most <= 1:
        raise UserError(
            "Expected images with values of 0 to 255. Received: at most "
            f"{most:g}, which looks scaled to 1. Multiply them by 255."
        )


def _is_one(images: np.ndarray, numbers: np.ndarray) -> bool:
    """Whether this is one image, its label a number or one one-hot row."""
    if images.ndim > 3 or numbers.ndim > 1:
        return False
    if images.ndim < 3 or numbers.ndim == 0 or len(images) != len(numbers):
        return True
    # As many labels as rows: an image with colours last has a one-hot row of
    # as many classes; else it is a batch of grey images with their labels.
    return images.shape[2] in (1, 3) and bool(_one_hot(numbers[None]).all())


def _one_hot(rows: np.ndarray) -> np.ndarray:
    return np.isin(rows, (0, 1)).all(1) & (rows.sum(1) == 1)


def _pairs(data, labels) -> Iterable:
    if labels is not None:
        return [(data, labels)]
    if isinstance(data, np.ndarray):
        raise UserError(
            "Expected `labels` beside an array of images. Received: none."
        )
    batches = getattr(data, "num_batches", 0)  # of a `PyDataset`
    cardinality = getattr(data, "cardinality", lambda: 0)
    if batches is None or int(cardinality()) == _INFINITE:
        raise UserError(
            "Expected a data set that ends. Received: one that repeats for "
            "ever. Leave `repeat()` out, or give it a length."
        )
    if batches:
        return _checked(map(data.__getitem__, range(batches)))
    return _checked(data)


def _checked(data) -> Iterator[tuple]:
    try:
        items = iter(data)
    except TypeError as error:
        raise UserError(
            "Expected `data` as an array, or an iterable of images and "
            f"labels. Received: {type(data).__name__}."
        ) from error
    for item in items:
        if not isinstance(item, tuple | list) or len(item) != 2:
            count = len(item) if isinstance(item, tuple | list) else 1
            raise UserError(
                "Expected pairs of images and labels, without weights. "
                f"Received: {count} values at a time."
            )
        yield tuple(item)


def _as_pixels(images: np.ndarray) -> np.ndarray:
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise UserError(
            "Expected images of shape (height, width, 1 or 3). Received: "
            f"{images.shape[1:]}."
        )
    if images.dtype == np.uint8 or not images.size:
        return images.astype(np.uint8)
    if images.dtype.kind not in "iuf":
        raise UserError(
            f"Expected images of numbers. Received: {images.dtype}."
        )
    low, high = float(images.min()), float(images.max())
    if not (0 <= low and high <= 255):  # not a number is neither
        raise UserError(
            "Expected images with values of 0 to 255. Received: "
            f"{low:g} to {high:g}. Scale them first."
        )
    return np.round(images).astype(np.uint8)


def _as_numbers(labels: np.ndarray) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        if not _one_hot(labels).all():
            raise UserError(
                "Expected one label an image, or one-hot rows. Received: "
                f"rows such as {listed(list(map(str, labels[0])), 6)}."
            )
        return labels.argmax(1)
    whole = labels.ndim == 1 and labels.dtype.kind in "iuf"
    if not whole or not np.array_equal(labels, np.round(labels)):
        raise UserError(
            "Expected `labels` as whole numbers, one an image, or one-hot "
            f"rows. Received: {labels.dtype} of shape {labels.shape}."
        )
    return labels.astype(np.int64)
