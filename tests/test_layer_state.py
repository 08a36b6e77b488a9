"""All that a layer computes with travels, or nothing is copied."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.transfer import first_layers


def network(*first, shape=(2,), dtype="float32", classes=3):
    return keras.Sequential(
        [keras.Input(shape, dtype=dtype), *first, layers.Dense(classes)]
    )


def features(model, inputs, count):
    for layer in model.layers[:count]:
        inputs = layer(inputs)
    return np.asarray(inputs)


def adapted(values):
    first = layers.Normalization()
    first.adapt(np.array(values, "float32"))
    return network(first, layers.Dense(4))


def test_an_adapted_normalization_computes_with_what_it_was_given():
    source = adapted([[0.0, 10.0], [2.0, 10.0]])  # means 1 and 10
    target = adapted([[100.0, 0.0], [300.0, 2.0]])
    proof = first_layers.copy_first_layers(source, target, 1)
    # (3 - 1) / 1, and a variance of 0 counts as epsilon squared.
    moved = features(target, np.array([[3.0, 10.0]], "float32"), 1)
    np.testing.assert_allclose(moved, [[2.0, 0.0]])
    assert {t.output_difference for t in proof.tensors if t.copied} == {0.0}


def test_a_normalization_of_given_means_is_refused_by_name():
    source, target = (
        network(layers.Normalization(mean=m, variance=1.0), layers.Dense(4))
        for m in (5.0, 0.0)
    )
    with pytest.raises(UserError, match="`mean` to be 0.0 .*Received: 5.0"):
        first_layers.copy_first_layers(source, target, 1)


def texts(words, **settings):
    first = layers.TextVectorization(
        max_tokens=10, output_sequence_length=3, **settings
    )
    first.adapt(words)
    return network(
        first,
        layers.Embedding(10, 4),
        layers.GlobalAveragePooling1D(),
        shape=(1,),
        dtype="string",
    )


def test_a_vocabulary_travels():
    source, target = texts(["cat dog bird"]), texts(["cow fish bird cat"])
    proof = first_layers.copy_first_layers(source, target, 1)
    words = source.layers[0].get_vocabulary()
    assert target.layers[0].get_vocabulary() == words
    inputs = tf.constant([["cat dog bird"]])
    np.testing.assert_array_equal(
        features(source, inputs, 2), features(target, inputs, 2)
    )
    (embedding,) = (t for t in proof.tensors if t.copied)
    assert embedding.output_difference == 0.0


def test_weights_of_words_travel_too():
    def build(words):
        first = layers.StringLookup(output_mode="tf_idf", max_tokens=5)
        first.adapt(tf.constant(words))
        return network(first, layers.Dense(4), shape=(2,), dtype="string")

    source, target = (
        build([["a", "b"], ["a", "c"], ["a", "d"]]),
        build([["p", "q"], ["q", "r"], ["q", "s"]]),
    )
    first_layers.copy_first_layers(source, target, 1)
    inputs = tf.constant([["a", "b"], ["d", "q"]])
    np.testing.assert_array_equal(
        features(source, inputs, 2), features(target, inputs, 2)
    )


@pytest.mark.parametrize(
    "make, setting",
    [
        (lambda x: layers.Discretization([0.0 + x, 1.0]), "bin_boundaries"),
        (lambda x: layers.Hashing(8, salt=int(x) + 1), "salt"),
        (lambda x: layers.IntegerLookup(vocabulary=[1, int(x) + 7]), "voca"),
    ],
)
def test_state_in_the_configuration_is_refused_by_name(make, setting):
    source, target = (
        network(make(x), layers.Embedding(9, 4), layers.Flatten(), dtype=dtype)
        for x, dtype in (
            (0.0, "int32"),
            (0.5 if "bin" in setting else 1, "int32"),
        )
    )
    before = target.get_weights()
    with pytest.raises(UserError, match=f"Expected `{setting}"):
        first_layers.copy_first_layers(source, target, 1)
    for a, b in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Scaled(layers.Dense):
    """Keeps a number beside its weights; `saved` says if Keras is told."""

    def __init__(self, units, saved, **kwargs):
        super().__init__(units, **kwargs)
        self.saved, self.factor = saved, 1.0

    def call(self, inputs):
        return self.factor * super().call(inputs)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if self.saved:
            store["factor"] = np.array(self.factor)

    def load_own_variables(self, store):
        if self.saved:
            self.factor = float(store.pop("factor"))
        super().load_own_variables(store)


def scaled(saved, factor):
    model = network(Scaled(4, saved), layers.BatchNormalization())
    model.layers[0].factor = factor
    return model


def test_own_state_travels_if_keras_is_told_of_it():
    source, target = scaled(True, 3.0), scaled(True, 1.0)
    first_layers.copy_first_layers(source, target, 1)
    assert target.layers[0].factor == 3.0


def test_hidden_state_is_found_by_its_outputs_and_nothing_is_changed():
    source, target = scaled(False, 3.0), scaled(False, 1.0)
    target.layers[1].trainable = False
    before = target.get_weights()
    # The target gives a third of the source's outputs.
    with pytest.raises(UserError, match="differ by 0.67 of the largest"):
        first_layers.copy_first_layers(source, target, 1)
    for a, b in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    flags = [layer.trainable for layer in target.layers]
    assert flags == [True, False, True]


def test_the_probe_leaves_random_states_and_carried_states_alone():
    def build():
        return keras.Sequential(
            [
                keras.Input(batch_shape=(2, 3, 4)),
                layers.LSTM(4, stateful=True, dropout=0.5),
                layers.Dense(3),
            ]
        )

    source, target = build(), build()
    kept = [[v.numpy() for v in m.variables] for m in (source, target)]
    first_layers.copy_first_layers(source, target, 1, "finetuned")
    for a, b in zip(kept[0], source.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    seeds = [i for i, v in enumerate(target.variables) if "seed" in v.path]
    assert seeds
    for i in seeds:
        np.testing.assert_array_equal(kept[1][i], target.variables[i].numpy())


def test_what_draws_in_inference_mode_is_said_and_not_compared():
    class Always(layers.Dropout):
        def call(self, inputs, training=False):
            return super().call(inputs, training=True)

    # Of 3 x 64 values no two draws are alike.
    source, target = (network(layers.Dense(64), Always(0.5)) for _ in range(2))
    proof = first_layers.copy_first_layers(source, target, 1)
    assert proof.tensors[0].output_difference == 0.0  # the layer below it
    source, target = (
        network(Always(0.5), layers.Dense(8), shape=(64,)) for _ in range(2)
    )
    proof = first_layers.copy_first_layers(source, target, 1)
    assert proof.tensors[0].output_difference is None
    assert "outputs not compared" in proof.summary()
    assert "draws at random in inference mode" in proof.summary()


@pytest.mark.parametrize(
    "first, second", [("float32", "float64"), ("bfloat16", "float32")]
)
def test_casts_without_loss_are_done_and_said(first, second):
    source, target = (
        network(layers.Dense(4, dtype=t)) for t in (first, second)
    )
    proof = first_layers.copy_first_layers(source, target, 1)
    for a, b in zip(
        source.layers[0].weights, target.layers[0].weights, strict=True
    ):
        np.testing.assert_array_equal(a.numpy().astype(second), b.numpy())
    assert f"cast from {first} to {second} without loss" in proof.summary()
    assert f"computes in {second}, the source in {first}" in proof.summary()


@pytest.mark.parametrize(
    "first, second", [("float32", "float16"), ("float16", "bfloat16")]
)
def test_casts_that_lose_are_refused_before_anything_changes(first, second):
    source, target = (
        network(layers.Dense(4, dtype=t)) for t in (first, second)
    )
    before = target.layers[0].kernel.numpy()
    with pytest.raises(UserError, match=f"{second} holds.*Received: {first}"):
        first_layers.copy_first_layers(source, target, 1)
    np.testing.assert_array_equal(before, target.layers[0].kernel.numpy())
    assert target.layers[0].trainable
