"""Trains one network: build, copy, freeze, fit, prove, evaluate, file."""

import importlib.metadata
import platform
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.datasets.batches import (
    Course,
    evaluation_batches,
    steps_per_pass,
    train_batches,
)
from keras_transfer.datasets.halves import HalfData, load_half
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import NetworkFailed
from keras_transfer.models import cnn
from keras_transfer.models.saving import load_model, save_model
from keras_transfer.specs.costs import count_images, weigh_reuse
from keras_transfer.specs.network import NetworkSpec, SolverSpec
from keras_transfer.specs.origins import Copied, Random
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.storage.correctness import pack
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.result import LEAST_LOOKS, Result
from keras_transfer.training import devices, losses, optimizers, strategies
from keras_transfer.training.callbacks import (
    Checkpoint,
    EpochRows,
    FailOnNonFinite,
)
from keras_transfer.training.layer_statistics import (
    LayerStatistics,
    probe_batch,
)
from keras_transfer.training.observation import Observer
from keras_transfer.training.process_settings import keras_values
from keras_transfer.transfer import actions, proof, random_layers
from keras_transfer.transfer.frozen_features import (
    FeatureStore,
    reusable_layers,
    upper_part,
)

BEST_EPOCHS = 10  # the paper's statistic: mean of the 10 highest
_UNTESTED = dict.fromkeys(("test_accuracy", "test_loss", "test_correct"))
_STEPS_PER_CALL = 32  # at most; Keras's own work a call is a millisecond


def set_threads(threads: int, replicas: int = 1) -> None:
    """Fixes the threads of an operation; the bits of a sum depend on them.

    Args:
        threads: Integer, at least 1. Call it before TensorFlow runs anything.
        replicas: Integer, devices that are fed at the same time. Defaults to
            `1`.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(replicas)


def train_network(
    network: NetworkFolder,
    pool: ImagePool,
    source: NetworkFolder | None = None,
    report: Callable[[dict], None] | None = None,
    feature_store: FeatureStore | None = None,
    test: bool = True,
    notice: Callable[[str], None] | None = None,
    strategy: strategies.Strategy | None = None,
    observe: str = "default",
    build_optimizer: Callable = optimizers.build_optimizer,
) -> Result:
    """Trains one network to its end and files its result.

    Goes on from the last finished epoch if a checkpoint is there; the result
    is then bit-identical to that of an uninterrupted run.

    Args:
        network: `NetworkFolder`, its settings and folder.
        pool: `ImagePool`.
        source: `NetworkFolder` or `None`, the finished base that layers come
            from.
        report: Callable or `None`, called with each epoch's row.
        feature_store: `FeatureStore` or `None`, where the output of frozen
            layers is kept if that pays; the result is the same without.
        test: Boolean, whether to test and save the network. A trial of a
            search does neither: the test images are not for choosing.
        notice: Callable or `None`, told of a checkpoint that is damaged.
        strategy: `Strategy` or `None` for the GPUs that the solver's
            `replicas` ask for. A process has one of several replicas at most.
        observe: String, how much TensorBoard is told of the layers, one of
            `observation.LEVELS`; the result is the same.
        build_optimizer: Callable with the arguments of
            `optimizers.build_optimizer`, its default: a search may try
            another optimizer, of which the network's id knows nothing.

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
    if strategy is None:
        strategy = strategies.find_strategy(network.spec.solver.replicas)
    with keras_values():
        # Outside of the scope: the base is only read, on one device.
        base_model = load_model(source) if source is not None else None
        with strategy.scope():
            training = _Training(
                network, pool, base_model, strategy, build_optimizer
            )
            if feature_store is not None:
                training.reuse(feature_store)
            training.fit(report, notice, observe)
            tested = training.test_and_save() if test else _UNTESTED
            return training.file_result(tested)


class _Training:
    """One network from its start to its result, a method for each step.

    Making it builds the network, copies, freezes and takes the start's
    statistics; `fit` follows, after `reuse` if that pays.

    Args:
        network, pool, strategy, build_optimizer: See `train_network`.
        base_model: `keras.Sequential` or `None`, to copy from.
    """

    def __init__(self, network, pool, base_model, strategy, build_optimizer):
        self.build_optimizer = build_optimizer
        self.started = time.monotonic()
        self.network, self.spec = network, network.spec
        self.pool, self.strategy = pool, strategy
        network.begin()
        spec = self.spec
        self.half = load_half(
            pool, spec.data, spec.target, spec.target_images, spec.draw or 0
        )
        self.mean_half, self.mean = self._find_mean()
        self.seed = _network_seed(spec)
        self.model = cnn.build_network(
            spec.model,
            spec.data.crop,
            self.half.num_classes,
            self.seed,
            strategy.replicas,
        )
        origin = spec.origin
        if isinstance(origin, Random):
            random_layers.redraw(
                self.model,
                origin.n,
                origin.initialization,
                base_model,
                self.seed,
            )
        plan = actions.plan_network(spec, self.model, base_model)
        self.copied = [action.layer for action in plan if action.copy]
        self.proof = actions.apply_plan(self.model, base_model, plan)
        # Before a checkpoint is restored: the start is that of the first run.
        probe = probe_batch(self.half.validation, self.mean, spec.data)
        self.statistics = LayerStatistics(self.model, *probe)
        self.steps = spec.solver.steps_per_epoch or steps_per_pass(
            len(self.half.train), spec.solver.batch_size
        )
        # What is trained: the whole network, or the layers above `cut`.
        self.trained, self.cut, self.features = self.model, 0, None
        self.rows: list[dict] = []
        self.resumed_at: list[int] = []

    def _find_mean(self) -> tuple[str, np.ndarray]:
        """Returns whose mean image is subtracted, and the image."""
        spec, part = self.spec, self.half
        name = spec.target
        origin = spec.origin
        if isinstance(origin, Copied) and spec.data.mean == "base":
            name = origin.half
        if name != spec.target:
            part = load_half(self.pool, spec.data, name)
        return name, self.pool.mean_image(part.train.indices)

    def reuse(self, store: FeatureStore) -> None:
        """Trains on the stored output of the frozen layers, if that pays."""
        if not _reuse_pays(self.spec, self.half):
            return
        cut = reusable_layers(self.model)
        self.features = store.find_or_compute(
            self.model,
            cut,
            self.half,
            self.mean,
            self.spec.data,
            self.pool.fingerprint,
        )
        if self.features is not None:
            # The upper part shares its layers with the whole network.
            self.cut, self.trained = cut, upper_part(self.model, cut)

    def fit(
        self,
        report: Callable[[dict], None] | None,
        notice: Callable[[str], None] | None,
        observe: str,
    ) -> None:
        """Trains, from the last finished epoch on if there is one."""
        solver, half, network = self.spec.solver, self.half, self.network
        self.strategy.check_images(
            min(solver.batch_size, len(half.train)),
            validation=len(half.validation),
            test=len(half.test),
        )
        compile_network(
            self.trained,
            solver,
            self.steps,
            self.copied,
            self.build_optimizer,
        )
        fingerprint = self.pool.fingerprint
        self.rows = Checkpoint.restore(
            network.checkpoint_path,
            self.trained,
            self.model,
            fingerprint,
            notice,
        )
        self.strategy.separate_masks(self.model)
        first_epoch = len(self.rows)
        if first_epoch:
            self.resumed_at = [first_epoch]
        if first_epoch < solver.epochs:
            batches, looks = self._batches(first_epoch)
            self.trained.fit(
                batches,
                steps_per_epoch=self.steps,
                initial_epoch=first_epoch,
                epochs=solver.epochs,
                validation_data=looks,
                callbacks=[
                    FailOnNonFinite(),
                    losses.ReportPlainLoss(),
                    EpochRows(
                        network.folder / "epochs.jsonl", self.rows, report
                    ),
                    Observer(
                        network.events_dir("train"),
                        network.events_dir("validation"),
                        list(self.rows),
                        self.statistics,
                        solver.epochs,
                        observe,
                    ),
                    Checkpoint(
                        network.checkpoint_path,
                        self.rows,
                        self.model,
                        fingerprint,
                    ),
                ],
                shuffle=False,  # the data set has an order of its own
                verbose=0,
            )
        self._check_whole()
        self.strategy.check_replicas(self.model)
        self.proof = self.proof.after(self.model)

    def _check_whole(self) -> None:
        """Fails if Keras trained for fewer epochs or steps than was asked."""
        epochs = self.spec.solver.epochs
        steps = int(self.trained.optimizer.iterations)
        if len(self.rows) == epochs and steps == self.steps * epochs:
            return
        raise NetworkFailed(
            f"Expected {epochs} epochs and {self.steps * epochs} steps. "
            f"Received: {len(self.rows)} and {steps}. Something outside the "
            "settings ended training early, such as "
            "`keras.config.set_max_epochs` or a changed checkpoint: unset it, "
            "or delete the network's folder, and start again."
        )

    def _batches(self, first_epoch: int) -> tuple:
        """Returns the training batches that are left, and the validation's."""
        spec, half = self.spec, self.half
        course = Course(
            len(half.train),
            spec.solver.batch_size,
            self.seed,
            first_epoch * self.steps,
            self.steps * spec.solver.epochs,
        )
        replicas = self.strategy.replicas
        if self.features is not None:
            return (
                self.features.train_batches(half, spec.data, course),
                self.features.validation_batches(half, replicas=replicas),
            )
        return (
            train_batches(half.train, self.mean, spec.data, course),
            evaluation_batches(
                half.validation, self.mean, spec.data, replicas=replicas
            ),
        )

    def test_and_save(self) -> dict:
        """Tests the whole network, however it was trained, and saves it."""
        if self.trained is not self.model:
            # To be asked for its outputs; it is not trained.
            self.model.compile(jit_compile=False)
        batches = evaluation_batches(
            self.half.test,
            self.mean,
            self.spec.data,
            replicas=self.strategy.replicas,
        )
        logits = self.model.predict(batches, verbose=0)
        save_model(self.network, self.model, self.mean)
        labels = self.half.test.labels
        loss = losses.training_loss(None)(labels, logits)
        correct = logits.argmax(axis=-1) == labels
        return {
            "test_accuracy": float(correct.mean()),
            "test_loss": float(loss),
            "test_correct": pack(correct),
        }

    def file_result(self, tested: dict) -> Result:
        """Writes `result.json` and returns what it holds."""
        spec, half, rows = self.spec, self.half, self.rows
        validation = [row["val_accuracy"] for row in rows]
        result = Result(
            label=spec.label,
            treatment=spec.treatment,
            **tested,
            val_accuracy=validation[-1],
            val_best10=_best10(validation),
            train_accuracy=rows[-1]["accuracy"],
            train_loss=rows[-1]["loss"],
            images={
                "train": len(half.train),
                "validation": len(half.validation),
                "test": len(half.test),
            },
            classes=half.class_names,
            classes_without_images=half.absent_classes(),
            steps=self.steps * spec.solver.epochs,
            reused_keras_layers=self.cut,
            mean_half=self.mean_half,
            mean_sha256=proof.sha256(tf.constant(self.mean)),
            data_fingerprint=self.pool.fingerprint,
            data_version=self.pool.version,
            data_parts=self.pool.describe_parts(),
            proof=self.proof.to_rows(),
            layers=self.statistics.table(self.copied),
            resumed_at_epoch=self.resumed_at,
            seconds=time.monotonic() - self.started,
            environment={**environment(), **self.strategy.describe()},
            gpu_ids=devices.visible_gpus(),
        )
        return self.network.complete(result)


def _best10(validation: list[float]) -> float | None:
    # Of few looks the ten highest are most of them: a mean over training.
    if len(validation) < LEAST_LOOKS:
        return None
    return float(np.mean(sorted(validation)[-BEST_EPOCHS:]))


def _network_seed(spec: NetworkSpec) -> int:
    # Each network draws its own start, order and views, as the authors' did.
    words = (spec.seed, spec.data.split, spec.label)
    if spec.target_images is not None:
        words += (spec.target_images, spec.draw)
    return derive_seed(*words)


def _reuse_pays(spec: NetworkSpec, half: HalfData) -> bool:
    parts = (half.train, half.validation, half.test)
    counts = count_images(spec, *(len(part) for part in parts))
    return weigh_reuse(spec, half.num_classes, counts).pays


def compile_network(
    model: keras.Sequential,
    solver: SolverSpec,
    steps: int,
    copied_layers: list[str] | tuple[str, ...] = (),
    build_optimizer: Callable = optimizers.build_optimizer,
) -> None:
    """Compiles a network for training as a `SolverSpec` says.

    Args:
        model: `keras.Sequential`.
        solver: `SolverSpec`.
        steps: Integer, training steps an epoch.
        copied_layers: Sequence of strings, layers that `copied_rate` is for.
        build_optimizer: Callable, see `train_network`.
    """
    model.compile(
        optimizer=build_optimizer(solver, steps * solver.epochs, copied_layers),
        loss=losses.training_loss(solver.label_smoothing),
        metrics=losses.training_metrics(solver.label_smoothing),
        jit_compile=False,  # XLA on a CPU measured slower, and breaks replicas
        # Several steps a call fail under replicas.
        steps_per_execution=1 if solver.replicas else _steps_per_call(steps),
    )


def _steps_per_call(steps: int) -> int:
    # It has to divide the steps of an epoch: Keras always runs whole calls.
    return max(k for k in range(1, _STEPS_PER_CALL + 1) if steps % k == 0)


def environment() -> dict:
    """Describes what the bits of a result depend on beside its settings."""
    names = ("tensorflow", "tensorflow-cpu", "keras", "numpy")
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        **versions,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
