"""Builds the 8-layer `keras.Sequential` networks from their rows."""

import keras
import tensorflow as tf

from keras_transfer.architectures import LayerRow, layer_rows, smallest_crop
from keras_transfer.errors import UserError
from keras_transfer.specs import ModelSpec
from keras_transfer.splits import derive_seed
from keras_transfer.strategies import has_gpu


@keras.saving.register_keras_serializable("keras_transfer")
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalisation across channels.

    `x / (bias + alpha / size * sum(x**2 over size channels)) ** beta`: as in
    Caffe, `alpha` is divided by the size of the window; TensorFlow's own
    operation does not divide.

    Args:
        size: Odd integer, channels of the window. Defaults to `5`.
        alpha: Float. Defaults to `1e-4`.
        beta: Float. Defaults to `0.75`.
        bias: Float. Defaults to `1.0`.

    Reference:
        - [Krizhevsky et al., 2012](
          https://papers.nips.cc/paper/4824), section 3.3.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, bias=1.0, **kwargs):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(
                f"`size` must be a positive odd integer. Received: size={size}."
            )
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias

    def call(self, inputs):
        outputs = tf.nn.local_response_normalization(
            tf.cast(inputs, "float32"),
            depth_radius=self.size // 2,
            bias=self.bias,
            alpha=self.alpha / self.size,
            beta=self.beta,
        )
        return tf.cast(outputs, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
        }


@keras.saving.register_keras_serializable("keras_transfer")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose groups are convolved one by one on a CPU.

    TensorFlow has no grouped convolution on a CPU, so Keras compiles it with
    XLA, whose gradients took three quarters of a training step of `caffenet`.
    Each group by itself runs in TensorFlow's fast kernels. Weights and values
    are those of the stock layer, to rounding.

    Reference:
        - [Krizhevsky et al., 2012](
          https://papers.nips.cc/paper/4824), section 3.5.
    """

    def convolution_op(self, inputs, kernel):
        if self.groups == 1 or has_gpu():
            return super().convolution_op(inputs, kernel)
        outputs = [
            tf.nn.conv2d(part, weights, self.strides, self.padding.upper())
            for part, weights in zip(
                tf.split(inputs, self.groups, axis=-1),
                tf.split(kernel, self.groups, axis=-1),
                strict=True,
            )
        ]
        return tf.concat(outputs, axis=-1)


@keras.saving.register_keras_serializable("keras_transfer")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` in one kernel where it trains.

    Keras spells the moments of a batch out in a dozen operations, each of
    which passes over the images. Values, gradients and moving moments are
    those of the stock layer, to rounding; so is all the rest.
    """

    def call(self, inputs, training=None, mask=None):
        # The kernel knows the images of its own replica alone.
        learns = training and self.trainable and not self.synchronized
        if not learns or mask is not None or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            self.gamma.value,
            self.beta.value,
            epsilon=self.epsilon,
            is_training=True,
        )
        # It hands out the variance of a sample; Keras keeps that of the batch.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        variance = variance * (count - 1) / count
        for moving, new in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            kept = moving * self.momentum
            moving.assign(kept + new * (1 - self.momentum))
        return outputs


def build_network(
    model: ModelSpec,
    crop: int,
    num_classes: int,
    seed: int = 0,
    replicas: int = 1,
) -> keras.Sequential:
    """Builds a network with layers named conv1 to conv5, fc6, fc7 and fc8.

    Initial weights and dropout masks follow from `seed` and the layer's name
    alone, never from Keras's global state.

    Args:
        model: `ModelSpec`, for instance `ModelSpec("cnn8")`.
        crop: Integer, side in pixels of the `(crop, crop, 3)` input.
        num_classes: Integer, classes of the target half.
        seed: Integer. Defaults to `0`.
        replicas: Integer, devices that share a batch. On several, batch
            normalisation takes the moments of the whole batch. Defaults to
            `1`.

    Returns:
        Built `keras.Sequential` whose output is logits, not probabilities.

    Raises:
        UserError: If the crop is too small or the model unknown.

    Example:
        >>> network = build_network(ModelSpec("cnn8", width=8), 28, 10)
        >>> network.count_params()
        36650
    """
    rows = layer_rows(model, num_classes)
    if crop < smallest_crop(model):
        raise UserError(
            f"Images are too small for {model.name}: expected crops of at "
            f"least {smallest_crop(model)} px. Received: {crop} px. Choose a "
            "larger `--image-size` or another network."
        )
    dtype = "mixed_bfloat16" if model.precision == "bfloat16" else "float32"
    network = keras.Sequential(name=model.name)
    network.add(keras.Input((crop, crop, 3), name="images"))
    for index, row in enumerate(rows):
        last = index == len(rows) - 1
        if not row.kernel and rows[index - 1].kernel:
            network.add(keras.layers.Flatten(dtype=dtype, name="flatten"))
        network.add(_weight_layer(row, seed, last, dtype))
        if last:
            break
        pooling = keras.layers.MaxPooling2D(
            row.pool or 1,
            2,
            row.pool_padding,
            dtype=dtype,
            name=f"{row.name}_pool",
        )
        if row.batch_norm:
            # Normalising after the pooling touches a quarter of the values.
            # Keras's momentum of 0.99 lags behind in runs of a few hundred
            # steps, and the moments are what evaluation uses.
            norm = FusedBatchNormalization(
                momentum=(
                    0.9 if model.norm_momentum is None else model.norm_momentum
                ),
                # Each replica's own would drift apart, and only the first
                # one's be saved.
                synchronized=replicas > 1,
                dtype=dtype,
                name=f"{row.name}_norm",
            )
            for layer in (pooling, norm) if row.pool else (norm,):
                network.add(layer)
        network.add(keras.layers.ReLU(dtype=dtype, name=f"{row.name}_relu"))
        if row.pool and not row.batch_norm:
            network.add(pooling)
        if row.lrn:
            network.add(
                LocalResponseNormalization(dtype=dtype, name=f"{row.name}_lrn")
            )
        if row.dropout:
            network.add(
                keras.layers.Dropout(
                    row.dropout,
                    seed=derive_seed(seed, row.name, "dropout"),
                    dtype=dtype,
                    name=f"{row.name}_dropout",
                )
            )
    return network


def _weight_layer(
    row: LayerRow, seed: int, last: bool, dtype: str
) -> keras.layers.Layer:
    kernel_seed = derive_seed(seed, row.name, "kernel")
    if row.stddev is not None:
        filler = keras.initializers.RandomNormal(
            stddev=row.stddev, seed=kernel_seed
        )
    elif last:
        filler = keras.initializers.GlorotUniform(seed=kernel_seed)
    else:
        filler = keras.initializers.HeNormal(seed=kernel_seed)
    common = {
        "kernel_initializer": filler,
        "bias_initializer": keras.initializers.Constant(row.bias),
        "use_bias": not row.batch_norm,
        # Logits stay float32: the loss needs their digits.
        "dtype": "float32" if last else dtype,
        "name": row.name,
    }
    if row.kernel:
        kind = keras.layers.Conv2D if row.groups == 1 else GroupedConv2D
        return kind(
            row.units,
            row.kernel,
            strides=row.stride,
            padding=row.padding,
            groups=row.groups,
            **common,
        )
    return keras.layers.Dense(row.units, **common)
