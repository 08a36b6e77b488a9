"""Builds the network of each way of using a stage; trains nothing."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_transfer.datasets.batches import steps_per_pass
from keras_transfer.models.fresh_weights import draw_anew
from keras_transfer.models.heads import new_head
from keras_transfer.models.layer_costs import keeps_moments
from keras_transfer.models.model_graph import leaf_layers
from keras_transfer.models.parts import prefix
from keras_transfer.models.stages import Stages
from keras_transfer.recommendation.score_accuracy import Probe
from keras_transfer.recommendation.ways import Choice
from keras_transfer.transfer.first_layers import copy_first_layers
from keras_transfer.transfer.proof import Proof
from keras_transfer.transfer.stage_outputs import StageOutputs


@dataclasses.dataclass(frozen=True)
class Task:
    """What every candidate of a recommendation shares.

    Args:
        model: Keras model with a new head of the target's classes.
        stages: `Stages` of it.
        images: Dict from a part to a `uint8` array `(images, height, width,
            3)`.
        labels: Dict from a part to an integer array.
        scale: Function from `float32` images, 0 to 255, to what the model
            takes; of arrays and tensors.
        outputs: `StageOutputs` of the model.
        batch_size: Integer.
        epochs: Integer, of a whole training, over which the rate falls.
    """

    model: keras.Model
    stages: Stages
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    scale: Callable
    outputs: StageOutputs
    batch_size: int
    epochs: int

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.model.outputs[0].shape[-1])

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        count = len(self.labels["train"])
        return steps_per_pass(count, min(self.batch_size, count))


def build(task: Task, choice: Choice, seed: int) -> tuple:
    """Builds the network of a choice: cut, copied, frozen; not trained.

    Args:
        task: `Task`.
        choice: `Choice`.
        seed: Integer, of what is new.

    Returns:
        Pair of a Keras model, not compiled, and the `Proof` of its copying,
        `None` where nothing is copied.
    """
    stage = task.stages[choice.stage - 1] if choice.stage else None
    if choice.row.above == "dropped":
        target = _with_head(task, prefix(task.model, stage), seed)
    else:
        target = new_head(task.model, task.classes, seed=seed)
    if choice.row.above == "redrawn":
        draw_anew(target, stage.stop if stage else 0, seed)
    if choice.row.trained and choice.row.probe_first:
        keep_moments(target)
    if stage:
        proof = copy_first_layers(task.model, target, up_to=stage.last_layer)
    elif choice.row.above == "redrawn":
        proof = None
    else:
        last = task.stages[-2].last_layer
        proof = copy_first_layers(
            task.model, target, up_to=last, mode="finetuned"
        )
    return target, proof


def keep_moments(target: keras.Model) -> None:
    """Freezes batch normalisation, which then runs in inference mode.

    Args:
        target: Keras model, not compiled yet.
    """
    for _, layer in leaf_layers(target):
        if keeps_moments(layer):
            layer.trainable = False


def _with_head(task: Task, part: keras.Model, seed: int) -> keras.Model:
    """Puts a linear head on a copy of the first stages, pooled."""
    part = keras.models.clone_model(part)
    x = part.outputs[0]
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    elif len(x.shape) == 3:
        x = keras.layers.GlobalAveragePooling1D(name="head_pool")(x)
    head = keras.layers.Dense(
        task.classes,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        dtype="float32",
        name="linear_head",
    )
    return keras.Model(part.inputs, head(x), name="truncated")


def set_head(target: keras.Model, probe: Probe, classes: int) -> None:
    """Gives the classifier of a network the weights of a linear probe.

    Args:
        target: Keras model whose last layer with weights is dense.
        probe: `Probe` of what that layer takes.
        classes: Integer. A class that the probe has not seen gets a logit
            below all others.
    """
    head = head_of(target)
    kernel, bias = head.get_weights()
    kernel[:], bias[:] = 0.0, float(probe.bias.min()) - 20.0
    known = np.asarray(probe.classes)[np.asarray(probe.classes) < classes]
    kernel[:, known], bias[known] = probe.weights, probe.bias
    head.set_weights([kernel, bias])


def head_of(target: keras.Model):
    """Returns the last layer with weights.

    Args:
        target: Keras model.
    """
    return [layer for _, layer in leaf_layers(target) if layer.weights][-1]


def takes_probe(task: Task) -> bool:
    """Whether the classifier takes the pooled output of the last stage.

    Args:
        task: `Task`.
    """
    width = task.outputs.pooled["train"][-1].shape[1]
    weights = head_of(task.model).get_weights()
    return len(weights) == 2 and weights[0].shape[0] == width


def probe_network(
    task: Task, choice: Choice, probe: Probe
) -> tuple[keras.Model, Proof]:
    """Builds a truncated network with a linear probe as its head.

    Args:
        task: `Task`.
        choice: `Choice` of the way `truncated`.
        probe: `Probe` of its stage.

    Returns:
        Pair of a Keras model and its `Proof`.
    """
    target, proof = build(task, choice, seed=0)
    set_head(target, probe, task.classes)
    return target, proof
