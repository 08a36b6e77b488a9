"""Boost: does fine-tuned transfer (AnB+) beat fine-tuned selffer (BnB+)?

Claim (the paper's fifth interpretation): having seen other classes helps even
after fine-tuning. The published logs cannot tell that from training longer
(see `reanalyse_2014`); here every comparison is paired, over several splits
in both directions, beside a base trained as long.

    python -m experiments.boost --dataset cifar100

Cost: 64 networks, 87 minutes of one core with `--preset earlier --width 16
--precision bfloat16`. Expected there: AnB+ - BnB+ between -0.8 and +0.7
points, AnB+ - base between +3.3 and +4.2.
"""

import dataclasses
import sys

from experiments.common.effect_plan import (
    foreseen,
    half_images,
    planned,
    told,
)
from experiments.common.running import Experiment
from experiments.common.study_settings import StudySettings
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.contrasts import Observations
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.reports import boost
from keras_transfer.specs.treatments import FINETUNED_TRANSFER, TWICE
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class BoostSettings(StudySettings):
    """What this study can be told; its treatments are BnB+ and AnB+."""

    splits: tuple[int, ...] | None = None
    """Random splits of the classes (0 1 2 3 if not given)."""
    layers: tuple[int, ...] | None = None
    """Numbers n of copied layers, among 1 to 7 (3 5 7 if not given)."""


def _specs(settings: BoostSettings):
    """Lists the networks: bases, BnB+, AnB+ and bases trained as long."""
    smoke, recipe = settings.preset == "smoke", settings.resolve()
    found = grids.similar_networks(
        settings.dataset,
        recipe,
        grids.Grid(
            settings.splits or ((0,) if smoke else (0, 1, 2, 3)),
            recipe.seeds,
            settings.layers or ((5,) if smoke else (3, 5, 7)),
            ("BnB+", "AnB+"),
        ),
        settings.mean,
    )
    bases = [spec for spec in found if spec.is_base]
    return found + grids.long_bases(bases)


def _report(settings: BoostSettings, rows, command, folder):
    """Writes figure and table; says how AnB+ does against each control."""
    title = f"The boost of fine-tuned transfer on {settings.dataset}"
    paths = boost.write_report(rows, title, command, folder)
    return paths, boost.control_verdicts(evidence_of(rows))


def _foresee(settings: BoostSettings, specs, facts) -> list[str]:
    """Says how wide the interval beside each control will be."""
    usual = min(spec.solver.epochs for spec in specs)

    def name(spec) -> str:
        long = spec.is_base and spec.solver.epochs > usual
        return TWICE if long else spec.treatment

    networks = Observations(planned(specs, name))
    images = half_images(facts, specs)
    rows = []
    for control in boost.CONTROLS:
        asked = Comparison(FINETUNED_TRANSFER, control)
        layers = asked.layers(networks.cells)
        weights = asked.weigh(asked, layers)
        effect = f"{asked.first} - {asked.second}"
        rows.append(
            foreseen(asked.name(layers), effect, networks, weights, images)
        )
    return told(rows, len(specs))


STUDY = Experiment("boost", __doc__, BoostSettings, _specs, _report, _foresee)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
