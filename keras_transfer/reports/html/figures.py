"""Figures as SVG text for a web page: values on hover, colours from its style.

A mark carries its values in a `<title>`, which browsers show on hover and
screen readers speak. Colours are CSS variables of the page, so that a figure
follows its dark mode; shape and filling tell treatments apart in grey.
"""

import math
from html import escape

from keras_transfer.analysis.results import Row
from keras_transfer.reports import figure2_data
from keras_transfer.reports.figure2_data import Curve, Figure
from keras_transfer.reports.style import treatment_look
from keras_transfer.specs.treatments import DRAWN

WIDTH, HEIGHT = 680, 360
LEFT, RIGHT, TOP, BOTTOM = 62, 72, 14, 54
SIZE = 5.5  # half a mark's side, in pixels


def networks_figure(rows: list[Row]) -> str:
    """Draws every network, figure 2 of the paper above.

    Args:
        rows: List of `Row`.

    Returns:
        String, a legend and an `<svg>` element.
    """
    figure = figure2_data.networks_data(rows)
    return _legend(figure) + draw(figure)


def means_figure(rows: list[Row]) -> str:
    """Draws the mean of each treatment, figure 2 of the paper below.

    Args:
        rows: List of `Row`.

    Returns:
        String, an `<svg>` element.
    """
    return draw(figure2_data.means_data(rows))


def losses_figure(rows: list[Row]) -> str:
    """Draws co-adaptation and specificity loss.

    Args:
        rows: List of `Row`.

    Returns:
        String, a legend and an `<svg>` element; empty without frozen
        networks.
    """
    figure = figure2_data.losses_data(rows)
    return _legend(figure) + draw(figure) if figure else ""


def _class(treatment: str) -> str:
    return f"t-{DRAWN[treatment].css}" if treatment in DRAWN else "t-x"


def _shape(treatment: str, x: float, y: float) -> str:
    look = treatment_look(treatment)
    marker = look.marker
    style = "" if look.filled else ' class="open"'
    s = SIZE
    if marker == "o":
        return f'<circle{style} cx="{x:.1f}" cy="{y:.1f}" r="{s - 0.5:g}"/>'
    if marker == "x":
        ends = (
            f"M{x - 4:.1f} {y - 4:.1f}l8 8",
            f"M{x - 4:.1f} {y + 4:.1f}l8 -8",
        )
        return f'<path d="{"".join(ends)}"/>'
    corners = {
        "s": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
        "D": [(0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)],
        "^": [(0, -1.1), (1, 0.8), (-1, 0.8)],
        "v": [(0, 1.1), (1, -0.8), (-1, -0.8)],
    }[marker]
    path = "L".join(f"{x + s * a:.1f} {y + s * b:.1f}" for a, b in corners)
    return f'<path{style} d="M{path}z"/>'


def _legend(figure: Figure) -> str:
    """Returns the marker and meaning of each curve, as HTML."""
    items = "".join(
        f'<li><svg width="16" height="16" viewBox="-8 -8 16 16" '
        f'aria-hidden="true"><g class="{_class(curve.treatment)}">'
        f"{_shape(curve.treatment, 0, 0)}</g></svg> {escape(curve.label)}</li>"
        for curve in figure.curves
    )
    return f'<ul class="legend">{items}</ul>'


def _nice_ticks(low: float, high: float) -> list[float]:
    """Returns some six round numbers from low to high."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


class _Frame:
    """Turns layers and values into pixels.

    Args:
        figure: `Figure`.
    """

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT

    def __init__(self, figure: Figure):
        self.low, self.high = figure.limits
        self.first = min(figure.ticks) - 0.5
        self.last = max(figure.ticks) + 0.5

    def across(self, x: float) -> float:
        share = (x - self.first) / (self.last - self.first)
        return LEFT + (self.right - LEFT) * share

    def down(self, y: float) -> float:
        share = (y - self.low) / (self.high - self.low)
        return self.bottom - (self.bottom - TOP) * share

    def inside(self, y: float) -> float:
        return min(self.bottom, max(TOP, self.down(y)))


def draw(figure: Figure) -> str:
    """Draws a figure, but for its legend.

    Args:
        figure: `Figure`.

    Returns:
        String, an `<svg>` element.
    """
    frame = _Frame(figure)
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(figure.title)}</title>",
        *_axes(figure, frame),
        *(_curve(curve, frame) for curve in figure.curves),
        *_names(figure, frame),
        "</svg>",
    ]
    return "".join(parts)


def _axes(figure: Figure, frame: _Frame) -> list[str]:
    bottom, right = frame.bottom, frame.right
    parts = []
    for tick in _nice_ticks(frame.low, frame.high):
        y = frame.down(tick)
        parts.append(
            f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
            f'<text class="end" x="{LEFT - 8}" y="{y + 5:.1f}">'
            f"{tick:g}</text>"
        )
    for n in figure.ticks:
        parts.append(
            f'<text class="mid" x="{frame.across(n):.1f}" y="{bottom + 21}">'
            f"{n}</text>"
        )
    parts.append(
        f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
        f'<text class="mid" x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 10}">'
        f"{escape(figure.x_label)}</text>"
        f'<text class="mid" transform="translate(15 '
        f'{(TOP + bottom) / 2:.0f}) rotate(-90)">{escape(figure.y_label)}'
        "</text>"
    )
    level = figure.level
    if level is not None and frame.low <= level <= frame.high:
        parts.append(
            f'<path class="level" d="M{LEFT} {frame.down(level):.1f}H{right}"/>'
        )
    return parts


def _curve(curve: Curve, frame: _Frame) -> str:
    parts = [f'<g class="{_class(curve.treatment)}">']
    if curve.line:
        points = [(p.x, p.y) for p in curve.points]
        if curve.start is not None:
            points.insert(0, curve.start)
        path = "L".join(
            f"{frame.across(x):.1f} {frame.down(y):.1f}" for x, y in points
        )
        parts.append(f'<path class="line" d="M{path}"/>')
    for point in curve.points:
        x, bar = frame.across(point.x), ""
        if point.low is not None:
            bar = (
                f'<path class="bar" d="M{x:.1f} {frame.inside(point.low):.1f}'
                f'V{frame.inside(point.high):.1f}"/>'
            )
        shape = _shape(curve.treatment, x, frame.down(point.y))
        parts.append(
            f'<g class="mark"><title>{escape(point.text)}</title>{bar}'
            f"{shape}</g>"
        )
    return "".join([*parts, "</g>"])


def _names(figure: Figure, frame: _Frame) -> list[str]:
    return [
        f'<text class="name {_class(curve.treatment)}" '
        f'x="{frame.across(x) + 12:.1f}" '
        f'y="{frame.down(y) + 4.5:.1f}">{escape(curve.name)}</text>'
        for x, y, curve in figure.labels
    ]
