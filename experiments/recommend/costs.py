"""What a candidate costs: seconds, memory and parameters, before training."""

import dataclasses

import numpy as np

from keras_transfer.models.model_graph import read_graph
from keras_transfer.recommendation.ways import Choice
from keras_transfer.training.candidate_networks import Task
from keras_transfer.transfer.stage_outputs import whole_bytes

# Backward costs about twice what forward does.
_BACKWARD = 2.0
# Seconds to build and to trace, by layer calls; measured on two cores.
_FIXED, _BUILD_CALL, _TRACE_CALL = 0.3, 0.022, 0.065
_STEP = 0.004  # seconds of a step that do no arithmetic
_FLOAT = 4  # bytes


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of a choice.

    Args:
        seconds_per_epoch: Float, estimated from the forward pass.
        start_seconds: Float, estimated, until the first step: building,
            copying, tracing.
        told_seconds: Float, estimated, of telling it on validation images.
        trainable: Integer, parameters that training changes.
        peak_bytes: Integer, estimated: weights, gradients, two moments of
            Adam, and activations of a batch where gradients flow.
        stored_bytes: Integer, of stored outputs that it trains on.
    """

    seconds_per_epoch: float
    start_seconds: float
    told_seconds: float
    trainable: int
    peak_bytes: int
    stored_bytes: int


def cost_of(task: Task, choice: Choice) -> Cost:
    """Estimates what a choice costs.

    Args:
        task: `Task`.
        choice: `Choice`.
    """
    stages, stage = task.stages, choice.stage
    count = len(task.labels["train"])
    head = task.classes
    if not choice.row.trained:
        width = task.outputs.pooled["train"][stage - 1].shape[1]
        size = count * width * _FLOAT
        trainable = (width + 1) * head
        return Cost(0.0, 0.0, 0.0, trainable, 3 * size, size)
    stored = stage in task.outputs.whole
    forward = task.outputs.seconds
    above = sum(forward[stage:]) * (1 + _BACKWARD)
    below = 0.0 if stored else sum(forward[:stage])
    calls = list(read_graph(task.model).leaves())
    begin = stages[stage - 1].stop if stage else 0
    run = calls[begin if stored else 0 :]
    frozen = sum(s.parameters for s in stages[:stage])
    trainable = sum(s.parameters for s in stages[stage:])
    outputs = [_size(call) for call in calls[begin:]]
    largest = max(map(_size, run))
    values = 4 * trainable + (0 if stored else frozen)
    values += task.batch_size * (2 * sum(outputs) + largest)
    told = len(task.labels["validation"])
    images = count + told
    return Cost(
        count * (above + below) + task.steps * _STEP,
        _FIXED + _BUILD_CALL * len(calls) + _TRACE_CALL * len(run),
        told * (below + above / (1 + _BACKWARD)) + _FIXED,
        trainable,
        values * _FLOAT,
        whole_bytes(stages[stage - 1], images) if stored else 0,
    )


def _size(call) -> int:
    return int(
        sum(np.prod([n or 1 for n in t.shape[1:]]) for t in call.outputs)
    )
