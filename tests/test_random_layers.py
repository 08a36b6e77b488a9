import dataclasses

import keras
import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.models import cnn
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids
from keras_transfer.studies.grids import all_class_networks, random_networks
from keras_transfer.training import trainer
from keras_transfer.training.options import Options
from keras_transfer.transfer import random_layers


def build(seed, width=16):
    return cnn.build_network(ModelSpec("cnn8", width=width), 18, 4, seed)


def test_gaussian_is_the_papers_filler_up_to_n():
    network, untouched = build(0), build(0)
    random_layers.redraw(network, 6, "gaussian", None, seed=1)
    for name, stddev in (("conv1", 0.01), ("conv5", 0.01), ("fc6", 0.005)):
        kernel = network.get_layer(name).kernel.numpy()
        assert kernel.std() == pytest.approx(stddev, rel=0.1)
        assert abs(kernel.mean()) < 0.001
    for name in ("fc7", "fc8"):
        np.testing.assert_array_equal(
            network.get_layer(name).kernel, untouched.get_layer(name).kernel
        )


def test_mean_var_has_the_moments_of_the_trained_tensors():
    network, like = build(0), build(1)
    for weight in like.weights:
        weight.assign(weight + 0.5)
    random_layers.redraw(network, 5, "mean-var", like, seed=1)
    drawn = network.get_layer("conv4").kernel.numpy()
    trained = like.get_layer("conv4").kernel.numpy()
    assert drawn.mean() == pytest.approx(trained.mean(), abs=0.005)
    assert drawn.std() == pytest.approx(trained.std(), rel=0.05)
    assert not np.array_equal(drawn, trained)
    norm = network.get_layer("conv4_norm")
    # A constant tensor stays one: every gamma was 1.5.
    np.testing.assert_array_equal(norm.gamma, np.full(48, 1.5, np.float32))
    assert norm.moving_variance.numpy().min() > 0


def test_he_is_the_networks_own_start():
    network = build(0)
    random_layers.redraw(network, 7, "he", None, seed=1)
    for a, b in zip(network.get_weights(), build(0).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_he_draws_where_the_network_starts_otherwise():
    # conv2 of caffenet starts with a filler of 0.01 and biases of 1.
    layer = cnn.GroupedConv2D(
        256, 5, groups=2, name="conv2", bias_initializer="ones"
    )
    network = keras.Sequential([keras.Input((27, 27, 96)), layer])
    random_layers.redraw(network, 1, "he", None, seed=1)
    kernel = layer.kernel.numpy()
    assert kernel.std() == pytest.approx((2 / 1200) ** 0.5, rel=0.01)
    np.testing.assert_array_equal(layer.bias, np.zeros(256))


def test_paper_gives_units_the_signal_that_they_had_in_2014():
    network = build(0)
    random_layers.redraw(network, 6, "paper", None, seed=1, scale=1 / 64)
    # White noise of 1 through 363 weights of 0.01: 0.19 in both.
    kernel = network.get_layer("conv1").kernel.numpy() / 64
    assert kernel.std() * 27**0.5 == pytest.approx(0.01 * 363**0.5, rel=0.1)
    kernel = network.get_layer("conv3").kernel.numpy()
    assert kernel.std() * 288**0.5 == pytest.approx(0.01 * 2304**0.5, rel=0.02)
    kernel = network.get_layer("fc6").kernel.numpy()
    inputs = kernel.shape[0]
    assert kernel.std() * inputs**0.5 == pytest.approx(0.005 * 96, rel=0.02)
    betas = [
        float(network.get_layer(f"{name}_norm").beta.numpy().mean())
        for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6")
    ]
    assert betas == [0, 1, 0, 1, 1, 1]


def test_permuted_has_the_entries_of_the_trained_tensors():
    network, like = build(0), build(1)
    norm = like.get_layer("conv2_norm")
    norm.moving_variance.assign(np.linspace(1e-5, 2, 32))
    random_layers.redraw(network, 3, "permuted", like, seed=1)
    for ours, theirs in zip(network.layers[:9], like.layers[:9], strict=True):
        for a, b in zip(ours.weights, theirs.weights, strict=True):
            drawn, trained = np.array(a).ravel(), np.array(b).ravel()
            np.testing.assert_array_equal(np.sort(drawn), np.sort(trained))
    drawn = network.get_layer("conv2_norm").moving_variance.numpy()
    assert not np.array_equal(drawn, norm.moving_variance)


def test_bad_requests_are_named():
    with pytest.raises(UserError, match="Received: 'zero'"):
        random_layers.redraw(build(0), 1, "zero", None, 0)
    with pytest.raises(UserError, match="needs a trained network"):
        random_layers.redraw(build(0), 1, "mean-var", None, 0)
    with pytest.raises(UserError, match="`permuted` needs a trained"):
        random_layers.redraw(build(0), 1, "permuted", None, 0)


@pytest.mark.parametrize(
    "name",
    [
        "paper",
        pytest.param("permuted", marks=pytest.mark.slow),
        pytest.param("mean-var", marks=pytest.mark.slow),
    ],
)
def test_random_layers_stay_as_drawn(
    tmp_path, tiny_pool, tiny_spec, base, name
):
    store = RunStore(tmp_path / "logs", "study")
    (spec,) = random_networks([tiny_spec], (3,), (name,))
    assert spec.source in (None, base.spec)
    source = base if spec.source else None
    result = trainer.train_network(
        store.network(spec), tiny_pool, source, options=Options(observe="off")
    )
    frozen = [t for t in result.proof if t["frozen"]]
    assert len(frozen) == 3 * 5
    for tensor in frozen:
        assert tensor["source_path"] is None  # nothing was copied
        assert tensor["after_sha256"] == tensor["before_sha256"]
    assert result.mean_half == "A"
    assert result.treatment == f"random ({name})"


@pytest.mark.slow
def test_networks_on_all_classes_in_the_steps_of_a_half(tiny_spec):
    def whole(**changes):
        solver = dataclasses.replace(tiny_spec.solver, **changes)
        spec = dataclasses.replace(tiny_spec, solver=solver)
        return grids.all_class_networks([spec])

    (spec,) = grids.same_steps(whole(epochs=6, steps_per_epoch=None))
    assert (spec.target, spec.solver.epochs) == ("all", 3)
    with pytest.raises(UserError, match="even number.*Received: 3"):
        grids.same_steps(whole(epochs=3, steps_per_epoch=None))
    with pytest.raises(UserError, match="without `steps_per.*: 10 steps"):
        grids.same_steps(whole(epochs=6, steps_per_epoch=10))


def test_a_network_on_all_classes(tmp_path, tiny_pool, tiny_spec):
    other = dataclasses.replace(tiny_spec, target="B")
    (spec,) = all_class_networks([tiny_spec, other])  # one a seed
    result = trainer.train_network(
        RunStore(tmp_path, "study").network(spec), tiny_pool
    )
    assert len(result.classes) == 8
    assert result.images == {"train": 88, "validation": 8, "test": 40}
