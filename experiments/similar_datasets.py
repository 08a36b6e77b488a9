"""Similar data sets: random halves of the classes (section 4.1, figure 2).

Claim: freezing the first n layers of a base network costs accuracy for two
reasons, co-adaptation cut in the middle (BnB) and specificity to the base
task (AnB minus BnB); fine-tuning recovers both (BnB+, AnB+).

    python -m experiments.similar_datasets
    python -m experiments.similar_datasets --dataset cifar100
"""

import shlex
import sys

from rich.console import Console

from experiments.settings import (
    DONE,
    SOME_FAILED,
    Settings,
    main_of,
    train_all,
)
from keras_transfer import planning, results, summary
from keras_transfer.store import RunStore


def run(settings: Settings, console: Console) -> int:
    """Trains the study's networks and writes its results.

    Args:
        settings: `Settings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    recipe = settings.resolve()
    specs = planning.similar_networks(
        settings.dataset,
        recipe,
        recipe.splits,
        settings.seeds,
        recipe.layers,
        settings.treatments,
        settings.mean,
    )
    store = RunStore(settings.log_dir, "similar_datasets")
    outcome = train_all(settings, specs, store, console)
    if outcome is None:
        return DONE
    for spec, message in outcome.failed.items():
        console.print(f"failed: {spec.name}: {message}", highlight=False)
    report(settings, specs, store, console)
    return SOME_FAILED if outcome.failed else DONE


def report(settings, specs, store: RunStore, console: Console) -> None:
    """Writes the study's table, figures and summary and names them."""
    rows = results.collect(specs, store)
    if not rows:
        return
    folder = (
        store.study_dir
        / settings.dataset.replace("/", "-")
        / settings.report_name()
    )
    words = sys.argv[1:]
    paths = summary.write_report(
        rows,
        f"Similar data sets: random halves of {settings.dataset}",
        shlex.join(["python", "-m", "experiments.similar_datasets", *words]),
        folder,
    )
    for claim in results.claims(rows):
        console.print(
            f"{claim.number}. {claim.text} {claim.verdict.upper()}: "
            f"{claim.effect}",
            highlight=False,
        )
    console.print()
    for name, suffix in (
        ("figure", ".svg"),
        ("table", ".csv"),
        ("report", ".md"),
    ):
        found = [str(path) for path in paths if path.suffix == suffix]
        console.print(
            f"{name}: {', '.join(found)}", soft_wrap=True, highlight=False
        )


def main(arguments=None) -> int:
    """Runs the script; see `experiments.settings.main_of`."""
    return main_of("similar_datasets", __doc__, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
