"""Figure 2 of the paper and the two losses behind it, as SVG and PNG."""

from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

from keras_transfer.analysis import primary
from keras_transfer.analysis.results import Row
from keras_transfer.reports import figure2_data
from keras_transfer.reports.figure2_data import Curve, Figure
from keras_transfer.reports.style import (
    INK,
    PUBLISHED_GREY,
    SETTINGS,
    Look,
    label_layers,
    plot_curve,
    save,
    treatment_look,
)

matplotlib.use("Agg")


def plot_figure2(
    rows: list[Row],
    title: str,
    path: Path,
    published: list[Row] | None = None,
) -> list[Path]:
    """Draws figure 2: every network above, means with intervals below.

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.
        published: List of `Row` of 2014, or `None`. They come in a panel of
            their own, as changes from their own base: accuracies on another
            data set say nothing.

    Returns:
        List of the paths written, SVG and PNG.
    """
    with plt.rc_context(SETTINGS):
        panels = 3 if published else 2
        figure, (top, bottom, *third) = plt.subplots(
            panels,
            1,
            figsize=(8.5, 5 * panels),
            sharex=True,
            layout="constrained",
        )
        draw(top, figure2_data.networks_data(rows))
        top.set_title(f"{title}\nevery network")
        figure.legend(fontsize=9, ncols=2, loc="outside upper center")
        draw(bottom, figure2_data.means_data(rows))
        count = len({row.group for row in rows})
        bottom.set_title(
            "means; bars: 95 % interval of the difference from the own base "
            f"({count} pairs of split, seed, target), for\n{_scope(rows)}",
            fontsize=10,
        )
        for axes in third:
            changes = figure2_data.changes_data(rows, published)
            draw(axes, changes)
            axes.set_title(changes.title, fontsize=10)
            axes.legend(fontsize=9, ncols=2, loc="lower left")
        top.set_xlabel("")
        bottom.tick_params(labelbottom=True)
        return save(figure, path)


def plot_losses(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws co-adaptation (base - BnB) and specificity loss (BnB - AnB).

    Args:
        rows, title, path: As of `plot_figure2`.

    Returns:
        List of the paths written; empty without frozen networks.
    """
    losses = figure2_data.losses_data(rows)
    if losses is None:
        return []
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8.5, 5), layout="constrained")
        draw(axes, losses)
        axes.set_title(
            f"{title}\npaired by split, seed and target; bars: 95 % interval "
            f"for {_scope(rows)}",
            fontsize=11,
        )
        axes.legend()
        return save(figure, path)


def _scope(rows: list[Row]) -> str:
    """Says what the intervals are about; treatments may have other splits."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        if not row.spec.is_base:
            own = splits.setdefault(row.spec.treatment, set())
            own.add(row.spec.division)
    scopes = [primary.scope_of(len(found)) for found in splits.values()]
    return " or ".join(dict.fromkeys(sorted(scopes)))


def draw(axes, figure: Figure) -> None:
    """Puts a figure on Matplotlib axes, but for its title and legend.

    Args:
        axes: Matplotlib axes.
        figure: `Figure`.
    """
    for curve in figure.curves:
        _draw_curve(axes, curve)
    if figure.level is not None:
        axes.axhline(figure.level, color=INK, ls="--", lw=0.9)
    for x, y, curve in figure.labels:
        axes.annotate(
            curve.name,
            (x, y),
            xytext=(12, 0),
            textcoords="offset points",
            color=treatment_look(curve.treatment).colour,
            va="center",
        )
    axes.set_ylabel(figure.y_label)
    axes.set_ylim(*figure.limits)
    label_layers(axes, figure.ticks)


def _draw_curve(axes, curve: Curve) -> None:
    look = treatment_look(curve.treatment)
    if curve.of_2014:
        look = Look(look.marker, PUBLISHED_GREY, look.line, look.filled)
    points = [(p.x, p.y, p.low, p.high) for p in curve.points]
    # A line begins where its curve does, which may be no mark.
    if curve.start is not None:
        first = [curve.start, points[0][:2]]
        axes.plot(*zip(*first, strict=True), look.line, color=look.colour)
    if not curve.line:
        look = Look(look.marker, look.colour, "", look.filled)
    size, width = (5, 1) if curve.of_2014 else (7, 1.4)
    plot_curve(axes, points, look, curve.label or None, size, width)
