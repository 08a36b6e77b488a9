"""Optimizers that step each weight at a rate of its own."""

import keras
import tensorflow as tf

from keras_transfer.errors import UserError


class WithRates(keras.optimizers.Optimizer):
    """What our optimizers share: a learning rate for each trained weight.

    A step is scaled, not its gradient: Adam and Muon would divide a scaled
    gradient by its own size. Biases have a rate of their own, and only
    kernels decay. Rates are given in the order of the weights, so paths,
    which Keras changes when it loads a model, do not matter.

    Args:
        kernel_decay: Float.
        bias_rate: Float.
        rates: Sequence of floats, or empty for 1.
        **kwargs: Of the Keras optimizer.
    """

    def __init__(self, kernel_decay, bias_rate, rates, **kwargs):
        super().__init__(**kwargs)
        self.kernel_decay = kernel_decay
        self.bias_rate = bias_rate
        self.rates = tuple(rates)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        given = self.rates or (1.0,) * len(variables)
        if len(given) != len(variables):
            raise UserError(
                f"Expected one of `rates` for each of {len(variables)} "
                f"trained weights. Received: {len(given)}."
            )
        # A path ends in the names of the layer and of the weight.
        parts = [("", *v.path.split("/"))[-2:] for v in variables]
        self._decays = [end == "kernel" for _, end in parts]
        self._rates = [
            (self.bias_rate if end == "bias" else 1.0) * rate
            for (_, end), rate in zip(parts, given, strict=True)
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_decay": self.kernel_decay,
            "bias_rate": self.bias_rate,
            "rates": self.rates,
        }


@keras.saving.register_keras_serializable("keras_transfer")
class RatedAdam(WithRates, keras.optimizers.Adam):
    """Adam with rates of each weight's own, in one operation a weight.

    Keras's Adam has twenty, which take longer to trace than a short training
    takes; the steps are the same.

    Args:
        learning_rate: Float or `LearningRateSchedule`. Defaults to `0.001`.
        kernel_decay: Float; only 0 is possible. Defaults to `0.0`.
        bias_rate: Float, multiplier of the biases' rate. Defaults to `1.0`.
        rates: Sequence of floats, multiplier of the rate of each trained
            weight, in the order of `trainable_variables`. Defaults to `()`
            for 1.
        name: String, of the optimizer. Defaults to `"rated_adam"`.
        **kwargs: Of `keras.optimizers.Adam`.

    Raises:
        UserError: Another `kernel_decay` than 0, or `amsgrad`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        kernel_decay=0.0,
        bias_rate=1.0,
        rates=(),
        name="rated_adam",
        **kwargs,
    ):
        super().__init__(
            kernel_decay,
            bias_rate,
            rates,
            learning_rate=learning_rate,
            name=name,
            **kwargs,
        )
        if kernel_decay or self.amsgrad:
            raise UserError(
                "Expected `RatedAdam` without `kernel_decay` and `amsgrad`, "
                "which its one operation has not. Received: kernel_decay="
                f"{kernel_decay}, amsgrad={self.amsgrad}. Use `AdamW`."
            )

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        rate = tf.cast(learning_rate * self._rates[index], variable.dtype)
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (
            tf.cast(beta, step.dtype) for beta in (self.beta_1, self.beta_2)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, step.dtype),
            grad=tf.convert_to_tensor(gradient),
        )


def _handle(variable):
    # Keras hands TensorFlow's own variable to `update_step`.
    own = isinstance(variable, keras.Variable)
    return variable.value.handle if own else variable.handle
