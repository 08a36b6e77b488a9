import dataclasses

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.models import cnn
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.store import RunStore
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


def test_bad_requests_are_named():
    with pytest.raises(UserError, match="Received: 'zero'"):
        random_layers.redraw(build(0), 1, "zero", None, 0)
    with pytest.raises(UserError, match="needs a trained network"):
        random_layers.redraw(build(0), 1, "mean-var", None, 0)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("he", marks=pytest.mark.slow),
        pytest.param("gaussian", marks=pytest.mark.slow),
        "mean-var",
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
def test_a_network_on_all_classes(tmp_path, tiny_pool, tiny_spec):
    other = dataclasses.replace(tiny_spec, target="B")
    (spec,) = all_class_networks([tiny_spec, other])  # one a seed
    result = trainer.train_network(
        RunStore(tmp_path, "study").network(spec), tiny_pool
    )
    assert len(result.classes) == 8
    assert result.images == {"train": 88, "validation": 8, "test": 40}
