"""Draws how far each layer moved, a panel a layer."""

import dataclasses
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.layer_movement import TREATMENTS, drift_data
from keras_transfer.analysis.results import Row
from keras_transfer.reports.style import (
    INK,
    SETTINGS,
    Look,
    save,
    treatment_look,
)
from keras_transfer.specs.network import LAYER_NAMES


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
                axes.axhline(mean, color=INK, ls=":", lw=1.1)
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


def _looks(copied: bool) -> dict[str, Look]:
    """Returns the look of each treatment; filled where a layer is copied."""
    return {
        name: dataclasses.replace(
            treatment_look(name), line=line, filled=copied
        )
        for name, line in zip(TREATMENTS, ("--", "-"), strict=True)
    }


def _plot_layer(axes, points, treatment: str, shift: float) -> None:
    look = _looks(True)[treatment]
    places = [n + shift for n, *_ in points]
    heights = [p[1] for p in points]
    axes.plot(places, heights, ls=look.line, color=look.colour, lw=1.2)
    for place, (_, mean, low, high, copied) in zip(places, points, strict=True):
        if low is not None:
            axes.plot([place, place], [low, high], color=look.colour, lw=1.2)
        axes.plot(place, mean, **_looks(copied)[treatment].of_marks(6.5))


def _legend(with_base: bool) -> list:
    handles = [
        plt.Line2D(
            [],
            [],
            ls=look.line,
            label=f"{treatment}, layer "
            + ("copied (from the copy)" if copied else "new"),
            **look.of_marks(),
        )
        for treatment in TREATMENTS
        for copied in (True, False)
        for look in [_looks(copied)[treatment]]
    ]
    if with_base:
        label = "base networks, all new"
        handles.append(plt.Line2D([], [], color=INK, ls=":", label=label))
    return handles
