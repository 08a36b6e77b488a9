"""What was found, as JSON values that figure and page are drawn from."""

import dataclasses
import json
import math
from pathlib import Path

from experiments.recommend.costs import cost_of
from experiments.recommend.deciding import Finalist
from experiments.recommend.prepare import Prepared
from experiments.recommend.trials import Trial
from experiments.recommend.workshop import FRESH, Workshop
from keras_transfer.recommendation.decision import Recommendation
from keras_transfer.recommendation.drawn import NO_EVIDENCE, Beside
from keras_transfer.recommendation.reasons import reasons
from keras_transfer.recommendation.sentence import copying_text, final_sentence
from keras_transfer.recommendation.ways import FINE_TUNE, Choice
from keras_transfer.storage.files import write_atomically


def outcome_of(
    prepared: Prepared,
    workshop,
    final,
    finalists,
    found,
    verdict,
    beside: Beside = NO_EVIDENCE,
) -> dict:
    """Collects what was found, as JSON values.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        final: `race.Final`.
        finalists: List of `Finalist`.
        found: `Recommendation`.
        verdict: `Verdict`.
        beside: `Beside`, what weights and probes say of copying.
    """
    rows = candidate_rows(prepared, finalists, found)
    seconds = {row["name"]: row["seconds"] for row in rows}
    share = None
    if FINE_TUNE.name in seconds:
        share = seconds[found.chosen] / seconds[FINE_TUNE.name]
    told, task = verdict.told, prepared.task
    sentence = final_sentence(
        found,
        told,
        verdict.accuracies,
        verdict.copying,
        prepared.last_layers,
        share,
        beside,
    )
    copying = verdict.copying
    copied = copying_text(found, copying, beside)
    return {
        "sentence": sentence,
        "sentences": [text for text in (*reasons(found), copied) if text],
        "chosen": found.chosen,
        "best": found.best,
        "can_tell": found.can_tell,
        "tie_set": list(found.tie_set),
        "images_needed": found.images_needed,
        "seeds_needed": found.seeds_needed,
        "tolerance": prepared.options.tolerance,
        "cost_share": share,
        "model": prepared.asked.text,
        "model_path": prepared.asked.path,
        "open_size": prepared.asked.open_size,
        "scaling": prepared.asked.scaling,
        "images": prepared.images.describe(),
        "folder": prepared.images.folder,
        "images_per_class": prepared.options.images_per_class,
        "most_classes": prepared.options.most_classes,
        "class_names": prepared.images.class_names,
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "image_size": list(prepared.asked.image_size),
        "seeds": final.seeds,
        "left_out": list(final.left_out),
        "warnings": [*prepared.warnings, *_told_before(verdict)],
        "stages": [
            {
                "stage": stage.index,
                "last_layer": stage.last_layer,
                "parameters": stage.parameters,
                "share": stage.share,
            }
            for stage in task.stages
        ],
        "scores": prepared.scores,
        "alike": prepared.alike,
        "weights": {
            "untrained": beside.untrained,
            "tensors": beside.tensors,
        },
        "probes": None
        if beside.gains is None
        else dataclasses.asdict(beside.gains),
        "candidates": rows,
        "race": race_rows(workshop),
        "test": {
            "accuracy": told.accuracy,
            "low": told.low,
            "high": told.high,
            "accuracies": verdict.accuracies,
            "differences": told.differences,
            "copying": None
            if copying is None
            else {
                "helps": copying.helps,
                "seems": copying.seems,
                "useless": copying.useless(found.tolerance),
                "draws": copying.draws,
                "freedom": copying.freedom,
                "copied": float(copying.copied),
                "fresh": float(copying.fresh),
                "mean": copying.mean,
                "low": copying.low,
                "high": copying.high,
            },
        },
    }


def _told_before(verdict) -> list[str]:
    if not verdict.before:
        return []
    return [
        "The same test images told other choices before "
        f"({', '.join(verdict.before)}), with other settings: what they say "
        "of the best of several choices is slightly too high."
    ]


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
