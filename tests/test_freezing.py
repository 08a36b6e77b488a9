"""What is trainable, and whether the compiled model heeds it."""

import keras
import numpy as np
from keras import layers

from keras_transfer.transfer import freezing

X = np.random.default_rng(0).normal(5, 1, (16, 4)).astype("float32")
Y = np.arange(16) % 3


def network():
    backbone = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, name="first"),
            layers.BatchNormalization(name="norm"),
        ],
        name="backbone",
    )
    return keras.Sequential(
        [
            keras.Input((4,)),
            backbone,
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, name="head"),
        ]
    )


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def fitted(model):
    model.fit(X, Y, verbose=0)
    return model


def test_table_says_what_training_does_to_each_layer():
    model = network()
    model.get_layer("backbone").trainable = False
    found = freezing.trainable_summary(model)
    assert found.frozen == ("backbone/first", "backbone/norm")
    states = {layer.name: layer for layer in found.layers}
    assert states["backbone/norm"].in_training.startswith("inference mode")
    assert states["drop"].in_training == "drops 50%"
    assert (states["head"].trained, states["head"].parameters) == (12, 12)
    # Scale and shift are trained, the moving mean and variance are not.
    norm = freezing.trainable_summary(network()).layers[1]
    assert (norm.trained, norm.parameters) == (6, 12)
    assert norm.in_training.startswith("batch statistics")
    assert str(found).splitlines()[-1].startswith("Not compiled")
    assert "backbone/first" in str(found).splitlines()[1]


def test_compiled_model_agrees_until_a_layer_is_changed():
    model = compiled(network())
    assert "not trained yet" in freezing.trainable_summary(model).compiled
    fitted(model)
    assert freezing.trainable_summary(model).agrees
    model.get_layer("backbone").get_layer("first").trainable = False
    found = freezing.trainable_summary(model)
    assert not found.agrees
    assert len(found.ignored) == 2
    assert "2 frozen tensors are still trained" in found.compiled
    # It is so: training goes on to change them.
    before = model.layers[0].layers[0].kernel.numpy()
    fitted(model)
    assert not np.array_equal(before, model.layers[0].layers[0].kernel.numpy())
    assert freezing.trainable_summary(fitted(compiled(model))).agrees


def test_layer_thawed_after_training_is_named():
    model = network()
    model.get_layer("head").trainable = False
    fitted(compiled(model))
    model.get_layer("head").trainable = True
    found = freezing.trainable_summary(model)
    assert "2 trainable tensors are not trained" in found.compiled
    assert [path.split("/")[-1] for path in found.ignored] == ["kernel", "bias"]


def test_training_false_does_not_freeze():
    # As the docstring says; the day Keras heeds it, it must say otherwise.
    backbone = network().get_layer("backbone")
    inputs = keras.Input((4,))
    outputs = layers.Dense(3)(backbone(inputs, training=False))
    model = compiled(keras.Model(inputs, outputs))
    fitted(model)
    assert np.any(backbone.get_layer("norm").moving_mean.numpy() != 0)


def test_augmentation_wrappers_and_models_without_a_graph():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.flip = layers.RandomFlip(name="flip")
            self.rows = layers.TimeDistributed(
                layers.BatchNormalization(), name="scale"
            )

        def call(self, inputs):
            return self.rows(self.flip(inputs))

    model = Own()
    model(np.zeros((2, 4, 4, 3), "float32"))
    model.rows.trainable = False
    found = {
        v.name: v.in_training for v in freezing.trainable_summary(model).layers
    }
    assert found["flip"] == "augments"
    assert found["scale"].startswith("inference mode")
