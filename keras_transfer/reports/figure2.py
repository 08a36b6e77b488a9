"""Figure 2 of the paper and the two losses behind it, as SVG and PNG."""

from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.curves import (
    LOSSES,
    change_data,
    figure_data,
    loss_data,
)
from keras_transfer.analysis.results import Row
from keras_transfer.reports.style import (
    PUBLISHED_GREY,
    SETTINGS,
    plot_estimates,
    save,
)
from keras_transfer.specs.treatments import MEANINGS, STYLES

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
        for treatment, (marker, colour, filled, shift) in STYLES.items():
            chosen = results.select(rows, treatment)
            if not chosen:
                continue
            top.plot(
                [row.spec.n + shift for row in chosen],
                [100 * row.accuracy for row in chosen],
                marker,
                color=colour,
                markerfacecolor=colour if filled else "white",
                markersize=7,
                markeredgewidth=1.4,
                label=MEANINGS[treatment],
            )
        data = figure_data(rows)
        base = data.get("base")
        for treatment, points in data.items():
            _plot_means(bottom, treatment, points, base)
        for axes in (top, bottom):
            axes.set_ylabel("top-1 accuracy (%)")
            if base:
                axes.axhline(100 * base[0][1], color="#222222", ls="--", lw=0.9)
        top.set_title(f"{title}\nevery network")
        figure.legend(fontsize=9, ncols=2, loc="outside upper center")
        count = len({row.group for row in rows})
        bottom.set_title(
            "means; bars: 95 % t interval of the difference from the own "
            f"base ({count} pairs of split, seed, target)",
            fontsize=10,
        )
        _fit_means(bottom, data)
        _name_curves(bottom, data)
        _label_layers(bottom, [0, *results.layers_of(rows)])
        bottom.tick_params(labelbottom=True)
        for axes in third:
            _plot_changes(axes, rows, published)
        return save(figure, path)


def _plot_changes(axes, rows: list[Row], published: list[Row]) -> None:
    """Draws ours and those of 2014 as changes from each one's own base."""
    for treatment, points in change_data(published).items():
        marker, _, filled, _ = STYLES[treatment]
        axes.plot(
            [n for n, _ in points],
            [100 * value.mean for _, value in points],
            marker=marker,
            ls="-" if filled else "--",
            color=PUBLISHED_GREY,
            markerfacecolor=PUBLISHED_GREY if filled else "white",
            markersize=5,
            lw=1,
            label=f"{treatment}, 2014",
        )
    for treatment, points in change_data(rows).items():
        marker, colour, filled, shift = STYLES[treatment]
        shifted = [(n + shift / 3, value) for n, value in points]
        look = (marker, colour, "-" if filled else "--", filled)
        plot_estimates(axes, shifted, look, treatment)
    axes.axhline(0, color="#222222", ls="--", lw=0.9)
    axes.set_ylabel("change of top-1 accuracy (points)")
    axes.set_title(
        "change from the own base; grey: Yosinski et al. 2014, ImageNet",
        fontsize=10,
    )
    # The axis is fitted to the means: an interval of two pairs may run out.
    every = [*change_data(published).values(), *change_data(rows).values()]
    means = [100 * value.mean for points in every for _, value in points]
    reach = 0.12 * (max(means) - min(means)) + 0.5
    axes.set_ylim(min(means) - reach, max(means) + reach)
    ticks = sorted({n for points in every for n, _ in points} | {0})
    axes.set_xticks(ticks)
    axes.set_xlim(min(ticks) - 0.5, max(ticks) + 0.9)
    axes.set_xlabel("n, the number of copied layers (of 8)")
    axes.legend(fontsize=9, ncols=2, loc="lower left")


def _fit_means(axes, data) -> None:
    """Fits the axis to the means: an interval of two pairs may run out."""
    means = [100 * mean for points in data.values() for _, mean, *_ in points]
    reach = max(2.0, 0.35 * (max(means) - min(means)))
    axes.set_ylim(min(means) - reach, max(means) + reach)


def _plot_means(axes, treatment, points, base) -> None:
    marker, colour, filled, shift = STYLES[treatment]
    layers = [n for n, *_ in points]
    means = [100 * mean for _, mean, *_ in points]
    if treatment != "base" and base:
        axes.plot(
            [0, *layers],
            [100 * base[0][1], *means],
            color=colour,
            lw=1.4,
            ls="-" if filled else "--",
            zorder=1,
        )
    axes.plot(
        [n + shift / 3 for n in layers],
        means,
        marker,
        color=colour,
        markerfacecolor=colour if filled else "white",
        markersize=7,
        markeredgewidth=1.4,
    )
    for n, _, low, high in points:
        if low is not None and treatment != "base":
            axes.plot(
                [n + shift / 3] * 2, [100 * low, 100 * high], color=colour
            )


def _name_curves(axes, data) -> None:
    """Writes each treatment's name at the end of its curve, not on another."""
    low, high = axes.get_ylim()
    below = -float("inf")
    for treatment in sorted(data, key=lambda name: data[name][-1][1]):
        n, mean, *_ = data[treatment][-1]
        if treatment == "base":
            place = 100 * mean + 0.025 * (high - low)
        else:
            place = below = max(100 * mean, below + 0.035 * (high - low))
        axes.annotate(
            treatment,
            (n, place),
            xytext=(14, 0),
            textcoords="offset points",
            color=STYLES[treatment][1],
            va="center",
        )


def plot_losses(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws co-adaptation (base - BnB) and specificity loss (BnB - AnB).

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written; empty without frozen networks.
    """
    layers = results.layers_of(rows)
    curves = loss_data(rows)
    if not curves:
        return []
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8.5, 5), layout="constrained")
        for index, (label, _, second) in enumerate(LOSSES):
            points = curves.get(label)
            if points is None:
                continue
            marker, colour, _, _ = STYLES[second]
            shifted = [(n + 0.06 * (2 * index - 1), v) for n, v in points]
            look = (marker, colour, "-" if index else "--", bool(index))
            plot_estimates(axes, shifted, look, label)
        axes.axhline(0, color="#222222", lw=0.9)
        axes.set_ylabel("loss of top-1 accuracy (points)")
        axes.set_title(
            f"{title}\npaired by split, seed and target; bars: 95 % t interval",
            fontsize=11,
        )
        axes.legend()
        _label_layers(axes, layers)
        return save(figure, path)


def _label_layers(axes, layers: list[int]) -> None:
    axes.set_xticks(layers)
    axes.set_xlim(min(layers) - 0.5, max(layers) + 0.9)
    axes.set_xlabel("n, the number of copied layers (of 8)")
