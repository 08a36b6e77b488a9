"""All classes: a base network on the whole data set beside those on halves.

Claim: a network on half of the classes errs less than one on all of them
(the first interpretation of section 4.1): it has fewer classes to confuse.

    python -m experiments.all_classes --dataset cifar100

With as many epochs, the network on all classes sees an image as often as one
on a half, and takes twice the steps; `--same-steps` trains it for half the
epochs too, which is as many steps in all.
Cost: two networks on halves for each split and seed, and one on all classes
for each seed, or two.
Expected: halves - all classes above 0; 5.9 to 7.4 points with as many epochs
and 12.1 to 13.9 with as many steps in `logs/published/cifar100-all-classes`.
In 2014 halves reached 62.5 % and all classes 57.6 %.
"""

import dataclasses
import sys

from experiments.common.bases import base_specs
from experiments.common.effect_plan import (
    Foreseen,
    half_images,
    planned,
    told,
)
from experiments.common.running import Experiment
from experiments.common.study_settings import Splits, StudySettings
from keras_transfer.analysis import claims, components, contrasts
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.contrasts import FEWEST_SPLITS
from keras_transfer.reports import all_classes
from keras_transfer.specs.treatments import BASE, SAME_STEPS, WHOLE_BASE
from keras_transfer.studies import grids


@dataclasses.dataclass(frozen=True)
class AllClassesSettings(Splits, StudySettings):
    """What this study can be told; it has base networks alone."""

    same_steps: bool = False
    """Also train on all classes for half the epochs: a half's steps in all."""


def _specs(settings: AllClassesSettings):
    """Lists the networks: bases on halves, then on all classes."""
    bases = base_specs(settings, settings.resolve())
    whole = grids.all_class_networks(bases)
    shorter = grids.same_steps(whole) if settings.same_steps else []
    return bases + whole + shorter


def _report(settings: AllClassesSettings, rows, command, folder):
    """Writes figure and table; says the first claim."""
    title = f"All classes of {settings.dataset} against halves"
    paths = all_classes.REPORT.write(rows, title, command, folder)
    claim = claims.judge_rows(rows)[0]
    return paths, [f"{claim.text} {claim.verdict.upper()}: {claim.effect}"]


def _foresee(settings: AllClassesSettings, specs, facts) -> list[str]:
    """Says how wide the intervals of the first claim will be."""
    halves = [spec for spec in specs if spec.target != "all"]
    usual = halves[0].solver.epochs
    found = []
    for name in (WHOLE_BASE, SAME_STEPS):
        epochs = usual / 2 if name == SAME_STEPS else usual
        whole = [
            spec
            for spec in specs
            if spec.target == "all" and spec.solver.epochs == epochs
        ]
        if whole:
            found.append(_expected(name, halves, whole, facts))
    return told(found, len(specs))


def _expected(name: str, halves, whole, facts) -> Foreseen:
    """Foresees halves - all classes by Welch's rule, as it is judged."""
    known, text = components.known(), f"1. {Comparison(BASE, name).name(())}"
    if len({spec.data.split for spec in halves}) < FEWEST_SPLITS:
        return Foreseen(text, f"no interval below {FEWEST_SPLITS} splits")
    if len(whole) < 2:
        return Foreseen(text, "no interval below 2 seeds")
    parts = (
        known[BASE].expect(
            planned(halves), {(BASE, 0, None): 1.0}, half_images(facts, halves)
        ),
        known[WHOLE_BASE].expect_mean(len(whole), half_images(facts, whole)),
    )
    return Foreseen(text, contrasts.subtract(*parts))


STUDY = Experiment(
    "all_classes", __doc__, AllClassesSettings, _specs, _report, _foresee
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
