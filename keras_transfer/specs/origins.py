"""Where the first layers of a network come from, checked when it is made."""

import dataclasses

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
ABOVE = len(LAYER_NAMES) - 1  # the last layer fits its own classes
MODES = ("frozen", "finetuned")
# Of random layers, see `transfer.random_layers.redraw`; those that draw after
# a trained base, and the two that are kept for what was filed under them.
INITIALIZATIONS = ("he", "paper", "permuted", "gaussian", "mean-var")
LIKE_TRAINED = ("permuted", "mean-var")
EARLIER_INITIALIZATIONS = ("gaussian", "mean-var")
ALL = "all"  # of `kept`: every layer above the first n
OF_TARGET = "target"  # of `moments`: those of the target's images
PRETRAINED = "pretrained"  # of `base`: a registered model


@dataclasses.dataclass(frozen=True)
class Scratch:
    """Nothing is copied: a base network."""

    n = 0


@dataclasses.dataclass(frozen=True)
class Copied:
    """The first `n` layers are those of a base network.

    Args:
        half: String, the half of the base network.
        n: Integer, 1 to 7.
        mode: String, `"frozen"` or `"finetuned"`.
        kept: Integer, `"all"` or `None`, layers above the first `n` frozen
            ones that are copied too, and fine-tuned. Defaults to `None`.
        moments: String, `"target"` if frozen batch normalisation takes its
            moments anew from the target's training images. Defaults to
            `None`, for those of the base.

    Raises:
        UserError: If there is no such network.
    """

    half: str
    n: int
    mode: str = "frozen"
    kept: int | str | None = None
    moments: str | None = None

    def __post_init__(self):
        check_among("base", self.half, HALVES)
        check_among("mode", self.mode, MODES)
        check_among("moments", self.moments, (None, OF_TARGET))
        _check_layers(self)
        if self.moments is not None and (
            self.mode != "frozen" or self.kept is not None
        ):
            raise UserError(
                "Expected `moments` only of frozen layers without layers "
                f"`preserved` above. Received: mode={self.mode!r}, "
                f"preserved={self.kept!r}, moments={self.moments!r}."
            )
        if self.kept is None:
            return
        if self.kept != ALL:
            check_count("preserved", self.kept, 1)
        top = self.n + (1 if self.kept == ALL else self.kept)
        if self.mode != "frozen" or top > ABOVE:
            raise UserError(
                f"Expected `preserved` layers above frozen ones, at most "
                f"{ABOVE} together. Received: n={self.n}, "
                f"mode={self.mode!r}, preserved={self.kept!r}."
            )

    @property
    def above(self) -> int:
        """Number of layers above the first `n` that are copied too."""
        return ABOVE - self.n if self.kept == ALL else self.kept or 0


@dataclasses.dataclass(frozen=True)
class Random:
    """The first `n` layers are frozen as they were drawn.

    Args:
        n: Integer, 1 to 7.
        initialization: String, one of `INITIALIZATIONS`.

    Raises:
        UserError: If there is no such network.
    """

    n: int
    initialization: str

    def __post_init__(self):
        check_among("initialization", self.initialization, INITIALIZATIONS)
        _check_layers(self)


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """The first `n` stages are those of a registered model.

    Args:
        n: Integer, at least 1.
        mode: String, `"frozen"` or `"finetuned"`.
        kept: String, `"all"` if every stage above the first `n` frozen ones
            is copied too, and fine-tuned. Defaults to `None`.

    Raises:
        UserError: If there is no such network.
    """

    n: int
    mode: str = "frozen"
    kept: str | None = None

    def __post_init__(self):
        check_among("mode", self.mode, MODES)
        check_count("n", self.n, 1)
        check_among("preserved", self.kept, (None, ALL))
        if self.kept is not None and self.mode != "frozen":
            raise UserError(
                "Expected `preserved` stages above frozen ones. Received: "
                f"mode={self.mode!r}, preserved={self.kept!r}."
            )


Origin = Scratch | Copied | Random | Pretrained


def origin_of(
    base: str | None,
    n: int,
    mode: str,
    initialization: str | None,
    preserved: int | str | None,
    moments: str | None = None,
) -> Origin:
    """Reads an origin from the flat settings of a network.

    Args:
        base: String or `None`, a half, `"random"`, `"pretrained"`, or `None`
            for scratch.
        n: Integer, layers that are copied or random.
        mode: String, `"frozen"` or `"finetuned"`.
        initialization: String or `None`, of random layers.
        preserved: Integer, `"all"` or `None`, copied layers above.
        moments: String or `None`, of copied layers; see `Copied`.

    Returns:
        `Scratch`, `Copied`, `Random` or `Pretrained`.

    Raises:
        UserError: If a value is unknown or fits no network.
    """
    check_among("base", base, (None, *HALVES, "random", PRETRAINED))
    check_among("mode", mode, MODES)
    check_among("initialization", initialization, (None, *INITIALIZATIONS))
    check_count("n", n, 0)
    received = (
        f"Received: base={base!r}, n={n}, mode={mode!r}, "
        f"initialization={initialization!r}, preserved={preserved!r}."
    )
    if moments is not None and base not in HALVES:
        raise UserError(
            f"Expected `moments` only of `base` 'A' or 'B'. {received}"
        )
    if base is None:
        if n or mode != "frozen":
            raise UserError(
                "Expected `n` of 0 and the default `mode` of a network "
                f"without `base`. {received}"
            )
        if initialization is not None or preserved is not None:
            raise UserError(
                "Expected no `initialization`, `preserved` or `base_solver` "
                f"of a network without `base`. {received}"
            )
        return Scratch()
    if base != "random":
        if initialization is not None:
            raise UserError(
                "Expected an `initialization` only of `base` 'random'. "
                f"{received}"
            )
        if base == PRETRAINED:
            return Pretrained(n, mode, preserved)
        return Copied(base, n, mode, preserved, moments)
    if initialization is None or mode != "frozen" or preserved is not None:
        raise UserError(
            "Expected an `initialization`, `mode` 'frozen' and nothing "
            f"`preserved` where `base` is 'random'. {received}"
        )
    return Random(n, initialization)


def check_among(field: str, value, expected: tuple) -> None:
    """Refuses a value that is not among those of a network's field.

    Args:
        field: String, its name.
        value: The value.
        expected: Tuple of what is possible.

    Raises:
        UserError: Naming all of them.
    """
    if value not in expected:
        raise UserError(
            f"Expected `{field}` of a network among {expected}. "
            f"Received: {value!r}."
        )


def check_count(field: str, value, lowest: int) -> None:
    """Refuses what is no whole number of at least `lowest`.

    Args:
        field: String, its name.
        value: The value.
        lowest: Integer.

    Raises:
        UserError: Naming both.
    """
    if type(value) is not int or value < lowest:
        raise UserError(
            f"Expected `{field}` of a network as an integer of {lowest} or "
            f"more. Received: {value!r}."
        )


def _check_layers(origin: Copied | Random) -> None:
    check_count("n", origin.n, 0)
    if not 1 <= origin.n <= ABOVE:
        raise UserError(
            f"Expected `n` from 1 to {ABOVE} where `base` is given. "
            f"Received: n={origin.n}."
        )
