"""Similar data sets: random halves of the classes (section 4.1, figure 2).

Claim: freezing the first n layers of a base network costs accuracy for two
reasons, co-adaptation cut in the middle (BnB) and specificity to the base
task (AnB minus BnB); fine-tuning recovers both (BnB+, AnB+).

    python -m experiments.similar_datasets
    python -m experiments.similar_datasets --dataset cifar100
    python -m experiments.similar_datasets --images DIR

Cost: the first 9 minutes on two older cores; CIFAR-100 with `--preset
earlier --precision bfloat16` 173 minutes of one core. Expected there: BnB -
AnB at n 6 to 7 between +11.0 and +12.3 points, AnB+ - BnB+ between -0.3 and
+0.4.
"""

import sys

from experiments.common.bases import grid_specs
from experiments.common.running import Experiment
from experiments.common.study_settings import SimilarSettings
from keras_transfer.analysis import claims, published_2014
from keras_transfer.reports import summary
from keras_transfer.studies import grids


def _specs(settings: SimilarSettings):
    """Lists the networks, bases first, those of twice the epochs last."""
    recipe = settings.resolve()
    networks = grid_specs(settings, recipe, settings.treatments)
    if not recipe.twice:
        return networks
    return networks + grids.long_bases([s for s in networks if s.is_base])


def _report(settings: SimilarSettings, rows, command, folder):
    """Writes figure 2, the losses and tables; says the five claims."""
    title = f"Similar data sets: random halves of {settings.dataset}"
    published = settings.published(published_2014.published_rows)
    written = summary.similar_report(published)
    paths = written.write(rows, title, command, folder)
    lines = [
        f"{claim.number}. {claim.text} {claim.verdict.upper()}: {claim.effect}"
        for claim in claims.judge_rows(rows)
    ]
    return paths, lines


STUDY = Experiment(
    "similar_datasets", __doc__, SimilarSettings, _specs, _report
)
study, main = STUDY.study, STUDY.main

if __name__ == "__main__":
    sys.exit(main())
