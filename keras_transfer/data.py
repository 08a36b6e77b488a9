"""What one network trains on: its half of the classes, batch by batch."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from keras_transfer import splits, views
from keras_transfer.errors import UserError
from keras_transfer.pools import ImagePool
from keras_transfer.specs import DataSpec
from keras_transfer.strategies import on_host

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


def classes_of(spec: DataSpec, half: str, num_classes: int) -> np.ndarray:
    """Returns the classes of a half.

    Args:
        spec: `DataSpec`.
        half: String, `"A"`, `"B"` or `"all"`.
        num_classes: Integer, classes of the data set.

    Returns:
        Sorted integer array.

    Raises:
        UserError: If the data set has too few classes.
    """
    if half == "all":
        return np.arange(num_classes)
    if spec.halves is None:
        return splits.class_halves(num_classes, spec.split)[half]
    classes = np.sort(spec.halves[splits.HALVES.index(half)])
    if classes[-1] >= num_classes:
        raise UserError(
            f"Half {half} names class {classes[-1]}, but {spec.name} has "
            f"{num_classes} classes, counted from 0."
        )
    return classes


def load_half(
    pool: ImagePool,
    spec: DataSpec,
    half: str,
    images: int | None = None,
    draw: int = 0,
) -> HalfData:
    """Selects one half of a pool by label; no image is read yet.

    Args:
        pool: `ImagePool`.
        spec: `DataSpec`.
        half: String, `"A"`, `"B"` or `"all"`.
        images: Integer or `None`, training images of each class. Defaults to
            `None` for those of `spec`.
        draw: Integer, which images those are. Defaults to `0`.

    Returns:
        `HalfData`.

    Raises:
        UserError: If a class of the half has fewer than two training images.
    """
    classes = classes_of(spec, half, pool.num_classes)
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
            f"Half {half} of {spec.name} has classes with fewer than "
            f"two training images: {scarce[:5]} ({len(scarce)} in all). "
            "Choose another `--dataset` or split."
        )
    # The cut looks at a class's own label, so it is made on the pool's labels.
    own = classes[labels]
    kept, cut = splits.stratified_cut(own, spec.validation_fraction)
    limit = spec.images_per_class if images is None else images
    if limit is not None:
        kept = kept[splits.limit_per_class(own[kept], limit, draw)]
    train_images = pool.images("train")
    return HalfData(
        classes=classes,
        class_names=[pool.class_names[c] for c in classes],
        train=Part(train_images, indices[kept], labels[kept]),
        validation=Part(train_images, indices[cut], labels[cut]),
        test=Part(pool.images("test"), *selected["test"]),
    )


def steps_per_pass(images: int, batch_size: int) -> int:
    """Returns the whole batches in one pass over the training images.

    The images left over differ from pass to pass, as each has its own order.
    """
    return max(1, images // batch_size)


@dataclasses.dataclass(frozen=True)
class Course:
    """Which images a network sees in which step: pure numbers, no pixels.

    Args:
        images: Integer, training images.
        batch_size: Integer, images a step; all, if there are fewer.
        seed: Integer, the network's; of the order and of the views.
        start: Integer, first step.
        stop: Integer, step to stop before.
    """

    images: int
    batch_size: int
    seed: int
    start: int
    stop: int

    def batches(self, spec: DataSpec, batch) -> tf.data.Dataset:
        """Yields `batch(places, view)` for each step.

        The order follows from the seed and the pass over the images alone,
        so a network that starts again at `start` sees exactly what it would
        have seen.

        Args:
            spec: `DataSpec`.
            batch: Callable of `places`, an `int64` tensor of places among
                the training images, and of the `view` shown of them.

        Returns:
            `tf.data.Dataset`.
        """
        size = min(self.batch_size, self.images)
        steps = steps_per_pass(self.images, size)
        last = tf.constant(self.images - 1, tf.int64)
        order_seed = tf.constant(
            splits.derive_seed(self.seed, "order"), tf.int64
        )

        def step_batch(step):
            current_pass, place = step // steps, step % steps
            places = tf.random.experimental.index_shuffle(
                place * size + tf.range(size, dtype=tf.int64),
                tf.stack([order_seed, current_pass]),
                last,
            )
            view = views.view_number(spec, self.seed, current_pass)
            return batch(places, view)

        return _without_autotuner(
            tf.data.Dataset.range(self.start, self.stop).map(
                step_batch, num_parallel_calls=2, deterministic=True
            )
        )


def train_batches(
    part: Part, mean: np.ndarray, spec: DataSpec, course: Course
) -> tf.data.Dataset:
    """Yields training batches, each a pure function of `(seed, step)`.

    Args:
        part: `Part`.
        mean: `float32` array `(size, size, 3)`, subtracted before the crop.
        spec: `DataSpec`.
        course: `Course`.

    Returns:
        `tf.data.Dataset` of `(images, labels)`, images `float32` of shape
        `(batch_size, crop, crop, 3)`.
    """
    fetch = row_source(part.images, part.indices)
    labels = tf.constant(part.labels)
    identities = tf.constant(part.indices, tf.int64)

    def batch(places, view):
        images = views.random_view(
            fetch(places), tf.gather(identities, places), view, mean, spec
        )
        return images, tf.gather(labels, places)

    return course.batches(spec, batch)


def evaluation_batches(
    part: Part,
    mean: np.ndarray,
    spec: DataSpec,
    batch_size: int = 500,
    replicas: int = 1,
) -> tf.data.Dataset:
    """Yields every image once, its centre crop, in order.

    Args:
        part: `Part`.
        mean: `float32` array `(size, size, 3)`.
        spec: `DataSpec`.
        batch_size: Integer; the last batch may be smaller.
        replicas: Integer, devices that share a batch; see `in_order`.

    Returns:
        `tf.data.Dataset` of `(images, labels)`.
    """
    fetch = row_source(part.images, part.indices)
    labels = tf.constant(part.labels)
    # About 64 MiB of float32 a batch, whatever the size of the crop.
    largest = max(1, 2**26 // (spec.crop * spec.crop * 3 * 4))

    def batch(places):
        images = views.centre_view(fetch(places), mean, spec)
        return images, tf.gather(labels, places)

    return in_order(len(part), batch, min(batch_size, largest), replicas)


def in_order(
    count: int, batch, batch_size: int, replicas: int = 1
) -> tf.data.Dataset:
    """Yields `batch(places)` for the places 0 to `count - 1`, in order.

    Args:
        count: Integer.
        batch: Callable of an `int64` tensor of places.
        batch_size: Integer.
        replicas: Integer, devices that share a batch.

    Returns:
        `tf.data.Dataset`.
    """
    if replicas == 1:
        places = tf.data.Dataset.range(count).batch(batch_size)
    else:
        sizes = evaluation_sizes(count, batch_size, replicas)
        stops = np.cumsum(sizes)
        bounds = tf.data.Dataset.from_tensor_slices((stops - sizes, stops))
        places = bounds.map(tf.range)
    return _without_autotuner(
        places.map(batch, num_parallel_calls=2, deterministic=True)
    )


def evaluation_sizes(count: int, batch_size: int, replicas: int) -> np.ndarray:
    """Chooses batches of which every replica gets a share.

    `tf.distribute` cuts a batch of n images into shares of `ceil(n /
    replicas)`, and leaves none for the last replicas if n is small; there
    convolutions fail. From `replicas * (replicas - 1)` images on, each gets
    one. The first batch is cut evenly, as Keras averages its shares.

    Args:
        count: Integer, images; at least `replicas**2`.
        batch_size: Integer, images of all batches but the last, rounded down
            to what the replicas share evenly.
        replicas: Integer.

    Returns:
        `int64` array of sizes that sum to `count`.
    """
    least = replicas * (replicas - 1)
    share = max(1, min(batch_size, count - least) // replicas)
    whole = (count - least) // (share * replicas)
    rest = count - whole * share * replicas
    return np.array([share * replicas] * whole + [rest], np.int64)


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


def row_source(array: np.ndarray, rows: np.ndarray | None = None):
    """Returns a function from places to a batch of rows.

    Rows that fit are held in memory; others are read from their map.

    Args:
        array: Array or memory map, whose first axis counts rows.
        rows: Integer array, the row at each place. `None` for all of them.

    Returns:
        Callable of an `int64` tensor `(n,)` that returns a tensor `(n, ...)`.
    """
    count = len(array) if rows is None else len(rows)
    size = count * int(np.prod(array.shape[1:])) * array.dtype.itemsize
    if size <= MEMORY_SHARE * _free_memory():
        with on_host():
            resident = tf.constant(array[:] if rows is None else array[rows])
        return lambda places: tf.gather(resident, places)

    def read(places):
        wanted = places if rows is None else rows[places]
        # In the order of the file: a map is read with fewer seeks so.
        order = np.argsort(wanted)
        batch = np.empty((len(wanted), *array.shape[1:]), array.dtype)
        batch[order] = array[wanted[order]]
        return batch

    def stream(places):
        batch = tf.numpy_function(read, [places], array.dtype, stateful=False)
        return tf.ensure_shape(batch, (None, *array.shape[1:]))

    return stream
