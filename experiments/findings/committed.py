"""Committed `results.csv` files as rows of a study.

A table holds what each network reached, not its settings: those are the
recipe that its command named. What a row cannot tell is left out; a network
whose proof failed has no row, so frozen tensors are counted as unchanged.
"""

import csv
import dataclasses
from pathlib import Path

from keras_transfer.analysis.evidence import Evidence, evidence_of
from keras_transfer.analysis.results import Row
from keras_transfer.datasets.class_kinds import balance, known_kinds
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.treatments import WHOLE_BASE
from keras_transfer.storage.result import Result
from keras_transfer.studies.grids import long_bases, same_steps

PUBLISHED = Path(__file__).resolve().parents[2] / "logs" / "published"


@dataclasses.dataclass(frozen=True)
class _Set:
    """What a table does not say of its data set.

    Args:
        images_a_class: Integer, without the validation images.
        classes: Integer.
        version: String.
    """

    images_a_class: int
    classes: int
    version: str


_SETS = {
    "cifar100": _Set(450, 100, "3.0.2"),
    "synthetic_shapes": _Set(270, 20, "4.0.0"),
}
_PART = {
    "width": "model",
    "precision": "model",
    "normalization": "model",
    "images_per_class": "recipe",
    "classes_per_half": "recipe",
}
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
        **changes: What the command changed: `dataset` ("cifar100" if not
            given), `preset` ("earlier" if not given), `width`, `precision`,
            `normalization`, `epochs`, `learning_rate`, `images_per_class`,
            `classes_per_half`, and `balanced` of kinds.

    Returns:
        List of `Row`, in the order of the table. A second base of one split,
        half and seed is the one trained for twice the epochs; on all classes,
        for half of them.
    """
    rows, seen = [], set()
    with (PUBLISHED / folder / file).open(newline="") as table:
        for line in csv.DictReader(table):
            spec = _spec(line, changes)
            if spec in seen:
                other = same_steps if spec.target == "all" else long_bases
                spec = other([spec])[0]
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
    changes = dict(changes)
    preset = changes.pop("preset", "earlier")
    balanced = changes.pop("balanced", False)
    dataset = changes.pop("dataset", "cifar100")
    recipe = find_recipe(dataset, preset, None)
    kinds = known_kinds(dataset) if "/kinds/" in line["name"] else None
    if kinds and balanced:
        kinds = balance(kinds, 0)
    parts: dict[str, dict] = {"recipe": {}, "model": {}, "solver": {}}
    for name, value in changes.items():
        parts[_PART.get(name, "solver")][name] = value
    if line["treatment"] == WHOLE_BASE:
        parts["recipe"].pop("classes_per_half", None)
    recipe = dataclasses.replace(recipe, **parts["recipe"])
    treatment = line["treatment"]
    return NetworkSpec(
        recipe.data(dataset, int(line["split"]), halves=kinds),
        dataclasses.replace(recipe.model, **parts["model"]),
        dataclasses.replace(recipe.solver, **parts["solver"]),
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
    sides = dict(zip("AB", map(len, spec.data.halves or ()), strict=False))
    known = _SETS[spec.data.name]
    whole = known.classes // (1 if spec.target == "all" else 2)
    drawn = spec.data.classes_per_half or whole
    classes = sides.get(spec.target, drawn)
    images = spec.target_images or spec.data.images_per_class
    outcomes = ("test_accuracy", "val_accuracy", "train_accuracy")
    outcomes += ("train_loss", "test_loss", "seconds")
    copied, frozen = int(line["copied_tensors"]), int(line["frozen_tensors"])
    return Result(
        **{name: float(line[name]) for name in outcomes},
        classes=[""] * classes,
        images={"train": classes * (images or known.images_a_class)},
        data_version=known.version,
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
