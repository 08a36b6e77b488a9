import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transfer.datasets.halves import Part
from keras_transfer.specs.settings import DataSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.training import trainer
from keras_transfer.training.layer_statistics import (
    LayerStatistics,
    probe_batch,
)
from keras_transfer.training.options import Options
from tests.trained import Stop, stop_in_epoch


@pytest.fixture
def network():
    """Two inputs, two hidden units, two classes; all weights known."""
    network = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, name="hidden"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dense(2, name="head"),
        ]
    )
    hidden, head = network.get_layer("hidden"), network.get_layer("head")
    hidden.set_weights([np.array([[3.0, 0.0], [4.0, 0.0]]), np.zeros(2)])
    head.set_weights([np.zeros((2, 2)), np.zeros(2)])
    return network


@pytest.fixture
def statistics(network):
    # The first image excites unit 0 by 3, the second inhibits it; unit 1
    # has no weights and is dead.
    images = tf.constant([[1.0, 0.0], [0.0, -1.0]])
    return LayerStatistics(network, images, tf.constant([0, 1]))


def test_distance_and_angle_from_the_start(network, statistics):
    hidden = network.get_layer("hidden")
    hidden.kernel.assign([[-4.0, 0.0], [3.0, 0.0]])  # turned by 90 degrees
    row, _ = statistics.table(copied=["hidden"])
    assert row["layer"] == "hidden" and row["number"] == 1
    assert row["copied"] and not row["frozen"]
    assert row["weights"] == 4
    assert row["weight_norm"] == row["start_norm"] == 5
    assert row["distance"] == pytest.approx(math.sqrt(50), rel=1e-5)
    assert row["relative_distance"] == pytest.approx(math.sqrt(2), rel=1e-5)
    assert row["angle"] == 90


def test_layers_of_one_name_in_two_models_are_told_apart():
    def part(width, name):
        inputs = keras.Input((width,))
        x = keras.layers.Dense(2, name="dense")(inputs)
        return keras.Model(inputs, x, name=name)

    network = keras.Sequential(
        [
            keras.Input((3,)),
            part(3, "first"),
            part(2, "second"),
            keras.layers.Dense(2, name="head"),
        ]
    )
    paths = [weight.path for weight in network.weights]
    assert paths[0] == paths[2]  # what makes them hard to tell
    found = LayerStatistics(network, tf.ones((2, 3)), tf.constant([0, 1]))
    kernel = network.get_layer("second").get_layer("dense").kernel
    kernel.assign(kernel + 1.0)  # four entries: a distance of 2
    rows = found.table(copied=["first/dense"])
    assert [row["layer"] for row in rows] == [
        *("first/dense", "second/dense", "head")
    ]
    assert [row["copied"] for row in rows] == [True, False, False]
    assert [row["distance"] for row in rows] == pytest.approx([0, 2, 0])
    assert len(found.kernels) == 3
    assert found.name_of(kernel) == "second/dense/kernel"


def test_a_longer_vector_has_moved_but_not_turned(network, statistics):
    hidden = network.get_layer("hidden")
    hidden.kernel.assign(2 * hidden.kernel)
    row, head = statistics.table()
    assert (row["distance"], row["angle"]) == (5, 0)
    # A layer that starts at nothing has no relative distance.
    assert head["relative_distance"] is None


def test_outputs_of_the_activation(statistics):
    row, head = statistics.table()
    # Outputs after the ReLU: 3 and 0 of unit 0, 0 and 0 of unit 1.
    assert row["activation_mean"] == 0.75
    assert row["activation_sd"] == pytest.approx(math.sqrt(27 / 16), rel=1e-5)
    assert row["zeros"] == 0.75
    assert row["dead_units"] == 0.5
    # All logits are zero; the layer has no activation to be dead of.
    assert head["zeros"] == head["dead_units"] == 1


def test_gradient_at_the_start(network, statistics):
    # With logits of 0, the gradient of a logit is (softmax - label) / 2.
    # Of the head's kernel: unit 0 puts out 3 for the first image alone, so
    # 3 * (0.5 - 1) / 2 and 3 * 0.5 / 2; its norm is 0.75 * sqrt(2).
    network.get_layer("head").kernel.assign(np.eye(2))  # the start counts
    hidden, head = statistics.table()
    assert hidden["start_gradient_norm"] == 0  # the head passes nothing down
    assert head["start_gradient_norm"] == pytest.approx(
        0.75 * math.sqrt(2), rel=1e-5
    )
    assert head["start_relative_gradient_norm"] is None  # of a zero kernel
    assert statistics.start.loss == pytest.approx(math.log(2))


def test_frozen_layers_show_exact_zeros(network):
    network.get_layer("hidden").trainable = False
    images = tf.constant([[1.0, 0.0], [0.0, -1.0]])
    statistics = LayerStatistics(network, images, tf.constant([0, 1]))
    row, _ = statistics.table(copied=["hidden"])
    assert row["frozen"]
    for key in (
        "distance",
        "relative_distance",
        "angle",
        "start_gradient_norm",
        "start_relative_gradient_norm",
    ):
        assert row[key] == 0.0
    assert row["dead_units"] == 0.5  # its outputs are measured all the same


def test_drift_of_batch_statistics():
    network = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(2, name="hidden"),
            keras.layers.BatchNormalization(epsilon=0.0, name="norm"),
            keras.layers.Dense(2, name="head"),
        ]
    )
    norm = network.get_layer("norm")
    norm.moving_variance.assign([4.0, 1.0])
    statistics = LayerStatistics(network, tf.ones((2, 1)), tf.constant([0, 1]))
    norm.moving_mean.assign([2.0, 0.0])  # one standard deviation of channel 0
    norm.moving_variance.assign([4.0, math.e])
    row, head = statistics.table()
    assert row["mean_drift"] == pytest.approx(math.sqrt(1 / 2), rel=1e-5)
    assert row["variance_drift"] == pytest.approx(math.sqrt(1 / 2), rel=1e-5)
    assert "mean_drift" not in head


def draw_from_global_generators():
    drawn = [np.random.rand(), random.random()]
    return [
        *drawn,
        float(tf.random.uniform([])),
        float(keras.random.normal([])),
    ]


def test_measuring_changes_no_variable_and_draws_nothing():
    network = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=1),
            keras.layers.Dense(2),
        ]
    )
    before = [variable.numpy() for variable in network.variables]
    keras.utils.set_random_seed(3)
    expected = draw_from_global_generators()
    keras.utils.set_random_seed(3)
    images = tf.random.stateless_normal((8, 3), (1, 2))
    statistics = LayerStatistics(network, images, tf.zeros([8], tf.int32))
    first, second = statistics.measure(), statistics.measure()
    assert first == second == statistics.start
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert draw_from_global_generators() == expected


def test_probe_batch_is_spread_over_the_images():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (10, 2, 2, 3))
    part = Part(images, np.arange(10), np.arange(10, dtype=np.int32))
    spec = DataSpec("any", 0, 2, 2)
    mean = np.ones((2, 2, 3), np.float32)
    shown, labels = probe_batch(part, mean, spec, images=4)
    assert labels.numpy().tolist() == [0, 2, 5, 7]
    assert shown[:, 0, 0, 0].numpy().tolist() == [-1, 1, 4, 6]
    shown, _ = probe_batch(part, mean, spec)
    assert shown.shape == (10, 2, 2, 3)


@pytest.mark.parametrize(
    "test", [True, pytest.param(False, marks=pytest.mark.slow)]
)
def test_table_of_a_network_that_was_resumed(
    tmp_path, tiny_pool, tiny_spec, base, test
):
    expected = base.read_result().layers
    assert [row["layer"] for row in expected][::7] == ["conv1", "fc8"]
    assert all(row["distance"] > 0 for row in expected)
    assert not any(row["copied"] or row["frozen"] for row in expected)
    again = RunStore(tmp_path / "other", "study").network(tiny_spec)
    with pytest.raises(Stop):
        trainer.train_network(
            again, tiny_pool, None, Options(test=test), stop_in_epoch(2)
        )
    resumed = trainer.train_network(
        again, tiny_pool, options=Options(test=test)
    )
    assert resumed.resumed_at_epoch == [2]
    assert resumed.layers == expected


def test_frozen_and_fine_tuned_layers_of_a_transfer(base, transfers):
    ended = base.read_result().layers
    for mode, network in transfers.items():
        rows = network.read_result().layers
        assert [row["copied"] for row in rows] == [True] * 3 + [False] * 5
        for row, source in zip(rows[:3], ended[:3], strict=True):
            assert row["start_norm"] == source["weight_norm"]
            assert row["frozen"] == (mode == "frozen")
            moved = (row["distance"], row["angle"], row["mean_drift"])
            assert moved == (0, 0, 0) or mode == "finetuned"
            assert (row["start_gradient_norm"] > 0) == (mode == "finetuned")
        assert all(row["angle"] > 0 for row in rows[3:])
