"""Layers of a user's own, registered as Keras asks for."""

import keras


@keras.saving.register_keras_serializable("example_layers")
class Scale(keras.layers.Layer):
    """Multiplies by one weight."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="s")

    def call(self, inputs):
        return inputs * self.scale
