"""Decides on validation images, then tells the choice on test images once."""

import dataclasses
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.recommend.costs import cost_of
from experiments.recommend.prepare import Prepared
from experiments.recommend.race import Final
from experiments.recommend.trials import Trial
from experiments.recommend.workshop import Workshop
from keras_transfer.recommendation.copying import Copying, compare_with_fresh
from keras_transfer.recommendation.decision import (
    Candidate,
    Recommendation,
    decide,
)
from keras_transfer.recommendation.simultaneous import spread_of, with_level
from keras_transfer.recommendation.told import Told, tell
from keras_transfer.recommendation.ways import FINE_TUNE, Choice, backbone
from keras_transfer.storage.files import read_json, write_atomically

FRESH = "fresh-"  # before the names of networks drawn anew


@dataclasses.dataclass(frozen=True)
class Finalist:
    """A candidate of the decision, and what it costs.

    Args:
        choice: `Choice`.
        rate: Float, 0 for a head that is solved for.
        trials: Tuple of `Trial`, whole, one a seed.
        seconds: Float, of a whole training, without building and tracing.
        low, high: Floats, interval of its accuracy on validation images, all
            finalists' at once. Defaults to `nan`.
    """

    choice: Choice
    rate: float
    trials: tuple[Trial, ...]
    seconds: float
    low: float = math.nan
    high: float = math.nan

    @property
    def accuracy(self) -> float:
        """Mean over seeds, on validation images."""
        return statistics.fmean(trial.accuracy for trial in self.trials)


def train_finalists(
    prepared: Prepared,
    workshop: Workshop,
    final: Final,
    report: Callable[[Trial], None],
) -> list[Finalist]:
    """Trains every finalist with every seed; fits every linear head.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        final: `Final`.
        report: Callable of each trial.

    Returns:
        List of `Finalist`, linear heads first, with their intervals.
    """
    epochs = prepared.task.epochs
    pairs = [(c, 0.0) for c in prepared.wanted if not c.row.trained]
    pairs += [(runner.choice, runner.rate) for runner in final.runners]
    found = []
    for choice, rate in pairs:
        trials = []
        for seed in range(final.seeds):
            if choice.row.trained:
                trial = workshop.train(choice, rate, seed, 0, epochs)
            else:
                trial = workshop.solve(choice, seed)
            trials.append(trial)
            report(trial)
        if any(not trial.right for trial in trials):
            continue  # a seed failed: it is no candidate
        seconds = _seconds(prepared, choice, trials)
        found.append(Finalist(choice, rate, tuple(trials), seconds))
    return _with_intervals(found)


def _seconds(prepared: Prepared, choice: Choice, trials: list[Trial]) -> float:
    task = prepared.task
    # The first seed of a trained one may have come in steps, and was traced.
    own = [t.seconds for t in (trials[1:] or trials)]
    once = sum(task.outputs.seconds[: choice.stage])
    return statistics.median(own) + once * len(task.labels["train"])


def correct_of(finalists: list[Finalist]) -> np.ndarray:
    """Returns validation correctness, `(finalists, seeds, images)`.

    Args:
        finalists: List of `Finalist`.
    """
    return np.array([[t.correct() for t in f.trials] for f in finalists])


def _with_intervals(finalists: list[Finalist]) -> list[Finalist]:
    correct = correct_of(finalists).astype(float)
    spread = spread_of(correct, len(finalists), shares=True)
    factors = with_level(spread, np.eye(len(finalists)), correct)
    reach = factors * np.sqrt(spread.variance)
    return [
        dataclasses.replace(
            finalist,
            low=max(0.0, float(spread.centre[i] - reach[i])),
            high=min(1.0, float(spread.centre[i] + reach[i])),
        )
        for i, finalist in enumerate(finalists)
    ]


def choose(finalists: list[Finalist], tolerance: float) -> Recommendation:
    """Chooses on validation images.

    Args:
        finalists: List of `Finalist`.
        tolerance: Float, in points.

    Returns:
        `Recommendation`.
    """
    candidates = [
        Candidate(f.choice.name, f.choice.stage, f.seconds) for f in finalists
    ]
    return decide(candidates, correct_of(finalists), tolerance / 100)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the test images say.

    Args:
        told: `Told`, of the choice and the folk rules.
        accuracies: Dict from a name to its mean test accuracy.
        copying: `Copying`, or `None` where nothing is copied.
        before: Tuple of strings, choices that the same images told earlier.
    """

    told: Told
    accuracies: dict[str, float]
    copying: Copying | None
    before: tuple[str, ...]


def tell_once(
    prepared: Prepared,
    workshop: Workshop,
    finalists: list[Finalist],
    chosen: str,
    report: Callable[[str], None],
) -> Verdict:
    """Tells the choice, the rules and its twin drawn anew on test images.

    Correctness is filed: the same command says the same again.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        finalists: List of `Finalist`.
        chosen: String, name of the choice.
        report: Callable of what is told next.

    Returns:
        `Verdict`.
    """
    by_name = {f.choice.name: f for f in finalists}
    rules = [FINE_TUNE.name, backbone(len(prepared.task.stages)).name]
    names = list(dict.fromkeys([chosen, *rules]))
    names = [name for name in names if name in by_name]
    path = prepared.folder / "test.json"
    filed = read_json(path) or {}
    rows = dict(filed.get("rows", {}))
    before = tuple(filed.get("told", ()))
    seeds = len(by_name[chosen].trials)

    def right(name: str, seed: int, source: Workshop, choice, rate):
        key = f"{name}|{rate:g}|{seed}"
        if key not in rows:
            report(f"{name}, seed {seed}")
            found = source.right(choice, rate, seed, "test")
            rows[key] = "".join("01"[int(r)] for r in found)
        return np.array(list(rows[key])) == "1"

    correct = np.array(
        [
            [
                right(n, s, workshop, by_name[n].choice, by_name[n].rate)
                for s in range(seeds)
            ]
            for n in names
        ]
    )
    own = by_name[chosen]
    copying = None
    if own.choice != Choice("redrawn"):
        drawn = []
        for seed in range(max(seeds, 2)):
            name = FRESH + chosen
            key = f"{name}|{own.rate:g}|{seed}"
            twin = workshop
            if key not in rows:
                report(f"{name}, draw {seed}")
                twin = _fresh_workshop(prepared, workshop, seed)
                if own.choice.row.trained:
                    epochs = prepared.task.epochs
                    twin.train(own.choice, own.rate, seed, 0, epochs)
            drawn.append(right(name, seed, twin, own.choice, own.rate))
        copying = compare_with_fresh(correct[0], drawn)
    told = [*before, chosen] if chosen not in before else list(before)
    write_atomically(path, json.dumps({"told": told, "rows": rows}))
    means = correct.mean((1, 2)).tolist()
    return Verdict(
        tell(names, chosen, correct),
        dict(zip(names, means, strict=True)),
        copying,
        tuple(name for name in before if name != chosen),
    )


def _fresh_workshop(
    prepared: Prepared, workshop: Workshop, seed: int
) -> Workshop:
    """Returns a workshop of the same network with all weights drawn anew."""
    from keras_transfer.models.fresh_weights import draw_anew
    from keras_transfer.models.heads import new_head
    from keras_transfer.models.stages import stages
    from keras_transfer.transfer.stage_outputs import Request, find_or_compute

    task = prepared.task
    model = new_head(task.model, task.classes, seed=seed)
    draw_anew(model, 0, seed + 1)
    table = stages(model, [s.last_layer for s in task.stages[:-1]])
    request = Request(
        model,
        table,
        task.images,
        task.scale,
        f"{prepared.images.key}{prepared.asked.scaling}",
        most_bytes=int(prepared.options.store_gigabytes * 1e9),
    )
    folder = prepared.folder / "fresh"
    outputs = find_or_compute(request, folder)
    fresh = dataclasses.replace(
        task, model=model, stages=table, outputs=outputs
    )
    return Workshop(fresh, workshop.trials, workshop.states, FRESH)


def candidate_rows(
    prepared: Prepared, finalists: list[Finalist], found: Recommendation
) -> list[dict]:
    """Returns the finalists as JSON values.

    Args:
        prepared: `Prepared`.
        finalists: List of `Finalist`.
        found: `Recommendation`.
    """
    losses = {loss.name: loss for loss in found.losses}
    rows = []
    for finalist in finalists:
        choice, cost = finalist.choice, cost_of(prepared.task, finalist.choice)
        loss = losses[choice.name]
        rows.append(
            {
                "name": choice.name,
                "way": choice.way,
                "title": choice.row.title,
                "stage": choice.stage,
                "rate": finalist.rate,
                "seeds": len(finalist.trials),
                "accuracy": finalist.accuracy,
                "low": finalist.low,
                "high": finalist.high,
                "loss": loss.mean,
                "loss_low": loss.low,
                "loss_high": loss.high,
                "seconds": finalist.seconds,
                "seconds_per_epoch": finalist.seconds / prepared.task.epochs
                if choice.row.trained
                else None,
                "trainable": cost.trainable,
                "peak_bytes": cost.peak_bytes,
                "stored_bytes": cost.stored_bytes,
                "accuracies": [trial.accuracy for trial in finalist.trials],
            }
        )
    return rows


def race_rows(workshop: Workshop) -> list[dict]:
    """Returns the furthest trial of each entrant, as JSON values.

    Args:
        workshop: `Workshop`.
    """
    best: dict[str, Trial] = {}
    for trial in workshop.trials.of_seed(0):
        if trial.rate and not trial.choice.startswith(FRESH):
            old = best.get(trial.entrant)
            if old is None or old.epochs < trial.epochs:
                best[trial.entrant] = trial
    return [
        {
            "name": trial.choice,
            "stage": Choice.named(trial.choice).stage,
            "way": Choice.named(trial.choice).way,
            "rate": trial.rate,
            "epochs": trial.epochs,
            "accuracy": None if math.isnan(trial.accuracy) else trial.accuracy,
        }
        for trial in best.values()
    ]


def file_outcome(folder: Path, outcome: dict) -> Path:
    """Files what was found, which figure and page are drawn from.

    Args:
        folder: Path.
        outcome: Dict of JSON values.

    Returns:
        Path.
    """
    path = folder / "recommendation.json"
    write_atomically(path, json.dumps(outcome, indent=1))
    return path
