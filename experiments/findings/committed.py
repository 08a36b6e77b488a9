"""Committed `results.csv` files as rows of a study.

A table holds what each network reached, not its settings: those are the
recipe that its command named. What a row cannot tell is left out; a network
whose proof failed has no row, so frozen tensors are counted as unchanged.
"""

import csv
import dataclasses
from pathlib import Path

from keras_transfer.analysis.comparisons import Evidence, evidence_of
from keras_transfer.analysis.results import Row
from keras_transfer.datasets.class_kinds import known_kinds
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import find_recipe
from keras_transfer.storage.result import Result
from keras_transfer.studies.grids import long_bases

PUBLISHED = Path(__file__).resolve().parents[2] / "logs" / "published"
IMAGES_A_CLASS = 450  # of CIFAR-100, without the validation images
CLASSES = 50  # of a random half
VERSION = "3.0.2"  # of TFDS's CIFAR-100
_INITIALIZATION = {
    f"random ({name})": name for name in ("he", "gaussian", "mean-var")
}


def committed_rows(
    folder: str, file: str = "results.csv", **changes
) -> list[Row]:
    """Reads the networks of a committed study.

    Args:
        folder: String, a folder of `logs/published`.
        file: String, the table in it. Defaults to `"results.csv"`.
        **changes: What the command changed of the recipe: `width`,
            `precision`, `normalization`, `epochs`, `learning_rate`.

    Returns:
        List of `Row`, in the order of the table. A second base of one split,
        half and seed is the one trained for twice the epochs.
    """
    rows, seen = [], set()
    with (PUBLISHED / folder / file).open(newline="") as table:
        for line in csv.DictReader(table):
            spec = _spec(line, changes)
            if spec in seen:
                spec = long_bases([spec])[0]
            seen.add(spec)
            rows.append(Row(spec, _result(line, spec)))
    return rows


def evidence(folder: str, file: str = "results.csv", **changes) -> Evidence:
    """Returns a committed study's networks as evidence for claims.

    Args:
        folder, file, **changes: As of `committed_rows`.
    """
    return evidence_of(committed_rows(folder, file, **changes))


def _spec(line: dict, changes: dict) -> NetworkSpec:
    recipe = find_recipe("cifar100", "earlier", None)
    kinds = known_kinds("cifar100") if "/kinds/" in line["name"] else None
    model = ("width", "precision", "normalization")
    treatment = line["treatment"]
    return NetworkSpec(
        recipe.data("cifar100", int(line["split"]), halves=kinds),
        dataclasses.replace(
            recipe.model, **{k: v for k, v in changes.items() if k in model}
        ),
        dataclasses.replace(
            recipe.solver,
            **{k: v for k, v in changes.items() if k not in model},
        ),
        target=line["target"],
        base=line["base"] or None,
        n=int(line["n"]),
        mode="finetuned" if treatment.endswith("+") else "frozen",
        seed=int(line["seed"]),
        initialization=_INITIALIZATION.get(treatment),
        target_images=int(line.get("target_images") or 0) or None,
        draw=int(line["draw"]) if line.get("draw") else None,
    )


def _result(line: dict, spec: NetworkSpec) -> Result:
    sides = dict(zip("AB", spec.data.halves or (), strict=False))
    classes = len(sides.get(spec.target, range(CLASSES)))
    outcomes = ("test_accuracy", "val_accuracy", "train_accuracy")
    outcomes += ("train_loss", "test_loss", "seconds")
    copied, frozen = int(line["copied_tensors"]), int(line["frozen_tensors"])
    return Result(
        **{name: float(line[name]) for name in outcomes},
        classes=[""] * classes,
        images={"train": classes * (spec.target_images or IMAGES_A_CLASS)},
        data_version=VERSION,
        proof=[
            {
                "frozen": place < frozen,
                "source_path": "" if place < copied else None,
                "before_sha256": "",
                "after_sha256": "",
            }
            for place in range(max(copied, frozen))
        ],
    )
