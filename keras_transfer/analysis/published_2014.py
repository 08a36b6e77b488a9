"""The published results of 2014, network by network, and what they say.

The values are facts from the authors' training logs; see the head of
`yosinski2014.csv`. A network's accuracy is the paper's statistic, the mean of
its 10 highest validation accuracies; its training loss that of its end.
"""

import csv
import dataclasses
from pathlib import Path

from keras_transfer.analysis.comparisons import (
    ACCURACY,
    TRAIN_LOSS,
    Comparison,
    slope,
)
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.evidence import Evidence, observe
from keras_transfer.analysis.mixed_model import MixedModel, fit_model
from keras_transfer.analysis.results import Row, pooled_difference
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.treatments import BASE, TREATMENTS
from keras_transfer.storage.result import Result

_FILE = Path(__file__).with_name("yosinski2014.csv")
_CURVES = Path(__file__).with_name("yosinski2014_curves.csv")
CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class PublishedNet:
    """One published network.

    Args:
        net: String, name of its folder in the authors' repository.
        group: String, the paper's name such as `"AnB+"`.
        split: Integer or `None`, number of the random split.
        base, target: Strings, halves: `"A"`, `"B"`, `"natural"`,
            `"man-made"`, `"all"`, or empty.
        n: Integer, copied (or random frozen) layers.
        mode: String.
        images: Integer or `None`, training images a class at most.
        top1: Float.
        train_loss: Float, in nats.
    """

    net: str
    group: str
    split: int | None
    base: str
    target: str
    n: int
    mode: str
    images: int | None
    top1: float
    train_loss: float


def _read(path: Path) -> csv.DictReader:
    lines = path.read_text().splitlines()
    return csv.DictReader(x for x in lines if not x.startswith("#"))


@dataclasses.dataclass(frozen=True)
class PublishedCourse:
    """Validation accuracy of some published networks while they learnt.

    Args:
        group: String, as of `PublishedNet`.
        target: String, `"natural"` or `"man-made"` where a group has both,
            else empty.
        n: Integer, copied (or random frozen) layers.
        images: Integer or `None`, training images a class at most.
        networks: Integer, networks in the mean.
        points: Tuple of `(iteration, top1)`.
    """

    group: str
    target: str
    n: int
    images: int | None
    networks: int
    points: tuple[tuple[int, float], ...]


def _integer(text: str) -> int | None:
    return int(text) if text else None


def published_courses() -> list[PublishedCourse]:
    """Reads the thinned learning curves of the networks with a whole log."""
    courses = []
    for row in _read(_CURVES):
        courses.append(
            PublishedCourse(
                group=row["group"],
                target=row["target"],
                n=int(row["n"]),
                images=_integer(row["images"]),
                networks=int(row["networks"]),
                points=tuple(
                    (int(name), float(value))
                    for name, value in row.items()
                    if name.isdigit() and value
                ),
            )
        )
    return courses


def published_nets() -> list[PublishedNet]:
    """Reads the 148 networks of 2014 that have a log."""
    return [
        PublishedNet(
            net=row["net"],
            group=row["group"],
            split=_integer(row["split"]),
            base=row["base"],
            target=row["target"],
            n=int(row["n"]),
            mode=row["mode"],
            images=_integer(row["images"]),
            top1=float(row["top1"]),
            train_loss=float(row["train_loss"]),
        )
        for row in _read(_FILE)
    ]


def published_rows() -> list[Row]:
    """Returns section 4.1's networks as rows of a study of our own."""
    recipe = find_recipe("imagenet2012", "paper", None)
    rows = []
    for net in published_nets():
        if net.group not in (BASE, *TREATMENTS):
            continue
        spec = NetworkSpec(
            recipe.data("imagenet2012", net.split),
            recipe.model,
            recipe.solver,
            target=net.target,
            base=net.base or None,
            n=net.n,
            mode="finetuned" if net.mode == "finetuned" else "frozen",
        )
        classes = [""] * (CLASSES // 2)
        result = Result(
            test_accuracy=net.top1, train_loss=net.train_loss, classes=classes
        )
        rows.append(Row(spec, result))
    return rows


# What section 4.1 is about; 2014 trained four splits.
EFFECTS = (
    Comparison("BnB", "base", 4, 4),
    Comparison("BnB", "base", 5, 5),
    Comparison("base", "BnB", 3, 6),
    Comparison("AnB", "base", 1, 2),
    Comparison("BnB", "AnB", 6, 7),
    Comparison("BnB", "AnB", 1, 7, weigh=slope, margin=None),
    Comparison("BnB+", "BnB", 3, 6),
    Comparison("AnB+", "base", 1, 7),
    *(
        Comparison("BnB", "base", n, n, outcome=TRAIN_LOSS, margin=None)
        for n in (4, 5)
    ),
)
BOOST = Comparison("AnB+", "BnB+", 1, 7)


def published_evidence(
    treatments: tuple[str, ...] = TREATMENTS, halves: str = "fixed"
) -> Evidence:
    """Returns section 4.1's networks as evidence for claims.

    No half was the target of both AnB+ and BnB+: 0A, the hardest, has BnB+
    and 0B, the easiest, AnB+. So halves are fixed effects by default.

    Args:
        treatments: Tuple of strings, those that are used beside the bases.
        halves: String, as of `mixed_model.fit_model`.
    """
    kept = (BASE, *treatments)
    rows = published_rows()
    accuracies, losses = (
        tuple(o for o in observe(rows, name) if o.treatment in kept)
        for name in (ACCURACY, TRAIN_LOSS)
    )
    return Evidence(accuracies, losses, chance=2 / CLASSES, halves=halves)


def published_effect(comparison: Comparison) -> ModelEstimate | None:
    """Estimates a comparison of 2014 by the rule of `primary`.

    Each network against others of its own target; a number a split, where
    three or more splits have logs of both treatments.

    Args:
        comparison: `Comparison`.
    """
    return published_evidence().estimate(comparison)


def published_model(outcome: str = ACCURACY) -> MixedModel:
    """Fits the mixed model of all networks of 2014, to check effects by.

    Args:
        outcome: String, `ACCURACY` or `TRAIN_LOSS`. Defaults to the first.
    """
    evidence = published_evidence()
    data = evidence.losses if outcome == TRAIN_LOSS else evidence.accuracies
    return fit_model(data, evidence.halves)


def boost_by_yardstick() -> dict[str, ModelEstimate]:
    """Estimates AnB+ - BnB+ with the difficulty of halves taken out.

    How difficult a half is, other networks with that target tell: which of
    them are believed is the yardstick.

    Returns:
        Dict from the yardstick in words to `ModelEstimate`, of the mixed
        model: no half was the target of both.
    """
    yardsticks = {
        "all networks of section 4.1": (TREATMENTS, "fixed"),
        "the same, halves drawn from a normal distribution": (
            TREATMENTS,
            "random",
        ),
        "bases and selffers, without AnB": (("BnB", "BnB+", "AnB+"), "fixed"),
        "bases alone": (("BnB+", "AnB+"), "fixed"),
    }
    return {
        name: published_evidence(*chosen).estimate(BOOST)
        for name, chosen in yardsticks.items()
    }


def curve(group: str, target: str) -> list[tuple[int, float]]:
    """Returns `(n, top1)` of the networks of a group and target.

    Args:
        group: String, such as `"random"`.
        target: String, such as `"all"`.

    Returns:
        List of tuples, sorted by `n`.
    """
    return sorted(
        (net.n, net.top1)
        for net in published_nets()
        if net.group == group and net.target == target
    )


def dissimilar_curves() -> dict[str, list[tuple[int, float]]]:
    """Returns base (n = 0) and frozen transfer by target, section 4.2."""
    return {
        f"target {target}": [
            *curve("base, man-made and natural", target),
            *curve("AnB, man-made and natural", target),
        ]
        for target in ("natural", "man-made")
    }


def random_curve() -> list[tuple[int, float]]:
    """Returns the base on all classes and random layers, section 4.3."""
    return [*curve("base, all classes", "all"), *curve("random", "all")]


def random_losses() -> dict[int, float]:
    """Returns the training loss of section 4.3's networks by n."""
    return {
        net.n: net.train_loss
        for net in published_nets()
        if net.group == "random"
    }


def reduced_curve() -> list[tuple[int, float]]:
    """Returns `(images a class, top1)` of the supplement's figure S1."""
    return sorted(
        (net.images, net.top1)
        for net in published_nets()
        if net.group == "reduced"
    )


def published_drops() -> dict[str, list[tuple[int, float]]]:
    """Returns figure 3's summary: each curve minus its own start.

    Similar halves are pooled as in the paper: minus the mean of all 8 bases;
    the two directions of natural and man-made are averaged.
    """
    rows = published_rows()
    layers = range(1, 8)
    similar = [(n, pooled_difference(rows, "AnB", BASE, n, n)) for n in layers]
    two = list(dissimilar_curves().values())
    dissimilar = [
        (n, sum(one[n][1] - one[0][1] for one in two) / len(two))
        for n in layers
    ]
    untrained = random_curve()
    random = [(n, top1 - untrained[0][1]) for n, top1 in untrained[1:]]
    return {
        "random halves": [(0, 0.0), *similar],
        "man-made / natural": [(0, 0.0), *dissimilar],
        "random weights": [(0, 0.0), *random],
    }
