"""What a network is: frozen settings, and its name in the paper's notation.

Everything that determines a network's result is in its `NetworkSpec`, and its
identity is a hash of that; nothing else (clock, process, folder) matters.
"""

import dataclasses
import functools

from keras_transfer.errors import UserError
from keras_transfer.specs import treatments
from keras_transfer.specs.identity import hash_network, to_dict
from keras_transfer.specs.origins import (
    ABOVE,
    LIKE_TRAINED,
    Copied,
    Origin,
    Pretrained,
    Random,
    Scratch,
    check_among,
    check_count,
    origin_of,
)
from keras_transfer.specs.settings import (
    CLASS_WEIGHTS,
    LABELS,
    OPTIMIZERS,
    DataSpec,
    ModelSpec,
    SolverSpec,
    check_dataset_name,
    check_rates,
)


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
            layers; `"random"` for layers left untrained, `"pretrained"` for
            the stages of a registered model; `None` for a base network.
        n: Integer, number of layers copied, 1 to `top`; 0 for a base network.
        mode: String, `"frozen"` or `"finetuned"`.
        seed: Integer, of initial weights, dropout, data order, augmentation.
        initialization: String or `None`, how random layers are drawn, one of
            `INITIALIZATIONS`; see `transfer.random_layers.redraw`.
        target_images: Integer or `None`, training images of each class of
            the target, while the base has all; `None` for all.
        draw: Integer or `None`, which images those are.
        preserved: Integer, `"all"` or `None`, layers above the first `n`
            frozen ones that are copied too, and fine-tuned.
        base_solver: `SolverSpec` or `None`, of its base network, if that is
            another than its own.
        moments: String or `None`, `"target"` if copied, frozen batch
            normalisation takes its moments from the target's training images;
            `None` for those of the base.

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
    preserved: int | str | None = None
    base_solver: SolverSpec | None = None
    moments: str | None = None

    def __post_init__(self):
        _check_spec(self)

    @functools.cached_property
    def origin(self) -> Origin:
        """Where the first layers come from."""
        return origin_of(
            self.base,
            self.n,
            self.mode,
            self.initialization,
            self.preserved,
            self.moments,
        )

    @property
    def top(self) -> int:
        """Number of layers or stages below the last, which is always new."""
        return ABOVE if self.model.cuts is None else len(self.model.cuts)

    @property
    def is_base(self) -> bool:
        """Whether nothing is copied and nothing left random."""
        return isinstance(self.origin, Scratch)

    @functools.cached_property
    def treatment_row(self) -> treatments.Treatment:
        """Row of the table of treatments."""
        return treatments.treatment_of(self.origin, self.target)

    @functools.cached_property
    def label(self) -> str:
        """Name in the paper's notation: `baseA`, `A3B`, `B3B+`."""
        return self._fill(self.treatment_row.label)

    @functools.cached_property
    def treatment(self) -> str:
        """Treatment that pools both directions: `base`, `BnB`, `AnB+`...

        A base on all classes is `baseAll`, random layers are `random (he)`.
        """
        return self._fill(self.treatment_row.notation)

    def _fill(self, template: str) -> str:
        return template.format(
            base=self.base,
            n=self.n,
            target=self.target,
            kept=self.preserved,
            initialization=self.initialization,
        )

    @property
    def name(self) -> str:
        """Readable name: `cifar100/split0/A3B+/seed0`."""
        name = f"{self.data.name}/{self.division}/{self.label}/seed{self.seed}"
        if self.data.labels is not None:
            name += f", {self.data.labels} labels"
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

    @functools.cached_property
    def network_id(self) -> str:
        """Hash of everything that determines the result, 10 hex digits."""
        return hash_network(to_dict(self))

    @functools.cached_property
    def source(self) -> "NetworkSpec | None":
        """Base network that this one needs, or `None`.

        Its first `n` layers are copied; of random layers drawn by
        `LIKE_TRAINED` it gives the statistics.
        """
        origin = self.origin
        if isinstance(origin, Copied):
            return self._base_on(origin.half, None, None)
        draws_alike = (
            isinstance(origin, Random) and origin.initialization in LIKE_TRAINED
        )
        return self.own_base if draws_alike else None

    @functools.cached_property
    def own_base(self) -> "NetworkSpec":
        """Base network of the same split, target, images and seed."""
        return self._base_on(self.target, self.target_images, self.draw)

    def _base_on(
        self, target: str, images: int | None, draw: int | None
    ) -> "NetworkSpec":
        solver = self.base_solver or self.solver
        parts = map(_Same, (self.data, self.model, solver))
        return _shared_base(*parts, target, self.seed, images, draw)

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        fields = dataclasses.fields(self)
        return hash(tuple(getattr(self, field.name) for field in fields))

    def __getstate__(self) -> dict:
        # In another process texts have other hashes.
        return {k: v for k, v in vars(self).items() if k != "_hash"}


class _Same:
    """A part of settings that equals itself alone.

    Equal parts may hold 1 and 1.0, which have ids of their own.

    Args:
        part: `DataSpec`, `ModelSpec` or `SolverSpec`.
    """

    __slots__ = ("part",)

    def __init__(self, part):
        self.part = part

    def __hash__(self) -> int:
        return id(self.part)

    def __eq__(self, other) -> bool:
        return self.part is other.part


@functools.lru_cache(maxsize=4096, typed=True)
def _shared_base(
    data: _Same, model: _Same, solver: _Same, target, seed, images, draw
) -> NetworkSpec:
    """Makes a base network, once for the dozens that stand beside it."""
    return NetworkSpec(
        data.part,
        model.part,
        solver.part,
        target,
        seed=seed,
        target_images=images,
        draw=draw,
    )


def _check_model(spec: NetworkSpec) -> None:
    registered = (spec.model.content, spec.model.cuts, spec.data.mean)
    if spec.model.content is None:
        fits = registered == (None, None, registered[2])
        fits = fits and registered[2] != "model"
        square = isinstance(spec.data.crop, int)
        fits = fits and square and isinstance(spec.data.image_size, int)
        fits = fits and not isinstance(spec.origin, Pretrained)
    else:
        fits = bool(spec.model.cuts) and spec.data.mean == "model"
        fits = fits and isinstance(spec.origin, Scratch | Pretrained)
        fits = fits and spec.n <= spec.top
    if not fits:
        raise UserError(
            "Expected `content`, `cuts` and `mean` 'model' of a registered "
            "model, whose networks copy `n` of its stages below the last or "
            "none, and none of these of an 8-layer network, which takes square "
            f"images. Received: crop={spec.data.crop}, "
            f"content={spec.model.content!r}, cuts={spec.model.cuts!r}, "
            f"mean={spec.data.mean!r}, base={spec.base!r}, n={spec.n}."
        )


def _check_solver(solver: SolverSpec) -> None:
    check_among("class_weights", solver.class_weights, (None, *CLASS_WEIGHTS))
    check_among("optimizer", solver.optimizer, (None, *OPTIMIZERS))
    if solver.optimizer is not None and solver.muon_rate is not None:
        raise UserError(
            "Expected no `muon_rate` beside another `optimizer`. Received: "
            f"{solver.muon_rate}, {solver.optimizer!r}."
        )
    check_rates(solver.copied_rate, solver.rate_decay)


def _check_spec(spec: NetworkSpec) -> None:
    check_dataset_name(spec.data.name)
    check_among("target", spec.target, ("A", "B", "all"))
    for field, value, lowest in (
        ("seed", spec.seed, 0),
        ("target_images", spec.target_images, 1),
        ("draw", spec.draw, 0),
    ):
        if value is not None or field == "seed":
            check_count(field, value, lowest)
    check_count("split", spec.data.split, 0)
    check_among("labels", spec.data.labels, (None, *LABELS))
    for solver in filter(None, (spec.solver, spec.base_solver)):
        _check_solver(solver)
    origin = spec.origin
    _check_model(spec)
    if isinstance(origin, Scratch) and spec.base_solver is not None:
        raise UserError(
            "Expected no `initialization`, `preserved` or `base_solver` of a "
            f"network without `base`. Received: base_solver="
            f"{spec.base_solver!r}."
        )
    if isinstance(origin, Copied) and spec.target == "all":
        raise UserError(
            "Expected `target` 'A' or 'B' where `base` is a half. Received: "
            f"target='all', base={spec.base!r}."
        )
    if spec.moments is not None and spec.model.normalization != "batch":
        raise UserError(
            "Expected `moments` only of batch normalisation. Received: "
            f"normalization={spec.model.normalization!r}, "
            f"moments={spec.moments!r}."
        )
    if spec.draw is not None and spec.target_images is None:
        raise UserError(
            "Expected a `draw` only beside `target_images`. Received: "
            f"draw={spec.draw}, target_images=None."
        )


def from_dict(values: dict) -> NetworkSpec:
    """Rebuilds a `NetworkSpec` from `to_dict`.

    Args:
        values: Dict of `to_dict(spec)`, as it is or as JSON gives it back;
            it is left as it is. Fields with a default may be absent.

    Returns:
        `NetworkSpec`, equal to the one that it was made of.

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
        for name in ("image_size", "crop"):
            if isinstance(data.get(name), list):
                data[name] = tuple(data[name])
        if rest.get("base_solver") is not None:
            rest["base_solver"] = _part(SolverSpec, rest["base_solver"])
        model = dict(values["model"])
        if model.get("cuts") is not None:
            model["cuts"] = tuple(model["cuts"])
        spec = NetworkSpec(
            data=_part(DataSpec, data),
            model=_part(ModelSpec, model),
            solver=_part(SolverSpec, values["solver"]),
            **rest,
        )
        hash(spec)  # a list in place of a number
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"Expected the settings of a network. Received fields "
            f"{sorted(values)}: {error}."
        ) from error
    return spec


def _part(kind: type, values: dict):
    """Makes a part of a network's settings; equal ones are one object.

    Thousands of networks differ in few parts, which are then made, hashed and
    compared at a glance. 1 and 1.0, which have ids of their own, are two;
    within a tuple they are not told apart, so those are made each time.
    """
    nested = tuple in map(type, values.values())
    return kind(**values) if nested else _shared(kind, **values)


@functools.lru_cache(maxsize=4096, typed=True)
def _shared(kind: type, /, **values):
    return kind(**values)
