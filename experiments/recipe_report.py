"""Writes tables and the figure of a search of recipes, from its rows.

    python -m experiments.recipe_report --levers levers.jsonl \\
        --comparison comparison.jsonl --timing timing.csv --out logs/recipe

writes trials.csv, comparison.csv, timing.csv, front.svg, front.png and
summary.md. The summary is made from the CSV files alone.

Claim: the default recipe is more accurate than the earlier one in less time.
Cost: seconds; trains nothing. Expected: `logs/published/recipe/summary.md`.
"""

import csv
import dataclasses
import functools
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich.console import Console

from experiments.common.terminal import plain_main
from experiments.recipe_search import read_rows
from keras_transfer.analysis.intervals import Estimate, t_interval
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import write_atomically

COLUMNS = (
    "name",
    "id",
    "optimizer",
    "half",
    "seed",
    "steps",
    "val_accuracy",
    "test_accuracy",
    "train_accuracy",
    "train_loss",
    "cpu_seconds",
    "wall_seconds",
    "changes",
)
_DIGITS = {"cpu_seconds": 1, "wall_seconds": 1}


@dataclasses.dataclass(frozen=True)
class ReportSettings:
    """What this report can be told."""

    levers: tuple[str, ...]
    """Files of rows of `recipe_search`: the first trial is the reference."""
    comparison: str
    """File of rows of networks that were tested."""
    timing: str
    """timing.csv of `recipe_timing`, with the names of the comparison."""
    out: str = "logs/recipe"
    """Folder that is written."""


def rows_csv(rows: list[dict]) -> str:
    """Writes one line a trained network.

    Args:
        rows: List of dicts, as of `read_rows`.

    Returns:
        String, the content of a CSV file with the columns `COLUMNS`.
    """
    lines = [",".join(COLUMNS)]
    for row in rows:
        values = []
        for column in COLUMNS:
            value = row.get(column)
            if column == "changes":
                value = '"' + json.dumps(value).replace('"', '""') + '"'
            elif isinstance(value, float):
                value = f"{value:.{_DIGITS.get(column, 4)}f}"
            text = "" if value is None else str(value)
            if column == "name" and "," in text:
                text = f'"{text}"'
            values.append(text)
        lines.append(",".join(values))
    return "\n".join(lines) + "\n"


def read_csv(path: Path) -> list[dict]:
    """Reads the rows of a CSV file.

    Args:
        path: Path.

    Returns:
        List of dicts from column to string.
    """
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@dataclasses.dataclass(frozen=True)
class Gain:
    """What a lever is worth, as the change that leaving the recipe makes.

    Args:
        name: String.
        mean: Float, mean paired difference of validation accuracy from the
            reference.
        reach: Float or `None`, half of the 95 % interval.
        pairs: Integer, halves and seeds.
    """

    name: str
    mean: float
    reach: float | None
    pairs: int


def gains(trials: list[dict]) -> list[Gain]:
    """Compares each trial with the first, over halves and seeds.

    Few pairs each say little of their spread, so all trials share one: the
    variance of the differences within a trial, pooled.

    Args:
        trials: List of rows of trials.csv.

    Returns:
        List of `Gain` in the order of the rows, without the reference.
    """
    reference = trials[0]["name"]
    values = {}
    for row in trials:
        place = row["half"], row["seed"]
        values.setdefault(row["name"], {})[place] = float(row["val_accuracy"])
    found = {}
    for name, own in values.items():
        shared = [place for place in own if place in values[reference]]
        found[name] = np.array([own[p] - values[reference][p] for p in shared])
    del found[reference]
    reach_of = pooled_reach(list(found.values()))
    return [
        Gain(name, float(d.mean()), reach_of(len(d)), len(d))
        for name, d in found.items()
    ]


def pooled_reach(groups: list[np.ndarray]):
    """Returns a function from a number of pairs to half of a 95 % interval.

    Args:
        groups: List of arrays of differences, whose variance is taken to be
            the same in each.

    Returns:
        Callable; its value is `None` if no array holds two differences.
    """
    from scipy import stats

    freedom = sum(len(group) - 1 for group in groups)
    squares = sum(float(((g - g.mean()) ** 2).sum()) for g in groups)
    if not freedom:
        return lambda count: None
    deviation = np.sqrt(squares / freedom)
    quantile = stats.t.ppf(0.975, freedom)
    return lambda count: float(quantile * deviation / np.sqrt(count))


def _interval(gain: Gain) -> str:
    if gain.reach is None:
        return "none of one pair"
    low, high = gain.mean - gain.reach, gain.mean + gain.reach
    return f"[{100 * low:+.1f}, {100 * high:+.1f}]"


@dataclasses.dataclass(frozen=True)
class Point:
    """A recipe in the plane of time and accuracy.

    Args:
        name: String.
        accuracy: Float, mean over networks of the test accuracy.
        networks: Integer.
        seconds: Float, core-seconds of the training steps.
        low, high: Floats, seconds at the quartiles of the rounds.
        spread: Tuple of floats or `None`, 95 % interval of the accuracy over
            seeds, halves averaged first.
    """

    name: str
    accuracy: float
    networks: int
    seconds: float
    low: float
    high: float
    spread: tuple[float, float] | None


def points(comparison: list[dict], timing: list[dict]) -> list[Point]:
    """Puts test accuracies and timed steps together.

    The machine's state drifts, so a recipe's seconds are its step's share of
    the first recipe's in the same round, times the first one's median.

    Args:
        comparison: List of rows of comparison.csv.
        timing: List of rows of timing.csv.

    Returns:
        List of `Point`, those with a timing, in the order of comparison.csv.
    """
    cpu = {}
    for row in timing:
        per_step = float(row["cpu_seconds"]) / int(row["steps"])
        cpu.setdefault(row["name"], {})[row["round"]] = per_step
    first = next(iter(cpu))
    level = float(np.median(list(cpu[first].values())))
    found = []
    for name in dict.fromkeys(row["name"] for row in comparison):
        own = [row for row in comparison if row["name"] == name]
        if name not in cpu:
            continue
        shares = [cpu[name][r] / cpu[first][r] for r in cpu[name]]
        low, middle, high = np.quantile(shares, (0.25, 0.5, 0.75))
        whole = level * int(own[0]["steps"])
        accuracy = np.mean([float(row["test_accuracy"]) for row in own])
        found.append(
            Point(
                name,
                float(accuracy),
                len(own),
                float(middle) * whole,
                float(low) * whole,
                float(high) * whole,
                t_interval(_over_seeds(_values(comparison, name))),
            )
        )
    return found


def paired(comparison: list[dict], name: str, against: str) -> np.ndarray:
    """Returns differences of test accuracy by seed, halves averaged first.

    Args:
        comparison: List of dicts, rows of tested networks.
        name: String, a recipe.
        against: String, the recipe that is subtracted.

    Returns:
        Float array of shape `(seeds,)`, shares of 1; a half and seed that
        `against` lacks is left out.
    """
    own, other = (_values(comparison, wanted) for wanted in (name, against))
    return _over_seeds({p: own[p] - other[p] for p in own if p in other})


def worth(comparison: list[dict], point: Point, against: Point) -> str:
    """Says a difference of test accuracy in points, with its interval.

    Args:
        comparison: List of dicts, rows of tested networks.
        point: `Point`.
        against: `Point`, which is subtracted.
    """
    each = paired(comparison, point.name, against.name)
    between = t_interval(each) or (None, None)
    estimate = Estimate(each.mean(), len(each), *between, lacks="one seed")
    return estimate.in_points()


def _values(comparison: list[dict], name: str) -> dict[tuple[str, str], float]:
    return {
        (row["half"], row["seed"]): float(row["test_accuracy"])
        for row in comparison
        if row["name"] == name
    }


def _over_seeds(values: dict[tuple[str, str], float]) -> np.ndarray:
    seeds = dict.fromkeys(seed for _, seed in values)
    return np.array(
        [
            np.mean(
                [value for (_, own), value in values.items() if own == seed]
            )
            for seed in seeds
        ]
    )


def summary(
    trials: list[dict], comparison: list[dict], timing: list[dict]
) -> str:
    """Writes the tables; the numbers are those of the CSV files.

    Args:
        trials: List of dicts, rows of trials; the first is the reference.
        comparison: List of dicts, rows of networks that were tested.
        timing: List of dicts, rows of `recipe_timing`.

    Returns:
        String, Markdown.
    """
    lines = ["# The default recipe: accuracy in time", ""]
    lines += _levers(trials)
    lines += _comparison(comparison, timing)
    return "\n".join(lines) + "\n"


def _levers(trials: list[dict]) -> Iterable[str]:
    reference = trials[0]["name"]
    own = [r for r in trials if r["name"] == reference]
    level = np.mean([float(row["val_accuracy"]) for row in own])
    yield f"## One change each from: {reference}"
    yield ""
    yield (
        f"Validation accuracy {100 * level:.1f} % over {len(own)} networks. "
        "Differences in points, paired by half and seed, with 95 % intervals "
        "of a pooled spread."
    )
    yield ""
    yield "| change | pairs | points | interval |"
    yield "| --- | --- | --- | --- |"
    for gain in sorted(gains(trials), key=lambda gain: gain.mean):
        yield (
            f"| {gain.name} | {gain.pairs} | {100 * gain.mean:+.1f} | "
            f"{_interval(gain)} |"
        )
    yield ""


def _comparison(comparison, timing) -> Iterable[str]:
    found = points(comparison, timing)
    first = found[0]
    yield "## Test accuracy and time"
    yield ""
    yield (
        "Core-seconds: the median step, timed in turns with all others, times "
        "the steps of a training; float32, one thread. Differences are paired "
        "by half and seed, with Student's t over seeds, halves averaged first: "
        "about these two halves."
    )
    yield ""
    yield (
        "| recipe | networks | test accuracy, % | difference, points "
        "[95 %] | core-seconds | times less |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for point in found:
        text = "" if point is first else worth(comparison, point, first)
        yield (
            f"| {point.name} | {point.networks} | "
            f"{100 * point.accuracy:.1f} | {text} | {point.seconds:.0f} | "
            f"{first.seconds / point.seconds:.2f} |"
        )


def plot_front(found: list[Point], path: Path) -> list[Path]:
    """Draws accuracy against time.

    Args:
        found: List of `Point`; the first is the earlier default.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.
    """
    from matplotlib import pyplot as plt

    from keras_transfer.reports.style import SETTINGS, save

    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
        for index, point in enumerate(found):
            reach = [[point.seconds - point.low], [point.high - point.seconds]]
            axes.errorbar(
                point.seconds,
                100 * point.accuracy,
                xerr=reach,
                yerr=_arms(point),
                fmt="s" if index == 0 else "o",
                color="#8c8c8c" if index == 0 else "#1f4e79",
                capsize=3,
            )
            axes.annotate(
                point.name,
                (point.seconds, 100 * point.accuracy),
                xytext=(7, 7),
                ha="left",
                textcoords="offset points",
                fontsize=9,
            )
        axes.margins(x=0.35, y=0.1)
        axes.set_xlabel("training steps of one base, core-seconds (quartiles)")
        axes.set_ylabel("test top-1, mean of both halves, % (95 % over seeds)")
        axes.set_title("CIFAR-100, split 0: accuracy in time")
        return save(figure, path)


def _arms(point: Point) -> list[list[float]] | None:
    """Returns the lengths of an accuracy's bar, down and up, in points."""
    if point.spread is None:
        return None
    low, high = point.spread
    return [[100 * (point.accuracy - low)], [100 * (high - point.accuracy)]]


def _run_script(settings: ReportSettings, console: Console) -> int:
    """Writes the folder."""
    out = user_path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    trials = [
        row for path in settings.levers for row in read_rows(user_path(path))
    ]
    write_atomically(out / "trials.csv", rows_csv(trials))
    tested = read_rows(user_path(settings.comparison))
    write_atomically(out / "comparison.csv", rows_csv(tested))
    timing = user_path(settings.timing).read_text()
    write_atomically(out / "timing.csv", timing)
    parts = [
        read_csv(out / f"{name}.csv")
        for name in ("trials", "comparison", "timing")
    ]
    write_atomically(out / "summary.md", summary(*parts))
    plot_front(points(*parts[1:]), out / "front")
    console.print(f"written: {out}", soft_wrap=True)
    return 0


main = functools.partial(
    plain_main, "recipe_report", __doc__, ReportSettings, _run_script
)


if __name__ == "__main__":
    sys.exit(main())
