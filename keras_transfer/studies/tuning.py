"""Searches learning rates with keras-tuner, on validation images alone.

A trial's networks live in a run store of their own, trained in processes of
their own. keras-tuner's oracles are seeded, so a search that was killed is
played again from its start: trials that are finished there are read, not
trained, and the search goes on where it was.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.quiet import quiet_import
from keras_transfer.studies.run_options import RunOptions
from keras_transfer.studies.scheduler import run_study
from keras_transfer.studies.trials import Trial

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
        """Draws a trial's values from keras-tuner's hyperparameters.

        Args:
            hyperparameters: `keras_tuner.HyperParameters`.

        Returns:
            Dict from the solver's fields to values.
        """
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
class SearchPlan:
    """How a task's solver is searched.

    Args:
        space: `Space`.
        method: String, one of `METHODS`.
        trials: Integer, at most so many.
        seed: Integer, of the oracle. Defaults to `0`.

    Raises:
        UserError: If the method is unknown.
    """

    space: Space
    method: str
    trials: int
    seed: int = 0

    def __post_init__(self):
        if self.method not in METHODS:
            raise UserError(
                f"Expected `method` to be one of {METHODS}. "
                f"Received: {self.method!r}."
            )


def search(
    specs: list[NetworkSpec],
    plan: SearchPlan,
    store: RunStore,
    sources: RunStore,
    folder: Path,
    options: RunOptions | None = None,
    report: Callable[[Trial], None] | None = None,
) -> list[Trial]:
    """Searches the solver of one task.

    Args:
        specs: List of `NetworkSpec`, the executions of each trial: the same
            task with other seeds or targets.
        plan: `SearchPlan`.
        store: `RunStore` of the trials' networks.
        sources: `RunStore` that holds the finished bases.
        folder: Path of keras-tuner's own files.
        options: `RunOptions` or `None` for their defaults. All trials of a
            frozen network share what its frozen layers compute.
        report: Callable or `None`, called with each finished `Trial`.

    Returns:
        List of `Trial` in the order they were made.

    Raises:
        UserError: If no trial can be made.
    """
    with quiet_import():
        import keras_tuner

    epochs = specs[0].solver.epochs
    found: list[Trial] = []

    class StudyTuner(keras_tuner.Tuner):
        """Runs each trial's networks as a small study."""

        def run_trial(self, trial, *arguments, **more):
            """Trains a trial's networks and returns their mean."""
            values = plan.space.values(trial.hyperparameters)
            # Hyperband gives first trials few epochs; a schedule fits them.
            given = trial.hyperparameters.values.get("tuner/epochs", epochs)
            tried = _tried(specs, values, given)
            finished = _run(tried, values, store, sources, options)
            found.append(finished)
            if report is not None:
                report(finished)
            return {"val_accuracy": finished.score}

    tuner = StudyTuner(
        oracle=_build_oracle(keras_tuner, plan, epochs),
        directory=str(folder.parent),
        project_name=folder.name,
        overwrite=True,  # played again; the networks are the memory
    )
    tuner.search(verbose=0)
    if not found:
        raise UserError(
            f"{plan.method} made no trial of {epochs} epochs. Give more "
            "`epochs` (hyperband needs 3 or more)."
        )
    return found


def _build_oracle(keras_tuner, plan: SearchPlan, epochs: int):
    # The whole space beforehand: an oracle that finds it on the way draws
    # other values when it is played again.
    hyperparameters = keras_tuner.HyperParameters()
    plan.space.values(hyperparameters)
    oracles, trials = keras_tuner.oracles, plan.trials
    common = {
        "objective": keras_tuner.Objective("val_accuracy", "max"),
        "hyperparameters": hyperparameters,
        "tune_new_entries": False,
        "seed": 1 + plan.seed,  # it takes 0 for none at all
    }
    if plan.method == "random":
        return oracles.RandomSearchOracle(max_trials=trials, **common)
    if plan.method == "bayesian":
        return oracles.BayesianOptimizationOracle(max_trials=trials, **common)
    return oracles.HyperbandOracle(max_epochs=epochs, factor=3, **common)


def _tried(specs, values, epochs) -> list[NetworkSpec]:
    return [
        dataclasses.replace(
            spec,
            solver=dataclasses.replace(spec.solver, epochs=epochs, **values),
            # The base is the study's own, whatever this trial tries.
            base_solver=None if spec.is_base else spec.own_base.solver,
        )
        for spec in specs
    ]


def search_grid(
    tasks: dict[str, list[NetworkSpec]],
    rates: dict[str, Sequence[float]],
    store: RunStore,
    sources: RunStore,
    options: RunOptions | None = None,
) -> dict[str, list[Trial]]:
    """Tries every learning rate of a task's list.

    All networks are one study, so that processes train many in turn; what is
    finished is read.

    Args:
        tasks: Dict from a task to its executions, as of `search`.
        rates: Dict from task to a sequence of floats.
        store, sources, options: As of `search`.

    Returns:
        Dict from task to its list of `Trial`, in the order of its rates.
    """
    tried = {
        (task, rate): _tried(
            specs, {"learning_rate": rate}, specs[0].solver.epochs
        )
        for task, specs in tasks.items()
        for rate in rates[task]
    }
    every = [spec for specs in tried.values() for spec in specs]
    _train(every, store, sources, options)
    return {
        task: [
            _trial(tried[task, rate], {"learning_rate": rate}, store)
            for rate in rates[task]
        ]
        for task in tasks
    }


def _run(
    tried: list[NetworkSpec],
    values: dict[str, float],
    store: RunStore,
    sources: RunStore,
    options: RunOptions | None,
) -> Trial:
    _train(tried, store, sources, options)
    return _trial(tried, values, store)


def _train(
    tried: list[NetworkSpec],
    store: RunStore,
    sources: RunStore,
    options: RunOptions | None,
) -> None:
    # A rate that made the loss infinite does so again.
    lost = {spec for spec in tried if _diverged(store.network(spec))}
    rest = [spec for spec in tried if spec not in lost]
    run_study(rest, store, options, sources=sources, test=False)
    for spec in tried:
        # A finished network leaves none, a failed one its last epoch.
        network = store.network(spec)
        if _diverged(network):
            network.checkpoint_path.unlink(missing_ok=True)


def _trial(
    tried: list[NetworkSpec], values: dict[str, float], store: RunStore
) -> Trial:
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
