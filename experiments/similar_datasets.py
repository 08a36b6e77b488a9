"""Similar data sets: random halves of the classes (section 4.1, figure 2).

Claim: freezing the first n layers of a base network costs accuracy for two
reasons, co-adaptation cut in the middle (BnB) and specificity to the base
task (AnB minus BnB); fine-tuning recovers both (BnB+, AnB+).

    python -m experiments.similar_datasets
    python -m experiments.similar_datasets --dataset cifar100
"""

import sys

from rich.console import Console

from experiments.running import run_script
from experiments.settings import Settings, main_of
from keras_transfer import networks, results, summary


def run(settings: Settings, console: Console) -> int:
    """Trains the study's networks and writes its results.

    Args:
        settings: `Settings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    recipe = settings.resolve()
    specs = networks.similar_networks(
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
        paths = summary.write_report(rows, title, command, folder)
        lines = [
            f"{claim.number}. {claim.text} {claim.verdict.upper()}: "
            f"{claim.effect}"
            for claim in results.claims(rows)
        ]
        return paths, lines

    return run_script(settings, specs, "similar_datasets", write, console)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.settings.main_of`."""
    return main_of("similar_datasets", __doc__, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
