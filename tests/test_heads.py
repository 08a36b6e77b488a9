"""A new classifier on any model; the old model is left as it was."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.models.heads import head_form, new_head
from keras_transfer.models.parts import prefix
from keras_transfer.models.stages import stages

IMAGES = np.random.default_rng(0).uniform(0, 9, (2, 8, 8, 3)).astype("float32")


def functional(last, rate=0.3):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.GlobalMaxPooling2D(name="pool")(x)
    x = layers.Dropout(rate, name="drop")(x)
    for layer in last:
        x = layer(x)
    return keras.Model(inputs, x, name="net")


def body_output(model):
    return prefix(model, stages(model)[-2])(IMAGES, training=False)


def test_body_is_copied_and_shares_nothing():
    model = functional([layers.Dense(3, activation="softmax", name="top")])
    values = [np.full(4, value, "float32") for value in (1, 2, 3, 4)]
    model.get_layer("norm").set_weights(values)
    model.get_layer("conv").trainable = False
    before = model.get_weights()
    made = new_head(model, 5, seed=1)
    assert [layer.name for layer in made.layers[1:]] == [
        *("conv", "norm", "pool", "drop", "top")
    ]
    np.testing.assert_array_equal(body_output(made), body_output(model))
    assert not {id(w) for w in made.weights} & {id(w) for w in model.weights}
    assert made.output_shape == (None, 5)
    assert not made.get_layer("conv").trainable
    made.set_weights([np.zeros(w.shape) for w in made.weights])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("last", "form"),
    [
        ([layers.Dense(3, activation="softmax")], "softmax"),
        ([layers.Dense(3), layers.Softmax()], "softmax"),
        ([layers.Dense(3), layers.Activation("softmax")], "softmax"),
        ([layers.Dense(1, activation="sigmoid")], "sigmoid"),
        ([layers.Dense(3)], "logits"),
        ([layers.Dense(3, activation="relu")], None),
        ([], None),
    ],
)
def test_form_of_the_old_head_is_kept(last, form):
    model = functional(last)
    assert head_form(model) == form
    made = new_head(model, 4, seed=0)
    assert head_form(made) == (form or "logits")
    kept = [layer.name for layer in made.layers[1:5]]
    assert kept == ["conv", "norm", "pool", "drop"]
    total = made(IMAGES).numpy().sum(axis=1)
    assert np.allclose(total, 1) == (form == "softmax")


def test_seed_settles_the_new_weights():
    model = functional([layers.Dense(3)])
    one, two, other = (new_head(model, 4, seed=s) for s in (5, 5, 6))
    kernels = [m.layers[-1].kernel.numpy() for m in (one, two, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_features_without_a_classifier_are_pooled():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    made = new_head(keras.Model(inputs, x), 5, dropout=0.5)
    kinds = [type(layer).__name__ for layer in made.layers[2:]]
    assert kinds == ["GlobalAveragePooling2D", "Dropout", "Dense"]
    pooled = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    assert head_form(pooled) is None
    assert len(new_head(pooled, 5).layers) == 4


def test_classifier_that_is_a_convolution():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(3, 1, name="logits")(x)
    x = layers.Activation("softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    assert head_form(model) == "softmax"
    made = new_head(model, 5)
    assert made.output_shape == (None, 5)
    assert made.get_layer("logits").units == 5


def test_sequential_with_a_nested_model_and_learnt_preprocessing():
    scale = layers.Normalization()
    scale.adapt(IMAGES)
    backbone = keras.Model(*functional_body())
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), scale, backbone, layers.Dense(3)]
    )
    made = new_head(model, 5)
    assert isinstance(made, keras.Sequential)
    assert [layer.name for layer in made.layers[:2]] == [
        scale.name,
        backbone.name,
    ]
    np.testing.assert_array_equal(body_output(made), body_output(model))
    # The classifier may be inside the nested model.
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), scale, functional([layers.Dense(3)])]
    )
    np.testing.assert_array_equal(
        body_output(new_head(inner, 5)), body_output(inner)
    )


def functional_body():
    model = functional([])
    return model.inputs, model.outputs[0]


def test_vocabulary_is_copied():
    words = layers.StringLookup(output_mode="multi_hot")
    words.adapt(np.array(["b", "a", "b"]))
    inputs = keras.Input((2,), dtype="string")
    x = layers.Dense(3)(layers.Dense(4)(words(inputs)))
    made = new_head(keras.Model(inputs, x), 5)
    copied = next(v for v in made.layers if isinstance(v, layers.StringLookup))
    assert copied is not words
    assert copied.get_vocabulary() == ["[UNK]", "b", "a"]


def test_refusals_name_the_model_and_the_cure():
    inputs = keras.Input((3,))
    x = layers.Dense(2)(inputs)
    two = keras.Model(
        inputs, [layers.Dense(2)(x), layers.Dense(3)(x)], name="t"
    )
    with pytest.raises(UserError, match="'t' has 2 outputs.*expected one"):
        new_head(two, 5)
    model = functional([layers.Dense(3)])
    with pytest.raises(UserError, match="num_classes=1"):
        new_head(model, 1)
    with pytest.raises(UserError, match="dropout=1"):
        new_head(model, 2, dropout=1)
    side = layers.Dense(2, name="side")(x)
    joined = layers.Concatenate()([x, layers.Dense(4, name="top")(side)])
    skipped = keras.Model(inputs, joined)
    with pytest.raises(UserError, match="'top' is not the only layer"):
        new_head(skipped, 5)
