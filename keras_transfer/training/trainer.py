"""Trains one network: build, copy, freeze, fit, prove, evaluate, file.

The steps are those of `target`, `fitting` and this file, in this order.
"""

import platform
import time

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.datasets.batches import evaluation_batches
from keras_transfer.datasets.class_balance import balanced_accuracy
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.models.saving import load_model, save_model
from keras_transfer.storage.correctness import pack
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.result import LEAST_LOOKS, Result
from keras_transfer.training import devices, losses
from keras_transfer.training.fitting import (
    Fitted,
    TrainedPart,
    find_part,
    fit,
)
from keras_transfer.training.kept import Kept
from keras_transfer.training.options import Notice, Options, Report
from keras_transfer.training.process_settings import keras_values, uses_onednn
from keras_transfer.training.strategies import find_strategy
from keras_transfer.training.target import Target, build_target, load_data
from keras_transfer.training.versions import package_versions
from keras_transfer.transfer import proof

BEST_EPOCHS = 10  # the paper's statistic: mean of the 10 highest


def set_threads(threads: int, replicas: int = 1) -> None:
    """Fixes the threads of an operation; the bits of a sum depend on them.

    They do not depend on how many operations run at a time. With two, those
    that leave threads idle (a gradient's small sums, the optimizer) run
    beside others.

    Args:
        threads: Integer, at least 1. Call it before TensorFlow runs anything.
        replicas: Integer, devices that are fed at the same time. Defaults to
            `1`.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    at_a_time = max(replicas, min(threads, 2))
    tf.config.threading.set_inter_op_parallelism_threads(at_a_time)


def train_network(
    network: NetworkFolder,
    pool: ImagePool,
    source: NetworkFolder | None = None,
    options: Options | None = None,
    report: Report | None = None,
    notice: Notice | None = None,
) -> Result:
    """Trains one network to its end and files its result.

    Goes on from the last finished epoch if a checkpoint is there; the result
    is then bit-identical to that of an uninterrupted run.

    Args:
        network: `NetworkFolder`, its settings and folder.
        pool: `ImagePool`.
        source: `NetworkFolder` or `None`, the finished base that layers come
            from.
        options: `Options` or `None` for their defaults.
        report: Callable or `None`, called with each epoch's row.
        notice: Callable or `None`, told of a checkpoint that is damaged.

    Returns:
        `Result`, what was filed.

    Raises:
        NetworkFailed: If the loss is not finite, the base is damaged, the
            proof of copying and freezing fails or training ended early.
        UserError: If this process computes otherwise than by default; see
            `process_settings.keras_values`.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section 2
          and supplementary material.
    """
    options = options or Options()
    strategy = options.strategy
    if strategy is None:
        strategy = find_strategy(network.spec.solver.replicas)
    with keras_values():
        # Outside of the scope: the base is only read, on one device.
        base_model = _load_base(source, options.kept)
        started = time.monotonic()
        with strategy.scope():
            network.begin()
            data = load_data(network.spec, pool)
            target = build_target(
                network, data, base_model, strategy.replicas, options
            )
            part = find_part(target, options.feature_store)
            fitted = fit(target, part, strategy, options, report, notice)
            logits = None
            if options.test:
                logits = _predict(target, strategy.replicas)
                save_model(network, target.own, data.mean)
            described = _describe(target, part, fitted)
            if target.program_key is not None:
                options.kept.put_back(target.program_key, target.program)
        # Outside of the scope, in which Keras divides a loss by the replicas.
        result = Result(
            **_score(data.half.test.labels, logits),
            **described,
            seconds=time.monotonic() - started,
            environment={**environment(), **strategy.describe()},
            gpu_ids=devices.visible_gpus(),
        )
        return network.complete(result)


def _load_base(
    source: NetworkFolder | None, kept: Kept | None
) -> keras.Model | None:
    if source is None:
        return None
    return load_model(source) if kept is None else kept.load_base(source)


def _predict(target: Target, replicas: int) -> np.ndarray:
    """Returns the logits of all test images, of the whole network."""
    batches = evaluation_batches(
        target.data.half.test,
        target.data.mean,
        target.spec.data,
        replicas=replicas,
    )
    return target.model.predict(batches, verbose=0)


def _score(labels: np.ndarray, logits: np.ndarray | None) -> dict:
    if logits is None:
        return {}
    loss = losses.training_loss(None)(labels, logits)
    found = logits.argmax(axis=-1)
    return {
        "test_accuracy": float((found == labels).mean()),
        "test_loss": float(loss),
        "test_correct": pack(found == labels),
        "test_balanced_accuracy": balanced_accuracy(labels, found),
    }


def _describe(target: Target, part: TrainedPart, fitted: Fitted) -> dict:
    """Returns fields of a network's `Result`, its proof included."""
    spec, data, rows = target.spec, target.data, fitted.rows
    half, pool = data.half, data.pool
    validation = [row["val_accuracy"] for row in rows]
    return {
        "label": spec.label,
        "treatment": spec.treatment,
        "val_accuracy": validation[-1],
        "val_best10": _best10(validation),
        "train_accuracy": rows[-1]["accuracy"],
        "train_loss": rows[-1]["loss"],
        "images": {
            "train": len(half.train),
            "validation": len(half.validation),
            "test": len(half.test),
        },
        "classes": half.class_names,
        "classes_without_images": half.absent_classes(),
        "steps": target.steps * spec.solver.epochs,
        "reused_keras_layers": part.cut,
        "mean_half": data.mean_half,
        "mean_sha256": proof.sha256(tf.constant(data.mean)),
        "data_fingerprint": pool.fingerprint,
        "data_version": pool.version,
        "data_parts": pool.describe_parts(),
        "proof": fitted.proof.to_rows(),
        "layers": target.statistics.table(target.copied),
        "resumed_at_epoch": fitted.resumed_at,
    }


def _best10(validation: list[float]) -> float | None:
    # Of few looks the ten highest are most of them: a mean over training.
    if len(validation) < LEAST_LOOKS:
        return None
    return float(np.mean(sorted(validation)[-BEST_EPOCHS:]))


def environment() -> dict:
    """Describes what the bits of a result depend on beside its settings."""
    return {
        **package_versions(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "onednn": uses_onednn(),
    }
