"""What is timed in TensorFlow: the machine, our trainer, plain Keras."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from experiments.benchmark.stock import stock_network
from keras_transfer.datasets import batches, halves
from keras_transfer.models import cnn
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import layer_costs
from keras_transfer.specs.presets import Recipe
from keras_transfer.specs.settings import DataSpec
from keras_transfer.training import optimizers, trainer
from keras_transfer.training.compiling import compile_network
from keras_transfer.transfer import actions, frozen_features

CLASSES = 50


def machine(threads: int, recipe: Recipe) -> dict:
    """Returns works that find the machine's peaks.

    Args:
        threads: Integer.
        recipe: `Recipe`, whose convolutions are timed.

    Returns:
        Dict from names to callables that return operations or bytes.
    """
    trainer.set_threads(threads)
    works = {"copy": _copy()}
    for dtype in ("float32", "bfloat16"):
        works[f"matmul {dtype}"] = _matmul(dtype)
        for name, work in _convolutions(recipe, dtype).items():
            works[f"{name} {dtype}"] = work
    return works


def _copy():
    values = tf.Variable(tf.zeros(2**26))  # 256 MiB, far beyond any cache
    add = tf.function(lambda: tf.add(values, 1.0))

    def work():
        add()
        return 2 * 4 * 2**26  # read and written

    return work


def _matmul(dtype):
    side = 4096
    matrix = tf.cast(tf.random.normal((side, side)), dtype)
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))

    def work():
        multiply()
        return 2 * side**3

    return work


def _convolutions(recipe: Recipe, dtype: str) -> dict:
    rows = layer_rows(recipe.model, CLASSES)
    costs = layer_costs(rows, recipe.crop)
    model = cnn.build_network(recipe.model, recipe.crop, CLASSES)
    batch = recipe.solver.batch_size
    works = {}
    for row, cost in zip(rows, costs, strict=True):
        if not row.kernel:
            continue
        layer = model.get_layer(row.name)
        shape = (batch, *layer.input.shape[1:])
        inputs = tf.cast(tf.random.normal(shape), dtype)
        kernel = tf.cast(layer.kernel, dtype)

        def convolve(x, k, row=row):
            return tf.nn.conv2d(x, k, row.stride, row.padding.upper())

        def both(x, k, convolve=convolve):
            with tf.GradientTape() as tape:
                tape.watch([x, k])
                y = convolve(x, k)
            return tape.gradient(y, [x, k], output_gradients=y)

        for passes, function, factor in (
            ("forward", convolve, 1),
            ("forward and backward", both, 3),
        ):
            works[f"{row.name} {passes}"] = _repeat(
                tf.function(function), (inputs, kernel), factor * cost.flops
            )
    return works


def _repeat(function, arguments, flops_an_image, times: int = 5):
    def work():
        for _ in range(times):
            function(*arguments)
        return times * flops_an_image * arguments[0].shape[0]

    return work


def _data(recipe: Recipe, images: int) -> tuple[halves.Part, DataSpec]:
    generator = np.random.default_rng(0)
    size = recipe.image_size
    pixels = generator.integers(0, 256, (images, size, size, 3), np.uint8)
    labels = generator.integers(0, CLASSES, images).astype(np.int32)
    part = halves.Part(pixels, np.arange(images), labels)
    return part, recipe.data("random", 0)


def our_training(threads: int, recipe: Recipe, steps: int) -> dict:
    """Returns our trainer's `fit`, augmentation included, on random images.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        steps: Integer, training steps a work.

    Returns:
        Dict of one callable that returns images.
    """
    trainer.set_threads(threads)
    solver = recipe.solver
    part, spec = _data(recipe, 20 * solver.batch_size)
    network = cnn.build_network(recipe.model, recipe.crop, CLASSES)
    compile_network(network, solver, steps)
    mean = np.full((recipe.image_size, recipe.image_size, 3), 128, np.float32)

    def work():
        course = batches.Course(len(part), solver.batch_size, 0, 0, steps)
        stream = batches.train_batches(part, mean, spec, course)
        network.fit(stream, steps_per_epoch=steps, verbose=0, shuffle=False)
        return steps * solver.batch_size

    return {"training": work}


def plain_fit(
    threads: int,
    recipe: Recipe,
    steps: int,
    source: str,
    frozen: int = 0,
    our_optimizer: bool = False,
) -> dict:
    """Returns plain `fit` of the same layers on ready-made float images.

    No augmentation, and SGD where the recipe has Muon, which are to its
    advantage.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        steps: Integer, training steps a work.
        source: String, `"numpy"` or `"tf.data"`.
        frozen: Integer, layers frozen at the start. Defaults to `0`.
        our_optimizer: Boolean, the recipe's own optimizer in place of SGD.
            Defaults to `False`.

    Returns:
        Dict of one callable that returns images.
    """
    trainer.set_threads(threads)
    solver = recipe.solver
    count = steps * solver.batch_size
    generator = np.random.default_rng(0)
    shape = (count, recipe.crop, recipe.crop, 3)
    images = generator.normal(size=shape).astype(np.float32)
    labels = generator.integers(0, CLASSES, count).astype(np.int32)
    network = stock_network(recipe.model, recipe.crop, CLASSES)
    if frozen:
        plan = actions.plan_transfer(network, n=frozen)
        actions.apply_plan(network, None, plan)
    network.compile(
        optimizers.build_optimizer(solver, steps * solver.epochs)
        if our_optimizer
        else keras.optimizers.SGD(
            solver.learning_rate,
            momentum=solver.momentum,
            nesterov=solver.nesterov,
            weight_decay=solver.weight_decay,
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    if source == "tf.data":
        dataset = tf.data.Dataset.from_tensor_slices((images, labels))
        dataset = dataset.shuffle(count).batch(solver.batch_size).prefetch(2)
        # Else the end of an unlucky round waits for the autotuner.
        options = tf.data.Options()
        options.autotune.enabled = False
        dataset = dataset.with_options(options)
        arguments = {"x": dataset, "shuffle": False}
    else:
        arguments = {"x": images, "y": labels, "batch_size": solver.batch_size}

    def work():
        network.fit(**arguments, verbose=0)
        return count

    return {"training": work}


def stored_features(
    threads: int, recipe: Recipe, steps: int, frozen: int
) -> dict:
    """Returns our `fit` above stored output of a frozen prefix.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        steps: Integer, training steps a work.
        frozen: Integer, layers frozen at the start.

    Returns:
        Dict of one callable that returns images.
    """
    trainer.set_threads(threads)
    solver = dataclasses.replace(recipe.solver, epochs=1)
    part, spec = _data(recipe, 20 * solver.batch_size)
    upper, output = _above_frozen(recipe, frozen)
    kept_as = "uint16" if output.dtype == "bfloat16" else output.dtype
    shape = (spec.views * len(part), *output.shape[1:])
    stored = frozen_features.Features(
        np.zeros(shape, kept_as), np.zeros(shape[:1], kept_as), output.dtype
    )
    half = halves.HalfData(np.arange(CLASSES), [], part, part, part)
    compile_network(upper, solver, steps, stored=True)

    def work():
        course = batches.Course(len(part), solver.batch_size, 0, 0, steps)
        stream = stored.train_batches(half, spec, course)
        upper.fit(stream, steps_per_epoch=steps, verbose=0, shuffle=False)
        return steps * solver.batch_size

    return {"training": work}


def _above_frozen(recipe: Recipe, frozen: int) -> tuple:
    """Returns what is trained above frozen layers, and their output."""
    network = cnn.build_network(recipe.model, recipe.crop, CLASSES)
    plan = actions.plan_transfer(network, n=frozen)
    actions.apply_plan(network, None, plan)
    cut = frozen_features.reusable_layers(network)
    upper = frozen_features.upper_part(network, cut)
    return upper, network.layers[cut - 1].output


class SideBySide(keras.Model):
    """Takes a step of each of several compiled networks in one function.

    Args:
        networks: List of compiled `keras.Model`, of one kind of input.
    """

    def __init__(self, networks: list[keras.Model]):
        super().__init__()
        self.networks = networks
        for network in networks:
            network.optimizer.build(network.trainable_variables)

    def train_step(self, data):
        """Takes a step of each network on the same batch.

        Args:
            data: Tuple of tensors, as `keras.Model.fit` hands it over.

        Returns:
            Dict of the last network's metrics; `fit` wants some.
        """
        return [network.train_step(data) for network in self.networks][-1]


def side_by_side(
    threads: int, recipe: Recipe, steps: int, frozen: int, networks: int
) -> dict:
    """Returns `fit` of networks in one step, above random stored output.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        steps: Integer, training steps a work.
        frozen: Integer, layers frozen at the start; 0 for whole networks.
        networks: Integer, networks in one step.

    Returns:
        Dict of one callable that returns images, each counted once for each
        network that it was shown to.
    """
    trainer.set_threads(threads)
    solver = dataclasses.replace(recipe.solver, epochs=1)
    several = []
    for _ in range(networks):
        if frozen:
            network, _ = _above_frozen(recipe, frozen)
        else:
            network = cnn.build_network(recipe.model, recipe.crop, CLASSES)
        compile_network(network, solver, steps)
        several.append(network)
    shape = (solver.batch_size, *several[0].input_shape[1:])
    images = tf.random.stateless_normal(shape, (0, 0))
    labels = tf.range(solver.batch_size) % CLASSES
    stream = tf.data.Dataset.from_tensors((images, labels)).repeat()
    whole = several[0]
    if networks > 1:
        whole = SideBySide(several)
        calls = several[0].steps_per_execution
        whole.compile(jit_compile=False, steps_per_execution=calls)

    def work():
        whole.fit(stream, steps_per_epoch=steps, verbose=0, shuffle=False)
        return networks * steps * solver.batch_size

    return {"training": work}
