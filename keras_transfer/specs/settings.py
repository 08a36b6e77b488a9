"""The three parts of a recipe: which images, which model, which solver."""

import dataclasses
import math
import re

from keras_transfer.errors import UserError
from keras_transfer.specs.image_shapes import ImageSize, pair_of

PRECISIONS = ("float32", "bfloat16")
CLASS_WEIGHTS = ("balanced",)
OPTIMIZERS = ("adamw",)
LABELS = ("shuffled",)
SCHEDULES = ("cosine", "linear", "step")


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """The images that a network sees.

    Args:
        name: String, name of a TFDS image-classification data set.
        split: Integer, number of the random split of the classes.
        image_size: Integer, side in pixels that images are stored at, or a
            pair of height and width.
        crop: Integer, side in pixels of the crop that the network sees, or a
            pair of height and width.
        mirror: Boolean, whether training images are mirrored at random.
        validation_fraction: Float, share of each class cut from the training
            images for validation.
        views: Integer or `None`, fixed views (a crop and a mirror) of each
            training image; `None` for new ones in every pass.
        images_per_class: Integer or `None`, training images kept of each
            class; `None` for all.
        halves: Pair of tuples of class indices, A and B, or `None` for the
            random halves of `split`.
        mean: String, `"base"` to subtract the mean image of the base's
            training half (as the authors did), `"target"`, or `"model"` for
            pixels of 0 to 255 as they are: the model scales them.
        scale: Float, factor of the images after the mean is subtracted.
        channels: String or `None`, `"bgr"` for the authors' order of blue,
            green and red; `None` for red, green and blue, as TFDS has them.
        classes_per_half: Integer or `None`, classes kept of each random half;
            `None` for all of them.
        labels: String or `None`, `"shuffled"` for training images whose labels
            are dealt among them at random, as many of each class as before:
            a control that has the images and nothing to learn about classes.
            Validation and test images keep theirs. `None` for true labels.
    """

    name: str
    split: int
    image_size: ImageSize
    crop: ImageSize
    mirror: bool = True
    views: int | None = None
    images_per_class: int | None = None
    halves: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    validation_fraction: float = 0.1
    mean: str = "base"
    scale: float = 1.0
    channels: str | None = None
    classes_per_half: int | None = None
    labels: str | None = None

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels of stored images."""
        return pair_of(self.image_size)

    @property
    def crop_shape(self) -> tuple[int, int]:
        """Height and width in pixels of what the network sees."""
        return pair_of(self.crop)


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """An 8-layer network, or any Keras model that was registered.

    Args:
        name: String, one of `architectures.ARCHITECTURES`, or a registered
            model's own.
        width: Integer, channels of conv1 (not of `caffenet`).
        normalization: String, `"none"`, `"lrn"` or `"batch"`.
        dropout: Float, rate after fc6 and fc7.
        outputs: Integer or `None`, units of fc8; `None` for one a class. The
            authors kept 1000 in every network.
        precision: String, `"float32"`, or `"bfloat16"` for products and
            activations (weights, moments and logits stay float32).
        norm_momentum: Float or `None`, share of the moving moments of batch
            normalisation that a step keeps; `None` for 0.9, in a registered
            model for its own.
        content: String or `None`, SHA-256 of a registered model: of its file,
            or of its settings and weights. `None` for an 8-layer network.
        cuts: Tuple of strings or `None`, the layers of a registered model
            that end its stages, but for the last stage, its classifier.
        lrn_alpha: Float or `None`, constant of local response normalisation;
            `None` for Caffe's 1e-4, which is meant for pixels of 0 to 255.
        first_kernel: Integer or `None`, side in pixels of conv1's kernels,
            stride 1 (not of `caffenet`); `None` for 3.

    Example:
        >>> spec = kt.ModelSpec("cnn8", width=8, normalization="lrn")
        >>> kt.build_network(spec, crop=28, num_classes=10).output_shape
        (None, 10)
    """

    name: str
    width: int = 32
    normalization: str = "batch"
    dropout: float = 0.1
    outputs: int | None = None
    precision: str = "float32"
    norm_momentum: float | None = None
    content: str | None = None
    cuts: tuple[str, ...] | None = None
    lrn_alpha: float | None = None
    first_kernel: int | None = None


@dataclasses.dataclass(frozen=True)
class SolverSpec:
    """How weights are trained: by default gradient descent with momentum.

    Args:
        learning_rate: Float, the highest rate of the schedule.
        schedule: String, `"cosine"` or `"linear"`, which fall to zero after a
            linear warm-up, or `"step"`.
        warmup: Float, share of the steps over which the rate rises.
        step_decay: Float, factor at each step of the `"step"` schedule.
        step_every: Integer, training steps between two of those.
        momentum: Float.
        nesterov: Boolean.
        weight_decay: Float, decay of kernels, added to the gradient.
        bias_rate: Float, learning-rate multiplier of biases.
        batch_size: Integer, images a step over all replicas.
        epochs: Integer, times the validation images are looked at.
        steps_per_epoch: Integer or `None`, training steps between two looks;
            `None` for one pass over the training images.
        copied_rate: Float or `None`, learning-rate multiplier of copied
            layers that are trained; `None` for 1.
        replicas: Integer or `None`, devices that share each batch; `None`
            for 1. Dropout draws other masks on several.
        label_smoothing: Float or `None`, share of each training label that is
            spread over all outputs; `None` for 0. Losses are reported
            without.
        muon_rate: Float or `None`, learning-rate multiplier of the kernels
            below fc8 whose steps are made orthogonal, as in
            `optimizers.Muon`; `None` for plain steps.
        class_weights: String or `None`, `"balanced"` for a training loss in
            which every class weighs the same, however many images it has;
            `None` for one in which every image does. Losses are reported
            without.
        rate_decay: Float or `None`, what the learning rate of copied layers
            that are trained is multiplied by once more for each stage that
            they lie below the last; `None` for 1.
        optimizer: String or `None`, `"adamw"`, whose `beta_1` is `momentum`;
            `None` for gradient descent with momentum.
    """

    learning_rate: float
    schedule: str = "cosine"
    warmup: float = 0.15
    step_decay: float = 0.1
    step_every: int = 100_000
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    bias_rate: float = 2.0
    batch_size: int = 128
    epochs: int = 12
    steps_per_epoch: int | None = None
    copied_rate: float | None = None
    replicas: int | None = None
    label_smoothing: float | None = None
    muon_rate: float | None = None
    class_weights: str | None = None
    rate_decay: float | None = None
    optimizer: str | None = None


def check_dataset_name(name: str) -> None:
    """Refuses a name that could lead out of the folder named after it.

    Args:
        name: String, TFDS name, with its config and version if wanted:
            `"cifar100"`, `"beans:0.1.0"`.

    Raises:
        UserError: If it is no such name.
    """
    words = r"[A-Za-z0-9_][A-Za-z0-9_.:=,+-]*"
    if not re.fullmatch(rf"{words}(/{words})*", str(name)):
        raise UserError(
            "Expected a TFDS name such as 'cifar100' or 'beans:0.1.0'. "
            f"Received: {name!r}."
        )


def check_rates(copied_rate: float | None, rate_decay: float | None) -> None:
    """Refuses multipliers that are no learning rate's.

    Args:
        copied_rate, rate_decay: Floats or `None`, as of `SolverSpec`.

    Raises:
        UserError: If one is not above 0, or `rate_decay` is above 1.
    """
    if copied_rate is not None and not 0 < copied_rate < math.inf:
        raise UserError(
            "Expected a `copied_rate` above 0: a frozen treatment is what 0 "
            f"would be. Received: {copied_rate}."
        )
    if rate_decay is not None and not 0 < rate_decay <= 1:
        raise UserError(
            "Expected a `rate_decay` above 0 and at most 1. "
            f"Received: {rate_decay}."
        )
