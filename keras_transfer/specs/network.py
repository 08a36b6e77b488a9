"""What a network is: frozen settings, its name in the paper's notation, its id.

Everything that determines a network's result is in its `NetworkSpec`, and its
identity is a hash of that; nothing else (clock, process, folder) matters.
"""

import dataclasses
import hashlib
import json
import re

from keras_transfer.errors import UserError

HALVES = ("A", "B")

LAYER_NAMES = (
    "conv1",
    "conv2",
    "conv3",
    "conv4",
    "conv5",
    "fc6",
    "fc7",
    "fc8",
)
MODES = ("frozen", "finetuned")
INITIALIZATIONS = ("he", "gaussian", "mean-var")
PRECISIONS = ("float32", "bfloat16")
SCHEDULES = ("cosine", "linear", "step")

# Raised by one whenever the same settings would give other weights, so that
# results of two versions of the computation never mix.
COMPUTATION = 3

# Settings that came after networks were filed: `None` stands for what was
# always done, and leaves the ids of those as they are.
_CAME_LATER = (
    ("data", "images_per_class"),
    ("data", "halves"),
    ("data", "channels"),
    ("model", "norm_momentum"),
    (None, "initialization"),
    (None, "target_images"),
    (None, "draw"),
    (None, "preserved"),
    ("solver", "copied_rate"),
    ("solver", "replicas"),
    ("solver", "label_smoothing"),
    ("base_solver", "replicas"),
    ("base_solver", "label_smoothing"),
    ("solver", "muon_rate"),
    ("base_solver", "muon_rate"),
    (None, "base_solver"),
)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """The images that a network sees.

    Args:
        name: String, name of a TFDS image-classification data set.
        split: Integer, number of the random split of the classes.
        image_size: Integer, side in pixels that images are stored at.
        crop: Integer, side in pixels of the crop that the network sees.
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
            training half (as the authors did) or `"target"`.
        scale: Float, factor of the images after the mean is subtracted.
        channels: String or `None`, `"bgr"` for the authors' order of blue,
            green and red; `None` for red, green and blue, as TFDS has them.
    """

    name: str
    split: int
    image_size: int
    crop: int
    mirror: bool = True
    views: int | None = None
    images_per_class: int | None = None
    halves: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    validation_fraction: float = 0.1
    mean: str = "base"
    scale: float = 1.0
    channels: str | None = None


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """An 8-layer network.

    Args:
        name: String, `"cnn8"` or `"caffenet"`.
        width: Integer, channels of conv1 (`cnn8` only).
        normalization: String, `"none"`, `"lrn"` or `"batch"`.
        dropout: Float, rate after fc6 and fc7.
        outputs: Integer or `None`, units of fc8; `None` for one a class. The
            authors kept 1000 in every network.
        precision: String, `"float32"`, or `"bfloat16"` for products and
            activations (weights, moments and logits stay float32).
        norm_momentum: Float or `None`, share of the moving moments of batch
            normalisation that a step keeps; `None` for 0.9.
    """

    name: str
    width: int = 32
    normalization: str = "batch"
    dropout: float = 0.1
    outputs: int | None = None
    precision: str = "float32"
    norm_momentum: float | None = None


@dataclasses.dataclass(frozen=True)
class SolverSpec:
    """Stochastic gradient descent with momentum, as data.

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
            layers that are fine-tuned; `None` for 1.
        replicas: Integer or `None`, devices that share each batch; `None`
            for 1. Dropout draws other masks on several.
        label_smoothing: Float or `None`, share of each training label that is
            spread over all outputs; `None` for 0. Losses are reported
            without.
        muon_rate: Float or `None`, learning-rate multiplier of the kernels
            below fc8 whose steps are made orthogonal, as in
            `optimizers.Muon`; `None` for plain steps.
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


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """One network of a study.

    Args:
        data: `DataSpec`.
        model: `ModelSpec`.
        solver: `SolverSpec`.
        target: String, half `"A"` or `"B"` that the network is trained on, or
            `"all"` classes.
        base: String or `None`, half whose base network gives the first `n`
            layers; `"random"` for layers left untrained; `None` for a base
            network.
        n: Integer, number of layers copied, 1 to 7; 0 for a base network.
        mode: String, `"frozen"` or `"finetuned"`.
        seed: Integer, of initial weights, dropout, data order, augmentation.
        initialization: String or `None`, how random layers are drawn:
            `"he"`, `"gaussian"` (the paper's filler) or `"mean-var"` (with
            the mean and variance of each tensor of the trained base).
        target_images: Integer or `None`, training images of each class of
            the target, while the base has all; `None` for all.
        draw: Integer or `None`, which images those are.
        preserved: Integer or `None`, layers above the first `n` frozen ones
            that are copied too, and fine-tuned.
        base_solver: `SolverSpec` or `None`, of its base network, if that is
            another than its own.

    Raises:
        UserError: If a value is unknown, or there is no network of these
            settings.
    """

    data: DataSpec
    model: ModelSpec
    solver: SolverSpec
    target: str
    base: str | None = None
    n: int = 0
    mode: str = "frozen"
    seed: int = 0
    initialization: str | None = None
    target_images: int | None = None
    draw: int | None = None
    preserved: int | None = None
    base_solver: SolverSpec | None = None

    def __post_init__(self):
        _check_spec(self)

    @property
    def label(self) -> str:
        """Name in the paper's notation: `baseA`, `A3B`, `B3B+`."""
        if self.base is None:
            return "baseAll" if self.target == "all" else f"base{self.target}"
        if self.base == "random":
            return f"random{self.n}{self.target}-{self.initialization}"
        plus = "+" if self.mode == "finetuned" else ""
        kept = "" if self.preserved is None else f"-keep{self.preserved}"
        return f"{self.base}{self.n}{self.target}{plus}{kept}"

    @property
    def treatment(self) -> str:
        """Treatment that pools both directions: `base`, `BnB`, `AnB+`...

        A base on all classes is `baseAll`, random layers are `random (he)`.
        """
        if self.base is None:
            return "baseAll" if self.target == "all" else "base"
        if self.base == "random":
            return f"random ({self.initialization})"
        first = "B" if self.base == self.target else "A"
        plus = "+" if self.mode == "finetuned" else ""
        kept = "" if self.preserved is None else f", {self.preserved} kept"
        return f"{first}nB{plus}{kept}"

    @property
    def name(self) -> str:
        """Readable name: `cifar100/split0/A3B+/seed0`."""
        name = f"{self.data.name}/{self.division}/{self.label}/seed{self.seed}"
        if self.target_images is None:
            return name
        return f"{name}, {self.target_images} images, draw {self.draw}"

    @property
    def division(self) -> str:
        """How the classes were divided: `split0`, `kinds` or `whole`."""
        if self.target == "all":
            return "whole"
        if self.data.halves is not None:
            return "kinds"
        return f"split{self.data.split}"

    @property
    def network_id(self) -> str:
        """Hash of everything that determines the result, 10 hex digits."""
        values = to_dict(self)
        for part, field in _CAME_LATER:
            fields = values if part is None else values[part]
            if fields is not None and fields[field] is None:
                del fields[field]
        return spec_hash({"computation": COMPUTATION, **values})

    @property
    def source(self) -> "NetworkSpec | None":
        """Base network that this one needs, or `None`.

        Its first `n` layers are copied; of random layers drawn by
        `"mean-var"` it gives the statistics.
        """
        if self.base is None:
            return None
        if self.base != "random":
            return dataclasses.replace(
                self.own_base,
                target=self.base,
                target_images=None,
                draw=None,
            )
        return self.own_base if self.initialization == "mean-var" else None

    @property
    def own_base(self) -> "NetworkSpec":
        """Base network of the same split, target, images and seed."""
        return dataclasses.replace(
            self,
            base=None,
            n=0,
            mode="frozen",
            initialization=None,
            preserved=None,
            solver=self.base_solver or self.solver,
            base_solver=None,
        )


def to_dict(spec) -> dict:
    """Turns a spec into nested dicts of JSON values."""
    return dataclasses.asdict(spec)


def check_dataset_name(name: str) -> None:
    """Refuses a name that could lead out of the folder named after it.

    Raises:
        UserError: Naming it.
    """
    words = r"[A-Za-z0-9_][A-Za-z0-9_.:=,+-]*"
    if not re.fullmatch(rf"{words}(/{words})*", str(name)):
        raise UserError(
            "Expected a TFDS name such as 'cifar100' or 'beans:0.1.0'. "
            f"Received: {name!r}."
        )


# What a network's name and folder are made of.
_NAMED = {
    "target": ("A", "B", "all"),
    "base": (None, "A", "B", "random"),
    "mode": MODES,
    "initialization": (None, *INITIALIZATIONS),
}
# Integers and their lowest value; those in `_OPTIONAL` may be `None`.
_COUNTED = {
    "n": 0,
    "seed": 0,
    "target_images": 1,
    "draw": 0,
    "preserved": 1,
}
_OPTIONAL = ("target_images", "draw", "preserved")


def _check_spec(spec: NetworkSpec) -> None:
    check_dataset_name(spec.data.name)
    for field, expected in _NAMED.items():
        value = getattr(spec, field)
        if value not in expected:
            raise UserError(
                f"Expected `{field}` of a network among {expected}. "
                f"Received: {value!r}."
            )
    for field, lowest in _COUNTED.items():
        value = getattr(spec, field)
        if not (value is None and field in _OPTIONAL):
            _check_count(field, value, lowest)
    _check_count("split", spec.data.split, 0)
    for holds, expected in _COMBINATIONS[_origin(spec)]:
        if not holds(spec):
            raise UserError(
                f"Expected {expected}. Received: target={spec.target!r}, "
                f"base={spec.base!r}, n={spec.n}, mode={spec.mode!r}, "
                f"initialization={spec.initialization!r}, "
                f"preserved={spec.preserved}, target_images="
                f"{spec.target_images}, draw={spec.draw}, base_solver "
                f"{'absent' if spec.base_solver is None else 'given'}."
            )


def _check_count(field: str, value, lowest: int) -> None:
    if type(value) is not int or value < lowest:
        raise UserError(
            f"Expected `{field}` of a network as an integer of {lowest} or "
            f"more. Received: {value!r}."
        )


def _origin(spec: NetworkSpec) -> str:
    if spec.base is None:
        return "scratch"
    return "random" if spec.base == "random" else "copied"


_ABOVE = len(LAYER_NAMES) - 1  # the last layer fits its own classes
_LAYERS_LEFT = (
    lambda spec: 1 <= spec.n <= _ABOVE,
    f"`n` from 1 to {_ABOVE} where `base` is given",
)
_DRAW = (
    lambda spec: spec.draw is None or spec.target_images is not None,
    "a `draw` only beside `target_images`",
)
# Of each origin of the first layers: what holds, and how it is said.
_COMBINATIONS = {
    "scratch": (
        (
            lambda spec: spec.n == 0 and spec.mode == "frozen",
            "`n` of 0 and the default `mode` of a network without `base`",
        ),
        (
            lambda spec: (
                spec.initialization is None
                and spec.preserved is None
                and spec.base_solver is None
            ),
            "no `initialization`, `preserved` or `base_solver` of a network "
            "without `base`",
        ),
        _DRAW,
    ),
    "copied": (
        _LAYERS_LEFT,
        (
            lambda spec: spec.target != "all",
            "`target` 'A' or 'B' where `base` is a half",
        ),
        (
            lambda spec: spec.initialization is None,
            "an `initialization` only of `base` 'random'",
        ),
        (
            lambda spec: (
                spec.preserved is None
                or (spec.mode == "frozen" and spec.n + spec.preserved <= _ABOVE)
            ),
            f"`preserved` layers above frozen ones, at most {_ABOVE} together",
        ),
        _DRAW,
    ),
    "random": (
        _LAYERS_LEFT,
        (
            lambda spec: (
                spec.initialization is not None
                and spec.mode == "frozen"
                and spec.preserved is None
            ),
            "an `initialization`, `mode` 'frozen' and nothing `preserved` "
            "where `base` is 'random'",
        ),
        _DRAW,
    ),
}


def from_dict(values: dict) -> NetworkSpec:
    """Rebuilds a `NetworkSpec` from `to_dict`.

    Raises:
        UserError: If a field is missing or unknown, could lead out of the
            log folder, or fits no network.
    """
    try:
        rest = {
            key: value
            for key, value in values.items()
            if key not in ("data", "model", "solver")
        }
        data = dict(values["data"])
        if data.get("halves") is not None:
            data["halves"] = tuple(map(tuple, data["halves"]))
        if rest.get("base_solver") is not None:
            rest["base_solver"] = SolverSpec(**rest["base_solver"])
        spec = NetworkSpec(
            data=DataSpec(**data),
            model=ModelSpec(**values["model"]),
            solver=SolverSpec(**values["solver"]),
            **rest,
        )
        hash(spec)  # a list in place of a number
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"Expected the settings of a network. Received fields "
            f"{sorted(values)}: {error}."
        ) from error
    return spec


def spec_hash(values: dict) -> str:
    """Hashes JSON values to 10 hex digits, whatever the order of the keys."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]
