"""The published results of 2014, network by network, and what they say.

The values are facts from the authors' training logs; see the head of
`yosinski2014.csv`. A network's accuracy is the paper's statistic, the mean of
its 10 highest validation accuracies.
"""

import csv
import dataclasses
from pathlib import Path

from keras_transfer.presets import find_preset
from keras_transfer.results import Row, pooled_difference
from keras_transfer.specs import NetworkSpec

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


def published_courses() -> list[PublishedCourse]:
    """Reads the thinned learning curves of the networks with a whole log."""
    courses = []
    for row in _read(_CURVES):
        courses.append(
            PublishedCourse(
                group=row["group"],
                target=row["target"],
                n=int(row["n"]),
                images=int(row["images"]) if row["images"] else None,
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
    nets = []
    for row in _read(_FILE):
        nets.append(
            PublishedNet(
                net=row["net"],
                group=row["group"],
                split=int(row["split"]) if row["split"] else None,
                base=row["base"],
                target=row["target"],
                n=int(row["n"]),
                mode=row["mode"],
                images=int(row["images"]) if row["images"] else None,
                top1=float(row["top1"]),
            )
        )
    return nets


def published_rows() -> list[Row]:
    """Returns section 4.1's networks as rows of a study of our own."""
    recipe = find_preset("imagenet2012", "paper", None)
    rows = []
    for net in published_nets():
        if net.group not in ("base", "BnB", "AnB", "BnB+", "AnB+"):
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
        rows.append(Row(spec, {"test_accuracy": net.top1, "classes": classes}))
    return rows


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
    similar = [
        (n, pooled_difference(rows, "AnB", "base", n, n)) for n in layers
    ]
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
