import keras
import numpy as np
import pytest

from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.models import cnn
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.transfer import actions, first_layers, proof

IMAGES = np.random.default_rng(0).normal(size=(8, 18, 18, 3)).astype("f")
LABELS = np.arange(8) % 3


def build(seed, classes=3, **settings):
    spec = ModelSpec("cnn8", width=4, **settings)
    return cnn.build_network(spec, 18, classes, seed)


def fit(network):
    network.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    network.fit(IMAGES, LABELS, epochs=2, batch_size=4, verbose=0)


def done(plan):
    """Maps each layer with weights to (copied, trainable)."""
    return {a.layer: (a.copy, a.trainable) for a in plan}


def test_frozen_plan_copies_and_freezes_what_belongs_to_the_first_n():
    plan = done(actions.plan_transfer(build(1), build(0), 2, "frozen"))
    for name in ("conv1", "conv1_norm", "conv2", "conv2_norm"):
        assert plan[name] == (True, False)
    for name in ("conv3", "conv3_norm", "fc6", "fc8"):
        assert plan[name] == (False, True)


@pytest.mark.parametrize(
    "n, mode, copied, trainable",
    [
        (3, "finetuned", True, True),  # AnB+, BnB+
        (3, "frozen", True, False),  # AnB, BnB
        (0, "frozen", False, True),  # from scratch
    ],
)
def test_plans_of_the_paper(n, mode, copied, trainable):
    plan = done(actions.plan_transfer(build(1), build(0), n, mode))
    assert plan["conv1"] == (copied, trainable)
    assert plan["fc8"] == (False, True)
    assert len(plan) == len(build(1).layers)


def test_random_frozen_layers_are_a_plan_too():
    plan = done(actions.plan_transfer(build(1), None, 3, "frozen"))
    assert plan["conv3"] == (False, False)
    assert plan["conv4"] == (False, True)


@pytest.mark.parametrize("n", [1, 5, 7])
def test_frozen_layers_keep_every_bit_batch_statistics_included(n):
    source, target = build(0), build(1)
    fit(source)
    proof = first_layers.copy_first_layers(source, target, n)
    fit(target)
    after = proof.after(target)
    frozen = [t for t in after.tensors if t.frozen]
    assert len(frozen) == 5 * n  # kernel, gamma, beta, two moments
    for name in ("conv1", "conv1_norm"):
        for a, b in zip(
            source.get_layer(name).get_weights(),
            target.get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
    assert f"{5 * n} of those unchanged" in after.summary()


def test_finetuned_layers_start_as_copies_and_move():
    source, target = build(0), build(1)
    proof = first_layers.copy_first_layers(source, target, 2, "finetuned")
    fit(target)
    after = {t.target_path: t for t in proof.after(target).tensors}
    kernel = after["cnn8/conv1/kernel"]
    assert kernel.source_sha256 == kernel.before_sha256
    assert kernel.after_sha256 != kernel.before_sha256


def test_dropout_above_frozen_layers_stays_active():
    source, target = build(0, dropout=0.5), build(1, dropout=0.5)
    first_layers.copy_first_layers(source, target, 7)
    prefix = keras.Sequential(target.layers[:-1])
    outputs = np.array(prefix(IMAGES, training=True))
    assert (outputs == 0).mean() > 0.4
    assert not np.array_equal(outputs, np.array(prefix(IMAGES, training=False)))


def test_a_frozen_tensor_that_moved_fails_loudly():
    source, target = build(0), build(1)
    proof = first_layers.copy_first_layers(source, target, 1)
    kernel = target.get_layer("conv1").kernel
    kernel.assign(kernel + 1e-7)
    with pytest.raises(NetworkFailed, match="conv1/kernel.*compile"):
        proof.after(target)


def test_unfreezing_behind_the_plan_is_found_out():
    source, target = build(0), build(1)
    proof = first_layers.copy_first_layers(source, target, 1)
    target.get_layer("conv1").trainable = True
    fit(target)
    with pytest.raises(NetworkFailed, match="conv1/kernel"):
        proof.after(target)


def test_a_skipped_copy_fails_loudly():
    rows = first_layers.copy_first_layers(build(0), build(1), 1).to_rows()
    rows[0]["before_sha256"] = "0" * 64
    with pytest.raises(NetworkFailed, match="differ from their source"):
        proof.Proof.from_rows(rows).check()


def test_a_misfit_names_both_shapes_and_changes_nothing():
    source = cnn.build_network(ModelSpec("cnn8", width=8), 18, 3)
    target = build(1)
    before = target.get_weights()
    with pytest.raises(UserError, match=r"'conv1'.*\(3, 3, 3, 4\).*Received"):
        first_layers.copy_first_layers(source, target, 3)
    for a, b in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(layer.trainable for layer in target.layers)


@pytest.mark.parametrize("n", [0, 8, -1])
def test_impossible_n_is_named(n):
    with pytest.raises(UserError, match=f"Received: n={n}"):
        first_layers.copy_first_layers(build(0), build(1), n)


def test_unknown_mode_and_partial_plan_are_errors():
    with pytest.raises(UserError, match="mode.*'thawed'"):
        first_layers.copy_first_layers(build(0), build(1), 1, "thawed")
    plan = actions.plan_transfer(build(1))[:-1]
    with pytest.raises(UserError, match="every layer of the target"):
        actions.apply_plan(build(1), None, plan)


def plain(units, adapted=None):
    layers = keras.layers
    first = layers.Normalization()
    first.adapt(np.array([[0.0, 1.0], [2.0, 3.0]]) + (adapted or 0))
    return keras.Sequential(
        [
            keras.Input((2,)),
            first,
            layers.Dense(4),
            layers.LayerNormalization(),
            layers.Activation("relu"),
            layers.Dense(units),
        ]
    )


def test_any_sequential_can_be_copied_whatever_its_names():
    source, target = plain(3, adapted=5), plain(2)
    assert actions.number_layers(target) == [0, 1, 1, 1, 2]
    proof = first_layers.copy_first_layers(source, target, 1)
    assert proof.summary().startswith("9 tensors: 7 copied, 7 frozen")
    for index in (0, 1, 2):  # preprocessing travels with the first layer
        for a, b in zip(
            source.layers[index].get_weights(),
            target.layers[index].get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_unbuilt_and_nested_networks_are_named():
    with pytest.raises(UserError, match="built `keras.Sequential`"):
        actions.number_layers(keras.Sequential([keras.layers.Dense(2)]))
    nested = keras.Sequential([keras.Input((2,)), plain(2)])
    with pytest.raises(UserError, match="is itself a model"):
        actions.number_layers(nested)
