"""How figures look: colours, markers, and the lines that many of them share."""

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

from keras_transfer.specs.treatments import DRAWN
from keras_transfer.storage.files import write_atomically

SETTINGS = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_transfer",
    "legend.frameon": False,
}
INK, BLUE, RED = "#222222", "#1f5fa8", "#b03030"
PUBLISHED_GREY = "#8c8c8c"  # of all that is of 2014
LAYERS_LABEL = "n, the number of copied layers (of 8)"
STAGES_LABEL = "n, the number of copied stages"
_DASHES = ("-", "--", ":", "-.")


@dataclasses.dataclass(frozen=True)
class Look:
    """How a curve is told apart: by shape and filling, also in grey.

    Args:
        marker: String, Matplotlib's name of a marker.
        colour: String, such as `"#1f5fa8"`.
        line: String, Matplotlib's name of a dash. Defaults to `"-"`.
        filled: Boolean, whether markers are. Defaults to `True`.
    """

    marker: str
    colour: str
    line: str = "-"
    filled: bool = True

    def of_marks(self, size: float = 7) -> dict:
        """Returns Matplotlib's arguments for marks.

        Args:
            size: Float, of a mark in typographic points. Defaults to `7`.
        """
        return {
            "marker": self.marker,
            "color": self.colour,
            "markerfacecolor": self.colour if self.filled else "white",
            "markersize": size,
        }


# Of curves that are no treatments, by their place in the legend.
SERIES = (
    Look("o", BLUE),
    Look("h", "#c46a00", "--", False),
    Look("^", "#7a7a00", ":"),
    Look("D", RED, "-."),
    Look("s", "#5a3d8a", "-", False),
)


def series_look(index: int) -> Look:
    """Returns the look of any number of curves.

    Args:
        index: Integer, the curve's place in the legend. Beyond the table a
            marker comes again with another dash or filling: 20 differ.
    """
    again, place = divmod(index, len(SERIES))
    look = SERIES[place]
    line = _DASHES[(_DASHES.index(look.line) + again) % len(_DASHES)]
    return dataclasses.replace(
        look, line=line, filled=look.filled ^ bool(again % 2)
    )


def treatment_look(treatment: str) -> Look:
    """Returns the look of a treatment; crosses for a rare one.

    Args:
        treatment: String, such as `"AnB+"`.
    """
    if treatment not in DRAWN:
        return Look("x", "#5a5a5a")
    look = DRAWN[treatment].look
    return Look(look.marker, look.colour, look.line, look.filled)


def treatment_shift(treatment: str) -> float:
    """Returns how far beside `n` a treatment's networks are drawn, in layers.

    Args:
        treatment: String, such as `"AnB+"`.
    """
    return DRAWN[treatment].look.shift if treatment in DRAWN else 0.35


def plot_curve(
    axes,
    points: Iterable[tuple],
    look: Look,
    label: str | None = None,
    size: float = 7,
    width: float | None = None,
) -> None:
    """Plots values joined by a line, with their intervals as bars.

    Args:
        axes: Matplotlib axes.
        points: Iterable of `(place, value)` or `(place, value, low, high)`
            in the axes' units; `low` may be `None`.
        look: `Look`.
        label: String for the legend, or `None`.
        size: Float, of a mark in typographic points. Defaults to `7`.
        width: Float or `None`, of the line in typographic points.
    """
    points = list(points)
    axes.plot(
        [point[0] for point in points],
        [point[1] for point in points],
        ls=look.line,
        lw=width,
        label=label,
        **look.of_marks(size),
    )
    for place, _, *interval in points:
        if interval and interval[0] is not None:
            axes.plot([place] * 2, interval, color=look.colour)


def plot_estimates(axes, points: list[tuple], look: Look, label: str) -> None:
    """Plots means in points, with their 95 % intervals as bars.

    Args:
        axes: Matplotlib axes.
        points: List of `(place, Estimate)`, values in 0..1.
        look: `Look`.
        label: String, for the legend.
    """
    plot_curve(
        axes, [(at, *value.percent()) for at, value in points], look, label
    )


def zero_line(axes) -> None:
    """Draws the line of no difference.

    Args:
        axes: Matplotlib axes.
    """
    axes.axhline(0, color=INK, lw=0.9)


def label_layers(axes, layers: list[int], label: str = LAYERS_LABEL) -> None:
    """Labels the axis of `n`, with room for names behind the curves.

    Args:
        axes: Matplotlib axes.
        layers: List of integers, the `n` that get a tick.
        label: String. Defaults to copied layers.
    """
    axes.set_xticks(layers)
    axes.set_xlim(min(layers) - 0.5, max(layers) + 0.9)
    axes.set_xlabel(label)


def save(figure, path: Path) -> list[Path]:
    """Writes a figure as SVG and PNG and closes it.

    Args:
        figure: Matplotlib figure.
        path: Path without suffix; its folder is made if it is not there.

    Returns:
        List of both paths.
    """
    from matplotlib import pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    _draw_once(figure)
    paths = [path.with_suffix(suffix) for suffix in (".svg", ".png")]
    for written in paths:
        # No date inside: the same results give the same bytes.
        metadata = {"Date": None} if written.suffix == ".svg" else None
        drawn = io.BytesIO()
        form = written.suffix.removeprefix(".")
        figure.savefig(drawn, format=form, dpi=130, metadata=metadata)
        write_atomically(written, drawn.getvalue())
    plt.close(figure)
    return paths


def _draw_once(figure) -> None:
    """Spares a figure the drawing whose output nobody sees.

    `savefig` draws all of it without output, for the sake of its layout, and
    then again with the layout off. The layout alone gives the same bytes.
    """
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    whole = figure.draw

    def draw(renderer) -> None:
        engine = figure.get_layout_engine()
        if engine is None or isinstance(engine, PlaceHolderLayoutEngine):
            whole(renderer)
        else:
            engine.execute(figure)

    figure.draw = draw
