"""Similar data sets: random halves of the classes (section 4.1, figure 2).

Claim: freezing the first n layers of a base network costs accuracy for two
reasons, co-adaptation cut in the middle (BnB) and specificity to the base
task (AnB minus BnB); fine-tuning recovers both (BnB+, AnB+).

    python -m experiments.similar_datasets
    python -m experiments.similar_datasets --dataset cifar100
    python -m experiments.similar_datasets --images DIR

Cost: the first under 5 minutes on two cores; CIFAR-100 with `--preset earlier
--precision bfloat16` 173 minutes of one core. Expected there: BnB - AnB at n
6 to 7 between +11.0 and +12.3 points, AnB+ - BnB+ between -0.3 and +0.4.
"""

import sys

from experiments.common.running import Study, main_of
from experiments.common.settings import ImageSettings
from keras_transfer.analysis import claims, published_2014
from keras_transfer.reports import summary
from keras_transfer.studies import grids


def study(settings: ImageSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `ImageSettings`.

    Returns:
        `Study`.
    """
    recipe = settings.resolve()
    specs = grids.similar_networks(
        settings.dataset,
        recipe,
        recipe.splits,
        settings.seeds,
        recipe.layers,
        settings.treatments,
        settings.mean,
    )

    def write(rows, command, folder):
        title = f"Similar data sets: random halves of {settings.dataset}"
        published = None
        if settings.overlay_2014:
            published = published_2014.published_rows()
        paths = summary.write_report(rows, title, command, folder, published)
        lines = [
            f"{claim.number}. {claim.text} {claim.verdict.upper()}: "
            f"{claim.effect}"
            for claim in claims.judge_rows(rows)
        ]
        return paths, lines

    return Study("similar_datasets", specs, write)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.common.running.main_of`."""
    return main_of("similar_datasets", __doc__, study, arguments, ImageSettings)


if __name__ == "__main__":
    sys.exit(main())
