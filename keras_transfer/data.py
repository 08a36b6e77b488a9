"""What one network trains on: its half of the classes, batch by batch."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from keras_transfer import splits
from keras_transfer.errors import UserError
from keras_transfer.pools import ImagePool
from keras_transfer.specs import DataSpec

# A half larger than this share of the free memory is read from its map.
MEMORY_SHARE = 0.4


@dataclasses.dataclass(frozen=True)
class Part:
    """Images of one half: train, validation or test.

    Args:
        images: `uint8` array or memory map `(n, size, size, 3)` of the pool.
        indices: Integer array, positions of this part's images in it.
        labels: `int32` array, ranks of their classes within the half.
    """

    images: np.ndarray
    indices: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)


@dataclasses.dataclass(frozen=True)
class HalfData:
    """The three disjoint parts of one half of the classes.

    Args:
        classes: Sorted integer array, the classes of the half.
        class_names: List of strings.
        train, validation, test: `Part`. Validation is cut from the training
            images of each class; test is the set's own.
    """

    classes: np.ndarray
    class_names: list[str]
    train: Part
    validation: Part
    test: Part

    @property
    def num_classes(self) -> int:
        """Number of classes of the half."""
        return len(self.classes)


def load_half(pool: ImagePool, spec: DataSpec, half: str) -> HalfData:
    """Selects one half of a pool by label; no image is read yet.

    Args:
        pool: `ImagePool`.
        spec: `DataSpec`.
        half: String, `"A"` or `"B"`.

    Returns:
        `HalfData`.

    Raises:
        UserError: If a class of the half has fewer than two training images.
    """
    classes = splits.class_halves(pool.num_classes, spec.split)[half]
    selected = {}
    for part in ("train", "test"):
        labels = pool.labels(part)
        indices = np.flatnonzero(np.isin(labels, classes))
        selected[part] = indices, splits.remap_labels(labels[indices], classes)
    indices, labels = selected["train"]
    counts = np.bincount(labels, minlength=len(classes))
    scarce = [pool.class_names[classes[i]] for i in np.flatnonzero(counts < 2)]
    if scarce:
        raise UserError(
            f"Half {half} of split {spec.split} has classes with fewer than "
            f"two training images: {scarce[:5]} ({len(scarce)} in all). "
            "Choose another `--dataset` or split."
        )
    # The cut looks at a class's own label, so it is made on the pool's labels.
    kept, cut = splits.stratified_cut(classes[labels], spec.validation_fraction)
    train_images = pool.images("train")
    return HalfData(
        classes=classes,
        class_names=[pool.class_names[c] for c in classes],
        train=Part(train_images, indices[kept], labels[kept]),
        validation=Part(train_images, indices[cut], labels[cut]),
        test=Part(pool.images("test"), *selected["test"]),
    )


def steps_per_pass(part: Part, batch_size: int) -> int:
    """Returns the whole batches in one pass over the training images.

    The images left over differ from pass to pass, as each has its own order.
    """
    return max(1, len(part) // batch_size)


def train_batches(
    part: Part,
    mean: np.ndarray,
    spec: DataSpec,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
) -> tf.data.Dataset:
    """Yields training batches, each a pure function of `(seed, step)`.

    Order, crops and mirrors follow from the seed, the pass over the images
    and the example alone, so a run that starts again at `start_step` sees
    exactly what it would have seen.

    Args:
        part: `Part`.
        mean: `float32` array `(size, size, 3)`, subtracted before the crop.
        spec: `DataSpec`.
        batch_size: Integer, images a batch (all, if the part has fewer).
        seed: Integer.
        start_step: Integer, first training step.
        stop_step: Integer, training step to stop before.

    Returns:
        `tf.data.Dataset` of `(images, labels)`, images `float32` of shape
        `(batch_size, crop, crop, 3)`.
    """
    batch_size = min(batch_size, len(part))
    passes = steps_per_pass(part, batch_size)
    fetch = _image_source(part)
    labels = tf.constant(part.labels)
    last = tf.constant(len(part) - 1, tf.int64)
    order_seed = splits.derive_seed(seed, "order")
    view_seed = splits.derive_seed(seed, "augmentation")
    margin = spec.image_size - spec.crop + 1

    def batch(step):
        current_pass, place = step // passes, step % passes
        places = place * batch_size + tf.range(batch_size, dtype=tf.int64)
        chosen = tf.random.experimental.index_shuffle(
            places,
            tf.stack([tf.cast(order_seed, tf.int64), current_pass]),
            last,
        )
        draws = tf.random.stateless_uniform(
            (batch_size, 3), tf.stack([tf.cast(view_seed, tf.int64), step])
        )
        offsets = tf.cast(draws[:, :2] * margin, tf.int32)
        mirrored = (draws[:, 2] < 0.5) & spec.mirror
        images = _crop(fetch(chosen), mean, spec, offsets, mirrored)
        return images, tf.gather(labels, chosen)

    return _without_autotuner(
        tf.data.Dataset.range(start_step, stop_step).map(
            batch, num_parallel_calls=2, deterministic=True
        )
    )


def evaluation_batches(
    part: Part, mean: np.ndarray, spec: DataSpec, batch_size: int = 500
) -> tf.data.Dataset:
    """Yields every image once, its centre crop, in order.

    Args:
        part: `Part`.
        mean: `float32` array `(size, size, 3)`.
        spec: `DataSpec`.
        batch_size: Integer; the last batch may be smaller.

    Returns:
        `tf.data.Dataset` of `(images, labels)`.
    """
    fetch = _image_source(part)
    labels = tf.constant(part.labels)
    centre = (spec.image_size - spec.crop) // 2
    # About 64 MiB of float32 a batch, whatever the size of the crop.
    largest = max(1, 2**26 // (spec.crop * spec.crop * 3 * 4))
    batch_size = min(batch_size, largest)

    def batch(places):
        count = tf.shape(places)[0]
        offsets = tf.fill((count, 2), centre)
        mirrored = tf.zeros((count,), tf.bool)
        images = _crop(fetch(places), mean, spec, offsets, mirrored)
        return images, tf.gather(labels, places)

    return _without_autotuner(
        tf.data.Dataset.range(len(part))
        .batch(batch_size)
        .map(batch, num_parallel_calls=2, deterministic=True)
    )


def _without_autotuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
    # Tearing an iterator down waits for the autotuner's next wake-up, up to
    # seconds at the end of every `fit` and `evaluate`.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


def _free_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 4 * 2**30


def _image_source(part: Part):
    """Returns a function from places in the part to a batch of images."""
    size = len(part) * int(np.prod(part.images.shape[1:]))
    if size <= MEMORY_SHARE * _free_memory():
        resident = tf.constant(part.images[part.indices])
        return lambda places: tf.gather(resident, places)

    def read(places):
        # In the order of the file: a map is read with fewer seeks so.
        rows = part.indices[places]
        order = np.argsort(rows)
        batch = np.empty((len(rows), *part.images.shape[1:]), np.uint8)
        batch[order] = part.images[rows[order]]
        return batch

    def stream(places):
        batch = tf.numpy_function(read, [places], tf.uint8, stateful=False)
        return tf.ensure_shape(batch, (None, *part.images.shape[1:]))

    return stream


def _crop(images, mean, spec: DataSpec, offsets, mirrored):
    """Subtracts the mean, then crops and mirrors each image of a batch."""
    size, crop = spec.image_size, spec.crop
    span = tf.range(crop)
    columns = tf.where(mirrored[:, None], span[::-1], span)
    columns = columns + offsets[:, 1:]
    rows = offsets[:, :1] + span
    places = rows[:, :, None] * size + columns[:, None, :]
    flat = tf.reshape(images, (-1, size * size, 3))
    pixels = tf.cast(tf.gather(flat, places, batch_dims=1), tf.float32)
    # As in Caffe, each pixel loses the mean at its own place in the image.
    subtracted = tf.gather(tf.constant(mean.reshape(size * size, 3)), places)
    return (pixels - subtracted) * spec.scale
