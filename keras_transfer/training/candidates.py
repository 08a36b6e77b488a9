"""Trains one way of using a stage, with Keras's own `fit`.

A network is built and compiled once for all rates and seeds, and for keeping
and for drawing anew the layers above a stage: all start from the same copied
weights, with what is new drawn from the seed.
"""

import math
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.datasets.batches import row_source
from keras_transfer.models.fresh_weights import draw_anew
from keras_transfer.models.heads import head_form
from keras_transfer.models.layer_costs import keeps_moments, unwrap
from keras_transfer.models.model_graph import leaf_layers, read_graph
from keras_transfer.models.parts import suffix
from keras_transfer.models.stages import Stages
from keras_transfer.recommendation.score_accuracy import Probe
from keras_transfer.recommendation.ways import Choice, network_of
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.training.candidate_networks import Task, build, set_head
from keras_transfer.training.rated import RatedAdam

# Keras's 0.99 lags behind in runs of a few hundred steps, 0.9 in those of a
# few dozen; this one is a mean of about nine batches.
MOST_MOMENTUM = 0.8
_BATCH = 64  # images of a prediction


class _Cosine(keras.callbacks.Callback):
    """Lets the rate fall from its start to zero over a whole training."""

    def __init__(self, rate: float, first: int, total: int):
        super().__init__()
        self.rate, self.step, self.total = rate, first, total

    def on_train_batch_begin(self, batch, logs=None):
        share = self.step / self.total
        rate = self.rate * 0.5 * (1 + math.cos(math.pi * share))
        self.model.optimizer.learning_rate.assign(rate)
        self.step += 1


class _Ends(keras.callbacks.Callback):
    """Notes when each step ended."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []

    def on_train_batch_end(self, batch, logs=None):
        # An accelerator runs ahead of Python: its loss is waited for.
        float(logs["loss"])
        self.seconds.append(time.perf_counter())


class Candidate:
    """One choice, built and compiled, to be trained at any rate and seed.

    Args:
        task: `Task`.
        choice: `Choice`, one that is trained.
        probe: `Probe` of the last stage before the classifier, for a choice
            whose head starts as one. Defaults to `None`.
    """

    def __init__(self, task: Task, choice: Choice, probe: Probe | None = None):
        self.task, self.choice, self.probe = task, choice, probe
        self.target, self._proof = build(task, network_of(choice), seed=0)
        self.stored = task.outputs.whole.get(choice.stage, {})
        frozen = task.stages[choice.stage - 1] if choice.stage else None
        self.part = self.target
        if self.stored:
            self.part = suffix(self.target, frozen)
        for _, layer in leaf_layers(self.part):
            norm = unwrap(layer)
            if keeps_moments(layer) and norm.trainable:
                norm.momentum = min(norm.momentum, MOST_MOMENTUM)
        # Copies: what TensorFlow hands out changes with its variable.
        self.start = [np.array(value) for value in self.part.get_weights()]
        self._whole = None
        logits = head_form(self.target) == "logits"
        self.part.compile(
            RatedAdam(rates=self._rates()),
            keras.losses.SparseCategoricalCrossentropy(from_logits=logits),
            jit_compile=False,
        )
        self.part.optimizer.build(self.part.trainable_variables)
        self._forward = tf.function(
            lambda batch: self.part(batch, training=False),
            reduce_retracing=True,
        )

    @property
    def proof(self):
        """The `Proof` of its copying, `None` where nothing is copied."""
        copies = self.choice.stage or self.choice.row.above == "kept"
        return self._proof if copies else None

    def _rates(self) -> tuple[float, ...]:
        """Multipliers of the learning rate; the classifier's is 1."""
        decay, stages = self.choice.row.rate_decay, self.task.stages
        if decay == 1:
            return ()
        found = {}
        layers = _layers_of(self.target, stages)
        for stage, own in zip(stages, layers, strict=True):
            for weight in (w for layer in own for w in layer.weights):
                found[id(weight)] = decay ** (len(stages) - stage.index)
        return tuple(found[id(v)] for v in self.part.trainable_variables)

    def turn_to(self, choice: Choice) -> None:
        """Goes on with another choice of the same network.

        Args:
            choice: `Choice`, of the same `network_of`.
        """
        self.choice = choice

    def take(self, task: Task, probe: Probe | None = None) -> None:
        """Starts from the weights of another task from now on.

        What is compiled stays, so that nothing is built again.

        Args:
            task: `Task` of the same network with other weights.
            probe: As of the class.
        """
        layers = zip(
            leaf_layers(self.target), leaf_layers(task.model), strict=True
        )
        for (_, own), (_, given) in layers:
            if own.weights:
                own.set_weights(given.get_weights())
        self.task, self.probe = task, probe
        self.stored = task.outputs.whole.get(self.choice.stage, {})
        self.start = [np.array(value) for value in self.part.get_weights()]

    def trace(self) -> None:
        """Runs a step and a prediction, so that later ones only compute."""
        self._fit(self._batches(0, 0, 1), 0, 1, 1, [])
        part = "validation"
        rows = tf.range(min(_BATCH, len(self.task.labels[part])))
        self._forward(self._source(part)(tf.cast(rows, tf.int64)))

    def step_seconds(self, steps: int = 10) -> float:
        """Measures a step of training; `reset` undoes what it does.

        The median of the times from the end of a step to that of the next:
        what starting takes is not in it, and what else the machine does for a
        moment moves it little.

        Args:
            steps: Integer, of the training, at least 2. Defaults to `10`.

        Returns:
            Float, seconds.
        """
        ends = _Ends()
        self._fit(self._batches(0, 0, steps), 0, 1, steps, [ends])
        return float(np.median(np.diff(ends.seconds)))

    def reset(self, seed: int) -> None:
        """Sets the network to the start of a seed.

        Args:
            seed: Integer, of what is new and of dropout.
        """
        self.part.set_weights(self.start)
        stages = self.task.stages
        stop = stages[-2].stop
        if self.choice.row.above == "redrawn":
            stop = (
                stages[self.choice.stage - 1].stop if self.choice.stage else 0
            )
        draw_anew(self.target, stop, seed)
        if self.probe is not None and self.choice.row.probe_first:
            set_head(self.target, self.probe, self.task.classes)
        for index, state in enumerate(self._generators()):
            state.assign(
                np.array([derive_seed(seed, index, "dropout"), 0], "uint32")
            )
        for variable in self.part.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def _generators(self) -> list:
        known = {id(weight) for weight in self.part.weights}
        return [v for v in self.part.variables if id(v) not in known]

    def _state(self) -> list:
        return [
            *self.part.weights,
            *self._generators(),
            *self.part.optimizer.variables,
        ]

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that further training starts from, as arrays."""
        values = enumerate(self._state())
        return {f"v{index}": np.array(v.numpy()) for index, v in values}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets the network to an earlier state.

        Args:
            state: Dict of `Candidate.state`.
        """
        for index, variable in enumerate(self._state()):
            variable.assign(state[f"v{index}"])

    def fit(
        self,
        rate: float,
        seed: int,
        start: int,
        stop: int,
        total: int | None = None,
    ) -> None:
        """Trains from one epoch to another.

        Args:
            rate: Float, learning rate of the first step of epoch 0.
            seed: Integer, of the order of images.
            start: Integer, epochs trained already.
            stop: Integer, epochs in all afterwards.
            total: Integer, epochs over which the rate falls to zero. Defaults
                to those of a whole training.
        """
        steps = self.task.steps
        total = (total or self.task.epochs) * steps
        self._fit(
            self._batches(seed, start * steps, stop * steps),
            start,
            stop,
            steps,
            [
                _Cosine(rate, start * steps, total),
                keras.callbacks.TerminateOnNaN(),
            ],
        )

    def _fit(self, batches, start, stop, steps, callbacks) -> None:
        self.part.fit(
            batches,
            epochs=stop,
            initial_epoch=start,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )

    def _batches(self, seed: int, first: int, last: int) -> tf.data.Dataset:
        labels = tf.constant(self.task.labels["train"])
        count = len(self.task.labels["train"])
        size = min(self.task.batch_size, count)
        fetch = self._source("train")
        base = tf.constant(derive_seed(seed, "order"), tf.int64)

        def batch(step):
            # The order is a pure function of the seed and the epoch.
            epoch, place = step // self.task.steps, step % self.task.steps
            rows = tf.random.experimental.index_shuffle(
                place * size + tf.range(size, dtype=tf.int64),
                tf.stack([base, epoch]),
                tf.constant(count - 1, tf.int64),
            )
            return fetch(rows), tf.gather(labels, rows)

        options = tf.data.Options()
        options.autotune.enabled = False  # stalls the end of every `fit`
        steps = tf.data.Dataset.range(first, last)
        return steps.map(batch).prefetch(2).with_options(options)

    def _source(self, part: str) -> Callable:
        if part in self.stored:
            return row_source(self.stored[part])
        fetch, scale = row_source(self.task.images[part]), self.task.scale
        return lambda rows: scale(tf.cast(fetch(rows), tf.float32))

    def right(self, part: str = "validation") -> np.ndarray | None:
        """Tells which images are classified correctly.

        Args:
            part: String. Defaults to `"validation"`.

        Returns:
            Boolean array, or `None` if predictions are not finite.
        """
        labels = self.task.labels[part]
        fetch, forward = self._source(part), self._forward
        if self.stored and part not in self.stored:
            if self._whole is None:
                self._whole = tf.function(
                    lambda batch: self.target(batch, training=False),
                    reduce_retracing=True,
                )
            forward = self._whole
        rows = np.arange(len(labels))
        found = [
            forward(fetch(tf.constant(rows[i : i + _BATCH]))).numpy()
            for i in range(0, len(rows), _BATCH)
        ]
        values = np.concatenate(found)
        if not np.isfinite(values).all():
            return None
        return values.argmax(1) == labels


def _layers_of(target: keras.Model, stages: Stages) -> list[list]:

    calls = list(read_graph(target).leaves())
    starts = [0, *(stage.stop for stage in stages[:-1])]
    stops = [*(stage.stop for stage in stages[:-1]), len(calls)]
    return [
        [
            call.operation
            for call in calls[start:stop]
            if hasattr(call.operation, "weights")
        ]
        for start, stop in zip(starts, stops, strict=True)
    ]
