"""Other optimizers that `recipe_search` tries in place of `CaffeSGD`."""

import keras
from keras import ops

from keras_transfer import optimizers
from keras_transfer.specs import SolverSpec

# Coefficients of the quintic iteration, chosen by its author for a steep
# start: singular values end near 1, not at it.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 3


class FlatMuon(optimizers.CaffeSGD):
    """Momentum whose steps of hidden kernels are made orthogonal.

    Keras's own Muon takes each position of a convolution's kernel for a
    matrix of its own; here the kernel is one matrix, `(k * k * in, out)`, and
    keeps the norm it started with, which batch normalisation makes free.
    Everything else, and `last`, learns by `CaffeSGD`.

    Args:
        muon_rate: Float, rate of hidden kernels, in the schedule's shape.
        last: String, layer that is left out. Defaults to `"fc8"`.
        **kwargs: Of `CaffeSGD`.

    Reference:
        - [Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/).
    """

    def __init__(self, *args, muon_rate=0.06, last="fc8", **kwargs):
        super().__init__(*args, **kwargs)
        self.muon_rate = muon_rate
        self.last = last

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        parts = [v.path.split("/")[-2:] for v in variables]
        self._hidden = [
            end == "kernel" and parent != self.last for parent, end in parts
        ]
        self._norms = [
            float(ops.sqrt(ops.sum(ops.square(v.value)))) for v in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        if not self._hidden[index]:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self.momentums[index]
        new = self.momentum * momentum + gradient
        self.assign(momentum, new)
        if self.nesterov:
            new = gradient + self.momentum * new
        matrix = ops.reshape(new, (-1, variable.shape[-1]))
        step = ops.reshape(orthogonal(matrix), variable.shape)
        weight = variable - learning_rate * self.muon_rate * step
        norm = ops.sqrt(ops.sum(ops.square(weight)))
        self.assign(variable, weight * (self._norms[index] / norm))


def orthogonal(matrix):
    """Brings the singular values of a matrix near 1 (Newton-Schulz)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        square = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * square + c * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x


def find_builder(name: str):
    """Returns a function with the arguments of `build_optimizer`.

    Args:
        name: String: `"sgd"`; `"ema:0.99"`, whose weights are averaged;
            `"muon:0.06"`, the rate of kernels, relative to the schedule's;
            `"keras-muon"` and `"adamw"`, Keras's own.
    """
    kind, _, value = name.partition(":")

    def build(solver: SolverSpec, total_steps: int, copied_layers=()):
        schedule = optimizers.build_schedule(solver, total_steps)
        common = {
            "momentum": solver.momentum,
            "nesterov": solver.nesterov,
            "kernel_decay": solver.weight_decay,
            "bias_rate": solver.bias_rate,
        }
        if kind == "ema":
            return optimizers.CaffeSGD(
                schedule, use_ema=True, ema_momentum=float(value), **common
            )
        if kind == "muon":
            return FlatMuon(schedule, muon_rate=float(value), **common)
        if kind == "keras-muon":
            return keras.optimizers.Muon(schedule, exclude_layers=["fc8"])
        if kind == "adamw":
            return keras.optimizers.AdamW(
                schedule, weight_decay=solver.weight_decay
            )
        return optimizers.build_optimizer(solver, total_steps, copied_layers)

    return build
