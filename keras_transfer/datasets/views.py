"""Views of images: a crop and a mirror, fixed by the image and a number.

View `v` of an image is the same for every network, seed and epoch, so what
frozen layers make of it can be computed once and used again.
"""

import numpy as np
import tensorflow as tf

from keras_transfer.specs.seeds import derive_seed
from keras_transfer.specs.settings import DataSpec

# Views of endless augmentation are numbered from here on, by seed and pass.
_ENDLESS = 2**32


def hash64(values) -> tf.Tensor:
    """Scrambles integers into 64 random-looking bits each.

    The finaliser of SplitMix64: a pure function, whatever the device, the
    batch or the order, as no random-number generator of TensorFlow's is that
    can be asked for one example.

    Args:
        values: Integer tensor of any shape.

    Returns:
        `uint64` tensor of that shape.

    Reference:
        - [Steele et al., 2014](https://doi.org/10.1145/2660193.2660195).
    """

    def folded(bits, by):
        shifted = tf.bitwise.right_shift(bits, tf.constant(by, tf.uint64))
        return tf.bitwise.bitwise_xor(bits, shifted)

    bits = tf.cast(values, tf.uint64)
    bits = folded(bits, 30) * tf.constant(0xBF58476D1CE4E5B9, tf.uint64)
    bits = folded(bits, 27) * tf.constant(0x94D049BB133111EB, tf.uint64)
    return folded(bits, 31)


def view_number(spec: DataSpec, seed: int, current_pass) -> tf.Tensor:
    """Says which view of its images a network sees in a pass over them.

    Each network goes through the `views` of its `DataSpec` in rounds, in an
    order of its own; with `views=None` it sees new ones in every pass.

    Args:
        spec: `DataSpec`.
        seed: Integer, the network's.
        current_pass: Integer or `int64` tensor, counted from 0.

    Returns:
        `int64` tensor.
    """
    current_pass = tf.cast(current_pass, tf.int64)
    view_seed = tf.constant(derive_seed(seed, "views"), tf.int64)
    if spec.views is None:
        return (1 + view_seed) * _ENDLESS + current_pass
    return tf.random.experimental.index_shuffle(
        current_pass % spec.views,
        tf.stack([view_seed, current_pass // spec.views]),
        tf.constant(spec.views - 1, tf.int64),
    )


def draw_crops(identities, view, spec: DataSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws where one view of each image of a batch is cut, and mirrored.

    Args:
        identities: `int64` tensor `(n,)`, places of the images in the pool.
        view: `int64` scalar or `(n,)` tensor, number of the view.
        spec: `DataSpec`.

    Returns:
        Tuple of an `int32` tensor `(n, 2)`, first row and column of the
        crops, and a boolean tensor `(n,)`.
    """
    draws = hash64(hash64(view) + tf.cast(identities, tf.uint64))
    (height, width), (rows, columns) = spec.image_shape, spec.crop_shape

    def bits(first, count):
        part = tf.bitwise.right_shift(draws, tf.constant(first, tf.uint64))
        return tf.cast(part % 2**count, tf.int32)

    # 24 bits for each offset make the bias of the remainder immeasurable.
    top = bits(0, 24) % (height - rows + 1)
    left = bits(24, 24) % (width - columns + 1)
    offsets = tf.stack([top, left], axis=1)
    return offsets, (bits(48, 1) == 1) & spec.mirror


def random_view(images, identities, view, mean, spec: DataSpec) -> tf.Tensor:
    """Returns one view of each image of a batch, its mean subtracted.

    Args:
        images: `uint8` tensor `(n, height, width, 3)`.
        identities: `int64` tensor `(n,)`, places of the images in the pool.
        view: `int64` scalar or `(n,)` tensor, number of the view.
        mean: `float32` array `(height, width, 3)`.
        spec: `DataSpec`.

    Returns:
        `float32` tensor `(n, *crop, 3)`.
    """
    offsets, mirrored = draw_crops(identities, view, spec)
    return _crop(images, mean, spec, offsets, mirrored)


def centre_view(images, mean, spec: DataSpec) -> tf.Tensor:
    """Returns the centre crop of each image, its mean subtracted.

    Args:
        images: `uint8` tensor `(n, height, width, 3)`.
        mean: `float32` array `(height, width, 3)`.
        spec: `DataSpec`.

    Returns:
        `float32` tensor `(n, *crop, 3)`.
    """
    (rows, columns), (top, left) = spec.crop_shape, centre_offset(spec)
    place = np.s_[top : top + rows, left : left + columns]
    pixels = tf.cast(images[(slice(None), *place)], tf.float32)
    return _ordered((pixels - mean[place]) * spec.scale, spec)


def centre_offset(spec: DataSpec) -> tuple[int, int]:
    """Returns the first row and column of the centre crop.

    Args:
        spec: `DataSpec`.
    """
    (height, width), (rows, columns) = spec.image_shape, spec.crop_shape
    return (height - rows) // 2, (width - columns) // 2


def _crop(images, mean, spec: DataSpec, offsets, mirrored) -> tf.Tensor:
    """Subtracts the mean, then crops and mirrors each image of a batch."""
    (height, width), (tall, wide) = spec.image_shape, spec.crop_shape
    span = tf.range(wide)
    columns = tf.where(mirrored[:, None], span[::-1], span)
    columns = columns + offsets[:, 1:]
    rows = offsets[:, :1] + tf.range(tall)
    places = rows[:, :, None] * width + columns[:, None, :]
    flat = tf.reshape(images, (-1, height * width, 3))
    pixels = tf.cast(tf.gather(flat, places, batch_dims=1), tf.float32)
    # As in Caffe, each pixel loses the mean at its own place in the image.
    subtracted = tf.gather(tf.constant(mean.reshape(-1, 3)), places)
    return _ordered((pixels - subtracted) * spec.scale, spec)


def _ordered(pixels, spec: DataSpec) -> tf.Tensor:
    return pixels[..., ::-1] if spec.channels == "bgr" else pixels
