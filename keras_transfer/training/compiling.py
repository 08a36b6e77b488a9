"""Makes a network ready for `fit`: optimizer, loss, metrics, steps a call."""

from collections.abc import Callable

import keras

from keras_transfer.specs.settings import SolverSpec
from keras_transfer.training import losses, optimizers

_STEPS_PER_CALL = 32  # at most; Keras's own work a call is a millisecond


def compile_network(
    model: keras.Model,
    solver: SolverSpec,
    steps: int,
    rates: tuple[float, ...] = (),
    build_optimizer: Callable = optimizers.build_optimizer,
) -> None:
    """Compiles a network for training as a `SolverSpec` says.

    Args:
        model: `keras.Model`, changed in place.
        solver: `SolverSpec`.
        steps: Integer, training steps an epoch.
        rates: Tuple of floats, multiplier of the learning rate of each
            trained weight. Defaults to `()` for 1.
        build_optimizer: Callable with the arguments of
            `optimizers.build_optimizer`, its default.
    """
    model.compile(
        optimizer=build_optimizer(solver, steps * solver.epochs, rates),
        loss=losses.training_loss(solver.label_smoothing),
        metrics=losses.training_metrics(losses.trains_plain(solver)),
        jit_compile=False,  # XLA on a CPU measured slower, and breaks replicas
        # Several steps a call fail under replicas.
        steps_per_execution=1 if solver.replicas else _steps_per_call(steps),
    )


def _steps_per_call(steps: int) -> int:
    # It has to divide the steps of an epoch: Keras always runs whole calls.
    return max(k for k in range(1, _STEPS_PER_CALL + 1) if steps % k == 0)
