"""Tells a choice on test images, once it is made."""

import dataclasses
import json
import math
import statistics
from collections.abc import Callable

import numpy as np

from experiments.recommend.deciding import Finalist
from experiments.recommend.prepare import Prepared
from experiments.recommend.race import LEAST_TWINS
from experiments.recommend.workshop import FRESH, Workshop
from keras_transfer.recommendation.copying import Copying, compare_with_fresh
from keras_transfer.recommendation.told import Told, tell
from keras_transfer.recommendation.ways import FINE_TUNE, NOTHING, backbone
from keras_transfer.storage.files import read_json, write_atomically

SOLVED_TWINS = 6  # networks drawn anew, if only their head is fitted
_DRAW = 0.5  # seconds to draw a network


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the test images say.

    Args:
        told: `Told`, of the choice and the folk rules.
        accuracies: Dict from a name to its mean test accuracy.
        copying: `Copying`, or `None` where nothing is copied, or no network
            drawn anew was trained.
        before: Tuple of strings, choices that the same images told earlier.
    """

    told: Told
    accuracies: dict[str, float]
    copying: Copying | None
    before: tuple[str, ...]


def twin_seconds(prepared: Prepared, own: Finalist) -> float:
    """Estimates what a network drawn anew takes, of the choice's own form.

    Args:
        prepared: `Prepared`.
        own: `Finalist`, the choice.
    """
    task, trained = prepared.task, own.choice.row.trained
    forward = sum(task.outputs.seconds)
    parts = ["test"]  # told; and looked at, for what is stored
    if not trained:
        parts += ["train"]
    elif own.choice.stage in task.outputs.whole:
        parts += ["train", "validation"]
    elif own.choice.row.probe_first:
        parts += ["train"]
    images = sum(len(task.labels[part]) for part in parts)
    spent = statistics.median(trial.seconds for trial in own.trials)
    return _DRAW + forward * images + spent


def twins_in(room: float, seconds: float, most: int) -> int:
    """Returns how many twins there is time for.

    Args:
        room: Float, seconds.
        seconds: Float, of one.
        most: Integer.

    Returns:
        Integer; 0 instead of one alone, which shows no spread.
    """
    count = most if seconds <= 0 else min(most, math.floor(room / seconds))
    return count if count >= LEAST_TWINS else 0


def tell_once(
    prepared: Prepared,
    workshop: Workshop,
    finalists: list[Finalist],
    chosen: str,
    twins: int,
    report: Callable[[str], None],
) -> Verdict:
    """Tells the choice, the rules and its twin drawn anew on test images.

    Correctness is filed: the same command says the same again.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        finalists: List of `Finalist`.
        chosen: String, name of the choice.
        twins: Integer, networks drawn anew that it is compared with.
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
    # A linear head needs no training, and has no spread of it to pool.
    trained = own.choice.row.trained
    if own.choice != NOTHING and prepared.drawn is not None and twins:
        drawn = [
            _twin(prepared, workshop, own, seed, right, rows, report)
            for seed in range(twins)
        ]
        like = [
            [trial.correct() for trial in finalist.trials]
            for finalist in finalists
            if trained and finalist.choice.row.trained
        ]
        copying = compare_with_fresh(correct[0], drawn, like)
    told = [*before, chosen] if chosen not in before else list(before)
    write_atomically(path, json.dumps({"told": told, "rows": rows}))
    means = correct.mean((1, 2)).tolist()
    return Verdict(
        tell(names, chosen, correct),
        dict(zip(names, means, strict=True)),
        copying,
        tuple(name for name in before if name != chosen),
    )


def _twin(prepared, workshop, own: Finalist, seed: int, right, rows, report):
    """Returns what the same network, all weights drawn anew, gets right."""
    name = FRESH + own.choice.name
    key = f"{name}|{own.rate:g}|{seed}"
    if key in rows:
        return right(name, seed, workshop, own.choice, own.rate)
    report(f"{name}, draw {seed}")
    prepared.drawn.turn(seed)
    task = prepared.drawn.task_for(own.choice, prepared.folder / "fresh")
    with workshop.lend(task) as twin:
        if own.choice.row.trained:
            epochs = prepared.task.epochs
            twin.train(own.choice, own.rate, seed, epochs)
        return right(name, seed, twin, own.choice, own.rate)
