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
from experiments.common.running import Experiment
from experiments.common.study_settings import Splits, StudySettings
from keras_transfer.analysis import claims
from keras_transfer.reports import all_classes
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


STUDY = Experiment("all_classes", __doc__, AllClassesSettings, _specs, _report)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
