"""Makes a network ready for `fit`: optimizer, loss, metrics, steps a call."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_transfer.specs.settings import SolverSpec
from keras_transfer.training import losses, optimizers

_STEPS_PER_CALL = 32  # at most; Keras's own work a call is a millisecond
# Of a network that has several cores: 8 measured 1.04 to 1.18 times as fast as
# 32 on two, in each of 4 rounds. With one thread there was no difference.
_STEPS_PER_CALL_ON_CORES = 8


def compile_network(
    model: keras.Model,
    solver: SolverSpec,
    steps: int,
    rates: tuple[float, ...] = (),
    build_optimizer: Callable = optimizers.build_optimizer,
    stored: bool = False,
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
        stored: Boolean, whether it trains on stored output, in steps of less
            than a millisecond. Defaults to `False`.
    """
    model.compile(
        optimizer=build_optimizer(solver, steps * solver.epochs, rates),
        loss=losses.training_loss(solver.label_smoothing),
        metrics=losses.training_metrics(losses.trains_plain(solver)),
        jit_compile=False,  # XLA on a CPU measured slower, and breaks replicas
        # Several steps a call fail under replicas.
        steps_per_execution=(
            1 if solver.replicas else _steps_per_call(steps, stored)
        ),
    )


def _steps_per_call(steps: int, stored: bool) -> int:
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    several = threads != 1 and not tf.config.list_logical_devices("GPU")
    short = stored or not several
    most = _STEPS_PER_CALL if short else _STEPS_PER_CALL_ON_CORES
    # It has to divide the steps of an epoch: Keras always runs whole calls.
    return max(k for k in range(1, most + 1) if steps % k == 0)
