"""Draws how far each layer moved, a panel a layer."""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.layer_movement import drift_data
from keras_transfer.analysis.results import Row
from keras_transfer.reports.style import SETTINGS, save
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.specs.treatments import BASE, DRAWN, Look


def plot_drift(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws the angle between each layer's weights and their start.

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG; empty if no fine-tuned
        network has a table of its layers.
    """
    data = drift_data(rows)
    if not data:
        return []
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            2,
            4,
            figsize=(11, 6.6),
            sharex=True,
            sharey=True,
            layout="constrained",
        )
        for layer, axes in zip(LAYER_NAMES, panels.flat, strict=True):
            for treatment in _found(data):
                points = data[treatment].get(layer, [])
                _plot_layer(axes, points, DRAWN[treatment].look)
            for _, mean, *_ in data.get(BASE, {}).get(layer, []):
                axes.axhline(mean, color="#222222", ls=":", lw=1.1)
            axes.set_title(layer, fontsize=11)
        layers = results.layers_of(rows)
        axes.set_xticks(layers)
        axes.set_xlim(min(layers) - 0.6, max(layers) + 0.6)
        axes.set_ylim(bottom=0)
        figure.legend(
            handles=_legend(_found(data), BASE in data),
            fontsize=9,
            ncols=3,
            loc="outside lower center",
        )
        for axes in panels[-1]:
            axes.set_xlabel("n, copied layers", fontsize=10)
        for axes in panels[:, 0]:
            axes.set_ylabel("angle (degrees)")
        figure.suptitle(
            f"{title}\nangle between each layer's weights and their start; "
            "bars: 95 % t interval over networks",
            fontsize=11,
        )
        return save(figure, path)


def _found(data) -> list[str]:
    return [treatment for treatment in data if treatment != BASE]


def _plot_layer(axes, points, look: Look) -> None:
    marker, colour = look.marker, look.colour
    places = [n + look.shift for n, *_ in points]
    means = [mean for _, mean, *_ in points]
    axes.plot(places, means, ls=look.line, color=colour, lw=1.2)
    for place, (_, mean, low, high, copied) in zip(places, points, strict=True):
        if low is not None:
            axes.plot([place, place], [low, high], color=colour, lw=1.2)
        axes.plot(
            place,
            mean,
            marker,
            color=colour,
            markerfacecolor=colour if copied else "white",
            markersize=6.5,
        )


def _legend(treatments: list[str], with_base: bool) -> list:
    handles = []
    for treatment in treatments:
        look = DRAWN[treatment].look
        for copied in (True, False):
            handles.append(
                plt.Line2D(
                    [],
                    [],
                    marker=look.marker,
                    ls=look.line,
                    color=look.colour,
                    markerfacecolor=look.colour if copied else "white",
                    label=f"{treatment}, layer "
                    + ("copied (from the copy)" if copied else "new"),
                )
            )
    if with_base:
        handles.append(
            plt.Line2D(
                [], [], color="#222222", ls=":", label="base networks, all new"
            )
        )
    return handles
