"""What a network sees at each step: batches of one half, as `tf.data`."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from keras_transfer.datasets import views
from keras_transfer.datasets.crops import cut_crops
from keras_transfer.datasets.halves import Part
from keras_transfer.specs import seeds
from keras_transfer.specs.settings import DataSpec

# A half larger than this share of the free memory is read from its map.
MEMORY_SHARE = 0.4
# Crops whose shorter side has so many pixels or more are cut from the map one
# by one; the system's file cache keeps what fits, once for all networks.
LARGE_CROP = 64
_MOST_READERS = 8  # batches of ImageNet that are cut at the same time


def steps_per_pass(images: int, batch_size: int) -> int:
    """Returns the whole batches in one pass over the training images.

    The images left over differ from pass to pass, as each has its own order.

    Args:
        images: Integer, training images.
        batch_size: Integer, images a batch.

    Returns:
        Integer, at least 1.
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

    def batches(
        self, spec: DataSpec, batch, readers: int = 2
    ) -> tf.data.Dataset:
        """Yields `batch(places, view)` for each step.

        The order follows from the seed and the pass over the images alone,
        so a network that starts again at `start` sees exactly what it would
        have seen.

        Args:
            spec: `DataSpec`.
            batch: Callable of `places`, an `int64` tensor of places among
                the training images, and of the `view` shown of them.
            readers: Integer, batches made at the same time. Defaults to `2`.

        Returns:
            `tf.data.Dataset`.
        """
        size = min(self.batch_size, self.images)
        steps = steps_per_pass(self.images, size)
        last = tf.constant(self.images - 1, tf.int64)
        order_seed = tf.constant(
            seeds.derive_seed(self.seed, "order"), tf.int64
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
                step_batch, num_parallel_calls=readers, deterministic=True
            ),
            readers,
        )


def train_batches(
    part: Part,
    mean: np.ndarray,
    spec: DataSpec,
    course: Course,
    readers: int | None = None,
) -> tf.data.Dataset:
    """Yields training batches, each a pure function of `(seed, step)`.

    Args:
        part: `Part`.
        mean: `float32` array `(height, width, 3)`, subtracted before the crop.
        spec: `DataSpec`.
        course: `Course`.
        readers: Integer or `None`, see `evaluation_batches`.

    Returns:
        `tf.data.Dataset` of `(images, labels)`, images `float32` of shape
        `(batch_size, *crop, 3)`.
    """
    labels = tf.constant(part.labels)
    identities = tf.constant(part.indices, tf.int64)
    if min(spec.crop_shape) >= LARGE_CROP:
        cut = _crop_source(part, mean, spec)

        def shown(places, view):
            chosen = tf.gather(identities, places)
            return cut(places, *views.draw_crops(chosen, view, spec))
    else:
        fetch = row_source(part.images, part.indices)

        def shown(places, view):
            chosen = tf.gather(identities, places)
            return views.random_view(fetch(places), chosen, view, mean, spec)

    def batch(places, view):
        return shown(places, view), tf.gather(labels, places)

    return course.batches(spec, batch, readers or _readers(spec))


def evaluation_batches(
    part: Part,
    mean: np.ndarray,
    spec: DataSpec,
    batch_size: int = 500,
    replicas: int = 1,
    readers: int | None = None,
) -> tf.data.Dataset:
    """Yields every image once, its centre crop, in order.

    Args:
        part: `Part`.
        mean: `float32` array `(height, width, 3)`.
        spec: `DataSpec`.
        batch_size: Integer; the last batch may be smaller.
        replicas: Integer, devices that share a batch; see `in_order`.
        readers: Integer or `None`, batches that are made at the same time.
            Defaults to `None` for 2, or for the threads where crops are large.

    Returns:
        `tf.data.Dataset` of `(images, labels)`.
    """
    labels = tf.constant(part.labels)
    # About 64 MiB of float32 a batch, whatever the size of the crop.
    height, width = spec.crop_shape
    largest = max(1, 2**26 // (height * width * 3 * 4))
    if min(spec.crop_shape) >= LARGE_CROP:
        cut = _crop_source(part, mean, spec)
        first = tf.constant([views.centre_offset(spec)])

        def shown(places):
            count = tf.size(places)
            offsets = tf.tile(first, (count, 1))
            return cut(places, offsets, tf.fill([count], False))
    else:
        fetch = row_source(part.images, part.indices)

        def shown(places):
            return views.centre_view(fetch(places), mean, spec)

    def batch(places):
        return shown(places), tf.gather(labels, places)

    size = min(batch_size, largest)
    readers = readers or _readers(spec)
    return in_order(len(part), batch, size, replicas, readers)


def _crop_source(part: Part, mean: np.ndarray, spec: DataSpec):
    """Returns a function from places, offsets and mirrors to crops."""

    def read(places, offsets, mirrored):
        rows = part.indices[places]
        return cut_crops(part.images, rows, offsets, mirrored, mean, spec)

    def cut(places, offsets, mirrored):
        inputs = [places, offsets, mirrored]
        crops = tf.numpy_function(read, inputs, tf.float32, stateful=False)
        return tf.ensure_shape(crops, (None, *spec.crop_shape, 3))

    return cut


def _readers(spec: DataSpec) -> int:
    if min(spec.crop_shape) < LARGE_CROP:
        return 2
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return max(2, min(_MOST_READERS, threads or os.cpu_count() or 1))


def in_order(
    count: int, batch, batch_size: int, replicas: int = 1, readers: int = 2
) -> tf.data.Dataset:
    """Yields `batch(places)` for the places 0 to `count - 1`, in order.

    Args:
        count: Integer.
        batch: Callable of an `int64` tensor of places.
        batch_size: Integer.
        replicas: Integer, devices that share a batch. Defaults to `1`.
        readers: Integer, batches that are made at a time. Defaults to `2`.

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
        places.map(batch, num_parallel_calls=readers, deterministic=True),
        readers,
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


def _without_autotuner(
    dataset: tf.data.Dataset, readers: int
) -> tf.data.Dataset:
    # Tearing an iterator down waits for the autotuner's next wake-up, up to
    # seconds at the end of every `fit` and `evaluate`.
    options = tf.data.Options()
    options.autotune.enabled = False
    # Threads of their own, else batches wait for a thread between a step's
    # operations, and the step for them.
    options.threading.private_threadpool_size = readers
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


def on_host():
    """Returns a scope in which tensors stay in the machine's own memory.

    Images that fit there need not fit a GPU, where TensorFlow would put them.
    """
    return tf.device("CPU:0")
