"""All classes: a base network on the whole data set beside those on halves.

Claim: a network on half of the classes errs less than one on all of them
(the first interpretation of section 4.1): it has fewer classes to confuse.

    python -m experiments.all_classes --dataset cifar100
"""

import sys

from rich.console import Console

from experiments.running import run_script
from experiments.settings import Settings, main_of
from keras_transfer import networks, results, summary


def run(settings: Settings, console: Console) -> int:
    """Trains the bases and the networks on all classes.

    Args:
        settings: `Settings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    recipe = settings.resolve()
    bases = networks.similar_networks(
        settings.dataset,
        recipe,
        recipe.splits,
        settings.seeds,
        (),
        (),
        settings.mean,
    )
    specs = bases + networks.all_class_networks(bases)

    def write(rows, command, folder):
        title = f"All classes of {settings.dataset} against halves"
        paths = summary.write_bases(rows, title, command, folder)
        claim = results.claims(rows)[0]
        return paths, [f"{claim.text} {claim.verdict.upper()}: {claim.effect}"]

    return run_script(settings, specs, "all_classes", write, console)


def main(arguments=None) -> int:
    """Runs the script; see `experiments.settings.main_of`."""
    return main_of("all_classes", __doc__, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
