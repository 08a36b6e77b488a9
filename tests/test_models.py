import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transfer.errors import UserError
from keras_transfer.models import cnn, layers
from keras_transfer.specs import presets
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import layer_costs
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.settings import ModelSpec, SolverSpec
from keras_transfer.specs.speed import trained_work
from keras_transfer.training import optimizers


def build(normalization="batch", seed=0, crop=18):
    spec = ModelSpec("cnn8", width=4, normalization=normalization)
    return cnn.build_network(spec, crop, 3, seed)


def test_caffenet_is_the_papers_network():
    preset = find_recipe("imagenet2012", "paper", None)
    network = cnn.build_network(preset.model, preset.crop, 500)
    assert preset.crop == 227
    assert network.count_params() == 60_965_224
    shapes = {
        layer.name: layer.output.shape[1:3]
        for layer in network.layers
        if layer.name.endswith("_pool")
    }
    assert shapes == {
        "conv1_pool": (27, 27),
        "conv2_pool": (13, 13),
        "conv5_pool": (6, 6),
    }
    names = [layer.name for layer in network.layers]
    assert names[:4] == ["conv1", "conv1_relu", "conv1_pool", "conv1_lrn"]
    assert [n for n in names if n in LAYER_NAMES] == list(LAYER_NAMES)
    for name, stddev, bias in (("conv3", 0.01, 0), ("fc6", 0.005, 1)):
        kernel, biases = network.get_layer(name).get_weights()
        np.testing.assert_allclose(kernel.std(), stddev, rtol=0.01)
        np.testing.assert_array_equal(biases, bias)


def test_caffenet_takes_a_training_step_on_a_cpu():
    spec = ModelSpec("caffenet", normalization="lrn", dropout=0.5, outputs=4)
    network = cnn.build_network(spec, 67, 4)
    network.compile(
        optimizers.build_optimizer(SolverSpec(0.01, warmup=0.0), 10),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    before = network.get_weights()
    loss = network.train_on_batch(np.ones((2, 67, 67, 3)), np.array([0, 1]))
    assert np.isfinite(loss)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, network.get_weights(), strict=True)
    ]
    assert len(moved) == 16 and all(moved)


def test_costs_are_those_counted_by_hand():
    # conv1 of cnn8, width 4, crop 18: 3*3*3*4 weights, 18*18 places, 2 each.
    costs = layer_costs(layer_rows(ModelSpec("cnn8", width=4), 3), 18)
    assert costs[0].flops == 2 * 108 * 324
    assert costs[0].parameters == 108 + 4 * 4
    assert sum(c.parameters for c in costs) == build().count_params()
    # fc8 alone trained: everything below once, fc8 twice, as its input needs
    # no gradient; all trained: three times, but conv1 twice.
    forward = sum(c.flops for c in costs)
    assert trained_work(costs, 7).flops == forward + costs[-1].flops
    assert trained_work(costs).flops == 3 * forward - costs[0].flops


def test_larger_first_kernels_leave_every_other_layer_alone():
    usual, large = (
        cnn.build_network(ModelSpec("cnn8", width=4, first_kernel=side), 18, 3)
        for side in (None, 7)
    )
    assert large.get_layer("conv1").kernel.shape == (7, 7, 3, 4)
    for name in LAYER_NAMES[1:]:
        for one, other in zip(
            usual.get_layer(name).get_weights(),
            large.get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
    # 7*7*3*4 weights, at as many places: the stride is 1 and edges are padded.
    model = ModelSpec("cnn8", width=4, first_kernel=7)
    assert layer_costs(layer_rows(model, 3), 18)[0].flops == 2 * 588 * 324


@pytest.mark.parametrize("normalization", ["none", "lrn", "batch"])
def test_network_survives_saving(tmp_path, normalization):
    network = build(normalization)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).normal(size=(2, 18, 18, 3))
    np.testing.assert_array_equal(
        network.predict(images, verbose=0), loaded.predict(images, verbose=0)
    )


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "ours, stock, settings",
    [
        (
            layers.GroupedConv2D,
            keras.layers.Conv2D,
            {"filters": 6, "kernel_size": 3, "groups": 2, "padding": "same"},
        ),
        (
            layers.FusedBatchNormalization,
            keras.layers.BatchNormalization,
            {"momentum": 0.9},
        ),
    ],
)
def test_fast_layers_compute_what_keras_own_do(ours, stock, settings, dtype):
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(2, 3, (4, 5, 5, 8)), tf.float32)
    wanted = tf.constant(rng.normal(size=(4, 5, 5, settings.get("filters", 8))))

    def values(layer, weights):
        layer.build(images.shape)
        layer.set_weights(weights or layer.get_weights())
        before = layer.get_weights()
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = tf.cast(layer(images, training=True), tf.float32)
            loss = tf.reduce_sum(outputs * tf.cast(wanted, tf.float32))
        sources = [images, *(w.value for w in layer.trainable_weights)]
        return before, [outputs, *tape.gradient(loss, sources), *layer.weights]

    weights, expected = values(stock(**settings, dtype=dtype), None)
    _, received = values(ours(**settings, dtype=dtype), weights)
    assert len(expected) == len(received)
    # bfloat16 keeps 8 bits of each product.
    scale = 1e-5 if dtype == "float32" else 2e-2
    for a, b in zip(expected, received, strict=True):
        largest = float(tf.reduce_max(tf.abs(tf.cast(a, tf.float32))))
        np.testing.assert_allclose(
            np.array(tf.cast(b, tf.float32)),
            np.array(tf.cast(a, tf.float32)),
            rtol=0,
            atol=scale * largest,
        )


def test_lrn_divides_alpha_by_its_size():
    # One place, channels 1, 2, 3; window of 3; alpha 3 becomes 1 a channel.
    layer = layers.LocalResponseNormalization(size=3, alpha=3.0, beta=1.0)
    got = np.array(layer(np.array([[[[1.0, 2.0, 3.0]]]], "float32")))
    expected = [1 / (1 + 1 + 4), 2 / (1 + 1 + 4 + 9), 3 / (1 + 4 + 9)]
    np.testing.assert_allclose(got.ravel(), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="odd integer. Received: size=4"):
        layers.LocalResponseNormalization(size=4)


def test_lrn_of_scaled_pixels_divides_as_it_does_for_raw_ones():
    # alpha / 64**-2 * (x / 64)**2 is alpha * x**2.
    recipe = presets.find_recipe("cifar100", "default", None)
    model = ModelSpec("cnn8", width=8, normalization="lrn")
    recipe = dataclasses.replace(recipe, model=model)
    alpha = presets.lrn_alpha(recipe)
    assert alpha == pytest.approx(0.4096)
    scaled = dataclasses.replace(model, lrn_alpha=alpha)
    pixels = np.full((1, 1, 1, 5), 200.0, "float32")
    outputs = [
        cnn.build_network(spec, 16, 2).get_layer("conv1_lrn")(values)
        for spec, values in ((model, pixels), (scaled, pixels / 64))
    ]
    np.testing.assert_allclose(outputs[1] * 64, outputs[0], rtol=1e-5)
    # Three channels of the five: 1 + 1e-4 / 5 * 3 * 200**2.
    expected = 200 / (1 + 2.4) ** 0.75
    assert float(outputs[0][0, 0, 0, 0]) == pytest.approx(expected, rel=1e-5)
    assert presets.lrn_alpha(dataclasses.replace(recipe, scale=1.0)) is None


def test_start_follows_from_the_seed_alone():
    keras.utils.set_random_seed(1)
    one = build(seed=7).get_weights()
    keras.utils.set_random_seed(2)
    two = build(seed=7).get_weights()
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[0], build(seed=8).get_weights()[0])


def test_small_images_and_unknown_settings_are_named():
    with pytest.raises(UserError, match="at least 16 px. Received: 12 px"):
        build(crop=12)
    with pytest.raises(UserError, match="normalization.*'group'"):
        build(normalization="group")
    with pytest.raises(UserError, match="'cnn8' or 'cnn8-2014' or 'caffenet'"):
        cnn.build_network(ModelSpec("vgg"), 32, 3)
    with pytest.raises(UserError, match="outputs=2"):
        cnn.build_network(ModelSpec("cnn8", outputs=2), 32, 3)
