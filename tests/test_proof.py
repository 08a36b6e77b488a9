"""The proof knows each tensor by its place, and says what did not train."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import NetworkFailed
from keras_transfer.models import saving
from keras_transfer.transfer import first_layers
from keras_transfer.transfer.proof import Proof, sha256

INPUTS = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
LABELS = np.arange(64) % 3


def build(*more):
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(6), *more, layers.Dense(3)]
    )


def compile_(model, rate=0.1):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)


def fit(model, rate=0.1):
    compile_(model, rate)
    model.fit(INPUTS, LABELS, verbose=0)


def test_a_network_whose_own_flag_was_off_is_trained_as_planned():
    target = build()
    target.trainable = False  # as before predicting with it
    proof = first_layers.copy_first_layers(build(), target, 1, "finetuned")
    start = target.get_weights()
    fit(target)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(start, target.get_weights(), strict=True)
    ]
    assert moved == [True] * 4
    assert "own `trainable` was False" in proof.after(target).summary()


def test_a_flag_set_after_copying_is_named():
    target = build()
    proof = first_layers.copy_first_layers(build(), target, 1, "finetuned")
    target.trainable = False
    with pytest.warns(UserWarning, match="trainable"):
        fit(target)
    match = "never moved.*kernel.*The network's own `trainable` is False"
    with pytest.raises(NetworkFailed, match=match):
        proof.after(target)


def test_a_stale_compile_is_named():
    target = build()
    target.layers[0].trainable = False
    fit(target)
    proof = first_layers.copy_first_layers(build(), target, 1, "finetuned")
    target.fit(INPUTS, LABELS, verbose=0)
    with pytest.raises(NetworkFailed, match="never moved.*at `compile`"):
        proof.after(target)


def test_a_rate_of_zero_is_named():
    target = build()
    proof = first_layers.copy_first_layers(build(), target, 1, "finetuned")
    fit(target, rate=0.0)
    with pytest.raises(NetworkFailed, match="The learning rate is 0"):
        proof.after(target)


def test_a_layer_frozen_after_copying_is_named():
    target = build()
    proof = first_layers.copy_first_layers(build(), target, 1, "finetuned")
    target.layers[0].trainable = False
    fit(target)
    name = target.layers[0].name
    with pytest.raises(NetworkFailed, match=f"'{name}'.*after copying"):
        proof.after(target)


def test_no_training_at_all_is_said():
    target = build()
    proof = first_layers.copy_first_layers(build(), target, 1, "finetuned")
    compile_(target)
    assert "not trained: 0 steps" in proof.after(target).summary()


def test_zero_gradients_of_some_tensors_are_said_and_no_fault():
    def positive():
        made = build(layers.ReLU(), layers.PReLU())  # its slope never acts
        return made

    target = positive()
    proof = first_layers.copy_first_layers(positive(), target, 1, "finetuned")
    fit(target)
    after = proof.after(target)
    assert after.never_moved == (target.layers[2].alpha.path,)
    assert f"never moved: {target.layers[2].alpha.path}" in after.summary()


class Twins(layers.Layer):
    def __init__(self):
        super().__init__()
        self.up = layers.Dense(8, name="fc")
        self.down = layers.Dense(8, name="fc")

    def build(self, shape):
        self.up.build(shape)
        self.down.build(shape)

    def call(self, inputs):
        return inputs + self.down(self.up(inputs))


@pytest.mark.parametrize("mode", ["frozen", "finetuned"])
def test_two_tensors_of_one_path_are_two_tensors(mode):
    source, target = (
        keras.Sequential([keras.Input((8,)), Twins(), layers.Dense(3)])
        for _ in range(2)
    )
    proof = first_layers.copy_first_layers(source, target, 1, mode)
    assert len({t.target_path for t in proof.tensors}) == 4  # of 6 tensors
    fit(target)
    after = proof.after(target)
    weights = [w for layer in target.layers for w in layer.weights]
    assert [t.after_sha256 for t in after.tensors] == [*map(sha256, weights)]
    assert [t.place for t in after.tensors][2:5] == [(0, 2), (0, 3), (1, 0)]


@keras.saving.register_keras_serializable("test_proof")
class Tied(layers.Layer):
    """Keras lists its weights otherwise if it is frozen when it is built."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(8)

    def build(self, shape):
        self.count = self.add_weight(shape=(8, 8), trainable=False)
        self.inner.build(shape)
        self.kernel = self.inner.kernel

    def call(self, inputs):
        return self.inner(inputs)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_saved_network_can_be_checked_against_its_proof(tmp_path, suffix):
    def network():
        return keras.Sequential(
            [
                keras.Input((8,)),
                Tied(name="tied"),
                layers.BatchNormalization(),
                layers.Dense(3),
            ]
        )

    target = network()
    rows = first_layers.copy_first_layers(network(), target, 1).to_rows()
    fit(target)
    target.save(tmp_path / f"network.{suffix}")
    again = keras.saving.load_model(tmp_path / f"network.{suffix}")
    proof = Proof.from_rows(json.loads(json.dumps(rows))).after(again)
    assert "7 frozen, 7 of those unchanged" in proof.summary()
    proof.verify(again)
    again.layers[2].bias.assign([1.0, 2.0, 3.0])
    with pytest.raises(NetworkFailed, match="bias'] differ"):
        proof.verify(again)


@pytest.mark.parametrize("mode", ["frozen", "finetuned"])
def test_a_filed_result_can_be_checked_against_its_model(base, transfers, mode):
    network = transfers[mode]
    rows = network.read_result().proof
    assert {r["output_difference"] for r in rows if r["source_path"]} == {0.0}
    again = saving.load_model(network)
    Proof.from_rows(rows).verify(again)
    # As an older result has them.
    later = ("stage", "place", "trains", "output_difference", "note")
    old = [{k: r[k] for k in r if k not in later} for r in rows]
    Proof.from_rows(old).verify(again)
    assert Proof.from_rows(old).after(again).to_rows() == old
    with pytest.raises(NetworkFailed, match="cnn8/conv4/kernel"):
        Proof.from_rows(rows).verify(saving.load_model(base))
