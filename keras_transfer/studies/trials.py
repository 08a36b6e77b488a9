"""The trials of a search: which is best, and the files that list them."""

import dataclasses
import glob
import json
import shutil
from pathlib import Path

from keras_transfer.storage.event_files import EventFile
from keras_transfer.storage.files import write_atomically
from keras_transfer.storage.store import RunStore
from keras_transfer.storage.tree import EVENTS, STUDY_RUNS


@dataclasses.dataclass(frozen=True)
class Trial:
    """One point of a search.

    Args:
        values: Dict of the solver's fields that were tried.
        epochs: Integer, of its networks.
        executions: List of dicts with the network's name and id and its
            validation accuracy, `None` where training failed.
        score: Float, mean validation accuracy; failures count as 0.
    """

    values: dict[str, float]
    epochs: int
    executions: list[dict]
    score: float


def best_of(trials: list[Trial]) -> Trial:
    """Returns the best trial among those with the most epochs.

    Args:
        trials: List of `Trial`, not empty.

    Returns:
        `Trial`.
    """
    longest = max(trial.epochs for trial in trials)
    full = [trial for trial in trials if trial.epochs == longest]
    return max(full, key=lambda trial: trial.score)


def write_trials(path: Path, found: dict[str, list[Trial]]) -> None:
    """Writes every trial of every task, each execution kept.

    Args:
        path: Path of a `.jsonl` file.
        found: Dict from task to its list of `Trial`.
    """
    rows = [
        {"task": task, "trial": number, **dataclasses.asdict(trial)}
        for task, trials in found.items()
        for number, trial in enumerate(trials)
    ]
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in rows))


def write_trial_events(
    store: RunStore, report: Path, found: dict[str, list[Trial]]
) -> None:
    """Writes each trial's row of TensorBoard's HParams table.

    Args:
        store: `RunStore` of the trials; a run for each task and trial is
            made anew among its event files.
        report: Path of the search's folder in that of the store.
        found: Dict from task to its list of `Trial`.
    """
    place = report.relative_to(store.log_dir)
    root = store.log_dir / EVENTS / STUDY_RUNS
    for old in root.glob(f"*/trial*/{glob.escape(str(place))}"):
        shutil.rmtree(old, ignore_errors=True)
    for task, trials in found.items():
        for number, trial in enumerate(trials):
            name = f"{task.replace(' ', '-')}/trial{number:03d}"
            values = {"task": task, "epochs": trial.epochs, **trial.values}
            with EventFile(root / name / place, first=True) as events:
                events.hparams(values, name)
                events.scalars({"hparams/val_accuracy": trial.score}, 0)


def write_best(
    path: Path,
    found: dict[str, list[Trial]],
    about: dict,
    given: dict | None = None,
) -> None:
    """Writes `best.json`, which experiments take as `learning_rates`.

    Args:
        path: Path.
        found: Dict from task to its list of `Trial`.
        about: Dict, what was searched, written as it is.
        given: Dict, what an earlier `best.json` holds, whose tasks are kept
            beside. Defaults to `None`.
    """
    best = {task: best_of(trials) for task, trials in found.items()}
    rates = {task: trial.values for task, trial in best.items()}
    scores = {task: trial.score for task, trial in best.items()}
    given = given or {}
    content = {
        **about,
        "rates": given.get("rates", {}) | rates,
        "val_accuracy": given.get("val_accuracy", {}) | scores,
    }
    write_atomically(path, json.dumps(content, indent=1) + "\n")
