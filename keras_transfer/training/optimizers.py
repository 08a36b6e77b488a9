"""The paper's solver for Keras: decay inside the gradient, faster biases."""

import keras
from keras import ops

from keras_transfer.errors import UserError
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.specs.settings import SCHEDULES, SolverSpec
from keras_transfer.training.rated import WithRates

# Muon's quintic iteration: steep at zero, so that few rounds bring singular
# values near 1.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ROUNDS = 3


@keras.saving.register_keras_serializable("keras_transfer")
class CaffeSGD(WithRates, keras.optimizers.SGD):
    """Gradient descent with momentum and Caffe's rules for biases.

    `v = momentum * v - rate * (gradient + decay * w)`, `w += v`, where the
    rate of biases is `bias_rate` times higher and only kernels decay. Keras's
    own `weight_decay` is decoupled from the gradient and so from momentum.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        momentum: Float. Defaults to `0.9`.
        nesterov: Boolean. Defaults to `False`.
        kernel_decay: Float, decay of kernels. Defaults to `5e-4`.
        bias_rate: Float, multiplier of the biases' rate. Defaults to `2.0`.
        rates: Sequence of floats, multiplier of the rate of each trained
            weight, in the order of `trainable_variables`. Defaults to `()`
            for 1.
        name: String, of the optimizer. Defaults to `"caffe_sgd"`.
        **kwargs: Of `keras.optimizers.SGD`.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792),
          supplementary material, training details.
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.9,
        nesterov=False,
        kernel_decay=5e-4,
        bias_rate=2.0,
        rates=(),
        name="caffe_sgd",
        **kwargs,
    ):
        super().__init__(
            kernel_decay,
            bias_rate,
            rates,
            learning_rate=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            name=name,
            **kwargs,
        )

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        if self._decays[index] and self.kernel_decay:
            decay = ops.cast(self.kernel_decay, variable.dtype)
            gradient = ops.add(gradient, ops.multiply(variable, decay))
        rate = ops.multiply(learning_rate, self._rates[index])
        super().update_step(gradient, variable, rate)

    def last_step(self, variable):
        """Returns what plain momentum added to a variable at the last step.

        Args:
            variable: Trained `keras.Variable`.

        Returns:
            Array, or `None` without momentum.
        """
        if not self.momentum:
            return None
        return self.momentums[self._get_variable_index(variable)].numpy()


@keras.saving.register_keras_serializable("keras_transfer")
class Muon(CaffeSGD):
    """`CaffeSGD` whose steps of hidden kernels are made orthogonal.

    The momentum of a kernel is taken as one matrix `(height * width * in,
    out)`, of which every direction is stepped alike: `w -= rate * muon_rate *
    orthogonal(v)`, and `w` is scaled back to the norm it started with, in
    place of its decay. Keras's own Muon takes each position of a convolution
    for a matrix by itself. fc8 and all that is no kernel learn as in
    `CaffeSGD`.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        muon_rate: Float, multiplier of the rate of hidden kernels. Defaults
            to `0.24`.
        name: String, of the optimizer. Defaults to `"muon"`.
        **kwargs: Of `CaffeSGD`.

    Reference:
        - [Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/).
    """

    def __init__(
        self, learning_rate=0.01, muon_rate=0.24, name="muon", **kwargs
    ):
        super().__init__(learning_rate, name=name, **kwargs)
        self.muon_rate = muon_rate

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        parts = [("", *v.path.split("/"))[-2:] for v in variables]
        self._hidden = [
            end == "kernel" and parent != LAYER_NAMES[-1]
            for parent, end in parts
        ]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        if not self._hidden[index]:
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[index]
        new = ops.add(ops.multiply(velocity, self.momentum), gradient)
        self.assign(velocity, new)
        if self.nesterov:
            new = ops.add(gradient, ops.multiply(new, self.momentum))
        matrix = ops.reshape(new, (-1, variable.shape[-1]))
        step = ops.reshape(orthogonal(matrix), variable.shape)
        rate = learning_rate * self._rates[index] * self.muon_rate
        moved = ops.subtract(variable, ops.multiply(step, rate))
        self.assign(variable, moved * (_norm(variable) / _norm(moved)))

    def last_step(self, variable):
        """Returns what plain momentum added to a variable at the last step.

        Args:
            variable: Trained `keras.Variable`.

        Returns:
            Array of its shape; `None` without momentum, or for a hidden
            kernel, whose velocity is not what was added.
        """
        if self._hidden[self._get_variable_index(variable)]:
            return None  # the velocity is not what was added
        return super().last_step(variable)

    def get_config(self):
        return {**super().get_config(), "muon_rate": self.muon_rate}


@keras.saving.register_keras_serializable("keras_transfer")
class AdamW(WithRates, keras.optimizers.Adam):
    """Adam with decoupled decay of kernels, and rates of each weight's own.

    `w -= rate * decay * w`, then Adam's step at that rate. Keras's own
    `AdamW` decays all weights at one rate, whatever theirs.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        kernel_decay: Float, decay of kernels. Defaults to `0.004`.
        bias_rate: Float, multiplier of the biases' rate. Defaults to `1.0`.
        rates: As of `CaffeSGD`.
        name: String, of the optimizer. Defaults to `"rated_adamw"`.
        **kwargs: Of `keras.optimizers.Adam`.

    Reference:
        - [Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101).
    """

    def __init__(
        self,
        learning_rate=0.001,
        kernel_decay=0.004,
        bias_rate=1.0,
        rates=(),
        name="rated_adamw",
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

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        rate = ops.multiply(learning_rate, self._rates[index])
        if self._decays[index] and self.kernel_decay:
            share = ops.cast(rate * self.kernel_decay, variable.dtype)
            self.assign_sub(variable, ops.multiply(variable, share))
        super().update_step(gradient, variable, rate)


def _norm(tensor):
    return ops.sqrt(ops.sum(ops.square(tensor)))


def orthogonal(matrix):
    """Brings the singular values of a matrix near 1 and keeps its vectors.

    Args:
        matrix: Float tensor `(rows, columns)`.

    Returns:
        Tensor of that shape, `U f(S) V^T` of the singular values `S`: three
        rounds of `f(x) = 3.4445 x - 4.7750 x^3 + 2.0315 x^5`, after division
        by the norm of the matrix.
    """
    wide = ops.transpose(matrix)
    tall = matrix.shape[0] > matrix.shape[1]
    x = wide if tall else matrix
    x = x / (_norm(x) + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ROUNDS):
        square = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * square + c * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x


@keras.saving.register_keras_serializable("keras_transfer")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line from zero to the highest rate, and falls back to zero.

    Args:
        learning_rate: Float, the highest rate, at step `warmup_steps`.
        total_steps: Integer, step at which the rate is zero again.
        warmup_steps: Integer. Defaults to `0`.

    Reference:
        - [Smith and Topin, 2017](https://arxiv.org/abs/1708.07120).
    """

    def __init__(self, learning_rate, total_steps, warmup_steps=0):
        super().__init__()
        self.learning_rate = learning_rate
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = step / max(1, self.warmup_steps)
        left = max(1, self.total_steps - self.warmup_steps)
        falling = (self.total_steps - step) / left
        share = ops.where(step < self.warmup_steps, rising, falling)
        return self.learning_rate * ops.maximum(share, 0.0)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
        }


def build_schedule(solver: SolverSpec, total_steps: int):
    """Builds the learning-rate schedule of a solver.

    Args:
        solver: `SolverSpec`.
        total_steps: Integer, training steps of the whole run.

    Returns:
        `keras.optimizers.schedules.LearningRateSchedule`: `"step"` multiplies
        by `step_decay` every `step_every` steps, `"cosine"` and `"linear"`
        rise over the warm-up and then fall to zero.

    Raises:
        UserError: If the schedule is unknown.
    """
    if solver.schedule not in SCHEDULES:
        raise UserError(
            f"Expected `schedule` of a solver to be one of {SCHEDULES}. "
            f"Received: {solver.schedule!r}."
        )
    schedules = keras.optimizers.schedules
    if solver.schedule == "step":
        return schedules.ExponentialDecay(
            solver.learning_rate,
            solver.step_every,
            solver.step_decay,
            staircase=True,
        )
    warmup_steps = round(solver.warmup * total_steps)
    if solver.schedule == "linear":
        return LinearDecay(solver.learning_rate, total_steps, warmup_steps)
    return schedules.CosineDecay(
        0.0 if warmup_steps else solver.learning_rate,
        max(1, total_steps - warmup_steps),
        warmup_target=solver.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


def build_optimizer(
    solver: SolverSpec, total_steps: int, rates=()
) -> keras.optimizers.Optimizer:
    """Builds the optimizer of a solver; see `build_schedule`.

    Args:
        solver: `SolverSpec`.
        total_steps: Integer, training steps of the whole run.
        rates: Sequence of floats, the multiplier of the rate of each trained
            weight. Defaults to `()` for 1; see `layer_rates.step_rates`.

    Returns:
        `CaffeSGD`; `Muon` if the solver has a `muon_rate`; `AdamW` if it
        says so, whose `beta_1` is the solver's momentum.
    """
    settings = {
        "learning_rate": build_schedule(solver, total_steps),
        "kernel_decay": solver.weight_decay,
        "bias_rate": solver.bias_rate,
        "rates": rates,
    }
    if solver.optimizer == "adamw":
        return AdamW(beta_1=solver.momentum, **settings)
    settings |= {"momentum": solver.momentum, "nesterov": solver.nesterov}
    if solver.muon_rate is not None:
        return Muon(muon_rate=solver.muon_rate, **settings)
    return CaffeSGD(**settings)
