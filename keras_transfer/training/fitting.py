"""Fits a network, from the last finished epoch on if there is one."""

import dataclasses

import keras
import tensorflow as tf

from keras_transfer.datasets.batches import (
    Course,
    evaluation_batches,
    train_batches,
)
from keras_transfer.datasets.class_balance import class_weights
from keras_transfer.errors import NetworkFailed
from keras_transfer.specs.costs import count_images, weigh_reuse
from keras_transfer.training import losses
from keras_transfer.training.callbacks import (
    Checkpoint,
    EpochRows,
    FailOnNonFinite,
)
from keras_transfer.training.compiling import compile_network
from keras_transfer.training.layer_rates import step_rates
from keras_transfer.training.observation import Observer
from keras_transfer.training.options import Notice, Options, Report
from keras_transfer.training.strategies import Strategy
from keras_transfer.training.target import Target
from keras_transfer.transfer.feature_keys import Prefix
from keras_transfer.transfer.frozen_features import (
    Features,
    FeatureStore,
    reusable_layers,
)
from keras_transfer.transfer.proof import Proof


@dataclasses.dataclass(frozen=True)
class TrainedPart:
    """What `fit` is called on: the network, or its layers above stored ones.

    Args:
        model: `keras.Model`; the upper part shares its layers with the whole
            network.
        cut: Integer, Keras layers below it whose output is stored.
        features: `Features` or `None`, that output.
    """

    model: keras.Model
    cut: int = 0
    features: Features | None = None


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What training left beside the weights.

    Args:
        rows: List of dicts, one an epoch.
        resumed_at: List of integers, the epoch it went on from, if it did.
        proof: `Proof`, with the weights after training.
    """

    rows: list[dict]
    resumed_at: list[int]
    proof: Proof


def find_part(target: Target, store: FeatureStore | None) -> TrainedPart:
    """Returns what is to be fitted: all of a network, or its upper layers.

    Args:
        target: `Target`.
        store: `FeatureStore` or `None`, for the output of frozen layers.

    Returns:
        `TrainedPart`, the layers above the frozen ones if storing what these
        compute pays.
    """
    spec, data, whole = target.spec, target.data, TrainedPart(target.model)
    if store is None:
        return whole
    half = data.half
    parts = (half.train, half.validation, half.test)
    counts = count_images(spec, *(len(part) for part in parts))
    reuse = weigh_reuse(spec, half.num_classes, counts)
    if not reuse.saves(store.least_seconds):
        return whole
    cut = reusable_layers(target.model)
    features = store.find_or_compute(
        Prefix(
            target.model, cut, half, data.mean, spec.data, data.pool.fingerprint
        )
    )
    if features is None:
        return whole
    return TrainedPart(target.program.part(cut), cut, features)


def fit(
    target: Target,
    part: TrainedPart,
    strategy: Strategy,
    options: Options,
    report: Report | None,
    notice: Notice | None,
) -> Fitted:
    """Trains, from the last finished epoch on if there is one.

    Args:
        target: `Target`, changed in place.
        part: `TrainedPart` of it.
        strategy: `Strategy`, in whose scope this is called.
        options: `Options`.
        report: Callable or `None`, called with each epoch's row.
        notice: Callable or `None`, told of a checkpoint that is damaged.

    Returns:
        `Fitted`.

    Raises:
        NetworkFailed: If the loss is not finite, a frozen layer has changed,
            replicas differ or training ended early.
    """
    solver, half, network = target.spec.solver, target.data.half, target.network
    strategy.check_images(
        min(solver.batch_size, len(half.train)),
        validation=len(half.validation),
        test=len(half.test),
    )
    rates = step_rates(part.model, target.model, target.proof, solver)

    def compile_part(model: keras.Model) -> None:
        compile_network(
            model,
            solver,
            target.steps,
            rates,
            options.build_optimizer,
            stored=part.features is not None,
        )

    target.program.prepare_training(part.cut, compile_part)
    fingerprint = target.data.pool.fingerprint
    rows = Checkpoint.restore(
        network.checkpoint_path, part.model, target.model, fingerprint, notice
    )
    strategy.separate_masks(target.model)
    first_epoch = len(rows)
    if first_epoch < solver.epochs:
        batches, looks = _batches(target, part, first_epoch, strategy.replicas)
        part.model.fit(
            batches,
            steps_per_epoch=target.steps,
            initial_epoch=first_epoch,
            epochs=solver.epochs,
            validation_data=looks,
            callbacks=_callbacks(target, rows, options.observe, report),
            # Of training alone: validation counts every image alike.
            class_weight=_class_weights(target),
            shuffle=False,  # the data set has an order of its own
            verbose=0,
        )
    _check_whole(target, part, rows)
    strategy.check_replicas(target.model)
    resumed_at = [first_epoch] if first_epoch else []
    proof = target.proof.after(target.model)
    target.program.prepare_prediction(part.cut)
    target.program.give(target.own, part.cut, compile_part)
    proof.verify(target.own)  # what is saved is what was proved
    return Fitted(rows, resumed_at, proof)


def _class_weights(target: Target) -> dict[int, float] | None:
    if target.spec.solver.class_weights is None:
        return None
    half = target.data.half
    return class_weights(half.train.counts(half.num_classes))


def _callbacks(
    target: Target, rows: list[dict], observe: str, report: Report | None
) -> list[keras.callbacks.Callback]:
    network = target.network
    return [
        FailOnNonFinite(),
        losses.ReportPlainLoss(
            "weighted_loss"
            if target.spec.solver.class_weights
            else "smoothed_loss"
        ),
        EpochRows(network.folder / "epochs.jsonl", rows, report),
        Observer(
            network.events_dir("train"),
            network.events_dir("validation"),
            list(rows),
            target.statistics,
            target.spec.solver.epochs,
            observe,
        ),
        Checkpoint(
            network.checkpoint_path,
            rows,
            target.model,
            target.data.pool.fingerprint,
        ),
    ]


def _batches(
    target: Target, part: TrainedPart, first_epoch: int, replicas: int
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Returns the training batches that are left, and the validation's."""
    spec, half, mean = target.spec, target.data.half, target.data.mean
    course = Course(
        len(half.train),
        spec.solver.batch_size,
        target.seed,
        first_epoch * target.steps,
        target.steps * spec.solver.epochs,
    )
    if part.features is not None:
        return (
            part.features.train_batches(half, spec.data, course),
            part.features.validation_batches(half, replicas=replicas),
        )
    return (
        train_batches(half.train, mean, spec.data, course),
        evaluation_batches(half.validation, mean, spec.data, replicas=replicas),
    )


def _check_whole(target: Target, part: TrainedPart, rows: list[dict]) -> None:
    """Fails if Keras trained for fewer epochs or steps than was asked."""
    epochs = target.spec.solver.epochs
    # By way of NumPy: under replicas `int` refuses the variable.
    steps = int(part.model.optimizer.iterations.numpy())
    if len(rows) == epochs and steps == target.steps * epochs:
        return
    raise NetworkFailed(
        f"Expected {epochs} epochs and {target.steps * epochs} steps. "
        f"Received: {len(rows)} and {steps}. Something outside the "
        "settings ended training early, such as "
        "`keras.config.set_max_epochs` or a changed checkpoint: unset it, "
        "or delete the network's folder, and start again."
    )
