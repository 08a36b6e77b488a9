"""Which networks the map has, how long and how fast they learn."""

import dataclasses
import math

from experiments.common.bases import check_images, find_or_prepare
from experiments.common.settings import check_at_least_one
from experiments.common.study_settings import Splits, StudySettings
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.errors import UserError
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import Recipe
from keras_transfer.specs.rates import task_of
from keras_transfer.specs.settings import SolverSpec
from keras_transfer.specs.treatments import (
    BASE,
    find_treatment,
)
from keras_transfer.studies import dataset_facts, grids

NAME = "when_to_freeze"
TARGET = "B"  # a second half costs as much as a second split and tells less
LOOKS = 3  # at the validation images of each network


@dataclasses.dataclass(frozen=True)
class FreezeSettings(Splits, StudySettings):
    """What this study can be told; treatments are its own."""

    width: tuple[int, ...] = (8, 16, 32)
    """Channels of conv1, a row of the map each."""
    images: tuple[int, ...] = (5, 10, 25)
    """Target images of each class; all come beside."""
    all_images: bool = True
    """Also train copies and networks from scratch on all images."""
    tables: tuple[str, ...] = ()
    """results.csv of other runs of the map, to be drawn with this one."""
    longer: tuple[str, ...] = ()
    """results.csv of runs with more steps, to say what those change."""
    images_per_class: int | None = 100
    """Training images of each class that bases have."""
    splits: tuple[int, ...] = (0, 1, 2, 3)
    """Random splits of the classes into halves A and B."""
    layers: tuple[int, ...] = (7,)
    """Number n of copied layers."""
    least_steps: int = 300
    """Steps that a network takes at least: passes grow as images shrink."""
    head_steps: int = 2000
    """Steps of networks with frozen layers at least, which cost little."""
    batch_size: int | None = 64
    """Images a training step."""
    tune: bool = False
    """Search learning rates and write best.json, in place of the map."""
    tuning_images: int = 10
    """Size at which the rates of small sets are tuned."""
    tuning_split: int = 9
    """Split whose validation images choose the rates."""

    def recipe(self, width: int) -> Recipe:
        """Returns the recipe of a width.

        Args:
            width: Integer.
        """
        fields = [field.name for field in dataclasses.fields(StudySettings)]
        values = {name: getattr(self, name) for name in fields}
        return StudySettings(**{**values, "width": width}).resolve()

    def resolve(self) -> Recipe:
        """Returns the recipe that names the report."""
        return self.recipe(self.width[0])

    def report_name(self) -> str:
        """Names the report's folder: longer training has one of its own."""
        steps = {"least_steps": self.least_steps, "head_steps": self.head_steps}
        usual = {name: getattr(FreezeSettings, name) for name in steps}
        name = super().report_name()
        return name if steps == usual else f"{name}-{spec_hash(steps)[:6]}"

    def search(self) -> Search | None:
        """Returns how the learning rates were found, if any were given."""
        given = self.learning_rates
        return None if given is None else Search.read(given)


@dataclasses.dataclass(frozen=True)
class Design:
    """Which networks the map has, and how long and how fast they learn.

    Args:
        settings: `FreezeSettings`.
        most: Integer, all training images of a class.
        classes: Integer, classes of a half.
        rates: Dict from a task to its solver's changed fields.
    """

    settings: FreezeSettings
    most: int
    classes: int
    rates: dict[str, dict[str, float]]

    @property
    def tuned_sizes(self) -> tuple[int, ...]:
        """The sizes at which rates are tuned: a small one and all."""
        return self.settings.tuning_images, self.most

    def tuned_size(self, images: int) -> int:
        """Returns the size whose rates a size takes: the nearest, in log.

        Args:
            images: Integer, images of each class.
        """
        return min(
            self.tuned_sizes, key=lambda size: abs(math.log(images / size))
        )

    def task(self, spec: NetworkSpec) -> str:
        """Names the networks that share a rate.

        Args:
            spec: `NetworkSpec`.
        """
        images = self.tuned_size(spec.target_images or self.most)
        return f"{task_of(spec)}, width {spec.model.width}, {images} images"

    def solver(self, spec: NetworkSpec) -> SolverSpec:
        """Returns a network's solver: as many steps as it needs, its rate.

        Args:
            spec: `NetworkSpec` with the recipe's solver.
        """
        settings, solver = self.settings, spec.solver
        images = (spec.target_images or self.most) * self.classes
        steps = solver.epochs * max(1, images // solver.batch_size)
        least = settings.least_steps
        if not spec.is_base and spec.mode == "frozen":
            least = settings.head_steps
        steps = max(steps, least)
        return dataclasses.replace(
            solver,
            epochs=LOOKS,
            steps_per_epoch=math.ceil(steps / LOOKS),
            **self.rates.get(self.task(spec), {}),
        )

    def networks(
        self, width: int, split: int, images: tuple[int, ...]
    ) -> list[NetworkSpec]:
        """Lists the networks of a width and a split, bases first.

        Args:
            width, split: Integers.
            images: Tuple of integers, few images of each class.
        """
        settings = self.settings
        recipe = settings.recipe(width)
        bases = grids.similar_networks(
            settings.dataset,
            recipe,
            grids.Grid((split,), recipe.seeds),
            settings.mean,
        )
        own = [spec for spec in bases if spec.target == TARGET]
        few = grids.limited_networks(own, images)
        starts = [find_treatment(name) for name in STARTS if name != BASE]
        copies = [
            dataclasses.replace(spec, **row.settings(TARGET, n))
            for spec in few + own
            for n in settings.layers
            for row in starts
        ]
        return [self._finished(spec) for spec in bases + few + copies]

    def _finished(self, spec: NetworkSpec) -> NetworkSpec:
        solver = self.solver(spec)
        if spec.is_base:
            return dataclasses.replace(spec, solver=solver)
        base = self.solver(spec.source)
        base_solver = None if base == solver else base
        return dataclasses.replace(spec, solver=solver, base_solver=base_solver)

    def every(self) -> list[NetworkSpec]:
        """Lists the networks of the map, the paper's question first.

        Frozen and fine-tuned copies come split by split, then networks from
        scratch, so that a study that is stopped has whole maps of the first.
        """
        settings = self.settings
        found = [
            spec
            for split in settings.splits
            for width in settings.width
            for spec in self.networks(width, split, settings.images)
            if settings.all_images or not _is_on_all(spec)
        ]
        return sorted(found, key=_is_scratch)

    def tasks(self, width: int) -> dict[str, list[NetworkSpec]]:
        """Lists what is tuned at a width, by task.

        Args:
            width: Integer.
        """
        found: dict[str, list[NetworkSpec]] = {}
        settings = self.settings
        few = (settings.tuning_images,)
        for spec in self.networks(width, settings.tuning_split, few):
            if spec.target != TARGET:
                continue
            # The base that is copied has all images, whatever targets have.
            if spec.is_base or settings.all_images or not _is_on_all(spec):
                found.setdefault(self.task(spec), []).append(spec)
        return found


def _is_on_all(spec: NetworkSpec) -> bool:
    """Whether a target network has all images."""
    return spec.target == TARGET and spec.target_images is None


def _is_scratch(spec: NetworkSpec) -> bool:
    """Whether nothing is copied from a network."""
    return spec.is_base and spec.target == TARGET


def design(settings: FreezeSettings) -> Design:
    """Looks up how many images there are and checks the settings.

    Args:
        settings: `FreezeSettings`.

    Returns:
        `Design`, with the rates that the settings name.

    Raises:
        UserError: If there is no such study.
    """
    recipe = settings.resolve()
    if settings.steps_per_epoch is not None:
        raise UserError(
            "Expected no `steps_per_epoch`: steps follow from `epochs`, "
            "`least_steps` and `head_steps`. Received: "
            f"{settings.steps_per_epoch}."
        )
    check_at_least_one(
        least_steps=settings.least_steps, head_steps=settings.head_steps
    )
    if settings.tuning_split in settings.splits:
        raise UserError(
            "Expected a `tuning_split` that is none of `splits`. Received: "
            f"{settings.tuning_split} and {settings.splits}."
        )
    if not (settings.width and settings.images and settings.layers):
        raise UserError(
            "Expected a `width`, a number of `images` and one of `layers`. "
            f"Received: {settings.width}, {settings.images}, "
            f"{settings.layers}."
        )
    searched = settings.search()
    if searched is not None:
        searched.check_apart(settings.splits)
    facts = find_or_prepare(
        settings, recipe.image_size, dataset_facts.find_facts
    )
    whole = facts.train_images / facts.num_classes
    most = round(whole * (1 - recipe.validation_fraction))
    most = min(most, settings.images_per_class or most)
    sizes = (*settings.images, settings.tuning_images)
    check_images(sizes, most, settings.dataset)
    return Design(settings, most, facts.num_classes // 2, settings.rates())
