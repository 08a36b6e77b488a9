"""Stored features: the same computation, never stale, never trusted."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_transfer.datasets.batches import Course, train_batches
from keras_transfer.datasets.halves import load_half
from keras_transfer.models import cnn, saving
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.training import trainer
from keras_transfer.training.options import Options
from keras_transfer.transfer import first_layers, frozen_features
from keras_transfer.transfer.feature_keys import Prefix
from keras_transfer.transfer.frozen_features import FeatureStore
from tests.conftest import write_tiny_pool
from tests.trained import assert_same_rows, treats_rows_alike


@pytest.fixture
def spec(tiny_spec):
    return dataclasses.replace(
        tiny_spec,
        data=dataclasses.replace(tiny_spec.data, views=2),
        model=dataclasses.replace(tiny_spec.model, dropout=0.3),
        base="A",
        target="B",
        n=3,
    )


@pytest.fixture
def feature_store(tmp_path):
    return FeatureStore(tmp_path / "features", 10**8, float("-inf"))


def frozen_network(n, dropout=0.3, mode="frozen"):
    model = ModelSpec("cnn8", width=4, dropout=dropout)
    source = cnn.build_network(model, 18, 4, seed=1)
    network = cnn.build_network(model, 18, 4, seed=2)
    first_layers.copy_first_layers(source, network, n, mode)
    return network


@pytest.mark.parametrize(
    "n, dropout, last",
    [
        (1, 0.3, "conv1_relu"),
        (5, 0.3, "flatten"),
        (6, 0.3, "fc6_relu"),
        (7, 0.3, "fc6_relu"),  # dropout after fc6 draws at every step
        (7, 0.0, "fc7_relu"),
    ],
)
def test_prefix_ends_at_the_last_frozen_layer_before_dropout(n, dropout, last):
    network = frozen_network(n, dropout)
    cut = frozen_features.reusable_layers(network)
    assert network.layers[cut - 1].name == last


def test_finetuned_layers_are_not_stored():
    network = frozen_network(3, mode="finetuned")
    assert frozen_features.reusable_layers(network) == 0


@pytest.fixture(scope="module")
def base_of(tmp_path_factory):
    """Returns the trained base of a transfer; each is trained once."""
    folder = tmp_path_factory.mktemp("bases")
    pool = write_tiny_pool(folder / ".cache")
    store = RunStore(folder, "study")

    def find(spec):
        network = store.network(spec.source)
        if network.read_result() is None:
            trainer.train_network(network, pool, options=Options(observe="off"))
        return network

    return find


@pytest.mark.slow(10)
@pytest.mark.parametrize(
    "n, precision",
    [
        (1, "float32"),
        (6, "float32"),
        (7, "float32"),  # its last layers are not stored: dropout draws
        (3, "bfloat16"),
    ],
)
def test_with_and_without_reuse_the_same_bits(
    tmp_path, tiny_pool, spec, feature_store, base_of, n, precision
):
    model = dataclasses.replace(spec.model, precision=precision)
    spec = dataclasses.replace(spec, n=n, model=model)
    results, weights = [], []
    # The second is watched, which reads what is stored, too.
    for folder, options in (
        ("without", Options(observe="off")),
        ("with", Options(feature_store)),
    ):
        network = RunStore(tmp_path / folder, "study").network(spec)
        results.append(
            trainer.train_network(network, tiny_pool, base_of(spec), options)
        )
        weights.append(saving.load_model(network).get_weights())
    assert results[0].reused_keras_layers == 0
    assert results[1].reused_keras_layers > 0
    for a, b in zip(*weights, strict=True):
        assert_same_rows(a, b)
    if not treats_rows_alike():
        return
    keys = (
        "test_loss",
        "test_accuracy",
        "train_loss",
        "test_correct",
        "layers",
    )
    for key in keys:
        assert getattr(results[0], key) == getattr(results[1], key)
    after = [[t["after_sha256"] for t in r.proof] for r in results]
    assert after[0] == after[1]


def test_stored_rows_are_the_prefix_of_each_view(tiny_pool, spec, tmp_path):
    network = frozen_network(3)
    half = load_half(tiny_pool, spec.data, "B")
    mean = tiny_pool.mean_image(half.train.indices)
    cut = frozen_features.reusable_layers(network)
    store = FeatureStore(tmp_path / "features", 10**8, float("-inf"))
    found = store.find_or_compute(
        Prefix(network, cut, half, mean, spec.data, "x")
    )
    assert len(found.train) == 2 * 44 and len(found.validation) == 4
    course = Course(44, 11, 5, 0, 8)
    prefix = keras.Sequential(network.layers[:cut])
    plain = train_batches(half.train, mean, spec.data, course)
    stored = found.train_batches(half, spec.data, course)
    for (images, labels), (outputs, same) in zip(plain, stored, strict=True):
        np.testing.assert_array_equal(labels, same)
        np.testing.assert_allclose(prefix(images), outputs, atol=1e-5)


def store_once(feature_store, pool, spec, network, fingerprint="x"):
    half = load_half(pool, spec.data, "B")
    mean = pool.mean_image(half.train.indices)
    cut = frozen_features.reusable_layers(network)
    return feature_store.find_or_compute(
        Prefix(network, cut, half, mean, spec.data, fingerprint)
    )


def folders(feature_store):
    return sorted(
        path.name for path in feature_store.folder.iterdir() if path.is_dir()
    )


@pytest.mark.slow
def test_other_weights_views_or_images_have_another_key(
    tiny_pool, spec, feature_store
):
    network = frozen_network(3)
    store_once(feature_store, tiny_pool, spec, network)
    (key,) = folders(feature_store)
    store_once(feature_store, tiny_pool, spec, network)
    assert folders(feature_store) == [key]
    more = dataclasses.replace(spec.data, views=3)
    store_once(
        feature_store, tiny_pool, dataclasses.replace(spec, data=more), network
    )
    store_once(feature_store, tiny_pool, spec, network, "other images")
    kernel = network.get_layer("conv2").kernel
    kernel.assign(kernel + 1e-3)
    store_once(feature_store, tiny_pool, spec, network)
    assert len(folders(feature_store)) == 4


def test_damaged_features_are_computed_anew(tiny_pool, spec, feature_store):
    network = frozen_network(3)
    first = store_once(feature_store, tiny_pool, spec, network)
    expected = np.array(first.train)
    (key,) = folders(feature_store)
    path = feature_store.folder / key / "train.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 64
    path.write_bytes(bytes(content))
    again = store_once(feature_store, tiny_pool, spec, network).train
    np.testing.assert_array_equal(again, expected)
    path.write_bytes(bytes(content[:100]))
    again = store_once(feature_store, tiny_pool, spec, network).train
    np.testing.assert_array_equal(again, expected)


def test_deeper_output_starts_from_stored_output(
    tiny_pool, spec, feature_store
):
    network = frozen_network(5)
    straight = store_once(feature_store, tiny_pool, spec, network).train.copy()
    for name in folders(feature_store):
        frozen_features.shutil.rmtree(feature_store.folder / name)
    # conv1 to conv3 of the same network, as another n would store them.
    half = load_half(tiny_pool, spec.data, "B")
    mean = tiny_pool.mean_image(half.train.indices)
    cut = [layer.name for layer in network.layers].index("conv3_relu") + 1
    feature_store.find_or_compute(
        Prefix(network, cut, half, mean, spec.data, "x")
    )

    # What is computed from images would now differ; their key does not know.
    blank = dataclasses.replace(
        half.train, images=np.zeros_like(half.train.images)
    )
    half = dataclasses.replace(half, train=blank)
    cut = frozen_features.reusable_layers(network)
    chained = feature_store.find_or_compute(
        Prefix(network, cut, half, mean, spec.data, "x")
    ).train
    assert_same_rows(chained, straight)


def test_budget_drops_what_was_used_longest_ago(tiny_pool, spec, tmp_path):
    one = frozen_network(3)
    size = 4 * (2 * 44 + 4) * 5 * 5 * 12
    small = FeatureStore(tmp_path / "features", size - 1)
    assert store_once(small, tiny_pool, spec, one) is None
    room_for_one = FeatureStore(tmp_path / "features", size + 2000)
    kept = store_once(room_for_one, tiny_pool, spec, one)
    (first,) = folders(room_for_one)
    before = np.array(kept.train)
    other = store_once(room_for_one, tiny_pool, spec, one, "other images")
    assert len(folders(room_for_one)) == 1
    assert folders(room_for_one) != [first]
    # Who still reads the dropped one keeps it.
    np.testing.assert_array_equal(kept.train, before)
    assert other is not None
