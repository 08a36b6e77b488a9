"""Tells a choice on test images, once it is made."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np

from experiments.recommend.deciding import Finalist
from experiments.recommend.prepare import Prepared
from experiments.recommend.workshop import FRESH, Workshop
from keras_transfer.recommendation.copying import Copying, compare_with_fresh
from keras_transfer.recommendation.told import Told, tell
from keras_transfer.recommendation.ways import FINE_TUNE, Choice, backbone
from keras_transfer.storage.files import read_json, write_atomically

_SOLVED_TWINS = 6  # networks drawn anew, if only their head is fitted


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
        twins: Integer, networks drawn anew that it is compared with, if it is
            trained.
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
        # A linear head needs no training, and has no spread of it to pool.
        trained = own.choice.row.trained
        for seed in range(twins if trained else _SOLVED_TWINS):
            name = FRESH + chosen
            key = f"{name}|{own.rate:g}|{seed}"
            twin = workshop
            if key not in rows:
                report(f"{name}, draw {seed}")
                twin = _fresh_workshop(prepared, workshop, seed)
                if trained:
                    epochs = prepared.task.epochs
                    twin.train(own.choice, own.rate, seed, epochs)
            drawn.append(right(name, seed, twin, own.choice, own.rate))
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
