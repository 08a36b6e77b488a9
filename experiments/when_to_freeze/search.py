"""Learning rates of the map, chosen on a split that it does not have."""

import dataclasses

from rich.console import Console

from experiments.common.running import DONE
from experiments.common.training import open_executor, training
from experiments.when_to_freeze.design import (
    NAME,
    Design,
    FreezeSettings,
    design,
)
from keras_transfer.analysis.freeze_rates import read_best
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import (
    BASE,
    FINETUNED_TRANSFER,
    TRANSFER,
)
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import tuning
from keras_transfer.studies.trials import (
    Trial,
    best_of,
    write_best,
    write_trials,
)

# Learning rates that are tried, a factor apart; where the best is the lowest
# or the highest of them, the next one is tried as well.
RATES = {
    BASE: (0.09, 0.27, 0.81),
    TRANSFER: (0.09, 0.27, 0.81),
    FINETUNED_TRANSFER: (0.03, 0.09, 0.27),
}
FACTOR = 3
MOST_RATES = 6  # of a task


def tune(command, settings: FreezeSettings, console: Console) -> int:
    """Tries the rates of each width; the base's first, which copies need.

    Rates that `learning_rates` has stand; the file that is written has them
    too, so that a map can grow.

    Args:
        command: Tuple of strings, the words of the command that runs it.
        settings: `FreezeSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    plan, given = design(settings), _given(settings)
    sources = RunStore(settings.log_dir, NAME, command=command)
    folder = sources.study_dir / settings.dataset.replace("/", "-") / "tuning"
    store = RunStore(
        sources.log_dir / "tuning", NAME, sources.cache_dir, command
    )
    if settings.plan:
        return _plan_tuning(plan, sources, console)
    found: dict[str, list[Trial]] = {}
    for width in settings.width:
        tasks = _searched(plan, width)
        first = {t: s for t, s in tasks.items() if s[0].is_base}
        found |= _search(settings, first, store, sources, console)
        plan = dataclasses.replace(plan, rates=plan.rates | _best(found))
        tasks = _searched(plan, width)
        rest = {t: s for t, s in tasks.items() if not s[0].is_base}
        bases = {spec.source for specs in rest.values() for spec in specs}
        title = f"Bases of width {width} of the search"
        if bases:
            with training(settings, list(bases), sources, console, title):
                pass
        # A copy is tried at every rate, from the base at the base's own.
        found |= _search(settings, rest, store, sources, console)
        plan = dataclasses.replace(plan, rates=plan.rates | _best(found))
        folder.mkdir(parents=True, exist_ok=True)
        write_trials(folder / "trials.jsonl", found)
        about = {
            "dataset": settings.dataset,
            "method": f"a factor of {FACTOR} apart, best between two others",
            "tried": given.get("tried", {})
            | {
                task: [trial.values["learning_rate"] for trial in trials]
                for task, trials in found.items()
            },
            # Each task's own: rates that were given keep theirs.
            "splits": given.get("splits", {})
            | dict.fromkeys(found, settings.tuning_split),
        }
        write_best(folder / "best.json", found, about, given)
    console.print(f"rates: {folder / 'best.json'}", soft_wrap=True)
    return DONE


def _given(settings: FreezeSettings) -> dict:
    """Returns what the `best.json` holds that the settings name."""
    if settings.learning_rates is None:
        return {}
    return read_best(settings.learning_rates)


def _searched(plan: Design, width: int) -> dict[str, list[NetworkSpec]]:
    """Lists the tasks of a width whose rate was not given."""
    given = plan.settings.rates()
    return {t: s for t, s in plan.tasks(width).items() if t not in given}


def _plan_tuning(plan: Design, sources: RunStore, console: Console) -> int:
    tasks = [
        task
        for width in plan.settings.width
        for task in _searched(plan, width).items()
    ]
    bases = {s.source for _, specs in tasks for s in specs} - {None}
    count = sum(
        len(RATES[spec.treatment]) for _, specs in tasks for spec in specs
    )
    console.print(
        f"{len(tasks)} tasks, at least {count} networks, and "
        f"{len(bases)} bases, in {sources.log_dir}: "
        f"{'; '.join(task for task, _ in tasks)}.",
        highlight=False,
        soft_wrap=True,
    )
    return DONE


def widened(trials: list[Trial]) -> tuple[float, ...]:
    """Adds a rate where the best that was tried has none on both sides.

    Args:
        trials: List of `Trial`, by ascending learning rate.

    Returns:
        Tuple of floats, ascending; those that were tried if the best lies
        between two others, or if they are `MOST_RATES`.
    """
    rates = tuple(trial.values["learning_rate"] for trial in trials)
    best = best_of(trials).values["learning_rate"]
    if len(rates) >= MOST_RATES or rates[0] < best < rates[-1]:
        return rates
    if best == rates[-1]:
        return (*rates, float(f"{best * FACTOR:.4g}"))
    return (float(f"{best / FACTOR:.4g}"), *rates)


def _search(
    settings: FreezeSettings,
    tasks: dict[str, list[NetworkSpec]],
    store: RunStore,
    sources: RunStore,
    console: Console,
) -> dict[str, list[Trial]]:
    if not tasks:
        return {}
    specs = [spec for own in tasks.values() for spec in own]
    store.check_writable()
    rates = {task: RATES[own[0].treatment] for task, own in tasks.items()}
    with open_executor(settings, specs, store, console) as executor:
        options = settings.run_options(executor)
        while True:
            # What is finished is read, so only new rates are trained.
            found = tuning.search_grid(tasks, rates, store, sources, options)
            wider = {task: widened(own) for task, own in found.items()}
            if wider == rates:
                break
            rates = wider
    for task, trials in found.items():
        scores = ", ".join(
            f"{t.values['learning_rate']:g}: {100 * t.score:.1f} %"
            for t in trials
        )
        console.print(f"{task}: {scores}", highlight=False, soft_wrap=True)
    return found


def _best(found: dict[str, list[Trial]]) -> dict[str, dict[str, float]]:
    return {task: best_of(trials).values for task, trials in found.items()}
