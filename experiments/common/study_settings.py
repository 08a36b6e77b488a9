"""What studies are told on the command line beside what all scripts are."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import tyro

from experiments.common.settings import Settings, replace_given
from keras_transfer.specs import presets
from keras_transfer.specs.rates import read_rates
from keras_transfer.specs.settings import check_rates
from keras_transfer.specs.treatments import CHOICES, TREATMENTS


@dataclasses.dataclass(frozen=True)
class Splits:
    """What studies of random halves can be told."""

    splits: tuple[int, ...] | None = None
    """Random splits of the classes into halves A and B."""


@dataclasses.dataclass(frozen=True)
class Layers:
    """What studies with copied layers can be told."""

    layers: tuple[int, ...] | None = None
    """Numbers n of copied layers, among 1 to 7."""


@dataclasses.dataclass(frozen=True)
class Treatments:
    """What studies can be told whose treatments can be chosen."""

    treatments: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help=f"Among {' '.join(CHOICES)}; none at all trains the bases "
            "alone."
        ),
    ] = TREATMENTS


@dataclasses.dataclass(frozen=True)
class StudySettings(Settings):
    """What every study can be told, a search of learning rates not."""

    learning_rates: str | None = None
    """best.json of `tune_learning_rate`: a rate for each treatment."""
    copied_rate: float | None = None
    """Multiplier of the learning rate of copied layers that are trained."""
    rate_decay: float | None = None
    """Once more for each layer that these lie below the last."""

    def resolve(self) -> presets.Recipe:
        """See `Settings.resolve`."""
        recipe = super().resolve()
        rates = {"copied_rate": self.copied_rate, "rate_decay": self.rate_decay}
        check_rates(**rates)
        return replace_given(
            recipe, solver=replace_given(recipe.solver, **rates)
        )

    def rates(self) -> dict[str, dict[str, float]]:
        """Returns the learning rates of each task's own, if any."""
        if self.learning_rates is None:
            return {}
        return read_rates(self.learning_rates)


@dataclasses.dataclass(frozen=True)
class CopySettings(Layers, Splits, StudySettings):
    """What studies of copied layers on random halves can be told."""


@dataclasses.dataclass(frozen=True)
class Overlay:
    """What studies can be told that draw a figure of the paper."""

    overlay_2014: bool = False
    """Draw the values of 2014 beside, in grey, as changes from their base."""

    def published(self, read: Callable[[], Any]) -> Any:
        """Returns what is drawn of 2014, or `None` if it is not asked for.

        Args:
            read: Callable that returns it.
        """
        return read() if self.overlay_2014 else None


@dataclasses.dataclass(frozen=True)
class GridSettings(Overlay, Treatments, Layers, Splits, StudySettings):
    """What the whole grid of section 4.1 can be told."""


@dataclasses.dataclass(frozen=True)
class SimilarSettings(GridSettings):
    """What the study of random halves can be told beside its grid."""

    images: str | None = None
    """Folder of images, a folder for each class, in place of a data set."""
    classes_per_half: int | None = None
    """Classes drawn of each random half (all if not given)."""
    twice: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Bases of twice the epochs too, which tell whether the others are
    trained out; the embedded set's recipe has them anyway."""
    no_twice: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Without those bases, also on the embedded set."""

    def opened(self) -> "SimilarSettings":
        """See `Settings.opened`."""
        return self.with_images(self.images)
