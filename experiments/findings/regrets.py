"""What a recommendation loses and what scores know, from the committed grid."""

import csv
import json
import statistics
from functools import cache

from experiments.findings.committed import PUBLISHED
from experiments.recommend.regret_losses import (
    UNPROVEN,
    cost_share,
    images_of,
    losses,
    proof_gap,
)
from experiments.recommend.regret_tables import (
    history_table,
    regret_table,
    unseen_table,
    without_fewest,
)
from experiments.recommend.score_tables import correlations, score_table
from keras_transfer.analysis.rounding import rounded

_FOLDER = PUBLISHED / "regret"
PAGE = _FOLDER / "regret.md"
_MEAN, _WORST, _COST = 0.5, 2, 0.1  # what was aimed at: points, share
_COPYING = ("covers", "copying.csv")


@cache
def settings() -> list[dict]:
    """Returns what was found in each setting."""
    return json.loads((_FOLDER / "regret.json").read_text())


def page() -> str:
    """Returns the tables of the committed settings, in Markdown."""
    return "\n".join(
        [
            unseen_table(unseen()),
            history_table(settings(), first_order()),
            regret_table(settings()),
            score_table([*settings(), *unseen()]),
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


def lost(pick: str, rows: list[dict]) -> tuple[str, str]:
    """Says what a pick loses against the grid, in points.

    Args:
        pick: String, a column of the table of losses.
        rows: List of dicts, a setting each.

    Returns:
        Tuple `(mean, worst)` of strings.
    """
    gaps = [losses(found)[pick] for found in rows]
    shown = statistics.fmean(gaps), max(gaps)
    return tuple(rounded(gap, signed=False) for gap in shown)


def cost(rows: list[dict]) -> str:
    """Says the largest share of the grid's seconds, in percent.

    Args:
        rows: List of dicts, a setting each.
    """
    return f"{100 * max(map(cost_share, rows)):.0f}"


def tau(way: str, score: str = "linear_probe") -> str:
    """Says a score's mean Kendall's tau over the settings.

    Args:
        way: String, of the candidates it is compared with.
        score: String, key of a score.
    """
    rows = [*settings(), *unseen()]
    values = [correlations(found, way) for found in rows]
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


def _met(rows: list[dict]) -> str:
    """Says whether mean, worst and cost are what was aimed at."""
    gaps = [losses(found)["recommended"] for found in rows]
    most = max(map(cost_share, rows))
    met = statistics.fmean(gaps) <= _MEAN and max(gaps) <= _WORST
    return "met" if met and most <= _COST else "missed"


def _kinds(rows: list[dict]) -> str:
    """Names the settings that led to no choice."""
    counts = sorted({images_of(found) for found in rows})
    *rest, last = map(str, counts)
    images = f"{', '.join(rest)} or {last}" if rest else last
    sources = len({found["model"] for found in rows})
    return (
        f"{len(rows)} settings of {images} images a class that led to no "
        f"choice, {'one source' if sources == 1 else f'{sources} sources'}"
    )


def _asking(rows: list[dict]) -> str:
    """Says what asking for proof costs."""
    mean, low, high = proof_gap(rows)
    verdict = "undecided" if low <= 0 <= high else "beyond chance"
    return (
        f"asking minus not {rounded(mean)} [{rounded(low)}, {rounded(high)}], "
        f"{verdict}"
    )


def findings() -> list[tuple[str, str, str]]:
    """Returns the rows of the README's table."""
    new, seen = unseen(), settings()
    fewest, others = without_fewest(new)
    rest, _ = lost("recommended", others)
    mean, worst = lost("recommended", new)
    tuned, _ = lost("fine-tune all", new)
    backbone, _ = lost("freeze the backbone", new)
    own, own_worst = lost("recommended", seen)
    unproven, unproven_worst = lost(UNPROVEN, new)
    low, _, high = coverage()
    return [
        (
            f"What `recommend` loses against a whole grid, at most {cost(new)} "
            f"% of its cost ({_kinds(new)}; the aim was {_MEAN}, at worst "
            f"{_WORST})",
            f"{mean} points in the mean (without omniglot's {fewest} "
            f"validation images {rest}), {worst} at worst: aim {_met(new)}. "
            f"Fine-tuning all loses {tuned}, freezing the backbone {backbone}, "
            f"the same race without asking for proof {unproven} and "
            f"{unproven_worst} at worst ({_asking(new)}). In {len(seen)} of "
            "those that its rule "
            f"was chosen on {own} and {own_worst}: aim {_met(seen)} (earlier "
            "grids that fed wrong pixels, which missed it too, do not count). "
            "Its interval of test accuracy "
            f"[covers {low} to {high} %]"
            "(logs/published/recommend-coverage/coverage.md)",
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
    new, seen = unseen(), settings()
    _, (_, score, _) = findings()
    mean, worst = lost("recommended", new)
    tuned, tuned_worst = lost("fine-tune all", new)
    unproven, unproven_worst = lost(UNPROVEN, new)
    own, own_worst = lost("recommended", seen)
    own_tuned, own_tuned_worst = lost("fine-tune all", seen)
    before = [{**row, "recommended": row["recommended_before"]} for row in seen]
    earlier, _ = lost("recommended", before)
    low, mean_of, high = coverage()
    least, middle, most = coverage("differences")
    lowest, _, best = coverage(*_COPYING)
    return [
        (
            "recommend-coverage",
            "coverage_recommend",
            "Simulated recommendations, nominal 95 %: the interval of the "
            f"accuracy on test images covers {low} to {high} %, {mean_of} in "
            "the mean; those of "
            f"all differences at once {least} to {most} %, {middle} in the "
            f"mean; that of what copying is worth {lowest} to {best} %, the "
            "least where networks drawn anew spread 4 times as much as seeds",
        ),
        (
            "regret",
            "regret --model FILE.keras|cnn8 --images DIR --epochs 15 "
            "[--pixel-range -2 2] [--grids regret.json]",
            f"{_kinds(new)}: {mean} "
            f"points lost in the mean (below zero a gain), {worst} at worst: "
            f"the aim is {_met(new)}; fine-tuning all loses {tuned} and "
            f"{tuned_worst}, picking by what is measured, without asking for "
            f"proof, {unproven} and {unproven_worst} ({_asking(new)}). In "
            f"{len(seen)} settings "
            "that order or rule was "
            f"chosen on, {own} and {own_worst} (aim {_met(seen)}), by the "
            f"rule before {earlier} in the mean, fine-tuning all {own_tuned} "
            f"and {own_tuned_worst}. Tau of a linear probe in all "
            f"{len(new) + len(seen)}: {score}",
        ),
    ]
