"""The numbers behind each finding, by the functions that studies use."""

import csv
import json
from functools import cache

import numpy as np

from experiments import recipe_report
from experiments.benchmark.targets import targets
from experiments.coverage import judged_range, too_wide
from experiments.findings.committed import (
    PUBLISHED,
    committed_rows,
    evidence,
)
from keras_transfer.analysis import (
    claims,
    contrasts,
    primary,
    results,
    verdicts,
)
from keras_transfer.analysis import published_2014 as of_2014
from keras_transfer.analysis.comparisons import (
    TRAIN_LOSS,
    TWICE,
    Comparison,
    slope,
)
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.evidence import Evidence
from keras_transfer.analysis.intervals import estimate
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports import distance_claims

NARROW = {"width": 16, "precision": "bfloat16"}
TUNED = "AnB+"
RECIPES = PUBLISHED / "recipe"
_ASKED = (
    *(c for row in claims.CLAIMS for c in row.comparisons),
    Comparison(TUNED, TWICE),
)


@cache
def similar() -> Evidence:
    """One split, one seed, width 32: all of section 4.1."""
    return evidence("cifar100-similar", precision="bfloat16")


@cache
def boost() -> Evidence:
    """Four splits, one seed: BnB+ and AnB+ beside a base twice as long."""
    return evidence("cifar100-boost", **NARROW)


def points(
    data: Evidence, first: str, second: str, low=1, high=7, digits=1
) -> str:
    """Says a difference of test accuracy by the rule of `primary`, in points.

    Args:
        data: `Evidence`.
        first, second: Strings, treatments.
        low, high: Integers, range of n.
        digits: Integer. Defaults to `1`.
    """
    estimate = data.estimate(Comparison(first, second, low, high))
    return estimate.in_points(digits)


def verdict(data: Evidence, comparison: Comparison, digits: int = 1) -> str:
    """Says a difference, the verdict on it and what would decide it.

    The verdict is at 95 % for it and all others that the study has networks
    for, of section 4.1's and AnB+ against a base trained as long.

    Args:
        data: `Evidence`.
        comparison: `Comparison`.
        digits: Integer, of points. Defaults to `1`.
    """
    part = data.part(comparison)
    others = [c for c in _ASKED if c != comparison]
    parts = [[data.part(c)] for c in (comparison, *others)]
    found, *_ = verdicts.judge(parts)
    remark = f" ({found.remark})" if found.remark else ""
    value = comparison.in_unit(part.estimate, digits)
    return f"{value}: {found.name}{remark}"


def gate(data: Evidence) -> str:
    """Says whether bases are trained out, and how that is known.

    Args:
        data: `Evidence`.
    """
    done, words = claims.trained_out(data)
    if done is None:
        return words
    said = "bases trained out" if done else claims.NOT_TRAINED_OUT
    return f"{said}: {words}"


def layer_slope(data: Evidence, first: str, second: str) -> str:
    """Says by how many points a difference grows with each layer.

    Args:
        data: `Evidence`.
        first, second: Strings, treatments.
    """
    comparison = Comparison(first, second, weigh=slope)
    return data.estimate(comparison).in_points()


def loss(data: Evidence, first: str, second: str, low: int, high: int) -> str:
    """Says a difference of training loss by the rule of `primary`, in nats.

    Args:
        data: `Evidence`.
        first, second: Strings, treatments.
        low, high: Integers, range of n, both included.
    """
    comparison = Comparison(first, second, low, high, outcome=TRAIN_LOSS)
    return f"{data.estimate(comparison).in_words()} nats"


@cache
def _sizes():
    path = PUBLISHED / "cifar100-target-size" / "results.csv"
    return contrasts.read_observations(path)


def count(folder: str) -> int:
    """Counts the networks of a committed table.

    Args:
        folder: String, a folder of `logs/published`.
    """
    return len(committed_rows(folder))


def by_size(first: str, second: str, n: int, images: int | None) -> str:
    """Says a difference at a number of target images, in points.

    Args:
        first, second: Strings, treatments or `"base"`.
        n: Integer, layers copied.
        images: Integer, target images a class, or `None` for all.
    """
    one, two = (
        [(name, 0 if name == "base" else n, images)] for name in (first, second)
    )
    weights = contrasts.difference(one, two)
    return primary.estimate(_sizes(), weights).in_points()


@cache
def _distances() -> dict[str, str]:
    rows = committed_rows("cifar100-dissimilar", **NARROW)
    found = {}
    for claim in distance_claims.claims(rows):
        name = claim.text.rpartition(", ")[2] if claim.number == "4.3" else ""
        found[name.strip(".") or "kinds"] = claim.effect.rpartition(": ")[2]
    return found


def further(name: str) -> str:
    """Says how much more is lost, at n = 5 and 7, in points.

    Args:
        name: String, `"kinds"` for natural and man-made classes against
            random halves, or such as `"random (he)"` for random layers
            against those of the other kind.
    """
    return _distances()[name]


def tuned(first: str, file: str) -> str:
    """Says a difference from the base before or after rates are tuned.

    Args:
        first: String, a treatment.
        file: String, `"default.csv"` or `"tuned.csv"`.
    """
    return points(evidence("cifar100-tuned", file, **NARROW), first, "base")


def precision() -> str:
    """Says what bfloat16 changes: Student's t over splits, in points."""
    found = {}
    for name in ("bfloat16", "float32"):
        rows = committed_rows("cifar100-precision", f"{name}.csv", width=16)
        for row in rows:
            found.setdefault(row.spec.data.split, {}).setdefault(name, [])
            found[row.spec.data.split][name].append(row.accuracy)
    values = [
        float(np.mean(both["bfloat16"]) - np.mean(both["float32"]))
        for both in found.values()
    ]
    return estimate(values).in_points()


def normalization(name: str) -> str:
    """Says the mean accuracy of baseA and baseB, in percent.

    Args:
        name: String, `"batch"`, `"lrn"` or `"none"`.
    """
    rows = committed_rows("cifar100-normalization", f"{name}.csv")
    return rounded(100 * np.mean([row.accuracy for row in rows]), signed=False)


def base_accuracy(data: Evidence) -> str:
    """Says the mean accuracy of base networks, in percent.

    Args:
        data: `Evidence`.
    """
    values = [o.value for o in data.accuracies if o.treatment == "base"]
    return rounded(100 * np.mean(values), signed=False)


def effect_2014(first: str, second: str, low: int, high: int) -> str:
    """Says an effect of 2014 by the rule of `primary`, in points.

    Args:
        first, second: Strings, treatments.
        low, high: Integers, range of n, both included.
    """
    found = of_2014.published_effect(Comparison(first, second, low, high))
    return found.in_points(2)


def all_2014() -> Evidence:
    """Section 4.1's networks of 2014."""
    return of_2014.published_evidence()


@cache
def yardsticks() -> dict[str, ModelEstimate]:
    """The boost of 2014, by who tells how difficult a half is."""
    return of_2014.boost_by_yardstick()


def boost_2014() -> str:
    """Says the range of the boost over yardsticks, and its upper end."""
    found = list(yardsticks().values())
    means = sorted(100 * e.mean for e in found)
    most = 100 * max(e.high for e in found)
    return (
        f"{rounded(means[0], 2)} to {rounded(means[-1], 2)} by yardstick, "
        f"at most {rounded(most, 2, signed=False)}"
    )


def pooled_boost_2014() -> str:
    """Says the boost as the paper computed it, in points."""
    rows = of_2014.published_rows()
    value = results.pooled_difference(rows, TUNED, "BnB+", 3, 7)
    return rounded(100 * value)


def recipe_tables(*names: str) -> list:
    """Reads tables of the search for the default recipe.

    Args:
        *names: Strings, such as `"comparison"`.
    """
    return [recipe_report.read_csv(RECIPES / f"{name}.csv") for name in names]


def recipes() -> str:
    """Says accuracy and time of each recipe beside the earlier default's."""
    comparison, timing = recipe_tables("comparison", "timing")
    first, *rest = recipe_report.points(comparison, timing)
    level = rounded(100 * first.accuracy, signed=False)
    said = (
        f"{point.name}: {recipe_report.worth(comparison, point, first)} in "
        f"{first.seconds / point.seconds:.2f} times less time"
        for point in rest
    )
    return f"{first.name}: {level} %. Against it, {'; '.join(said)}"


@cache
def _simulated() -> list[dict]:
    path = PUBLISHED / "coverage" / "coverage.csv"
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


def coverage() -> tuple[str, str, str]:
    """Returns lowest, mean and highest coverage of what is judged by, %."""
    return judged_range(_simulated())


def too_wide_lines() -> int:
    """Counts those that are covered more often than they say."""
    return len(_simulated()) - coverage_lines()


def coverage_lines() -> int:
    """Counts the kinds of study and effect that should be covered so."""
    return sum(not too_wide(line) for line in _simulated())


def kills() -> tuple[int, int]:
    """Returns how many kills there were, and how many differences."""
    path = PUBLISHED / "random_kills" / "kills.json"
    found = json.loads(path.read_text())
    return len(found["kills"]), len(found["differences"])


def speed() -> str:
    """Says how fast training is beside plain Keras, by medians of ratios."""
    path = PUBLISHED / "benchmark" / "benchmark.json"
    known = targets(json.loads(path.read_text()))
    found = {target.name: target.value for target in known}
    ways = {
        "float32 over plain fit, one network a core": "if each core trains a "
        "network, as in a study",
        "float32 over plain fit": "if a network has two cores",
    }
    said = ", and ".join(
        f"{found[name]:.2f} times as fast {way}"
        for name, way in ways.items()
        if found[name] is not None
    )
    return f"beside plain Keras `fit` from tf.data {said}"
