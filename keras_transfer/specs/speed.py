"""How long networks take on a machine: what one process needs for each part.

A part of a network is counted in operations and in the values that its layers
hand on; `training.measuring` finds what one of either takes, and what a
network, an epoch, a step and a new program take beside.
"""

import dataclasses

from keras_transfer.specs.registered import LayerCost


@dataclasses.dataclass(frozen=True)
class Work:
    """What computing some layers for one image means.

    Args:
        flops: Float, operations.
        outputs: Float, values that layers hand on.
    """

    flops: float
    outputs: float

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.outputs + other.outputs)

    def __mul__(self, times: float) -> "Work":
        return Work(self.flops * times, self.outputs * times)


def trained_work(
    costs: tuple[LayerCost, ...], frozen: int = 0, stored: int = 0
) -> Work:
    """Counts what a training step means, an image.

    A trained layer costs three times its forward pass (forward, gradient of
    the weights, gradient of the input), a frozen layer at the start once. The
    lowest trained layer needs no gradient of its input.

    Args:
        costs: Tuple of `LayerCost`.
        frozen: Integer, number of frozen layers at the start.
        stored: Integer, of these, layers whose output is stored.

    Returns:
        `Work`.
    """
    total = Work(0, 0)
    for index, cost in enumerate(costs):
        passes = 1 if index < frozen else 2 if index == frozen else 3
        if index >= stored:
            total += Work(cost.flops, cost.outputs) * passes
    return total


def forward_work(costs: tuple[LayerCost, ...]) -> Work:
    """Counts what a forward pass means, an image.

    Args:
        costs: Tuple of `LayerCost`.

    Returns:
        `Work`.
    """
    total = Work(0, 0)
    for cost in costs:
        total += Work(cost.flops, cost.outputs)
    return total


@dataclasses.dataclass(frozen=True)
class Speed:
    """What one process needs, in seconds, for networks of one kind.

    The defaults are a guess: a core of a 2024 server in float32.

    Args:
        flop: Float, an operation.
        output: Float, a value that a layer hands on.
        step: Float, a training step beside these.
        forward: Float, an image's forward pass alone, as a share of what its
            work takes within a step.
        network: Float, a network beside its epochs.
        copied: Float, what copying adds to that.
        epoch: Float, the end of an epoch.
        program: Float, compiling what was not yet trained in the process.
        process: Float, the first network of a process beside that.
        start: Float, until processes are there.
    """

    flop: float = 1 / 60e9
    output: float = 0.0
    step: float = 0.0
    forward: float = 1.0
    network: float = 1.0
    copied: float = 0.0
    epoch: float = 0.0
    program: float = 1.5
    process: float = 1.0
    start: float = 4.0

    def of(self, work: Work) -> float:
        """Returns the seconds that some work takes within a step.

        Args:
            work: `Work`.
        """
        return self.flop * work.flops + self.output * work.outputs

    def divided(self, by: float) -> "Speed":
        """Returns the speed of a process that computes so much faster.

        Args:
            by: Float, such as a number of threads.
        """
        return dataclasses.replace(
            self, flop=self.flop / by, output=self.output / by
        )
