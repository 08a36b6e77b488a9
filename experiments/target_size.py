"""Target size: when to freeze copied layers and when to fine-tune them.

Claim (the paper's introduction, where nobody draws it): with few target
images freezing is better, for fine-tuning overfits; with many, fine-tuning.

    python -m experiments.target_size --dataset cifar100 --epochs 3

Cost: 224 networks, 54 minutes of one core with `--preset earlier --width 16
--precision bfloat16 --epochs 3`. Expected there: with 5 images a class both
are equal within a point (n = 7); from 10 on fine-tuning is ahead.
"""

import dataclasses
import sys

from experiments.common.bases import check_images, few_image_bases
from experiments.common.running import Study, main_of
from experiments.common.settings import Splits, StudySettings
from keras_transfer.reports import data_size
from keras_transfer.specs.network import MODES
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class TargetSizeSettings(Splits, StudySettings):
    """What this study can be told; it has no treatments."""

    layers: tuple[int, ...] | None = None
    """Numbers n of copied layers, among 1 to 7 (3 5 7 if not given)."""
    images: tuple[int, ...] | None = None
    """Target images of each class (5 10 25 50 100); all come beside."""
    draws: tuple[int, ...] | None = None
    """Draws of the small sets (0 1 2)."""


def study(settings: TargetSizeSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `TargetSizeSettings`.

    Returns:
        `Study`.
    """
    recipe = settings.resolve()
    smoke = settings.preset == "smoke"
    layers = settings.layers or ((7,) if smoke else (3, 5, 7))
    sizes = settings.images or ((5, 50) if smoke else (5, 10, 25, 50, 100))
    draws = settings.draws or ((0,) if smoke else (0, 1, 2))
    bases, most = few_image_bases(settings, recipe)
    check_images(sizes, most, settings.dataset)
    few = grids.limited_networks(bases, sizes, draws)
    targets = few + bases
    transfers = grids.few_image_transfers(targets, layers, MODES)
    title = f"Target images a class of {settings.dataset}"

    def write(rows, command, folder):
        paths = data_size.write_target_size(rows, title, command, folder)
        return paths, data_size.crossings(rows, sorted(layers))

    return Study("target_size", bases + few + transfers, write)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.common.running.main_of`."""
    return main_of("target_size", __doc__, study, arguments, TargetSizeSettings)


if __name__ == "__main__":
    sys.exit(main())
