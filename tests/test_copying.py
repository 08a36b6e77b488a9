"""What may be copied, what counts as a layer, and what stays frozen."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.transfer import actions, first_layers


def network(*first, shape=(8, 8, 3), classes=3):
    return keras.Sequential(
        [keras.Input(shape), *first, layers.Flatten(), layers.Dense(classes)]
    )


def test_shared_layers_are_refused_before_anything_changes():
    source = network(layers.Conv2D(2, 3), layers.Conv2D(2, 3))
    target = keras.Sequential([keras.Input((8, 8, 3)), *source.layers[:-1]])
    target.add(layers.Dense(5))
    with pytest.raises(UserError, match="share .*kernel.*clone_model"):
        first_layers.copy_first_layers(source, target, 1)
    with pytest.raises(UserError, match="variables of their own"):
        first_layers.copy_first_layers(source, source, 1)
    assert all(layer.trainable for layer in source.layers)


def conv(**changes):
    base = {"activation": "relu", "padding": "same"}
    return network(layers.Conv2D(4, 3, **{**base, **changes}))


@pytest.mark.parametrize(
    "setting, value",
    [
        ("activation", "tanh"),
        ("padding", "valid"),
        ("strides", 2),
        ("dilation_rate", 2),
    ],
)
def test_other_settings_of_a_convolution_are_named(setting, value):
    source, target = conv(), conv(**{setting: value})
    with pytest.raises(UserError, match=f"'conv2d.*`{setting}` to be"):
        first_layers.copy_first_layers(source, target, 1)
    assert target.layers[0].trainable


@pytest.mark.parametrize(
    "name, first, second, shape",
    [
        ("scale", layers.Rescaling(1 / 255), layers.Rescaling(1 / 127.5), None),
        (
            "epsilon",
            layers.BatchNormalization(epsilon=1e-3),
            layers.BatchNormalization(epsilon=1e-5),
            None,
        ),
        (
            "go_backwards",
            layers.LSTM(4),
            layers.LSTM(4, go_backwards=True),
            (5, 3),
        ),
        (
            "activation",
            layers.TimeDistributed(layers.Dense(4, "relu")),
            layers.TimeDistributed(layers.Dense(4, "tanh")),
            (5, 3),
        ),
        (
            "negative_slope",
            layers.LeakyReLU(negative_slope=0.1),
            layers.LeakyReLU(negative_slope=0.2),
            None,
        ),
    ],
)
def test_other_settings_are_named_whatever_the_layer(
    name, first, second, shape
):
    shape = shape or (8, 8, 3)
    source, target = (
        network(layers.Dense(3), made, layers.Dense(2), shape=shape)
        for made in (first, second)
    )
    with pytest.raises(UserError, match=f"Expected `{name}` to be"):
        first_layers.copy_first_layers(source, target, 2)


class Block(layers.Layer):
    """An own layer that tells nobody of its parts' settings."""

    def __init__(self, activation):
        super().__init__()
        self.inner = [layers.Dense(3, activation=activation)]

    def build(self, shape):
        self.inner[0].build(shape)

    def call(self, inputs):
        return self.inner[0](inputs)


def test_parts_of_own_layers_are_compared():
    source, target = network(Block("relu")), network(Block("elu"))
    with pytest.raises(UserError, match="`activation` to be 'elu'"):
        first_layers.copy_first_layers(source, target, 1)


def test_what_only_training_uses_may_differ():
    def build(rate, seed):
        return network(
            layers.Conv2D(
                4,
                3,
                kernel_initializer=keras.initializers.HeNormal(seed),
                kernel_regularizer=keras.regularizers.L2(rate),
                bias_constraint=keras.constraints.MaxNorm() if seed else None,
            ),
            layers.BatchNormalization(momentum=0.9 + rate / 100),
            layers.SpatialDropout2D(rate, seed=seed),
            layers.GaussianNoise(rate),
        )

    source, target = build(0.1, 0), build(0.5, 1)
    proof = first_layers.copy_first_layers(source, target, 1)
    assert sum(t.copied for t in proof.tensors) == 6


@pytest.mark.parametrize(
    "follower, shape",
    [
        (lambda: layers.RMSNormalization(), (8,)),
        (lambda: layers.UnitNormalization(), (8,)),
        (lambda: layers.TimeDistributed(layers.BatchNormalization()), (3, 8)),
        (lambda: layers.TimeDistributed(layers.PReLU()), (3, 8)),
        (
            lambda: layers.TimeDistributed(
                layers.TimeDistributed(layers.LayerNormalization())
            ),
            (3, 3, 8),
        ),
    ],
)
def test_normalisation_travels_with_its_layer_in_a_wrapper_too(follower, shape):
    model = network(layers.Dense(4), follower(), layers.Dense(4), shape=shape)
    assert actions.number_layers(model) == [1, 1, 2, 2, 3]


def test_layers_in_wrappers_count():
    model = network(
        layers.TimeDistributed(layers.Dense(4)),
        layers.SpectralNormalization(layers.Dense(4)),
        layers.Bidirectional(layers.LSTM(4)),
        shape=(3, 8),
    )
    assert actions.number_layers(model) == [1, 2, 3, 3, 4]


def train(model, shape):
    images = np.random.default_rng(0).normal(size=(8, *shape)).astype("f")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    model.fit(images, np.arange(8) % 3, verbose=0)


def test_wrapped_batch_statistics_are_frozen():
    def build():
        return network(
            layers.TimeDistributed(layers.Conv2D(2, 3)),
            layers.TimeDistributed(layers.BatchNormalization()),
            layers.Dense(4),
            shape=(2, 5, 5, 3),
        )

    source, target = build(), build()
    proof = first_layers.copy_first_layers(source, target, 1)
    train(target, (2, 5, 5, 3))
    np.testing.assert_array_equal(target.layers[1].layer.moving_mean, [0, 0])
    assert "6 of those unchanged" in proof.after(target).summary()


def test_a_layer_that_changes_itself_is_refused_with_its_cure():
    def build():
        return network(
            layers.SpectralNormalization(layers.Dense(6)), shape=(8,)
        )

    source, target = build(), build()
    before = target.get_weights()
    match = "SpectralNormalization.*in training mode although it is frozen"
    with pytest.raises(UserError, match=match):
        first_layers.copy_first_layers(source, target, 1)
    for a, b in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert target.layers[0].trainable
    proof = first_layers.copy_first_layers(source, target, 1, "finetuned")
    assert proof.summary().startswith("5 tensors: 3 copied, 0 frozen")


def normalised(inner=False):
    norm = layers.BatchNormalization()
    return network(
        layers.Dense(6),
        layers.TimeDistributed(norm) if inner else norm,
        layers.Dense(6),
        layers.BatchNormalization(),
        shape=(2, 8),
    )


@pytest.mark.parametrize("inner", [False, True])
def test_frozen_batch_normalisation_stays_frozen_and_says_so(inner):
    target = normalised(inner)
    first = target.layers[1]
    (first.layer if inner else first).trainable = False
    target.layers[3].trainable = False
    proof = first_layers.copy_first_layers(
        normalised(inner), target, 1, "finetuned"
    )
    assert not first.trainable and not target.layers[3].trainable
    assert target.layers[0].trainable and target.layers[2].trainable
    assert "batch normalisation stays frozen" in proof.summary()
    train(target, (2, 8))
    # Two networks of four moments each, gamma and beta too, as they were.
    assert "8 frozen, 8 of those unchanged" in proof.after(target).summary()


def test_other_frozen_layers_are_thawed_and_it_is_said():
    target = normalised()
    target.layers[0].trainable = False
    proof = first_layers.copy_first_layers(normalised(), target, 1, "finetuned")
    assert target.layers[0].trainable
    assert f"{target.layers[0].name}: was frozen" in proof.summary()


def test_a_branching_model_inside_is_refused_with_a_true_reason():
    inputs = keras.Input((8,))
    inner = layers.Dense(8)(inputs)
    body = keras.Model(inputs, layers.Add()([inputs, inner]))
    with pytest.raises(UserError, match="not one line"):
        actions.number_layers(network(body, shape=(8,)))
