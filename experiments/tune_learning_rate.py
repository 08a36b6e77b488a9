"""Tunes learning rates with keras-tuner, on validation images alone.

Is a difference between treatments one of features, or only of a learning rate
that suits one of them? Give each treatment its own best rate and see.

    python -m experiments.tune_learning_rate --dataset cifar100 --layers 5 \\
        --treatments AnB AnB+

writes best.json, which every experiment takes as `--learning-rates FILE`.
Killed and started again it goes on; finished trials are not trained again.

Claim: what freezing costs does not hang on the rate. Cost: a trial is one
training of each target. Expected on CIFAR-100 (`--preset earlier --width 16`,
n = 5): AnB - base between -5.0 and -1.1 points with tuned rates, between -4.1
and -2.9 with the default one.
"""

import dataclasses
import functools
import sys
from typing import Literal

from rich.console import Console
from rich.table import Table

from experiments.common.bases import grid_specs
from experiments.common.running import DONE, command_main
from experiments.common.settings import Settings
from experiments.common.study_settings import Layers, Splits, Treatments
from experiments.common.training import open_executor, training
from keras_transfer.errors import UserError
from keras_transfer.specs.rates import task_of
from keras_transfer.storage import locks
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts, tuning
from keras_transfer.studies.trials import (
    Trial,
    best_of,
    write_best,
    write_trial_events,
    write_trials,
)


@dataclasses.dataclass(frozen=True)
class TuneSettings(Treatments, Layers, Splits, Settings):
    """What this search can be told."""

    method: Literal["random", "bayesian", "hyperband"] = "random"
    """How trials are chosen (hyperband sets their number itself)."""
    trials: int = 10
    """Trials of each task."""
    lowest: float = 1e-3
    """Lowest learning rate."""
    highest: float = 1.0
    """Highest learning rate."""
    weight_decay: bool = False
    """Search weight decay as well."""
    copied_rate: bool = False
    """Search a multiplier for copied layers as well (AnB+, BnB+)."""
    targets: tuple[str, ...] = ("B",)
    """Halves that the tuned networks are trained on, among A B."""
    tune_base: bool = True
    """Tune the base networks too."""


def tasks(settings: TuneSettings) -> dict[str, list]:
    """Groups the networks of a study by what shares a rate.

    Args:
        settings: `TuneSettings`.

    Returns:
        Dict from a task to its executions, a list of `NetworkSpec`.
    """
    recipe = settings.resolve()
    if settings.trials < 1:
        raise UserError(
            f"Expected `--trials` of at least 1. Received: {settings.trials}."
        )
    if not 0 < settings.lowest < settings.highest:
        raise UserError(
            "Expected 0 < `--lowest` < `--highest`. "
            f"Received: {settings.lowest} and {settings.highest}."
        )
    specs = grid_specs(settings, recipe, settings.treatments)
    found: dict[str, list] = {}
    for spec in specs:
        wanted = not spec.is_base or settings.tune_base
        if wanted and spec.target in settings.targets:
            found.setdefault(task_of(spec), []).append(spec)
    if not found:
        raise UserError(
            "Nothing to tune: expected `--targets` among A and B and a base "
            f"or a treatment. Received: {settings.targets}."
        )
    return found


def run(
    command: tuple[str, ...], settings: TuneSettings, console: Console
) -> int:
    """Trains the bases, searches each task and writes best.json.

    Args:
        command: Tuple of strings, the words of the command that runs it,
            kept beside the networks.
        settings: `TuneSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    found = tasks(settings)
    sources = RunStore(settings.log_dir, "similar_datasets", command=command)
    bases = list(
        dict.fromkeys(
            spec.source
            for specs in found.values()
            for spec in specs
            if spec.source is not None
        )
    )
    if settings.plan:
        size = next(iter(found.values()))[0].data.image_size
        place = (settings.dataset, size, settings.data_dir)
        dataset_facts.find_facts(sources, *place)  # refuses an unknown name
        count = settings.trials * sum(map(len, found.values()))
        console.print(
            f"{len(bases)} base networks, then {len(found)} tasks of "
            f"{settings.trials} trials each, {count} networks: "
            f"{', '.join(found)}.",
            highlight=False,
        )
        return DONE
    if bases:
        title = "Base networks of the search"
        with training(settings, bases, sources, console, title):
            pass
    folder = sources.log_dir / "tuning"
    store = RunStore(folder, "trials", sources.cache_dir, command)
    report = folder / settings.dataset.replace("/", "-")
    report = report / settings.report_name()
    space = tuning.Space(
        settings.lowest,
        settings.highest,
        settings.weight_decay,
        settings.copied_rate,
    )
    plan = tuning.SearchPlan(space, settings.method, settings.trials)
    results: dict[str, list[Trial]] = {}
    store.check_writable()
    report.mkdir(parents=True, exist_ok=True)
    tuned = [spec for specs in found.values() for spec in specs]
    # keras-tuner's own files are one search's; a second one in the same place
    # waits, and then finds every trial finished.
    lock = report / "search.lock"
    if locks.is_taken(lock):
        console.print(
            f"waiting for {locks.holder(lock)}, which searches in {report}",
            soft_wrap=True,
        )
    with (
        locks.hold(lock, wait=True),
        open_executor(settings, tuned, store, console) as executor,
    ):
        options = settings.run_options(executor)
        for task, specs in found.items():
            results[task] = tuning.search(
                specs,
                plan,
                store,
                sources,
                report / "keras_tuner" / task.replace(" ", "-"),
                options,
                _shower(task, settings, console),
            )
            write_trials(report / "trials.jsonl", results)
            write_trial_events(store, report, results)
            about = {"dataset": settings.dataset, "method": settings.method}
            write_best(report / "best.json", results, about)
        _print_best(results, console)
        console.print(f"rates: {report / 'best.json'}", soft_wrap=True)
    return DONE


def _shower(task: str, settings: TuneSettings, console: Console):
    def show(trial: Trial) -> None:
        if not settings.quiet:
            values = ", ".join(f"{k} {v:.4g}" for k, v in trial.values.items())
            console.print(
                f"{task}: {values}: validation {100 * trial.score:.1f} %",
                highlight=False,
            )

    return show


def _print_best(results: dict, console: Console) -> None:
    table = Table(title="Best by validation accuracy")
    for column in ("task", "trials", "values", "validation"):
        table.add_column(column)
    for task, trials in results.items():
        best = best_of(trials)
        values = ", ".join(f"{k} {v:.4g}" for k, v in best.values.items())
        table.add_row(
            task, str(len(trials)), values, f"{100 * best.score:.1f} %"
        )
    console.print(table)


main = functools.partial(
    command_main, "tune_learning_rate", __doc__, run, TuneSettings
)

if __name__ == "__main__":
    sys.exit(main())
