"""When to store what frozen layers compute: bytes, time saved. Counts only.

A frozen layer gives the same output for the same view of an image in every
epoch and every network that has it, so a study may compute it once. With
`views` fixed views an image that is the same computation, only sooner done.
"""

import dataclasses
import functools

from keras_transfer.specs.architectures import LayerRow, _window, layer_rows
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.registered import LayerCost, recall
from keras_transfer.specs.settings import ModelSpec


def layer_costs(
    rows: tuple[LayerRow, ...], crop: int, channels: int = 3
) -> tuple[LayerCost, ...]:
    """Counts parameters and forward operations of each layer.

    Multiplications and additions of convolutions and matrix products count
    one each; pooling, normalisation and activation are left out.

    Args:
        rows: Tuple of `LayerRow`.
        crop: Integer, side of the square input in pixels.
        channels: Integer, channels of the input.

    Returns:
        Tuple of `LayerCost`.
    """
    size, costs = crop, []
    for row in rows:
        if row.kernel:
            size = _window(size, row.kernel, row.stride, row.padding)
            kernel = row.kernel**2 * (channels // row.groups) * row.units
            flops = 2 * kernel * size**2
        else:
            kernel = size**2 * channels * row.units
            flops, size = 2 * kernel, 1
        # Batch normalisation replaces the bias by gamma, beta and two moments.
        parameters = kernel + row.units * (4 if row.batch_norm else 1)
        if row.pool:
            size = _window(size, row.pool, 2, row.pool_padding)
        channels = row.units
        outputs = size**2 * channels
        draws = row.dropout > 0
        costs.append(LayerCost(row.name, parameters, flops, outputs, draws))
    return tuple(costs)


def network_costs(spec: NetworkSpec, num_classes: int) -> tuple[LayerCost, ...]:
    """Counts what each layer or stage of a network costs an image.

    Args:
        spec: `NetworkSpec`.
        num_classes: Integer, classes of its target.

    Returns:
        Tuple of `LayerCost`, the last one of what is always new.

    Raises:
        UserError: If the model is unknown.
    """
    if spec.model.content is not None:
        found = recall(spec.model, spec.data.crop)
        return found.all_costs(num_classes)
    return _own_costs(spec.model, num_classes, spec.data.crop)


@functools.cache  # a plan asks once for each of thousands of networks
def _own_costs(
    model: ModelSpec, num_classes: int, crop: int
) -> tuple[LayerCost, ...]:
    return layer_costs(layer_rows(model, num_classes), crop)


# Of one core, on the cautious side: operations of a forward pass, and bytes
# written to and read from a memory map.
FLOPS = 5e10
WRITE_BYTES = 5e8
READ_BYTES = 2e9
# That storing has to save, to be worth it. At width 8 and 14 epochs, where it
# is thought to save 0.6, 1.2 and 1.2 s, networks with n = 3, 5 and 7 took 7.8,
# 4.0 and 2.6 s in place of 8.4, 5.7 and 4.8.
LEAST_SECONDS = 0.25


@dataclasses.dataclass(frozen=True)
class Counts:
    """Images that one network meets.

    Args:
        train, validation, test: Integers, images of its half.
        seen: Integer, training images shown in all its steps.
        looks: Integer, times the validation images are looked at.
    """

    train: int
    validation: int
    test: int
    seen: int
    looks: int


def count_images(
    spec: NetworkSpec, train: int, validation: int, test: int
) -> Counts:
    """Counts the images that training a network means.

    Args:
        spec: `NetworkSpec`.
        train, validation, test: Integers, images of its half.

    Returns:
        `Counts`.
    """
    solver = spec.solver
    size = min(solver.batch_size, max(1, train))
    steps = solver.steps_per_epoch or max(1, train // size)
    return Counts(
        train, validation, test, steps * size * solver.epochs, solver.epochs
    )


@dataclasses.dataclass(frozen=True)
class Reuse:
    """What storing the output of a network's frozen layers would mean.

    Args:
        layers: Integer, layers whose output is stored; 0 for none.
        bytes: Integer, size of the stored output.
        flops: Float, operations of the forward pass that it takes.
        saved_flops: Float, operations that it saves, its own taken off.
        saved_seconds: Float, time that it saves, reading and writing taken
            off; not worth it if hardly any.
    """

    layers: int
    bytes: int
    flops: float
    saved_flops: float
    saved_seconds: float

    def saves(self, least_seconds: float = LEAST_SECONDS) -> bool:
        """Returns whether it saves time that is worth it.

        Args:
            least_seconds: Float, time that it has to save. Defaults to
                `LEAST_SECONDS`.

        Returns:
            Boolean; `False` if no layers could be stored.
        """
        return self.layers > 0 and self.saved_seconds > least_seconds


NO_REUSE = Reuse(0, 0, 0.0, 0.0, 0.0)


def storable_layers(frozen: tuple[LayerCost, ...], ours: bool = True) -> int:
    """Counts the frozen layers whose output could be stored.

    Dropout draws anew at every step, so layers above it cannot. Where it
    stands in a stage is known of our own networks: at its end.

    Args:
        frozen: Tuple of `LayerCost`, of the frozen layers.
        ours: Boolean, whether they are of a network of ours. Defaults to
            `True`.
    """
    draws = (i + ours for i, cost in enumerate(frozen) if cost.draws)
    return next(draws, len(frozen))


def weigh_reuse(spec: NetworkSpec, num_classes: int, counts: Counts) -> Reuse:
    """Weighs storing the output of the frozen layers of a network.

    Args:
        spec: `NetworkSpec`.
        num_classes: Integer, classes of its half.
        counts: `Counts`.

    Returns:
        `Reuse`; of no layers if none are frozen or the views are not fixed.
    """
    if spec.mode != "frozen" or not spec.n or spec.data.views is None:
        return NO_REUSE
    costs = network_costs(spec, num_classes)
    layers = storable_layers(costs[: spec.n], spec.model.content is None)
    if not layers:
        return NO_REUSE
    width = 2 if spec.model.precision == "bfloat16" else 4
    size = width * costs[layers - 1].outputs
    flops = sum(cost.flops for cost in costs[:layers])
    stored = spec.data.views * counts.train + counts.validation
    shown = counts.seen + counts.looks * counts.validation
    saved_flops = flops * (shown - stored)
    seconds = (
        saved_flops / FLOPS
        - size * stored / WRITE_BYTES
        - size * shown / READ_BYTES
    )
    return Reuse(layers, size * stored, flops * stored, saved_flops, seconds)
