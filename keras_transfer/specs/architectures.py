"""The 8 layers of each network as data: shapes, fillers and their cost.

`models.py` builds Keras networks from these rows, and the planner counts
floating-point operations from them without importing TensorFlow.
"""

import dataclasses
import math
from collections.abc import Callable

from keras_transfer.errors import UserError
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.specs.settings import PRECISIONS, ModelSpec

NORMALIZATIONS = ("none", "lrn", "batch")
LRN_ALPHA = 1e-4  # Caffe's, for pixels of 0 to 255
FIRST_KERNEL = 3  # side of conv1's kernels in networks with a width


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """One of the 8 layers with what belongs to it.

    Args:
        name: String, one of `LAYER_NAMES`.
        units: Integer, channels of a convolution or units of a dense layer.
        kernel: Integer, side of the kernel; 0 for a dense layer.
        stride: Integer, stride of the convolution.
        padding: String, `"valid"` or `"same"`.
        groups: Integer, groups of the convolution.
        pool: Integer, side of the max-pooling window (stride 2); 0 for none.
        pool_padding: String, `"valid"` or `"same"`.
        lrn: Boolean, local response normalisation after the pooling.
        batch_norm: Boolean, batch normalisation after the pooling and before
            the activation.
        dropout: Float, rate after the activation.
        stddev: Float or `None`, standard deviation of the Gaussian filler;
            `None` for He's (Glorot's for fc8).
        bias: Float, initial bias.
    """

    name: str
    units: int
    kernel: int = 0
    stride: int = 1
    padding: str = "same"
    groups: int = 1
    pool: int = 0
    pool_padding: str = "valid"
    lrn: bool = False
    batch_norm: bool = False
    dropout: float = 0.0
    stddev: float | None = None
    bias: float = 0.0


def layer_rows(model: ModelSpec, num_classes: int) -> tuple[LayerRow, ...]:
    """Lists the 8 layers of a network.

    Args:
        model: `ModelSpec`.
        num_classes: Integer, classes of the target half.

    Returns:
        Tuple of 8 `LayerRow`, conv1 to fc8.

    Raises:
        UserError: If the name or the normalisation is unknown, fc8 has
            fewer outputs than there are classes, or there are no such kernels
            of conv1.
    """
    if model.normalization not in NORMALIZATIONS:
        raise UserError(
            f"Expected `normalization` to be one of {NORMALIZATIONS}. "
            f"Received: {model.normalization!r}."
        )
    if model.precision not in PRECISIONS:
        raise UserError(
            f"Expected `precision` to be one of {PRECISIONS}. "
            f"Received: {model.precision!r}."
        )
    outputs = model.outputs or num_classes
    if outputs < num_classes:
        raise UserError(
            f"fc8 needs an output for each of {num_classes} classes. "
            f"Received: outputs={outputs}."
        )
    architecture = find_architecture(model.name)
    side = model.first_kernel
    if side is not None and not (architecture.has_width and side >= 1):
        raise UserError(
            "Expected a `first_kernel` of at least 1, and only of a network "
            "with a `width`: those of caffenet are the authors'. "
            f"Received: {side}, {model.name!r}."
        )
    return architecture.rows(model, outputs)


def _caffenet_rows(model: ModelSpec, outputs: int) -> tuple[LayerRow, ...]:
    # Fillers, groups and strides of the authors' 170 networks; normalisation
    # comes after the pooling, unlike in AlexNet.
    lrn = model.normalization == "lrn"
    batch = model.normalization == "batch"
    common = {"batch_norm": batch}
    conv = {**common, "stddev": 0.01}
    dense = {**common, "stddev": 0.005, "bias": 1.0, "dropout": model.dropout}
    c1, c2, c3, c4, c5, f6, f7, f8 = LAYER_NAMES
    return (
        LayerRow(c1, 96, 11, 4, "valid", pool=3, lrn=lrn, **conv),
        LayerRow(c2, 256, 5, groups=2, pool=3, lrn=lrn, bias=1.0, **conv),
        LayerRow(c3, 384, 3, **conv),
        LayerRow(c4, 384, 3, groups=2, bias=1.0, **conv),
        LayerRow(c5, 256, 3, groups=2, pool=3, bias=1.0, **conv),
        LayerRow(f6, 4096, **dense),
        LayerRow(f7, 4096, **dense),
        LayerRow(f8, outputs, stddev=0.01),
    )


def _cnn8_rows(model: ModelSpec, outputs: int) -> tuple[LayerRow, ...]:
    lrn = model.normalization == "lrn"
    conv = {"batch_norm": model.normalization == "batch"}
    pool = {"pool": 2, "pool_padding": "same"}
    dense = {**conv, "dropout": model.dropout}
    width, first = model.width, model.first_kernel or FIRST_KERNEL
    c1, c2, c3, c4, c5, f6, f7, f8 = LAYER_NAMES
    return (
        LayerRow(c1, width, first, lrn=lrn, **pool, **conv),
        LayerRow(c2, 2 * width, 3, lrn=lrn, **pool, **conv),
        LayerRow(c3, 3 * width, 3, **conv),
        LayerRow(c4, 3 * width, 3, **conv),
        LayerRow(c5, 2 * width, 3, **pool, **conv),
        LayerRow(f6, 8 * width, **dense),
        LayerRow(f7, 8 * width, **dense),
        LayerRow(f8, outputs),
    )


def _cnn8_2014_rows(model: ModelSpec, outputs: int) -> tuple[LayerRow, ...]:
    # The groups of caffenet, layer by layer; not its biases of 1, with which
    # narrow networks stay at chance for epochs.
    if model.width % 2:
        raise UserError(
            "Expected an even `width` of cnn8-2014, whose conv2 has two "
            f"groups. Received: {model.width}."
        )
    rows = zip(
        _cnn8_rows(model, outputs), _caffenet_rows(model, outputs), strict=True
    )
    return tuple(
        dataclasses.replace(row, groups=theirs.groups) for row, theirs in rows
    )


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A network that studies know by name.

    Args:
        rows: Function of a `ModelSpec` and the number of outputs that returns
            its `LayerRow`.
        smallest_crop: Integer, side in pixels of the smallest crop it takes.
        one_at_a_time: Boolean, whether it fills all cores of a CPU, so that
            two at the same time would only wait for each other.
        has_width: Boolean, whether `ModelSpec.width` scales its layers, and
            `ModelSpec.first_kernel` its first kernels.
    """

    rows: Callable[[ModelSpec, int], tuple[LayerRow, ...]]
    smallest_crop: int
    one_at_a_time: bool
    has_width: bool


ARCHITECTURES = {
    # Below 16 px conv5 would see fewer than 4x4 positions.
    "cnn8": Architecture(
        _cnn8_rows, smallest_crop=16, one_at_a_time=False, has_width=True
    ),
    "cnn8-2014": Architecture(
        _cnn8_2014_rows, smallest_crop=16, one_at_a_time=False, has_width=True
    ),
    # Below 67 px the last pooling has nothing left to pool.
    "caffenet": Architecture(
        _caffenet_rows, smallest_crop=67, one_at_a_time=True, has_width=False
    ),
}


def find_architecture(name: str) -> Architecture:
    """Returns the architecture of a name.

    Args:
        name: String, one of `ARCHITECTURES`.

    Returns:
        `Architecture`.

    Raises:
        UserError: If there is none.
    """
    if name not in ARCHITECTURES:
        known = " or ".join(map(repr, ARCHITECTURES))
        raise UserError(
            f"Expected `model.name` to be {known}. Received: {name!r}."
        )
    return ARCHITECTURES[name]


def _window(size: int, kernel: int, stride: int, padding: str) -> int:
    if padding == "same":
        return math.ceil(size / stride)
    return (size - kernel) // stride + 1
