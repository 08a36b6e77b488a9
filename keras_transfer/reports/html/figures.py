"""Figures as SVG text for a web page: values on hover, colours from its style.

A mark carries its values in a `<title>`, which browsers show on hover and
screen readers speak. Colours are CSS variables of the page, so that a figure
follows its dark mode; shape and filling tell treatments apart in grey.
"""

import dataclasses
import math
from html import escape

from keras_transfer.analysis import pairs, results
from keras_transfer.analysis.curves import LOSSES, figure_data, loss_data
from keras_transfer.analysis.intervals import Estimate
from keras_transfer.analysis.results import Row
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import MEANINGS, STYLES

WIDTH, HEIGHT = 680, 360
LEFT, RIGHT, TOP, BOTTOM = 62, 72, 14, 54
SIZE = 5.5  # half a mark's side, in pixels


@dataclasses.dataclass(frozen=True)
class Mark:
    """A point of a figure.

    Args:
        x, y: Floats.
        text: String, shown on hover.
        low, high: Floats or `None`, ends of its bar.
    """

    x: float
    y: float
    text: str
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Curve:
    """Marks of one kind.

    Args:
        treatment: String, one of `STYLES`: gives marker, filling and colour.
        marks: Tuple of `Mark`.
        start: Tuple of two floats or `None`, where a line to the first mark
            begins.
        line: Boolean, whether a line joins the marks.
        name: String, written behind the last mark, or empty.
    """

    treatment: str
    marks: tuple[Mark, ...]
    start: tuple[float, float] | None = None
    line: bool = False
    name: str = ""


def networks_figure(rows: list[Row]) -> str:
    """Draws every network, figure 2 of the paper above.

    Args:
        rows: List of `Row`.

    Returns:
        String, a legend and an `<svg>` element.
    """
    gains = pairs.own_gains(rows)
    treatments = [*STYLES, *sorted({row.spec.treatment for row in rows})]
    curves = []
    for treatment in dict.fromkeys(treatments):
        shift = _style(treatment)[3]
        marks = []
        for row in results.select(rows, treatment):
            spec = row.spec
            text = f"{network_text(spec)}: {100 * row.accuracy:.1f} %"
            if spec.base is not None and spec in gains:
                gain = round(100 * gains[spec], 1) + 0
                text += f", {gain:+.1f} points from its own base"
            marks.append(Mark(spec.n + shift, 100 * row.accuracy, text))
        if marks:
            curves.append(Curve(treatment, tuple(marks)))
    values = [mark.y for curve in curves for mark in curve.marks]
    meanings = {
        curve.treatment: MEANINGS.get(curve.treatment, curve.treatment)
        for curve in curves
    }
    return _legend(meanings) + _draw(
        "Test accuracy of every network against n",
        "top-1 accuracy (%)",
        curves,
        [0, *results.layers_of(rows)],
        _widen(values),
        _base_level(rows),
    )


def network_text(spec: NetworkSpec) -> str:
    """Names a network within its recipe: `A3B+, split0, seed 0`."""
    text = f"{spec.label}, {spec.division}, seed {spec.seed}"
    if spec.target_images is not None:
        text += f", {spec.target_images} images a class, draw {spec.draw}"
    return text


def means_figure(rows: list[Row]) -> str:
    """Draws the mean of each treatment, figure 2 of the paper below.

    Args:
        rows: List of `Row`.

    Returns:
        String, an `<svg>` element.
    """
    data = figure_data(rows)
    level = _base_level(rows)
    curves = []
    for treatment, points in data.items():
        marks = tuple(
            Mark(
                n + STYLES[treatment][3] / 3,
                100 * mean,
                _mean_text(rows, treatment, n, mean, low, high),
                # The base's interval is the spread of halves, not of pairs.
                None if low is None or treatment == "base" else 100 * low,
                None if low is None or treatment == "base" else 100 * high,
            )
            for n, mean, low, high in points
        )
        transfer = treatment != "base"
        start = (0, level) if transfer and level is not None else None
        curves.append(Curve(treatment, marks, start, transfer, treatment))
    means = [mark.y for curve in curves for mark in curve.marks]
    return _draw(
        "Mean test accuracy of each treatment against n",
        "top-1 accuracy (%)",
        curves,
        [0, *results.layers_of(rows)],
        # Fitted to the means: an interval of two pairs may run out.
        _widen(means, 0.35, 2.0),
        level,
    )


def losses_figure(rows: list[Row]) -> str:
    """Draws co-adaptation and specificity loss.

    Args:
        rows: List of `Row`.

    Returns:
        String, a legend and an `<svg>` element; empty without frozen
        networks.
    """
    curves, labels = [], {}
    data = loss_data(rows)
    for index, (label, _, second) in enumerate(LOSSES):
        marks = tuple(
            Mark(
                n + 0.06 * (2 * index - 1),
                100 * value.mean,
                f"{label}, n = {n}: {_pairs_text(value)}",
                None if value.t_low is None else 100 * value.t_low,
                None if value.t_high is None else 100 * value.t_high,
            )
            for n, value in data.get(label, ())
        )
        if marks:
            curves.append(Curve(second, marks, line=True))
            labels[second] = label
    if not curves:
        return ""
    means = [mark.y for curve in curves for mark in curve.marks]
    return _legend(labels) + _draw(
        "Co-adaptation loss and specificity loss against n",
        "loss (points)",
        curves,
        results.layers_of(rows),
        _widen([*means, 0.0], 0.35, 2.0),
        0.0,
    )


def _mean_text(rows, treatment, n, mean, low, high) -> str:
    count = len(results.select(rows, treatment, n, n))
    plural = "" if count == 1 else "s"
    text = f"{treatment}, mean of {count} network{plural}"
    if treatment != "base":
        text += f", n = {n}"
    text += f": {100 * mean:.1f} %"
    if low is not None:
        text += f" [{100 * low:.1f}, {100 * high:.1f}]"
    return text


def _pairs_text(value: Estimate) -> str:
    plural = "" if value.count == 1 else "s"
    return f"{value.in_points()} points, {value.count} pair{plural}"


def _base_level(rows: list[Row]) -> float | None:
    base = [row.accuracy for row in results.select(rows, "base")]
    return 100 * sum(base) / len(base) if base else None


def _widen(
    values: list[float], share: float = 0.08, least: float = 1.0
) -> tuple[float, float]:
    reach = max(least, share * (max(values) - min(values)))
    return min(values) - reach, max(values) + reach


def _style(treatment: str) -> tuple:
    """Returns marker, colour, filling, shift; crosses for rare treatments."""
    return STYLES.get(treatment, ("x", "", True, 0.35))


def _class(treatment: str) -> str:
    return "t-" + treatment.replace("+", "p") if treatment in STYLES else "t-x"


def _shape(treatment: str, x: float, y: float) -> str:
    marker, _, filled, _ = _style(treatment)
    style = "" if filled else ' class="open"'
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
    }[marker]
    path = "L".join(f"{x + s * a:.1f} {y + s * b:.1f}" for a, b in corners)
    return f'<path{style} d="M{path}z"/>'


def _legend(treatments: dict[str, str]) -> str:
    """Returns the marker and meaning of each treatment, as HTML."""
    items = "".join(
        f'<li><svg width="16" height="16" viewBox="-8 -8 16 16" '
        f'aria-hidden="true"><g class="{_class(name)}">{_shape(name, 0, 0)}'
        f"</g></svg> {escape(text)}</li>"
        for name, text in treatments.items()
    )
    return f'<ul class="legend">{items}</ul>'


def _nice_ticks(low: float, high: float) -> list[float]:
    """Returns some six round numbers from low to high."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


def _draw(title, y_label, curves, layers, limits, level) -> str:
    low, high = limits
    first, last = min(layers) - 0.5, max(layers) + 0.5
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT

    def across(x):
        return LEFT + (right - LEFT) * (x - first) / (last - first)

    def down(y):
        return bottom - (bottom - TOP) * (y - low) / (high - low)

    def inside(y):
        return min(bottom, max(TOP, down(y)))

    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(title)}</title>"
    ]
    for tick in _nice_ticks(low, high):
        y = down(tick)
        parts.append(
            f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
            f'<text class="end" x="{LEFT - 8}" y="{y + 5:.1f}">'
            f"{tick:g}</text>"
        )
    for n in layers:
        parts.append(
            f'<text class="mid" x="{across(n):.1f}" y="{bottom + 21}">{n}'
            "</text>"
        )
    parts.append(
        f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
        f'<text class="mid" x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 10}">'
        "n, the number of copied layers (of 8)</text>"
        f'<text class="mid" transform="translate(15 '
        f'{(TOP + bottom) / 2:.0f}) rotate(-90)">{escape(y_label)}</text>'
    )
    if level is not None and low <= level <= high:
        parts.append(
            f'<path class="level" d="M{LEFT} {down(level):.1f}H{right}"/>'
        )
    names = []
    for curve in curves:
        dashed = "" if _style(curve.treatment)[2] else " dashed"
        parts.append(f'<g class="{_class(curve.treatment)}">')
        if curve.line:
            points = [(m.x, m.y) for m in curve.marks]
            if curve.start is not None:
                points.insert(0, curve.start)
            path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in points)
            parts.append(f'<path class="line{dashed}" d="M{path}"/>')
        for mark in curve.marks:
            x = across(mark.x)
            bar = ""
            if mark.low is not None:
                bar = (
                    f'<path class="bar" d="M{x:.1f} {inside(mark.low):.1f}'
                    f'V{inside(mark.high):.1f}"/>'
                )
            parts.append(
                f'<g class="mark"><title>{escape(mark.text)}</title>{bar}'
                f"{_shape(curve.treatment, x, down(mark.y))}</g>"
            )
        parts.append("</g>")
        if curve.name:
            end = curve.marks[-1]
            names.append((down(end.y), across(end.x), curve))
    parts += _name_curves(names)
    parts.append("</svg>")
    return "".join(parts)


def _name_curves(names) -> list[str]:
    """Writes each curve's name behind its last mark, not on another's."""
    parts, above = [], float("inf")
    for y, x, curve in sorted(names, key=lambda one: -one[0]):
        if curve.line:
            y = above = min(y, above - 16)
        else:
            y -= 12
        parts.append(
            f'<text class="name {_class(curve.treatment)}" x="{x + 12:.1f}" '
            f'y="{y + 4.5:.1f}">{escape(curve.name)}</text>'
        )
    return parts
