"""The search of the 2014 regime's rate, from its committed trials."""

import json
from collections import defaultdict
from functools import cache
from pathlib import Path

from experiments.common.study_settings import StudySettings
from experiments.findings.committed import PUBLISHED
from keras_transfer.reports.markdown import table
from keras_transfer.studies.trials import Trial, best_of

FOLDER = "regime-2014"
_SEARCH = (
    "tune_learning_rate --dataset cifar100 --regime 2014 --width 16 "
    "--images-per-class 100 --splits 4 --targets A B --layers 5 --treatments"
)
_RANGES = (
    "--epochs 12 --trials 8 --lowest 0.005 --highest 0.2",
    "--epochs 48 --trials 2 --lowest 0.008 --highest 0.06",
)
# The recipe's own rate beside them.
_OWN = "--trials 1 --lowest 0.0299 --highest 0.0301"


@cache
def usual() -> float:
    """Returns the rate of the regime's recipe."""
    settings = StudySettings(dataset="cifar100", regime="2014")
    return settings.resolve().solver.learning_rate


@cache
def trials() -> dict[int, list[Trial]]:
    """Returns the trials by their epochs, the lowest rate first."""
    found = defaultdict(list)
    for line in (PUBLISHED / FOLDER / "trials.jsonl").open():
        row = json.loads(line)
        for name in ("task", "trial"):
            del row[name]
        found[row["epochs"]].append(Trial(**row))
    return {
        epochs: sorted(found[epochs], key=_rate) for epochs in sorted(found)
    }


def folder() -> tuple[str, str, str]:
    """Returns the row of it in the table of published folders."""
    return (FOLDER, "; then ".join(_commands()), in_words())


def in_words() -> str:
    """Says which rate was best at each length, and how the recipe's did."""
    said = []
    for epochs, own in trials().items():
        best = best_of(own)
        text = (
            f"At {epochs} epochs, of {len(own)} rates from "
            f"{_rate(own[0]):.2g} to {_rate(own[-1]):.2g}, the best is "
            f"{_rate(best):.2g} with {_percent(best)} % of the "
            "validation images"
        )
        recipes = [one for one in own if _is_usual(one)]
        if best in recipes:
            text += ", the recipe's"
        else:
            text += f"; the recipe's {usual()} has {_percent(recipes[0])} %"
        said.append(text)
    networks = {len(t.executions) for own in trials().values() for t in own}
    (halves,) = networks
    return (
        f"{'. '.join(said)}. Means of {halves} networks, a base on each half "
        "of split 4, which no study of the regime has; one seed"
    )


def summary() -> tuple[Path, str]:
    """Returns the path of the page and its text."""
    rows = [
        [
            str(epochs),
            f"{_rate(trial):.4f}",
            *(f"{100 * one['val_accuracy']:.1f}" for one in trial.executions),
            _percent(trial),
        ]
        for epochs, own in trials().items()
        for trial in own
    ]
    names = [
        one["network"].split("/")[-2]
        for one in next(iter(trials().values()))[0].executions
    ]
    lines = [
        "# The learning rate of the regime of 2014, cifar100",
        "",
        *(f"    python -m experiments.{line}" for line in _commands()),
        "",
        f"{in_words()}.",
        "",
        "Validation accuracy at the end, %, and the mean of both:",
        "",
        *table(["epochs", "rate", *names, "mean"], rows),
        "",
        "Rates were drawn by keras-tuner, log-uniform in the range of each "
        "command. Width, weight decay, momentum and batch were not searched, "
        "and copies were not trained.",
        "",
    ]
    return PUBLISHED / FOLDER / "summary.md", "\n".join(lines)


def _commands() -> list[str]:
    ranges = [*_RANGES, f"--epochs 12 {_OWN}", f"--epochs 48 {_OWN}"]
    return [f"{_SEARCH} {flags}" for flags in ranges]


def _rate(trial: Trial) -> float:
    return trial.values["learning_rate"]


def _is_usual(trial: Trial) -> bool:
    return abs(_rate(trial) / usual() - 1) < 0.01


def _percent(trial: Trial) -> str:
    return f"{100 * trial.score:.1f}"
