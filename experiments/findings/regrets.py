"""What a recommendation loses and what scores know, from the committed grid."""

import csv
import json
import statistics
from collections.abc import Iterable
from functools import cache

from experiments.findings.committed import PUBLISHED
from experiments.recommend.regret_tables import (
    correlations,
    cost_share,
    losses,
    order_table,
    other_source_table,
    regret_table,
    score_table,
    unseen_table,
)
from keras_transfer.analysis.rounding import rounded

_FOLDER = PUBLISHED / "regret"
PAGE = _FOLDER / "regret.md"
_COPYING = ("covers", "copying.csv")
_FAR = "efficientnet_lite0"  # the source on which the two orders disagree


@cache
def settings() -> list[dict]:
    """Returns what was found in each setting."""
    return json.loads((_FOLDER / "regret.json").read_text())


def page() -> str:
    """Returns the tables of the committed settings, in Markdown."""
    found = settings()
    return "\n".join(
        [
            regret_table(found),
            order_table(found, first_order()),
            unseen_table(unseen()),
            other_source_table(other_source()),
            score_table(found),
        ]
    )


@cache
def first_order() -> list[dict]:
    """Returns what was recommended in each setting by the order before."""
    return json.loads((_FOLDER / "first_order.json").read_text())


@cache
def unseen() -> list[dict]:
    """Returns what was found in settings that led to no choice."""
    return json.loads((_FOLDER / "unseen.json").read_text())


@cache
def other_source() -> list[dict]:
    """Returns what was found with a CIFAR-100 base as the source."""
    return json.loads((_FOLDER / "cifar100_base.json").read_text())


def other_lost(pick: str) -> tuple[str, str]:
    """Says what a pick loses with a CIFAR-100 base, in points.

    Args:
        pick: String, a column of the table of losses.

    Returns:
        Tuple `(mean, worst)` of strings.
    """
    return _mean_and_worst(losses(found)[pick] for found in other_source())


def lost(
    pick: str,
    recommended: list[dict] | None = None,
    model: str | None = None,
) -> tuple[str, str]:
    """Says what a pick loses against the grid, in points.

    Args:
        pick: String, a column of the table of losses.
        recommended: List of dicts, with what was recommended instead, in the
            order of `settings`. Defaults to `None`.
        model: String, the source, or `None` for both. Defaults to `None`.

    Returns:
        Tuple `(mean, worst)` of strings.
    """
    rows = [*zip(settings(), recommended or settings(), strict=True)]
    return _mean_and_worst(
        losses({**found, "recommended": other["recommended"]})[pick]
        for found, other in rows
        if model in (None, found["model"])
    )


def _mean_and_worst(gaps: Iterable[float]) -> tuple[str, str]:
    gaps = list(gaps)
    shown = statistics.fmean(gaps), max(gaps)
    return tuple(rounded(gap, signed=False) for gap in shown)


def unseen_lost() -> tuple[str, str]:
    """Says what either order loses in the setting that led to no choice.

    Returns:
        Tuple of strings, of the order now and of the one before.
    """
    (found,) = unseen()
    old = {**found, "recommended": found["recommended_before"]}
    return tuple(
        rounded(losses(row)["recommended"], signed=False)
        for row in (found, old)
    )


def cost() -> str:
    """Says the largest share of the grid's seconds, in percent."""
    return f"{100 * max(map(cost_share, settings())):.0f}"


def tau(way: str, score: str = "linear_probe") -> str:
    """Says a score's mean Kendall's tau over the settings.

    Args:
        way: String, of the candidates it is compared with.
        score: String, key of a score.
    """
    values = [correlations(found, way) for found in settings()]
    found = [v[score] for v in values if score in v]
    return rounded(statistics.fmean(found), 2)


def coverage(
    column: str = "accuracy", name: str = "coverage.csv"
) -> tuple[str, str, str]:
    """Returns lowest, mean and highest simulated coverage, in percent.

    Args:
        column: String, the interval. Defaults to `"accuracy"`, that of the
            sentence's test accuracy.
        name: String, of the file. Defaults to `"coverage.csv"`.
    """
    path = PUBLISHED / "recommend-coverage" / name
    with path.open(newline="") as file:
        shares = [100 * float(row[column]) for row in csv.DictReader(file)]
    found = min(shares), statistics.fmean(shares), max(shares)
    return tuple(rounded(value, signed=False) for value in found)


def findings() -> list[tuple[str, str, str]]:
    """Returns the rows of the README's table."""
    mean, worst = lost("recommended")
    tuned, _ = lost("fine-tune all")
    backbone, _ = lost("freeze the backbone")
    before, _ = lost("recommended", first_order())
    low, _, high = coverage()
    new, new_before = unseen_lost()
    least, _, most = coverage(*_COPYING)
    other, other_worst = other_lost("recommended")
    other_tuned, _ = other_lost("fine-tune all")
    far, _ = lost("recommended", None, _FAR)
    far_before, _ = lost("recommended", first_order(), _FAR)
    return [
        (
            f"What `recommend` loses against a whole grid, at most {cost()} % "
            f"of its cost ({len(settings())} settings of 9 to 20 images a "
            "class; the aim was 0.5)",
            f"{mean} points in the mean, {worst} at worst, so the aim is "
            f"missed; fine-tuning all loses {tuned}, freezing the backbone "
            f"{backbone}. The order, fine-tuning first, was chosen on these "
            f"settings; the one before lost {before}, and less on "
            f"EfficientNet-Lite0: {far_before} against {far}; there, in a "
            f"setting not looked at before, {new_before} against {new}. With a "
            f"CIFAR-100 base, in {len(other_source())} settings not looked at "
            f"before, it loses {other} in the mean, {other_worst} at worst, "
            f"fine-tuning all {other_tuned}. The "
            f"interval of the sentence's test accuracy covers {low} to {high} "
            f"%, that of what copying is worth {least} to {most} %, [in "
            "simulated "
            "recommendations](logs/published/recommend-coverage/coverage.md)",
            "regret",
        ),
        (
            "A linear probe of a stage tells how good a network cut there is "
            "(Kendall's tau), but not which stage to freeze",
            f"cut there {tau('truncated')}; frozen and trained above "
            f"{tau('kept')}",
            "regret",
        ),
    ]


def folders() -> list[tuple[str, str, str]]:
    """Returns the rows of `logs/README.md`."""
    (_, number, _), (_, score, _) = findings()
    number, _, _ = number.partition(". The interval")
    low, mean, high = coverage()
    least, middle, most = coverage("differences")
    worst, _, best = coverage(*_COPYING)
    return [
        (
            "recommend-coverage",
            "coverage_recommend",
            "Simulated recommendations, nominal 95 %: the interval of the "
            f"accuracy on test images covers {low} to {high} %, {mean} in the "
            "mean, more than it should with 50 images or near 100 %; those of "
            f"all differences at once {least} to {most} %, {middle} in the "
            f"mean; that of what copying is worth {worst} to {best} %, the "
            "least where networks drawn anew spread 4 times as much as seeds",
        ),
        (
            "regret",
            "regret --model FILE.keras|cnn8 --images DIR --epochs 15 "
            "[--grids regret.json]",
            f"{len(settings())} settings of two sources and four folders: "
            f"{number}. Tau of a linear probe: {score}",
        ),
    ]
