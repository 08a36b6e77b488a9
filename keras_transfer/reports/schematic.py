"""The treatments as a drawing: which layers come from where, and which learn.

Figure 1 of the paper, in our words, for any n.
"""

import dataclasses
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.patches import Patch, Rectangle

from keras_transfer.reports.style import SETTINGS, save
from keras_transfer.specs.origins import HALVES, LAYER_NAMES, Copied
from keras_transfer.specs.treatments import (
    BASE,
    TREATMENTS,
    find_treatment,
)

_COLOURS = {"A": "#b03030", "B": "#1f5fa8", "new": "#ffffff"}
_EDGE = "#222222"
# Signs beside the colour, also in grey.
_FROZEN, _TRAINED = "//", ".."


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A network of a treatment, layer by layer.

    Args:
        label: String, such as `"A3B+"`.
        text: String, what it means.
        layers: Tuple of `(source, hatch)`, one a layer: `"A"`, `"B"` or
            `"new"`, and the sign of copied layers, or `None`.
    """

    label: str
    text: str
    layers: tuple[tuple[str, str | None], ...]


def drawings(n: int, names: tuple[str, ...] = TREATMENTS) -> list[Drawing]:
    """Lays out both bases and a network of each treatment on half B.

    Args:
        n: Integer, copied layers, 1 to 7.
        names: Tuple of strings, notations. Defaults to those of section 4.1.

    Returns:
        List of `Drawing`.
    """
    base = find_treatment(BASE)
    found = [
        Drawing(
            base.label.format(target=half),
            f"{base.meaning}, {half}",
            ((half, None),) * len(LAYER_NAMES),
        )
        for half in HALVES
    ]
    for row in map(find_treatment, names):
        fields = row.settings("B", n)
        origin = Copied(fields["base"], n, fields["mode"], fields["preserved"])
        above = origin.above
        sign = _FROZEN if row.frozen else _TRAINED
        layers = [(origin.half, sign)] * n + [(origin.half, _TRAINED)] * above
        layers += [("new", None)] * (len(LAYER_NAMES) - len(layers))
        label = row.label.format(base=origin.half, n=n, target="B")
        found.append(Drawing(label, row.meaning, tuple(layers)))
    return found


def plot_treatments(n: int, path: Path) -> list[Path]:
    """Draws both bases, the selffer and the transfer networks.

    Args:
        n: Integer, copied layers, 1 to 7.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), figure 1.
    """
    rows = drawings(n)
    with plt.rc_context({**SETTINGS, "axes.grid": False}):
        figure, axes = plt.subplots(
            figsize=(11, 1.2 * len(rows) + 0.8), layout="constrained"
        )
        for index, drawing in enumerate(rows):
            _draw(axes, drawing, 1.9 * (len(rows) - index))
        axes.set_xlim(-1.6, len(LAYER_NAMES))
        axes.set_ylim(1.4, 1.9 * len(rows) + 1)
        axes.axis("off")
        axes.set_title(f"The treatments, for n = {n}", fontsize=12)
        figure.legend(
            handles=_legend(), loc="outside lower center", ncols=2, fontsize=9
        )
        return save(figure, path)


def _draw(axes, drawing: Drawing, top: float) -> None:
    axes.text(-0.15, top + 0.4, drawing.label, ha="right", va="center")
    layers = zip(LAYER_NAMES, drawing.layers, strict=True)
    for index, (name, (source, hatch)) in enumerate(layers):
        axes.add_patch(
            Rectangle(
                (index + 0.06, top),
                0.88,
                0.8,
                facecolor=_COLOURS[source],
                edgecolor=_EDGE,
                hatch=hatch,
            )
        )
        light = source != "new" and hatch is None
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(
            index + 0.5,
            top + 0.4,
            name,
            ha="center",
            va="center",
            fontsize=10,
            color="white" if light else _EDGE,
            bbox=box if hatch else None,
        )
    axes.text(0.06, top - 0.28, drawing.text, fontsize=9.5, va="center")


def _legend() -> list[Patch]:
    meanings = (
        ("from A", _COLOURS["A"], None),
        ("from B", _COLOURS["B"], None),
        ("new: random start, then trained on the target", "white", None),
        ("copied and frozen", "white", _FROZEN),
        ("copied and trained on the target", "white", _TRAINED),
    )
    return [
        Patch(facecolor=colour, edgecolor=_EDGE, hatch=hatch, label=text)
        for text, colour, hatch in meanings
    ]
