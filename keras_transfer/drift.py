"""How far each layer moved from its start, against n.

A fine-tuned layer's start is what was copied, a new layer's its random
weights. Networks that were filed before layers were measured are left out.
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from keras_transfer import results
from keras_transfer.figures import SETTINGS, save
from keras_transfer.intervals import t_interval
from keras_transfer.results import Row
from keras_transfer.specs import LAYER_NAMES

TREATMENTS = ("BnB+", "AnB+")
# Marker, colour, dash.
_LOOKS = {
    "BnB+": ("s", "#1f5fa8", "--"),
    "AnB+": ("^", "#b03030", "-"),
}


def drift_data(
    rows: list[Row], statistic: str = "angle"
) -> dict[str, dict[str, list[tuple]]]:
    """Averages how far each layer moved, over the networks of a treatment.

    Args:
        rows: List of `Row`.
        statistic: String, key of the layers' table in `result.json`.
            Defaults to `"angle"`, in degrees.

    Returns:
        Dict from treatment (`"BnB+"`, `"AnB+"`, and `"base"` at n = 0 for
        their own bases) to a dict from layer to `(n, mean, low, high,
        copied)`: the 95 % t interval over networks, `None` for fewer than
        two, and whether the layer was copied.
    """
    chosen = [
        row
        for treatment in TREATMENTS
        for row in results.select(rows, treatment)
        if row.result.get("layers")
    ]
    bases = {row.spec.own_base for row in chosen}
    chosen += [
        row for row in rows if row.spec in bases and row.result.get("layers")
    ]
    data: dict[str, dict[str, list[tuple]]] = {}
    for treatment in ("base", *TREATMENTS):
        for n in sorted({row.spec.n for row in chosen}):
            tables = [
                row.result["layers"]
                for row in results.select(chosen, treatment)
                if row.spec.n == n
            ]
            for layers in zip(*tables, strict=True):
                points = data.setdefault(treatment, {}).setdefault(
                    layers[0]["layer"], []
                )
                values = np.array([layer[statistic] for layer in layers])
                low, high = t_interval(values) or (None, None)
                mean = float(np.mean(values))
                points.append((n, mean, low, high, layers[0]["copied"]))
    return data


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


def drift_table(rows: list[Row]) -> list[str]:
    """Returns the angles in Markdown, a line a treatment and layer.

    Args:
        rows: List of `Row`.

    Returns:
        List of strings; empty if no fine-tuned network has a table of its
        layers.
    """
    data = drift_data(rows)
    layers = results.layers_of(rows)
    header = ["layer", "base", *(f"n = {n}" for n in layers)]
    lines = []
    for treatment in TREATMENTS:
        if treatment not in data:
            continue
        lines += [
            "",
            f"| {treatment}, {' | '.join(header)} |",
            "|" + " --- |" * len(header),
        ]
        for layer, points in data[treatment].items():
            base = data.get("base", {}).get(layer, [])
            cells = [f"{mean:.1f}" for _, mean, *_ in base] or [""]
            found = {n: f"{mean:.1f}" for n, mean, *_ in points}
            cells += [found.get(n, "") for n in layers]
            lines.append(f"| {layer} | {' | '.join(cells)} |")
    if not lines:
        return []
    return [
        "## How far each layer moved, in degrees",
        "",
        "The angle between a layer's weights after training and at its start: "
        "of a copied layer (number up to n) what was copied, of a new one and "
        "of a base network its random weights. Means over networks.",
        *lines,
    ]
