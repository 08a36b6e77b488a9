"""The rival of a whole study: a plain loop over its networks with `fit`.

What a careful Keras user writes without this package: one process, tf.data
with cache, shuffle, crops and mirrors, `fit` with validation, `evaluate`. The
layers, the recipe, the images and the epochs are those of the study.
"""

import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from experiments.benchmark.stock import stock_network
from keras_transfer.datasets import halves
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.training import optimizers


def _datasets(half: halves.HalfData, mean: np.ndarray, spec: NetworkSpec):
    crop = spec.data.crop

    def images(part):
        pixels = part.images[part.indices].astype(np.float32) - mean
        return pixels * spec.data.scale

    def augment(image, label):
        image = tf.image.random_crop(image, (crop, crop, 3))
        return tf.image.random_flip_left_right(image), label

    def centre(part):
        first = (spec.data.image_size - crop) // 2
        whole = images(part)[:, first : first + crop, first : first + crop]
        pairs = tf.data.Dataset.from_tensor_slices((whole, part.labels))
        return pairs.batch(500).prefetch(tf.data.AUTOTUNE)

    train = (
        tf.data.Dataset.from_tensor_slices(
            (images(half.train), half.train.labels)
        )
        .shuffle(len(half.train))
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(spec.solver.batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    return train, centre(half.validation), centre(half.test)


def train(spec: NetworkSpec, pool: ImagePool, bases: dict) -> float:
    """Trains one network plainly and returns its test accuracy.

    Args:
        spec: `NetworkSpec`.
        pool: `ImagePool` of its data set.
        bases: Dict from half, `"A"` or `"B"`, and seed to the trained base
            network; what is trained here from scratch is added.

    Returns:
        Float, accuracy on the test images, 0 to 1.
    """
    half = halves.load_half(pool, spec.data, spec.target)
    mean_half = halves.load_half(pool, spec.data, spec.base or spec.target)
    mean = pool.mean_image(mean_half.train.indices)
    training, validation, test = _datasets(half, mean, spec)
    seed = derive_seed(spec.seed, spec.label)
    network = stock_network(spec.model, spec.data.crop, half.num_classes, seed)
    if spec.n:
        count = 0
        for ours, theirs in zip(
            network.layers, bases[spec.base, spec.seed].layers, strict=True
        ):
            count += isinstance(ours, keras.layers.Dense | keras.layers.Conv2D)
            if count > spec.n:
                break
            ours.set_weights(theirs.get_weights())
            ours.trainable = spec.mode == "finetuned"
    steps = len(half.train) // spec.solver.batch_size
    network.compile(
        optimizers.build_optimizer(spec.solver, steps * spec.solver.epochs),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(
        training,
        epochs=spec.solver.epochs,
        validation_data=validation,
        verbose=0,
    )
    if not spec.n:
        bases[spec.target, spec.seed] = network
    return network.evaluate(test, verbose=0)[1]


def main() -> None:
    """Trains the networks of a JSON list; prints time and accuracy of each."""
    request = json.load(sys.stdin)
    pool = ImagePool(request["pool"])
    bases: dict = {}
    for settings in request["networks"]:
        spec = from_dict(settings)
        begun = time.perf_counter()
        accuracy = train(spec, pool, bases)
        row = {
            "label": spec.label,
            "treatment": spec.treatment,
            "seconds": time.perf_counter() - begun,
            "test_accuracy": accuracy,
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
