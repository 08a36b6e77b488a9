"""Other optimizers that `recipe_search` tries in place of `CaffeSGD`."""

import keras

from keras_transfer.errors import UserError
from keras_transfer.specs.settings import SolverSpec
from keras_transfer.training import optimizers


def find_builder(name: str):
    """Returns a function with the arguments of `build_optimizer`.

    Args:
        name: String: `"sgd"` for the solver's own, or Keras's own
            `"keras-muon"` and `"adamw"`.

    Returns:
        Callable.

    Raises:
        UserError: If the name is unknown.
    """
    if name not in ("sgd", "keras-muon", "adamw"):
        raise UserError(
            "Expected `optimizer` of a trial to be 'sgd', 'keras-muon' or "
            f"'adamw'. Received: {name!r}."
        )

    def build(solver: SolverSpec, total_steps: int, rates=()):
        schedule = optimizers.build_schedule(solver, total_steps)
        if name == "keras-muon":
            return keras.optimizers.Muon(schedule, exclude_layers=["fc8"])
        if name == "adamw":
            return keras.optimizers.AdamW(
                schedule, weight_decay=solver.weight_decay
            )
        return optimizers.build_optimizer(solver, total_steps, rates)

    return build
