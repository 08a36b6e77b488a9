"""Searches learning rates with keras-tuner, on validation images alone.

A trial's networks live in a run store of their own, trained in processes of
their own. keras-tuner's oracles are seeded, so a search that was killed is
played again from its start: trials that are finished there are read, not
trained, and the search goes on where it was.
"""

import dataclasses
import glob
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.event_files import EventFile
from keras_transfer.storage.files import write_atomically
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.store import RunStore
from keras_transfer.storage.tree import EVENTS, STUDY_RUNS
from keras_transfer.studies.executors.processes import Executor
from keras_transfer.studies.executors.quiet import quiet_import
from keras_transfer.studies.scheduler import REUSE_GIGABYTES, run_study

METHODS = ("random", "bayesian", "hyperband")


@dataclasses.dataclass(frozen=True)
class Space:
    """What is searched.

    Args:
        low, high: Floats, bounds of the learning rate, drawn in log scale.
        weight_decay: Boolean, whether weight decay is searched as well,
            from 1e-5 to 1e-2.
        copied_rate: Boolean, whether a multiplier for copied layers is
            searched as well, from 0.01 to 1.
    """

    low: float
    high: float
    weight_decay: bool = False
    copied_rate: bool = False

    def values(self, hyperparameters) -> dict[str, float]:
        """Draws a trial's values from keras-tuner's hyperparameters."""
        found = {
            "learning_rate": hyperparameters.Float(
                "learning_rate", self.low, self.high, sampling="log"
            )
        }
        if self.weight_decay:
            found["weight_decay"] = hyperparameters.Float(
                "weight_decay", 1e-5, 1e-2, sampling="log"
            )
        if self.copied_rate:
            found["copied_rate"] = hyperparameters.Float(
                "copied_rate", 1e-2, 1.0, sampling="log"
            )
        return found


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


def search(
    specs: list[NetworkSpec],
    space: Space,
    method: str,
    trials: int,
    store: RunStore,
    sources: RunStore,
    folder: Path,
    data_dir: str | None = None,
    workers: int | None = None,
    report: Callable[[Trial], None] | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    reuse_gigabytes: float = REUSE_GIGABYTES,
    observe: str = "default",
) -> list[Trial]:
    """Searches the solver of one task.

    Args:
        specs: List of `NetworkSpec`, the executions of each trial: the same
            task with other seeds or targets.
        space: `Space`.
        method: String, `"random"`, `"bayesian"` or `"hyperband"`.
        trials: Integer, at most so many.
        store: `RunStore` of the trials' networks.
        sources: `RunStore` that holds the finished bases.
        folder: Path of keras-tuner's own files.
        data_dir: String or `None`, TFDS folder.
        workers: Integer or `None`, networks at the same time.
        report: Callable or `None`, called with each finished `Trial`.
        seed: Integer, of the oracle. Defaults to `0`.
        executor: `Executor` or `None`, see `run_study`.
        reuse_gigabytes: Float, disk for what frozen layers compute: all
            trials of a frozen network share it.
        observe: String, how much TensorBoard is told of each network.

    Returns:
        List of `Trial` in the order they were made.

    Raises:
        UserError: If the method is unknown.
    """
    if method not in METHODS:
        raise UserError(
            f"Expected `--method` to be one of {METHODS}. Received: {method!r}."
        )
    with quiet_import():
        import keras_tuner

    epochs = specs[0].solver.epochs
    found: list[Trial] = []

    class StudyTuner(keras_tuner.Tuner):
        """Runs each trial's networks as a small study."""

        def run_trial(self, trial, *arguments, **more):
            """Trains a trial's networks and returns their mean."""
            values = space.values(trial.hyperparameters)
            # Hyperband gives first trials few epochs; a schedule fits them.
            given = trial.hyperparameters.values.get("tuner/epochs", epochs)
            finished = _run(
                _tried(specs, values, given),
                values,
                store,
                data_dir=data_dir,
                workers=workers,
                reuse_gigabytes=reuse_gigabytes,
                sources=sources,
                observe=observe,
                executor=executor,
            )
            found.append(finished)
            if report is not None:
                report(finished)
            return {"val_accuracy": finished.score}

    # The whole space beforehand: an oracle that finds it on the way draws
    # other values when it is played again.
    hyperparameters = keras_tuner.HyperParameters()
    space.values(hyperparameters)
    oracles = keras_tuner.oracles
    common = {
        "objective": keras_tuner.Objective("val_accuracy", "max"),
        "hyperparameters": hyperparameters,
        "tune_new_entries": False,
        "seed": 1 + seed,  # it takes 0 for none at all
    }
    if method == "random":
        oracle = oracles.RandomSearchOracle(max_trials=trials, **common)
    elif method == "bayesian":
        oracle = oracles.BayesianOptimizationOracle(max_trials=trials, **common)
    else:
        oracle = oracles.HyperbandOracle(max_epochs=epochs, factor=3, **common)
    tuner = StudyTuner(
        oracle=oracle,
        directory=str(folder.parent),
        project_name=folder.name,
        overwrite=True,  # played again; the networks are the memory
    )
    tuner.search(verbose=0)
    if not found:
        raise UserError(
            f"{method} made no trial of {epochs} epochs. Give more `--epochs` "
            "(hyperband needs 3 or more)."
        )
    return found


def _tried(specs, values, epochs) -> list[NetworkSpec]:
    return [
        dataclasses.replace(
            spec,
            solver=dataclasses.replace(spec.solver, epochs=epochs, **values),
            # The base is the study's own, whatever this trial tries.
            base_solver=None if spec.is_base else spec.solver,
        )
        for spec in specs
    ]


def _run(tried, values, store: RunStore, **options) -> Trial:
    # A rate that made the loss infinite does so again.
    lost = [spec for spec in tried if _diverged(store.network(spec))]
    rest = [spec for spec in tried if spec not in lost]
    run_study(rest, store, test=False, **options)
    for spec in tried:
        # A finished network leaves none, a failed one its last epoch.
        network = store.network(spec)
        if _diverged(network):
            network.checkpoint_path.unlink(missing_ok=True)
    executions = []
    for spec in tried:
        result = store.result(spec)
        accuracy = None if result is None else result.val_accuracy
        executions.append(
            {
                "network": spec.name,
                "id": spec.network_id,
                "val_accuracy": accuracy,
            }
        )
    score = sum(e["val_accuracy"] or 0.0 for e in executions) / len(executions)
    return Trial(values, tried[0].solver.epochs, executions, score)


def _diverged(network: NetworkFolder) -> bool:
    """Whether a network failed because its loss was no number."""
    try:
        status = json.loads((network.folder / "status.json").read_text())
    except (OSError, ValueError):
        return False
    record = status.get("record", {})
    return status.get("status") == "FAILED" and "batch" in record


def best_of(trials: list[Trial]) -> Trial:
    """Returns the best trial among those with the most epochs."""
    longest = max(trial.epochs for trial in trials)
    full = [trial for trial in trials if trial.epochs == longest]
    return max(full, key=lambda trial: trial.score)


def write_trials(path: Path, found: dict[str, list[Trial]]) -> None:
    """Writes every trial of every task, each execution kept."""
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


def write_best(path: Path, found: dict[str, list[Trial]], about: dict) -> None:
    """Writes `best.json`, which experiments take as `--learning-rates`."""
    content = {
        **about,
        "rates": {task: best_of(t).values for task, t in found.items()},
        "val_accuracy": {task: best_of(t).score for task, t in found.items()},
    }
    write_atomically(path, json.dumps(content, indent=1) + "\n")
