"""How fast images come: JPEGs decoded into a pool, and batches read from it.

Decoding happens once a data set; reading feeds a GPU at every step.
"""

import io
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_transfer.datasets import batches, halves, tfds_source
from keras_transfer.specs.presets import Recipe
from keras_transfer.training import trainer

_IMAGES = 128  # decoded in a round
IMAGES_READ = 1024  # images of the map that is read, 200 MB at 256 px
_HEIGHT, _WIDTH = 375, 500  # of a typical image of ImageNet


def jpegs_of_tar(path: str | Path, count: int) -> list[bytes]:
    """Reads some JPEGs out of ImageNet's tar of tars.

    Args:
        path: Path of `ILSVRC2012_img_train.tar`.
        count: Integer, JPEGs wanted.

    Returns:
        List of bytes, fewer if the tar holds fewer.
    """
    found: list[bytes] = []
    with tarfile.open(path) as classes:
        for entry in classes:
            if len(found) >= count:
                break
            inner = io.BytesIO(classes.extractfile(entry).read())
            with tarfile.open(fileobj=inner) as images:
                found += [images.extractfile(x).read() for x in images]
    return found[:count]


def made_up_jpegs(count: int) -> list[bytes]:
    """Encodes images with detail at every scale, as photographs have.

    Args:
        count: Integer.

    Returns:
        List of bytes, JPEGs of 500x375 pixels at quality 95, of about the
        110 kB that one of ImageNet has.
    """
    rng = np.random.default_rng(0)
    jpegs = []
    for _ in range(count):
        image = np.full((_HEIGHT, _WIDTH, 3), 120.0, np.float32)
        for side in (4, 8, 16, 32, 64, 128, 256):
            noise = rng.normal(0, 60 / side**0.25, (side, side, 3))
            image += tf.image.resize(noise, (_HEIGHT, _WIDTH)).numpy()
        pixels = np.clip(image, 0, 255).astype(np.uint8)
        jpegs.append(tf.io.encode_jpeg(pixels, quality=95).numpy())
    return jpegs


def decoding(threads: int, recipe: Recipe, tar: str | None) -> dict:
    """Returns works that decode JPEGs into square images of a pool.

    Args:
        threads: Integer.
        recipe: `Recipe`, whose image size is decoded to.
        tar: String or `None`, path of ImageNet's `ILSVRC2012_img_train.tar`;
            made-up JPEGs without.

    Returns:
        Dict from names to callables that return the number of images.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    jpegs = jpegs_of_tar(tar, _IMAGES) if tar else made_up_jpegs(_IMAGES)
    shapes = [tf.io.extract_jpeg_shape(jpeg).numpy() for jpeg in jpegs]
    pixels = np.mean([height * width for height, width, _ in shapes])
    kilobytes = np.mean([len(jpeg) for jpeg in jpegs]) / 1000
    feature = tfds.features.Image(encoding_format="jpeg")
    encoded = tf.data.Dataset.from_tensor_slices(jpegs)
    decoded = tfds_source.decoded_batches(
        encoded, feature, (recipe.image_size,) * 2, 64
    )

    def work():
        return sum(len(batch) for batch in decoded)

    source = "of the tar" if tar else "made up"
    side = round(float(pixels) ** 0.5)
    return {f"JPEGs {source}, {side}x{side} px, {kilobytes:.0f} kB": work}


def _map_of_noise(count: int, side: int) -> np.ndarray:
    """Writes a pool's map of random pixels, and maps it."""
    rng = np.random.default_rng(0)
    shape = (count, side, side, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        for start in range(0, count, 64):
            images[start : start + 64] = rng.integers(
                0, 256, (64, *shape[1:]), np.uint8
            )
        images.flush()
        return np.load(path, mmap_mode="r")  # outlives the file's name


def reading(threads: int, recipe: Recipe, count: int = IMAGES_READ) -> dict:
    """Returns works that read training and test batches from a memory map.

    Args:
        threads: Integer.
        recipe: `Recipe` of the crop and the batch.
        count: Integer, images of the map that is read.

    Returns:
        Dict from names to callables that return the number of images.
    """
    trainer.set_threads(threads)
    images = _map_of_noise(count, recipe.image_size)
    side = recipe.image_size
    part = halves.Part(images, np.arange(count), np.zeros(count, np.int32))
    mean = np.full((side, side, 3), 120, np.float32)
    spec = recipe.data("imagenet2012", 0)
    size = recipe.solver.batch_size
    steps = 2 * batches.steps_per_pass(count, size)

    def train():
        course = batches.Course(count, size, 0, 0, steps)
        stream = batches.train_batches(part, mean, spec, course)
        return sum(len(labels) for _, labels in stream)

    def test():
        stream = batches.evaluation_batches(part, mean, spec)
        return sum(len(labels) for _, labels in stream)

    return {
        f"training batches of {size}, {side} -> {recipe.crop} px": train,
        f"test batches, {side} -> {recipe.crop} px": test,
    }
