"""Target size: when to freeze copied layers and when to fine-tune them.

Claim (the paper's introduction, where nobody draws it): with few target
images freezing is better, for fine-tuning overfits; with many, fine-tuning.
Every network takes as many steps here, at one rate, which leaves frozen heads
unfitted; `when_to_freeze` tunes rates, fits heads and varies the width too.

    python -m experiments.target_size --dataset cifar100 --epochs 3

Cost: 224 networks, 54 minutes of one core with `--preset earlier --width 16
--precision bfloat16 --epochs 3`. Expected there: with 5 images a class both
are equal within a point (n = 7); from 10 on fine-tuning is ahead.
"""

import dataclasses
import sys

from experiments.common.bases import check_images, few_image_bases
from experiments.common.effect_plan import not_known
from experiments.common.running import Experiment
from experiments.common.study_settings import Splits, StudySettings
from keras_transfer.analysis import results
from keras_transfer.analysis.target_size import crossings
from keras_transfer.reports import data_size
from keras_transfer.specs.origins import MODES
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


def _specs(settings: TargetSizeSettings):
    """Lists the networks: bases, few-image bases, then transfers to both."""
    smoke = settings.preset == "smoke"
    layers = settings.layers or ((7,) if smoke else (3, 5, 7))
    sizes = settings.images or ((5, 50) if smoke else (5, 10, 25, 50, 100))
    draws = settings.draws or ((0,) if smoke else (0, 1, 2))
    bases, most = few_image_bases(settings, settings.resolve())
    check_images(sizes, most, settings.dataset)
    few = grids.limited_networks(bases, sizes, draws)
    transfers = grids.few_image_transfers(few + bases, layers, MODES)
    return bases + few + transfers


def _report(settings: TargetSizeSettings, rows, command, folder):
    """Writes figure and tables; says where the curves cross."""
    title = f"Target images a class of {settings.dataset}"
    paths = data_size.write_target_size(rows, title, command, folder)
    return paths, crossings(rows, results.layers_of(rows))


STUDY = Experiment(
    "target_size", __doc__, TargetSizeSettings, _specs, _report, not_known
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
