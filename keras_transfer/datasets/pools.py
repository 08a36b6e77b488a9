"""Decodes a data set once and keeps its pixels as memory-mapped uint8.

Every study draws its halves from such a pool by label, so an image is read
and decoded once whatever the number of splits, networks and epochs: the
authors' own LMDB did the same. A pool that fits is held in memory; a larger
one is read from its map.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from keras_transfer.datasets import checksums, splits
from keras_transfer.datasets.catalogue import OWN_VERSIONS
from keras_transfer.datasets.image_folder import ImageFolder
from keras_transfer.datasets.sources import FOLDER, Source
from keras_transfer.datasets.tfds_source import TfdsSource
from keras_transfer.errors import UserError
from keras_transfer.specs.image_shapes import ImageSize, pair_of, shown_size
from keras_transfer.specs.paths import user_path
from keras_transfer.storage import locks
from keras_transfer.storage.files import (
    load_arrays,
    new_array,
    read_json,
    remove_leftovers,
    save_arrays,
    temporary_beside,
)

PARTS = ("train", "test")
_OWN_TEST_FRACTION = 0.2  # of a data set that comes without a test set


class ImagePool:
    """Decoded images and labels of a data set.

    Args:
        folder: Path of a pool written by `prepare_pool`.

    Attributes:
        name, version: Strings, the data set.
        class_names: List of strings.
        fingerprint: String, SHA-256 of all labels and pixels.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        meta = json.loads((self.folder / "pool.json").read_text())
        self._meta = meta
        self.name: str = meta["name"]
        self.version: str = meta["version"]
        self.image_size: int = meta["image_size"]
        self.class_names: list[str] = meta["class_names"]
        self.fingerprint: str = meta["fingerprint"]
        self.counts: dict[str, int] = meta["counts"]

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the images, in pixels."""
        square = (self.image_size, self.image_size)
        return tuple(self._meta.get("image_shape", square))

    @property
    def notices(self) -> list[str]:
        """What a user of these images has to know, a sentence each."""
        return self._meta.get("notices", [])

    @property
    def state(self) -> str | None:
        """State of the files that it was decoded from; see `Source`."""
        return self._meta.get("state")

    def describe_parts(self) -> str:
        """Says which part of the data set serves as what, and its size."""
        # A pool of an earlier version does not tell.
        origins = self._meta.get("origins", {})
        counts = dict(self.counts)
        validation = self._meta.get("validation")
        if validation is not None:
            counts["train"] -= validation
            counts["validation"] = validation
        texts = [
            f"{part}{f' ({origins[part]})' if part in origins else ''} "
            f"{count:,} images"
            for part, count in counts.items()
        ]
        for part, count in self._meta.get("unlabelled", {}).items():
            texts.append(f"left out of {part}: {count:,} without a label")
        return ", ".join(texts)

    def class_counts(self, part: str) -> np.ndarray:
        """Counts the images of each class of a part.

        Args:
            part: String, `"train"` or `"test"`.

        Returns:
            Integer array `(num_classes,)`.
        """
        return np.bincount(self.labels(part), minlength=self.num_classes)

    def validation_rows(self) -> np.ndarray | None:
        """Returns which training images the data set keeps for validation.

        Returns:
            Boolean array as long as the training labels, or `None` where a
            study cuts its own share.
        """
        if self._meta.get("validation") is None:
            return None
        return np.load(self.folder / checksums.VALIDATION_ROWS)

    def find_damage(self) -> str | None:
        """Says which file is not what was decoded; see `integrity`."""
        return checksums.find_damage(self.folder, self._meta)

    def images(self, part: str) -> np.ndarray:
        """Opens the images of a part without reading them.

        Args:
            part: String, `"train"` or `"test"`.

        Returns:
            Memory map `(n, height, width, 3)` of uint8.
        """
        return np.load(self.folder / f"{part}_images.npy", mmap_mode="r")

    def labels(self, part: str) -> np.ndarray:
        """Reads the labels of a part.

        Args:
            part: String, `"train"` or `"test"`.

        Returns:
            Array `(n,)` of int64.
        """
        return np.load(self.folder / f"{part}_labels.npy")

    def mean_image(self, indices: np.ndarray) -> np.ndarray:
        """Returns the per-pixel mean of some training images.

        Sums are exact integers, so the mean does not depend on their order;
        it is kept beside the pool, as a pass over ImageNet takes long.

        Args:
            indices: Integer array of positions in the training part.

        Returns:
            `float32` array of shape `(height, width, 3)`.
        """
        digest = hashlib.sha256(np.ascontiguousarray(indices, "<i8").tobytes())
        path = self.folder / f"mean-{digest.hexdigest()[:16]}.npz"
        # Networks that start together need the same mean: one computes it.
        with locks.hold(self.folder / "mean.lock", wait=True):
            stored = load_arrays(path)
            if stored is not None:
                return stored["mean"]
            images = self.images("train")
            total = np.zeros(images.shape[1:], np.uint64)
            for chunk in np.array_split(indices, len(indices) // 4096 + 1):
                total += images[chunk].sum(0, dtype=np.uint64)
            mean = (total / len(indices)).astype(np.float32)
            remove_leftovers(self.folder)
            save_arrays(path, {"mean": mean})
        return mean


def find_pool(
    cache_dir: Path, name: str, image_size: ImageSize
) -> ImagePool | None:
    """Opens the pool of a data set that was decoded before.

    Args:
        cache_dir: Path of the folder of all pools.
        name: String, the data set's name.
        image_size: Integer side or pair of height and width, in pixels.

    Returns:
        `ImagePool`, or `None` if there is none or its description is damaged.
    """
    folder = _pool_folder(cache_dir, name, image_size)
    meta = read_json(folder / "pool.json")
    if not isinstance(meta, dict) or not checksums.is_sealed(meta):
        return None
    return ImagePool(folder)


def _pool_folder(cache_dir: Path, name: str, image_size: ImageSize) -> Path:
    size = shown_size(image_size)
    return Path(cache_dir) / f"{name.replace('/', '-')}-{size}px"


def open_source(name: str, data_dir: str | None = None) -> Source:
    """Opens what a name stands for.

    Args:
        name: String, a TFDS name, or `ImageFolder.name`.
        data_dir: String or `None`, TFDS folder or the folder of images.

    Returns:
        `Source`.

    Raises:
        UserError: If it cannot be opened.
    """
    if name.startswith(FOLDER):
        return ImageFolder.named(name, data_dir)
    return TfdsSource(name, data_dir)


def has_changed(pool: ImagePool, data_dir: str | None) -> bool:
    """Returns whether images have changed since a pool was decoded.

    Only a folder of images is looked at, and the version of a set that we
    draw ourselves: a prepared TFDS data set does not change.

    Args:
        pool: `ImagePool`.
        data_dir: String, the folder of images, or `None`.

    Returns:
        Boolean.

    Raises:
        UserError: If the folder holds another data set now.
    """
    if pool.name in OWN_VERSIONS:
        return pool.version != OWN_VERSIONS[pool.name]
    if pool.state is None or data_dir is None:
        return False
    return ImageFolder.named(pool.name, data_dir).state != pool.state


def prepare_pool(
    cache_dir: Path,
    source: str | Source,
    image_size: ImageSize,
    data_dir: str | None = None,
    progress=None,
) -> ImagePool:
    """Decodes a data set into a pool, or returns the one that is there.

    Labels are read first and examples without one are left out before their
    images are decoded. Images of TFDS that have another size are squashed to
    a square, as the authors did; those of a folder are cropped, unless it
    says otherwise. Grey images become three equal channels.

    Args:
        cache_dir: Path that pools are kept in.
        source: String, TFDS name such as `"cifar100"` or the name of an
            `ImageFolder`; or a `Source`.
        image_size: Integer, side in pixels that images are kept at, or a
            pair of height and width.
        data_dir: String or `None`, TFDS folder or folder of images. Defaults
            to TFDS's own.
        progress: Callable or `None`, called with a text and a share in 0..1.

    Returns:
        `ImagePool`.

    Raises:
        UserError: If the data set is unknown, has no image and label, or is
            neither prepared nor can be downloaded.
    """
    progress = progress or (lambda text, share: None)
    name = source if isinstance(source, str) else source.name
    folder = _pool_folder(cache_dir, name, image_size)
    lock = folder.with_name(f"{folder.name}.lock")
    if locks.is_taken(lock):
        progress(f"{name}: {locks.holder(lock)} decodes it", 0.0)
    with locks.hold(lock, wait=True):
        remove_leftovers(folder.parent, folder.name)
        pool = find_pool(cache_dir, name, image_size)
        if pool is not None and pool.find_damage() is None:
            if isinstance(source, str):
                changed = has_changed(pool, data_dir)
            else:
                changed = source.state != pool.state
            if not changed:
                return pool
        progress(f"{name}: opening", 0.0)
        if isinstance(source, str):
            data_dir = data_dir and str(user_path(data_dir))
            source = open_source(source, data_dir)
        temporary = temporary_beside(folder)
        temporary.mkdir()
        try:
            shape = pair_of(image_size)
            meta = _write_pool(source, shape, temporary, progress)
            text = json.dumps(checksums.seal(meta), indent=1)
            (temporary / "pool.json").write_text(text)
            _replace_folder(folder, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return ImagePool(folder)


def _replace_folder(folder: Path, by: Path) -> None:
    damaged = temporary_beside(folder)
    if folder.exists():
        os.replace(folder, damaged)
    os.replace(by, folder)
    shutil.rmtree(damaged, ignore_errors=True)


def _write_pool(source: Source, image_shape, folder, progress) -> dict:
    if len(source.class_names) < 2:
        raise UserError(
            f"Expected at least 2 classes. Received: {source.class_names} "
            f"of {source.name}. Choose another `dataset`."
        )
    origins = dict(source.parts)
    counts = {
        part: _write_part(source, part, image_shape, folder, progress)
        for part in PARTS
        if part in origins
    }
    if "test" not in origins:
        counts = _cut_own_test(folder)
        origins["test"] = f"cut from {origins['train']}"
    rows = source.validation_rows()
    if rows is not None:
        np.save(folder / checksums.VALIDATION_ROWS, rows)
    fingerprint, blocks = checksums.take_checksums(folder)
    return {
        "name": source.name,
        "version": source.version,
        "image_size": image_shape[0],
        "image_shape": image_shape,
        "class_names": source.class_names,
        "fingerprint": fingerprint,
        "counts": counts,
        "validation": None if rows is None else int(rows.sum()),
        "origins": origins,
        "unlabelled": source.unlabelled,
        "state": source.state,
        "notices": source.notices,
        "blocks": blocks,
    }


def _write_part(source: Source, part, image_shape, folder, progress) -> int:
    labels = source.labels(part)
    shape = (len(labels), *image_shape, 3)
    images = new_array(folder / f"{part}_images.npy", np.uint8, shape)
    done = 0
    for batch in source.images(part, image_shape):
        images[done : done + len(batch)] = batch
        done += len(batch)
        progress(f"{source.name}: decoding {part}", done / len(labels))
    images.flush()
    np.save(folder / f"{part}_labels.npy", labels)
    return len(labels)


def _cut_own_test(folder: Path) -> dict[str, int]:
    labels = np.load(folder / "train_labels.npy")
    images = np.load(folder / "train_images.npy")
    kept, cut = splits.stratified_cut(labels, _OWN_TEST_FRACTION)
    for part, indices in (("test", cut), ("train", kept)):
        np.save(folder / f"{part}_images.npy", images[indices])
        np.save(folder / f"{part}_labels.npy", labels[indices])
    return {"train": len(kept), "test": len(cut)}
