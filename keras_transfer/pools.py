"""Decodes a TFDS data set once and keeps its pixels as memory-mapped uint8.

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

from keras_transfer import builders, integrity, locks, records, splits
from keras_transfer.errors import UserError
from keras_transfer.files import (
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
        name, version: Strings, the TFDS data set.
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

    def describe_parts(self) -> str:
        """Says which part of the data set serves as what, and its size."""
        parts = self._meta.get("parts", {"train": "train", "test": None})
        known = "parts" in self._meta  # not in pools of earlier versions
        texts = []
        for part, count in self.counts.items():
            origin = f" ({parts[part]!r})" if parts[part] else ""
            if known and not origin:
                origin = f" (cut from {parts['train']!r})"
            texts.append(f"{part}{origin} {count:,} images")
        for part, count in self._meta.get("unlabelled", {}).items():
            if count:
                texts.append(f"left out of {part!r}: {count:,} without a label")
        return ", ".join(texts)

    def find_damage(self) -> str | None:
        """Says which file is not what was decoded; see `integrity`."""
        return integrity.find_damage(self.folder, self._meta)

    def images(self, part: str) -> np.ndarray:
        """Returns the memory map of a part, `(n, size, size, 3)` uint8."""
        return np.load(self.folder / f"{part}_images.npy", mmap_mode="r")

    def labels(self, part: str) -> np.ndarray:
        """Returns the labels of a part, `(n,)` int64."""
        return np.load(self.folder / f"{part}_labels.npy")

    def mean_image(self, indices: np.ndarray) -> np.ndarray:
        """Returns the per-pixel mean of some training images.

        Sums are exact integers, so the mean does not depend on their order;
        it is kept beside the pool, as a pass over ImageNet takes long.

        Args:
            indices: Integer array of positions in the training part.

        Returns:
            `float32` array of shape `(size, size, 3)`.
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


def find_pool(cache_dir: Path, name: str, image_size: int) -> ImagePool | None:
    """Returns the pool of a data set if it is there and can be opened."""
    folder = _pool_folder(cache_dir, name, image_size)
    meta = read_json(folder / "pool.json")
    if not isinstance(meta, dict) or not integrity.is_sealed(meta):
        return None
    return ImagePool(folder)


def _pool_folder(cache_dir: Path, name: str, image_size: int) -> Path:
    return Path(cache_dir) / f"{name.replace('/', '-')}-{image_size}px"


def prepare_pool(
    cache_dir: Path,
    name: str,
    image_size: int,
    data_dir: str | None = None,
    progress=None,
) -> ImagePool:
    """Decodes a data set into a pool, or returns the one that is there.

    Labels are read first and examples without one are left out before their
    images are decoded. Images of another size are resized to a square, as
    the authors did; grey images become three equal channels.

    Args:
        cache_dir: Path that pools are kept in.
        name: String, TFDS name such as `"cifar100"`.
        image_size: Integer, side in pixels that images are kept at.
        data_dir: String or `None`, TFDS folder. Defaults to TFDS's own.
        progress: Callable or `None`, called with a text and a share in 0..1.

    Returns:
        `ImagePool`.

    Raises:
        UserError: If the data set is unknown, has no image and label, or is
            neither prepared nor can be downloaded.
    """
    progress = progress or (lambda text, share: None)
    folder = _pool_folder(cache_dir, name, image_size)
    lock = folder.with_name(f"{folder.name}.lock")
    if locks.is_taken(lock):
        progress(f"{name}: {locks.holder(lock)} decodes it", 0.0)
    with locks.hold(lock, wait=True):
        remove_leftovers(folder.parent, folder.name)
        pool = find_pool(cache_dir, name, image_size)
        if pool is not None and pool.find_damage() is None:
            return pool
        progress(f"{name}: opening", 0.0)
        builder = builders.prepared_builder(name, data_dir)
        temporary = temporary_beside(folder)
        temporary.mkdir()
        try:
            meta = _write_pool(builder, name, image_size, temporary, progress)
            text = json.dumps(integrity.seal(meta), indent=1)
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


def _write_pool(builder, name, image_size, folder, progress) -> dict:
    class_names = list(builder.info.features["label"].names)
    if len(class_names) < 4:
        splits.class_halves(len(class_names), 0)  # says what is wrong
    labels = {}

    def has_labels(part: str) -> bool:
        raw = _raw_examples(builder, part)
        count = len(class_names)
        labels[part] = records.read_labels(raw, count, builder.name, part)
        return bool((labels[part] >= 0).any())

    parts = builders.part_names(builder, has_labels)
    if not has_labels(parts["train"]):
        raise UserError(
            f"Part {parts['train']!r} of {builder.name!r} has no labelled "
            "images."
        )
    counts = {}
    for part, tfds_part in parts.items():
        if tfds_part is None:
            continue
        counts[part] = _write_part(
            builder,
            tfds_part,
            labels[tfds_part],
            part,
            image_size,
            folder,
            progress,
        )
    if parts["test"] is None:
        counts = _cut_own_test(folder)
    fingerprint, blocks = integrity.take_checksums(folder)
    return {
        "name": name,
        "version": str(builder.info.version),
        "image_size": image_size,
        "class_names": class_names,
        "fingerprint": fingerprint,
        "counts": counts,
        "parts": parts,
        "unlabelled": {
            part: int((found < 0).sum()) for part, found in labels.items()
        },
        "blocks": blocks,
    }


def image_decoder(feature, image_size: int):
    """Returns a function from an encoded image to a square one in colour.

    Args:
        feature: `tfds.features.Image`.
        image_size: Integer, side in pixels.

    Returns:
        Callable of a string tensor, that returns `uint8 (size, size, 3)`.
    """
    import tensorflow as tf

    def decode(image):
        image = feature.decode_example(image)
        if feature.shape[-1] == 1:
            image = tf.image.grayscale_to_rgb(image)
        image = image[..., :3]
        if feature.shape[:2] != (image_size, image_size):
            image = tf.image.resize(
                image, (image_size, image_size), antialias=True
            )
            image = tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), "uint8")
        return image

    return decode


def decoded_batches(encoded, feature, image_size: int, batch_size: int = 256):
    """Decodes images with all cores, in order, and makes them square.

    Args:
        encoded: `tf.data.Dataset` of strings, encoded images.
        feature: `tfds.features.Image`.
        image_size: Integer, side in pixels.
        batch_size: Integer. Defaults to `256`.

    Returns:
        `tf.data.Dataset` of `uint8` batches `(n, size, size, 3)`.
    """
    import tensorflow as tf

    decode = image_decoder(feature, image_size)
    return (
        encoded.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(2)
    )


def _raw_examples(builder, tfds_part: str):
    import tensorflow_datasets as tfds

    config = tfds.ReadConfig(interleave_cycle_length=1)
    return builder.as_dataset(
        split=tfds_part,
        decoders={"image": tfds.decode.SkipDecoding()},
        shuffle_files=False,
        read_config=config,
    )


def _write_part(
    builder, tfds_part, labels, part, image_size, folder, progress
) -> int:
    import tensorflow as tf

    raw = _raw_examples(builder, tfds_part)
    known = labels >= 0
    total = int(known.sum())
    shape = (total, image_size, image_size, 3)
    images = new_array(folder / f"{part}_images.npy", np.uint8, shape)
    # Unlabelled examples are dropped before their images are decoded.
    labelled = raw.filter(lambda example: example["label"] >= 0)
    encoded = labelled.map(lambda example: example["image"])
    feature = builder.info.features["image"]
    decoded = decoded_batches(encoded, feature, image_size)
    done = 0
    try:
        for batch in decoded.as_numpy_iterator():
            images[done : done + len(batch)] = batch
            done += len(batch)
            progress(f"{builder.name}: decoding {part}", done / total)
    except tf.errors.OpError as error:
        decode = image_decoder(feature, image_size)
        raise records.bad_image(
            raw, decode, labels, done, builder.name, tfds_part, error
        ) from error
    images.flush()
    np.save(folder / f"{part}_labels.npy", labels[known])
    return total


def _cut_own_test(folder: Path) -> dict[str, int]:
    labels = np.load(folder / "train_labels.npy")
    images = np.load(folder / "train_images.npy")
    kept, cut = splits.stratified_cut(labels, _OWN_TEST_FRACTION)
    for part, indices in (("test", cut), ("train", kept)):
        np.save(folder / f"{part}_images.npy", images[indices])
        np.save(folder / f"{part}_labels.npy", labels[indices])
    return {"train": len(kept), "test": len(cut)}
