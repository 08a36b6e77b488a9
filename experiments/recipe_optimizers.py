"""Other optimizers that `recipe_search` tries in place of `CaffeSGD`."""

import keras

from keras_transfer import optimizers
from keras_transfer.specs import SolverSpec


def find_builder(name: str):
    """Returns a function with the arguments of `build_optimizer`.

    Args:
        name: String: `"sgd"`; `"ema:0.99"`, whose weights are averaged;
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
        if kind == "keras-muon":
            return keras.optimizers.Muon(schedule, exclude_layers=["fc8"])
        if kind == "adamw":
            return keras.optimizers.AdamW(
                schedule, weight_decay=solver.weight_decay
            )
        return optimizers.build_optimizer(solver, total_steps, copied_layers)

    return build
