import keras
import tensorflow as tf


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
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If `size` is even or below 1.

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


def has_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU in this process."""
    return bool(tf.config.list_physical_devices("GPU"))
