"""Measures how fast this machine trains networks of one kind, in seconds.

Made-up images, and networks that are thrown away: a few are trained as a
study trains them, for what a network costs beside its steps, and a few steps
are timed for themselves.
"""

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.datasets.batches import (
    Course,
    evaluation_batches,
    train_batches,
)
from keras_transfer.datasets.halves import HalfData, load_half
from keras_transfer.datasets.pools import ImagePool, prepare_pool
from keras_transfer.models.cnn import build_network
from keras_transfer.specs.costs import network_costs
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.speed import Speed, forward_work, trained_work
from keras_transfer.storage.store import RunStore
from keras_transfer.training.compiling import compile_network
from keras_transfer.training.kept import Kept
from keras_transfer.training.options import Options
from keras_transfer.training.trainer import train_network
from keras_transfer.transfer.actions import apply_plan, plan_network
from keras_transfer.transfer.frozen_features import reusable_layers, upper_part

_CLASSES = 20
_MIDDLE, _TOP = 4, 7  # layers frozen in what is timed
_STEPS, _EPOCHS = 4, 2  # of the networks that are trained whole
_SECONDS = 1.5  # that steps of one kind are timed for
_CALL_SECONDS = 0.3  # of steps in one call of Keras's
_MOST_STEPS = 32  # in one call
_LOOKED_AT, _MOST_BYTES = 500, 32e6  # images of a half, and all of them
_LONGEST_STEP = 1.0  # guessed; a batch that takes longer is made smaller


def measure_speed(spec: NetworkSpec, observe: str) -> Speed:
    """Measures with a network's model, crop and solver, on made-up images.

    Args:
        spec: `NetworkSpec` of an 8-layer network of ours, on one device.
        observe: String, as of `Options`.

    Returns:
        `Speed`; its `start` is left as it is by default.
    """
    base = _made_up(spec)
    with tempfile.TemporaryDirectory() as folder:
        pool = prepare_pool(
            Path(folder), _MadeUpImages(_needed(base)), base.data.image_size
        )
        half = load_half(pool, base.data, base.target)
        whole = _whole_networks(base, pool, Path(folder), observe)
        steps, forward = _steps(base, half, pool)
    return _solve(base, half, whole, steps, forward)


def _made_up(spec: NetworkSpec) -> NetworkSpec:
    """Returns a short base like a network, of the images made up here."""
    costs = network_costs(spec, _CLASSES // 2)
    one = Speed().of(trained_work(costs))
    batch = max(1, min(spec.solver.batch_size, int(_LONGEST_STEP / one)))
    return NetworkSpec(
        data=dataclasses.replace(
            spec.data, name="made_up", halves=None, images_per_class=None
        ),
        model=spec.model,
        solver=dataclasses.replace(
            spec.solver,
            batch_size=batch,
            epochs=_EPOCHS,
            steps_per_epoch=_STEPS,
            class_weights=None,
        ),
        target="B",
    )


def _needed(base: NetworkSpec) -> int:
    """Returns how many training images a class must have: for a batch, and
    for one of those that a network is looked at with, if they are small."""
    share = (1 - base.data.validation_fraction) * (_CLASSES // 2)
    height, width = base.data.image_shape
    many = min(
        _LOOKED_AT / share, _MOST_BYTES / (3 * height * width * _CLASSES)
    )
    return 2 + int(max(many, base.solver.batch_size / share))


class _MadeUpImages:
    """A `Source` of noise, of as many images of each class.

    Args:
        images: Integer, training images of a class.
    """

    name, version, state = "made_up", "1", None
    class_names = [str(number) for number in range(_CLASSES)]
    parts = {"train": "noise", "test": "noise"}
    unlabelled: dict[str, int] = {}
    notices: list[str] = []

    def __init__(self, images: int):
        self._counts = {"train": images, "test": 2}

    def labels(self, part: str) -> np.ndarray:
        """See `Source`."""
        return np.tile(np.arange(_CLASSES), self._counts[part])

    def images(
        self, part: str, image_shape: tuple[int, int]
    ) -> Iterator[np.ndarray]:
        """See `Source`."""
        shape = (len(self.labels(part)), *image_shape, 3)
        yield np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def validation_rows(self) -> None:
        """See `Source`."""


@dataclasses.dataclass(frozen=True)
class _Timed:
    """Seconds of a whole network: of all, and of its last epoch."""

    whole: float
    epoch: float


def _whole_networks(
    base: NetworkSpec, pool: ImagePool, folder: Path, observe: str
) -> list[_Timed]:
    """Trains two bases, then two networks frozen to the middle."""
    store = RunStore(folder, "speed")
    kept, timed = Kept(), []
    bases = [dataclasses.replace(base, seed=seed) for seed in (0, 1)]
    copies = [
        dataclasses.replace(one, base=one.target, n=_MIDDLE) for one in bases
    ]
    for spec in (*bases, *copies):
        ends: list[float] = []
        begun = time.monotonic()
        train_network(
            store.network(spec),
            pool,
            store.network(spec.source) if spec.source else None,
            Options(observe=observe, kept=kept),
            report=lambda row, ends=ends: ends.append(time.monotonic()),
        )
        whole = time.monotonic() - begun
        timed.append(_Timed(whole, ends[-1] - ends[-2]))
    return timed


def _steps(
    base: NetworkSpec, half: HalfData, pool: ImagePool
) -> tuple[list[float], float]:
    """Times a step of all layers, of those from the middle on, and of the
    top on stored output; and the forward pass of an image."""
    mean = pool.mean_image(half.train.indices)
    size = min(base.solver.batch_size, len(half.train))
    course = Course(len(half.train), size, 0, 0, 10**9)
    batches = train_batches(half.train, mean, base.data, course)
    found = []
    whole = _frozen(base, half, 0)
    found.append(_time_steps(whole, base, batches))
    forward = _time_forward(whole, base, half, mean)
    found.append(_time_steps(_frozen(base, half, _MIDDLE), base, batches))
    network = _frozen(base, half, _TOP)
    top = upper_part(network, reusable_layers(network))
    values = tf.zeros((size, *top.inputs[0].shape[1:]), top.inputs[0].dtype)
    labels = tf.constant(half.train.labels[:size])
    stored = tf.data.Dataset.from_tensors((values, labels)).repeat()
    found.append(_time_steps(top, base, stored, stored=True))
    return found, forward


def _time_forward(
    model: keras.Model, base: NetworkSpec, half: HalfData, mean: np.ndarray
) -> float:
    """Returns the seconds of a forward pass alone, an image."""
    batches = evaluation_batches(half.train, mean, base.data)
    one = Speed().of(forward_work(network_costs(base, half.num_classes)))
    passes = 1 + int(_CALL_SECONDS / (one * len(half.train)))

    def predict(times: int) -> float:
        begun = time.monotonic()
        model.evaluate(batches.repeat(times), verbose=0)
        return time.monotonic() - begun

    predict(1)  # compiles
    # What a call takes beside its images is in both.
    few, many = predict(1), predict(1 + passes)
    return max(0.0, many - few) / passes / len(half.train)


def _frozen(base: NetworkSpec, half: HalfData, n: int) -> keras.Model:
    """Builds the network with its first `n` layers frozen."""
    build = (base.model, base.data.crop, half.num_classes)
    model = build_network(*build)
    if n:
        spec = dataclasses.replace(base, base=base.target, n=n)
        source = build_network(*build)
        apply_plan(model, source, plan_network(spec, model, source))
    return model


class _Stamps(keras.callbacks.Callback):
    """Notes when epochs end, and ends training when its time is over."""

    def __init__(self):
        super().__init__()
        self.times: list[float] = []

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.monotonic())
        if self.times[-1] - self.times[0] > _SECONDS and epoch > 1:
            self.model.stop_training = True


def _time_steps(
    model: keras.Model, base: NetworkSpec, batches, stored: bool = False
) -> float:
    """Returns the median seconds of a training step."""
    costs = network_costs(base, _CLASSES // 2)
    guess = Speed().of(trained_work(costs)) * base.solver.batch_size
    steps = int(max(1, min(_MOST_STEPS, _CALL_SECONDS / guess)))
    compile_network(model, base.solver, steps, stored=stored)
    stamps = _Stamps()
    model.fit(
        batches,
        steps_per_epoch=steps,
        epochs=10_000,
        callbacks=[stamps],
        verbose=0,
        shuffle=False,
    )
    return float(np.median(np.diff(stamps.times))) / steps


def _solve(
    base: NetworkSpec,
    half: HalfData,
    whole: list[_Timed],
    steps: list[float],
    forward: float,
) -> Speed:
    """Finds the parts of a `Speed` that the times consist of."""
    from scipy.optimize import nnls

    costs = network_costs(base, half.num_classes)
    size = min(base.solver.batch_size, len(half.train))
    works = [
        trained_work(costs),
        trained_work(costs, _MIDDLE),
        trained_work(costs, _TOP, _TOP),
    ]
    # Divided by what was measured: each equation counts alike.
    rows = [
        [
            size * work.flops / seconds,
            size * work.outputs / seconds,
            1 / seconds,
        ]
        for work, seconds in zip(works, steps, strict=True)
    ]
    scale = np.linalg.norm(rows, axis=0)
    flop, output, step = nnls(rows / scale, np.ones(len(rows)))[0] / scale
    speed = Speed(flop=float(flop), output=float(output), step=float(step))
    looks = forward * len(half.validation)
    _, base_again, copied_first, copied_again = whole
    epoch = max(0.0, base_again.epoch - _STEPS * steps[0] - looks)
    test = forward * len(half.test)

    def beside(timed: _Timed, step_seconds: float) -> float:
        return max(
            0.0,
            timed.whole
            - _EPOCHS * (epoch + looks + _STEPS * step_seconds)
            - test,
        )

    network = beside(base_again, steps[0])
    program = max(0.0, copied_first.whole - copied_again.whole)
    return dataclasses.replace(
        speed,
        forward=forward / max(1e-12, speed.of(forward_work(costs))),
        network=network,
        copied=max(0.0, beside(copied_again, steps[1]) - network),
        epoch=epoch,
        program=program,
        process=max(0.0, whole[0].whole - base_again.whole - program),
    )
