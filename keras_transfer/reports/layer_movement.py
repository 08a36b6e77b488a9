"""Draws how far each layer moved, a panel a layer."""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.layer_movement import TREATMENTS, drift_data
from keras_transfer.analysis.results import Row
from keras_transfer.reports.style import SETTINGS, save
from keras_transfer.specs.network import LAYER_NAMES

# Marker, colour, dash.
_LOOKS = {
    "BnB+": ("s", "#1f5fa8", "--"),
    "AnB+": ("^", "#b03030", "-"),
}


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
            for index, treatment in enumerate(TREATMENTS):
                points = data.get(treatment, {}).get(layer, [])
                _plot_layer(axes, points, treatment, 0.12 * (2 * index - 1))
            for _, mean, *_ in data.get("base", {}).get(layer, []):
                axes.axhline(mean, color="#222222", ls=":", lw=1.1)
            axes.set_title(layer, fontsize=11)
        layers = results.layers_of(rows)
        axes.set_xticks(layers)
        axes.set_xlim(min(layers) - 0.6, max(layers) + 0.6)
        axes.set_ylim(bottom=0)
        figure.legend(
            handles=_legend("base" in data),
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


def _plot_layer(axes, points, treatment: str, shift: float) -> None:
    marker, colour, dash = _LOOKS[treatment]
    places = [n + shift for n, *_ in points]
    axes.plot(places, [p[1] for p in points], ls=dash, color=colour, lw=1.2)
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


def _legend(with_base: bool) -> list:
    handles = []
    for treatment, (marker, colour, dash) in _LOOKS.items():
        for copied in (True, False):
            handles.append(
                plt.Line2D(
                    [],
                    [],
                    marker=marker,
                    ls=dash,
                    color=colour,
                    markerfacecolor=colour if copied else "white",
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
