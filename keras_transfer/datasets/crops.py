"""Cuts large crops out of a memory map, image by image, in NumPy.

The same bits as `views` makes of a whole batch in TensorFlow, many times as
fast from about 64 px on: of each image only the crop is read, and it stays in
the processor's cache until it is done. NumPy lets go of Python's lock
meanwhile, so several batches are cut at the same time.
"""

import numpy as np

from keras_transfer.specs.settings import DataSpec


def cut_crops(
    images: np.ndarray,
    rows: np.ndarray,
    offsets: np.ndarray,
    mirrored: np.ndarray,
    mean: np.ndarray,
    spec: DataSpec,
) -> np.ndarray:
    """Returns one crop of each image, the mean at its own place subtracted.

    Args:
        images: `uint8` array or memory map `(all, height, width, 3)`.
        rows: Integer array `(n,)`, the images wanted.
        offsets: Integer array `(n, 2)`, first row and column of each crop.
        mirrored: Boolean array `(n,)`.
        mean: `float32` array `(height, width, 3)`.
        spec: `DataSpec`.

    Returns:
        `float32` array `(n, *crop, 3)`.
    """
    (height, width), (tall, wide) = spec.image_shape, spec.crop_shape
    flat = images.reshape(-1, height, 3 * width)
    flat_mean = mean.reshape(height, -1)
    batch = _aligned((len(rows), tall, wide, 3))
    spare = np.empty((tall, wide, 3), np.float32)
    scale = np.float32(spec.scale)
    for place in np.argsort(rows):  # a map is read with fewer seeks so
        top, left = offsets[place]
        part = np.s_[top : top + tall, 3 * left : 3 * (left + wide)]
        moved = mirrored[place] or spec.channels == "bgr"
        whole = spare if moved else batch[place]
        pixels = whole.reshape(tall, 3 * wide)
        np.copyto(pixels, flat[rows[place]][part])
        np.subtract(pixels, flat_mean[part], out=pixels)
        if scale != 1:
            np.multiply(pixels, scale, out=pixels)
        if moved:
            columns = np.s_[:, ::-1] if mirrored[place] else np.s_[:, :]
            for channel in range(3):
                source = 2 - channel if spec.channels == "bgr" else channel
                batch[place, ..., channel] = whole[..., source][columns]
    return batch


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    # TensorFlow takes an array over without a copy if it begins at a
    # multiple of 64 bytes.
    count = int(np.prod(shape))
    space = np.empty(count + 16, np.float32)
    first = -space.ctypes.data % 64 // 4
    return space[first : first + count].reshape(shape)
