"""Measures layers from outside: how far they moved, what they put out.

Everything is computed from a fixed probe batch and from the weights that the
network started with, in one compiled call. No random generator is drawn from
and no variable is written, so a network's bits are the same without.
"""

import dataclasses
import itertools
import math

import keras
import numpy as np
import tensorflow as tf

from keras_transfer.datasets import views
from keras_transfer.datasets.halves import Part
from keras_transfer.models.layer_costs import starts_stage
from keras_transfer.models.model_graph import (
    leaf_layers,
    read_graph,
    weight_names,
)
from keras_transfer.specs.settings import DataSpec
from keras_transfer.training.strategies import first_replica
from keras_transfer.transfer.frozen_features import reusable_layers
from keras_transfer.transfer.programs import Walk

PROBE_IMAGES = 128
_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)
_OUTPUTS = ("activation_mean", "activation_sd", "zeros", "dead_units")
_DIGITS = 6  # of the numbers that are filed; they are float32


@dataclasses.dataclass(frozen=True)
class Measurement:
    """The statistics of a network at one moment.

    Args:
        weights: Dict from the name of a weight, see `weight_names`, to a dict
            of floats: `norm`, `distance` and `angle` (degrees) from the
            start, and of trained weights `gradient_norm`.
        layers: Dict from the name of a numbered layer, below those of the
            models that it is in, to a dict of floats:
            `activation_mean`, `activation_sd`, `zeros`, `dead_units`, and
            with batch normalisation `mean_drift` and `variance_drift`.
        loss: Float, cross-entropy on the probe batch in training mode.
    """

    weights: dict[str, dict[str, float]]
    layers: dict[str, dict[str, float]]
    loss: float


def probe_batch(
    part: Part, mean: np.ndarray, spec: DataSpec, images: int = PROBE_IMAGES
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes a fixed batch, spread evenly over the images of a part.

    Args:
        part: `Part`, of the validation images.
        mean: `float32` array `(height, width, 3)`, subtracted before the crop.
        spec: `DataSpec`.
        images: Integer, at most so many. Defaults to `128`.

    Returns:
        Tuple of images, a `float32` tensor `(n, *crop, 3)`, and labels.
    """
    count = min(images, len(part))
    places = np.arange(count) * len(part) // count
    chosen = tf.constant(part.images[part.indices[places]])
    return views.centre_view(chosen, mean, spec), tf.constant(
        part.labels[places]
    )


class LayerStatistics:
    """Measures a network against its start.

    Make it when the network has its start, copied weights included, and its
    `trainable` flags, and before a checkpoint is restored: then a network
    that was resumed is measured against the same start.

    Args:
        network: Built `keras.Sequential` or Functional model. The numbered
            layers are those that start a stage, in the order in which they
            run.
        images: Float tensor `(n, height, width, channels)`, the probe batch.
        labels: Integer tensor `(n,)`.
        runs: Boolean, whether the network is run on the probe batch. Without,
            outputs, gradients and loss are not measured. Defaults to `True`.

    Attributes:
        weights: List of the network's weights, layer by layer.
        start: `Measurement` of the start.
    """

    def __init__(self, network: keras.Model, images, labels, runs: bool = True):
        self.network = network
        self._graph = read_graph(network)
        layers = [call.operation for call in self._graph.leaves()]
        numbers = list(itertools.accumulate(map(starts_stage, layers)))
        self._watched = _watched_layers(layers, numbers)
        self._kernels = _first_weights(layers, numbers)
        self._norms = {
            number: layer
            for number, layer in zip(numbers, layers, strict=True)
            if isinstance(layer, keras.layers.BatchNormalization)
        }
        self.weights = [w for _, x in leaf_layers(network) for w in x.weights]
        self._trained = [w for w in self.weights if w.trainable]
        self._names = weight_names(network)
        self._paths = {id(x): path for path, x in leaf_layers(network)}
        self._compiled = None
        if runs:
            # What a frozen start of the network puts out never changes.
            cut = reusable_layers(network)
            self._lower = Walk(self._graph, 0, cut)
            self._upper = Walk(self._graph, cut, len(layers))
            self._compiled = tf.function(self._run, autograph=False)
        self.begin(images, labels)

    def begin(self, images, labels) -> None:
        """Takes the network as it is now for the start.

        Args:
            images, labels: A probe batch, as of the class.
        """
        self._labels = labels
        self._start = {id(w): w.numpy().copy() for w in self.weights}
        self._below: dict[int, tf.Tensor] = {}
        if self._compiled is not None:
            self._entry = self._forward(self._lower, images, False, self._below)
        self.start = self.measure()

    @property
    def kernels(self) -> set[str]:
        """Names of the numbered layers' kernels."""
        return {self.name_of(kernel) for _, kernel in self._kernels.values()}

    def name_of(self, weight) -> str:
        """Returns the name that a weight's measurements stand under.

        Args:
            weight: One of `weights`.
        """
        return self._names[id(weight)]

    @property
    def first_kernel(self):
        """Kernel of the first layer."""
        return self._kernels[1][1]

    def measure(self) -> Measurement:
        """Measures the network as it is now."""
        outputs, gradient_norms, loss = {}, None, math.nan
        if self._compiled is not None:
            outputs, gradient_norms, loss = self._compiled(
                self._entry, self._labels
            )
        weights = {
            self.name_of(w): _compare(w.numpy(), self._start[id(w)])
            for w in self.weights
        }
        if gradient_norms is not None:
            for weight, norm in zip(self._trained, gradient_norms, strict=True):
                weights[self.name_of(weight)]["gradient_norm"] = float(norm)
        layers: dict[str, dict[str, float]] = {}
        known = {**self._below, **outputs}
        for number, (layer, _) in self._kernels.items():
            values = known[number].numpy() if known else ()
            described = dict(zip(_OUTPUTS, map(float, values), strict=False))
            if number in self._norms:
                described |= self._drift(self._norms[number])
            layers[self._paths[id(layer)]] = described
        return Measurement(weights, layers, float(loss))

    def table(self, copied: list[str] | tuple[str, ...] = ()) -> list[dict]:
        """Describes every numbered layer, as it is now, against its start.

        A layer's weights are its kernel's: biases and normalisation have
        other units. `distance` is `|w - w0|`, `relative_distance` that over
        `|w0|`, `angle` the angle between `w` and `w0` in degrees, where `w0`
        are the copied weights or the random start. The gradient is that of
        the cross-entropy of the probe batch at the start, in training mode.
        `dead_units` is the share of channels that are zero for the whole
        probe batch, `zeros` the share of all outputs of the activation.
        `mean_drift` is the root mean square over channels of the shift of the
        moving mean in standard deviations of the start, `variance_drift` that
        of the logarithm of the moving variance's ratio.

        Args:
            copied: Sequence of strings, names of copied Keras layers, below
                those of the models that they are in.

        Returns:
            List of dicts of JSON values, one for each numbered layer.
        """
        now = self.measure()
        rows = []
        for number, (layer, kernel) in self._kernels.items():
            path, name = self._paths[id(layer)], self.name_of(kernel)
            weight, first = now.weights[name], self.start.weights[name]
            start = first["norm"]
            gradient = first.get("gradient_norm", 0.0)
            values = {
                "weight_norm": weight["norm"],
                "start_norm": start,
                "distance": weight["distance"],
                "relative_distance": _ratio(weight["distance"], start),
                "angle": weight["angle"],
                "start_gradient_norm": gradient,
                "start_relative_gradient_norm": _ratio(gradient, start),
                **now.layers[path],
            }
            rows.append(
                {
                    "layer": path,
                    "number": number,
                    "copied": path in copied,
                    "frozen": not layer.trainable,
                    "weights": int(np.prod(kernel.shape)),
                    **{name: _rounded(v) for name, v in values.items()},
                }
            )
        return rows

    def _forward(self, walk: Walk, values, training, found=None):
        last = values

        def visit(index, step):
            nonlocal last
            last = step(training=training)
            number = self._watched.get(walk.start + index)
            if found is not None and number is not None:
                found[number] = _describe_output(last)
            return last

        walk.run(values, visit)
        return last

    def _run(self, entry, labels):
        """Describes outputs and gradients; the part that is compiled."""
        with tf.GradientTape() as tape:
            # What training mode would write, batch statistics and the state
            # of dropout, goes into the scope and is forgotten with it.
            with keras.StatelessScope():
                logits = self._forward(self._upper, entry, True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels, tf.cast(logits, tf.float32)
                )
            )
        sources = [first_replica(weight) for weight in self._trained]
        gradients = tape.gradient(loss, sources)
        norms = [tf.sqrt(2 * tf.nn.l2_loss(g)) for g in gradients]
        outputs = {}
        self._forward(self._upper, entry, False, outputs)
        return outputs, tf.stack(norms) if norms else tf.zeros([0]), loss

    def _drift(self, norm: keras.layers.BatchNormalization) -> dict:
        first = self._start[id(norm.moving_variance)] + norm.epsilon
        variance = norm.moving_variance.numpy() + norm.epsilon
        moved = norm.moving_mean.numpy() - self._start[id(norm.moving_mean)]
        return {
            "mean_drift": _root_mean_square(moved / np.sqrt(first)),
            "variance_drift": _root_mean_square(np.log(variance / first)),
        }


def _watched_layers(layers: list, numbers: list[int]) -> dict[int, int]:
    """Returns which call puts out each numbered layer's activation."""
    watched = {}
    for index, (layer, number) in enumerate(zip(layers, numbers, strict=True)):
        # The layer itself, if none of those that follow is an activation.
        if isinstance(layer, _ACTIVATIONS) or number not in watched:
            watched[number] = index
    return {index: number for number, index in watched.items() if number}


def _first_weights(layers: list, numbers: list[int]) -> dict:
    """Returns each numbered layer with its kernel, its first weight."""
    kernels = {}
    for layer, number in zip(layers, numbers, strict=True):
        if number and number not in kernels:
            kernels[number] = layer, layer.weights[0]
    return kernels


def _describe_output(values) -> tf.Tensor:
    """Returns the statistics that `_OUTPUTS` names."""
    values = tf.cast(values, tf.float32)
    count, axes = values.shape[-1], list(range(len(values.shape) - 1))
    mean, variance = tf.nn.moments(values, [*axes, len(axes)])
    # A zero is counted as such whatever its sign.
    zero = tf.reduce_mean(tf.cast(tf.equal(values, 0), tf.float32), axes)
    dead = tf.math.count_nonzero(tf.equal(zero, 1), dtype=tf.float32) / count
    return tf.stack([mean, tf.sqrt(variance), tf.reduce_mean(zero), dead])


def _compare(weight: np.ndarray, start: np.ndarray) -> dict[str, float]:
    weight = weight.astype(np.float64)
    norm = np.linalg.norm(weight)
    if np.array_equal(weight, start):
        return {"norm": float(norm), "distance": 0.0, "angle": 0.0}
    start = start.astype(np.float64)
    first = np.linalg.norm(start)
    units = weight / (norm or 1.0), start / (first or 1.0)
    # Exact for small angles, where the arc of a cosine is not (Kahan).
    apart = np.linalg.norm(units[0] - units[1])
    half = np.arctan2(apart, np.linalg.norm(units[0] + units[1]))
    return {
        "norm": float(norm),
        "distance": float(np.linalg.norm(weight - start)),
        "angle": float(2 * np.degrees(half)),
    }


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _rounded(value: float | None) -> float | None:
    # What is not a number is not JSON either.
    known = value is not None and math.isfinite(value)
    return float(f"{value:.{_DIGITS}g}") if known else None
