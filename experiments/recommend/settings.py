"""What the command can be told, and what follows from it."""

import dataclasses
import math
import re

from keras_transfer.errors import UserError

OWN_BASE = "cnn8"
# Without arguments: all of it within the three minutes that `--help` promises
# on two cores, ending later than planned included; on slow ones the budget
# grows. Fewer epochs than the rule of `epochs_of` gives leave time for several
# networks.
DEMONSTRATION = {"budget": "140s", "epochs": 12}
_UNITS = {"s": 1, "m": 60, "h": 3600}
_OPEN_SIZE = 96  # pixels, where neither the model nor the user says
# Shares of the budget; the rest is for looking, scores and the page.
RACE_SHARE, FINALS_SHARE = 0.5, 0.35
_LEAST_STEPS = 400  # of a whole training
# Of a training that a choice is judged by: with 30 steps instead of 90 or 180
# the best of nine settings were ranked too low to be trained on.
LEAST_RUNG_STEPS = 200


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    model: str = OWN_BASE
    """FILE.keras, applications:NAME[@random], hub:PRESET, or cnn8: a small
    base trained here on drawn shapes."""
    images: str | None = None
    """Folder with a folder of images for each class; drawn shapes if not
    given."""
    budget: str = "20m"
    """Time for everything: seconds, or with the unit s, m or h."""
    tolerance: float = 1.0
    """Largest accepted loss of accuracy against the best, in points."""
    log_dir: str = "logs"
    """Folder that results and stored outputs are written to."""
    image_size: int | None = None
    """Side of the images in pixels; the model's own if not given, or 96."""
    images_per_class: int | None = None
    """Training images of each class at most; all if not given."""
    most_classes: int | None = None
    """Classes at most, spread evenly over their names; all if not given."""
    pixel_range: tuple[float, float] | None = None
    """What the model takes for black and white, if it does not say."""
    seeds: int = 3
    """Trainings of each finalist."""
    rates: tuple[float, ...] = (3e-4, 3e-3)
    """Learning rates of Adam that each candidate starts with."""
    most_stages: int = 12
    """Stages that the model is divided into at most."""
    epochs: int | None = None
    """Epochs of a whole training; by the number of images if not given."""
    batch_size: int | None = None
    """Images a step; 16 or 32 by the number of images if not given."""
    store_gigabytes: float = 2.0
    """Disk for what the stages put out."""
    plan: bool = False
    """Print the plan and its cost, then stop."""

    def check(self) -> None:
        """Refuses what no run can do.

        Raises:
            UserError: Naming the setting.
        """
        self.seconds()
        if not 0 <= self.tolerance <= 100:
            raise UserError(
                "Expected `tolerance` in points from 0 to 100. Received: "
                f"{self.tolerance:g}."
            )
        wanted = {
            "seeds": self.seeds,
            "image_size": self.image_size,
            "images_per_class": self.images_per_class,
            "most_classes": self.most_classes,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "most_stages": self.most_stages,
        }
        for name, value in wanted.items():
            least = 1
            if name in ("images_per_class", "most_classes", "most_stages"):
                least = 2
            if value is not None and value < least:
                raise UserError(
                    f"Expected `{name}` of at least {least}. Received: {value}."
                )
        positive = all(0 < rate < math.inf for rate in self.rates)
        if (
            not self.rates
            or not positive
            or len(set(self.rates)) < len(self.rates)
        ):
            raise UserError(
                "Expected `rates` that are positive and distinct. Received: "
                f"{list(self.rates)}."
            )
        if not self.store_gigabytes >= 0:
            raise UserError(
                "Expected `store_gigabytes` of 0 or more. Received: "
                f"{self.store_gigabytes}."
            )

    def seconds(self) -> float:
        """Returns the budget in seconds.

        Raises:
            UserError: If it is no time.
        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", self.budget.strip())
        if found is None or not float(found[1]):
            raise UserError(
                "Expected `budget` as a time such as 90s, 20m or 1.5h. "
                f"Received: {self.budget!r}."
            )
        return float(found[1]) * _UNITS[found[2] or "s"]


def use_of_time(options: Options) -> str:
    """Names the settings beside the budget that decide how time is used.

    Args:
        options: `Options`.
    """
    rates = " ".join(f"{rate:g}" for rate in options.rates)
    return f"rates {rates}, seeds {options.seeds}"


def open_size(options: Options, own: tuple[int, int] | None) -> tuple[int, int]:
    """Returns height and width of the images.

    Args:
        options: `Options`.
        own: Pair of integers, what the model needs, or `None` for any.
    """
    if own is not None:
        return own
    side = options.image_size or _OPEN_SIZE
    return side, side


def batch_size_of(options: Options, images: int) -> int:
    """Returns the images a step: more steps where there are few images.

    Args:
        options: `Options`.
        images: Integer, training images.
    """
    return options.batch_size or (16 if images < 400 else 32)


def epochs_of(options: Options, steps: int) -> int:
    """Returns the epochs of a whole training, 10 to 40 for some 400 steps.

    Args:
        options: `Options`.
        steps: Integer, steps an epoch.
    """
    return options.epochs or max(10, min(40, math.ceil(_LEAST_STEPS / steps)))
