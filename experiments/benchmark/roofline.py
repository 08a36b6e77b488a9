"""The least time a training step can take: operations and bytes, by layer."""

import dataclasses

from keras_transfer.specs.architectures import LayerRow, layer_rows
from keras_transfer.specs.costs import layer_costs
from keras_transfer.specs.presets import Recipe
from keras_transfer.specs.speed import trained_work


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """Least time of one layer, in microseconds an image.

    Args:
        name: String.
        products: Float, convolution or matrix product at the peak rate.
        traffic: Float, pooling, normalisation, activation and weights at the
            memory's bandwidth.
    """

    name: str
    products: float
    traffic: float


def _values_moved(row: LayerRow, before: int, after: int) -> int:
    """Counts values read and written, forward and backward, an image."""
    moved = 0
    if row.pool:
        # Forward in and out; backward in, the gradient in, the gradient out.
        moved += 3 * before + 2 * after
    if row.batch_norm:
        # Mean, variance, and in and out; backward two sums, then in and out.
        moved += 9 * after
    if row.lrn:
        moved += 5 * after
    if row.name != "fc8":
        moved += 5 * after  # the activation: in, out; out, gradient, gradient
    return moved


def roofline(
    recipe: Recipe, num_classes: int, flops_a_second: float, bytes_a_second
) -> list[LayerTime]:
    """Lists the least time of each layer in training.

    Args:
        recipe: `Recipe`.
        num_classes: Integer.
        flops_a_second: Float, the machine's convolution peak.
        bytes_a_second: Float, its memory bandwidth.

    Returns:
        List of 8 `LayerTime`.
    """
    rows = layer_rows(recipe.model, num_classes)
    costs = layer_costs(rows, recipe.crop)
    width = 2 if recipe.model.precision == "bfloat16" else 4
    times = []
    for index, (row, cost) in enumerate(zip(rows, costs, strict=True)):
        flops = trained_work((cost,), 0 if index == 0 else -1).flops
        before = cost.outputs * (4 if row.pool else 1)
        moved = width * _values_moved(row, before, cost.outputs)
        # The optimizer reads weight, momentum and gradient and writes two.
        moved += 5 * 4 * cost.parameters / recipe.solver.batch_size
        times.append(
            LayerTime(
                row.name,
                1e6 * flops / flops_a_second,
                1e6 * moved / bytes_a_second,
            )
        )
    return times
