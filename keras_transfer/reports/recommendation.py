"""The figure of a recommendation: accuracy and cost against the stage."""

import math
from pathlib import Path

from keras_transfer.reports.style import (
    INK,
    SETTINGS,
    Look,
    save,
    series_look,
)

# By way; shape, dash and filling tell them apart in grey.
_LOOKS = {
    name: series_look(index)
    for index, name in enumerate(
        ("truncated", "kept", "redrawn", "finetuned", "lp_ft", "decayed")
    )
}
_SHIFTS = {
    "truncated": 0.0,
    "kept": 0.12,
    "redrawn": -0.12,
    "finetuned": -0.24,
    "lp_ft": 0.24,
    "decayed": 0.36,
}


def pareto_front(points: list[tuple[float, float]]) -> list[int]:
    """Finds what nothing else beats in both cost and accuracy.

    Args:
        points: List of pairs of a cost and an accuracy.

    Returns:
        List of places, the cheapest first.

    Example:
        >>> pareto_front([(1, 0.5), (2, 0.4), (3, 0.9)])
        [0, 2]
    """
    order = sorted(
        range(len(points)), key=lambda i: (points[i][0], -points[i][1])
    )
    front, best = [], float("-inf")
    for i in order:
        if points[i][1] > best:
            front.append(i)
            best = points[i][1]
    return front


def short_name(model: str) -> str:
    """Returns how titles call a model: a file without its folder.

    Args:
        model: String, as it was named on the command line.
    """
    return Path(model).name


def write_figure(outcome: dict, path: Path) -> list[Path]:
    """Draws accuracy, cost, and one against the other, as SVG and PNG.

    Args:
        outcome: Dict, as `recommendation.json` holds it.
        path: Path without suffix.

    Returns:
        List of both paths.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            3, 1, figsize=(8.6, 11.5), height_ratios=(1.25, 1, 1)
        )
        _accuracy(axes[0], outcome)
        _cost(axes[1], outcome)
        _pareto(axes[2], outcome)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="upper center",
            ncols=2,
            bbox_to_anchor=(0.5, 0.995),
            fontsize=9.5,
        )
        lines = (len(labels) + 1) // 2
        figure.tight_layout(rect=(0, 0, 1, 0.985 - 0.017 * lines))
        return save(figure, path)


def _look(way: str) -> Look:
    return _LOOKS.get(way, Look("x", "#5a5a5a"))


def _chosen(outcome: dict) -> dict:
    return next(
        row for row in outcome["candidates"] if row["name"] == outcome["chosen"]
    )


def _stage_axis(axes, outcome: dict) -> None:
    stages = outcome["stages"][:-1]
    ticks = [0, *(stage["stage"] for stage in stages)]
    names = ["none", *(stage["last_layer"] for stage in stages)]
    axes.set_xticks(
        ticks,
        [
            f"{tick}\n{_short(name, 8 if len(ticks) > 8 else 11)}"
            for tick, name in zip(ticks, names, strict=True)
        ],
        fontsize=7.5 if len(ticks) > 8 else 9,
    )
    axes.set_xlim(-0.6, len(stages) + 0.6)
    axes.set_xlabel(
        "stage up to which the network is frozen, and its last layer"
    )


def _short(name: str, width: int) -> str:
    """Breaks the name of a layer into two lines, where it is too wide."""
    name = name.rsplit("/", 1)[-1]
    if len(name) <= width:
        return name
    place = name.rfind("_", 0, width + 1)
    place = place if place > 2 else width
    return f"{name[:place]}\n{name[place:][: width + 3]}"


def _accuracy(axes, outcome: dict) -> None:
    for row in outcome["race"]:
        if row["accuracy"] is None:
            continue
        axes.plot(
            row["stage"] + _SHIFTS.get(row["way"], 0),
            100 * row["accuracy"],
            marker=_look(row["way"]).marker,
            ls="",
            ms=3.5,
            color="#9a9a9a",
            mfc="white",
            label=None,
            zorder=1,
        )
    if outcome["race"]:
        axes.plot(
            [],
            [],
            "o",
            ms=3.5,
            color="#9a9a9a",
            mfc="white",
            label="raced: one seed, where it was stopped (shape: the way)",
        )
    for way, rows in _by_way(outcome).items():
        look = _look(way)
        x = [row["stage"] + _SHIFTS.get(way, 0) for row in rows]
        axes.plot(
            x,
            [100 * row["accuracy"] for row in rows],
            ls=look.line if len(rows) > 1 else "",
            label=rows[0]["title"],
            zorder=3,
            **look.of_marks(7),
        )
        for place, row in zip(x, rows, strict=True):
            ends = [100 * row["low"], 100 * row["high"]]
            axes.plot([place] * 2, ends, color=look.colour, lw=1.3, zorder=2)
    _mark(axes, outcome, lambda row: 100 * row["accuracy"])
    axes.set_ylabel("accuracy on validation images (%)")
    axes.set_title(
        f"{short_name(outcome['model'])}; bars: 95 % intervals, of all "
        "candidates at once",
        fontsize=10,
        loc="left",
    )
    _stage_axis(axes, outcome)


def _by_way(outcome: dict) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in outcome["candidates"]:
        found.setdefault(row["way"], []).append(row)
    return {
        way: sorted(rows, key=lambda row: row["stage"])
        for way, rows in found.items()
    }


def _mark(axes, outcome: dict, value) -> None:
    row = _chosen(outcome)
    place = row["stage"] + _SHIFTS.get(row["way"], 0)
    axes.plot(
        place,
        value(row),
        marker="o",
        ms=17,
        mfc="none",
        mec=INK,
        mew=1.6,
        ls="",
        zorder=4,
        label="recommended",
    )


def _cost(axes, outcome: dict) -> None:
    for way, rows in _by_way(outcome).items():
        look = _look(way)
        axes.plot(
            [row["stage"] + _SHIFTS.get(way, 0) for row in rows],
            [max(row["seconds"], 1e-3) for row in rows],
            ls=look.line if len(rows) > 1 else "",
            **look.of_marks(7),
        )
    _mark(axes, outcome, lambda row: max(row["seconds"], 1e-3))
    axes.set_yscale("log")
    axes.margins(y=0.12)
    _plain_ticks(axes.yaxis)
    axes.set_ylabel("training, whole (seconds)")
    _stage_axis(axes, outcome)


def _close(points, one: int, other: int) -> bool:
    """Whether the names of two points would lie on each other."""
    places = [(math.log(x), y) for x, y in points]
    widths = [max(values) - min(values) for values in zip(*places, strict=True)]
    gaps = [abs(a - b) for a, b in zip(places[one], places[other], strict=True)]
    # A name is about that wide and high, in shares of all.
    return gaps[0] <= 0.15 * widths[0] and gaps[1] <= 0.05 * widths[1]


def _plain_ticks(axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _pareto(axes, outcome: dict) -> None:
    rows = outcome["candidates"]
    points = [(max(r["seconds"], 1e-3), 100 * r["accuracy"]) for r in rows]
    for row, (x, y) in zip(rows, points, strict=True):
        axes.plot(x, y, ls="", **_look(row["way"]).of_marks(7))
    front = [points[i] for i in pareto_front(points)]
    axes.step(
        [x for x, _ in front],
        [y for _, y in front],
        where="post",
        color=INK,
        lw=1,
        ls="--",
    )
    named: list[int] = []
    for i in reversed(pareto_front(points)):
        if any(_close(points, i, other) for other in named):
            continue  # its name would lie on that of a better one
        named.append(i)
        axes.annotate(
            rows[i]["name"],
            points[i],
            textcoords="offset points",
            # Above the dashed line there is no point.
            xytext=(-8, 6),
            ha="right",
            fontsize=8.5,
        )
    chosen = points[rows.index(_chosen(outcome))]
    axes.plot(*chosen, marker="o", ms=17, mfc="none", mec=INK, mew=1.6, ls="")
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis)
    axes.margins(x=0.17, y=0.15)
    axes.set_xlabel(
        "training, whole (seconds); dashed: nothing is both cheaper and better"
    )
    axes.set_ylabel("validation accuracy (%)")
