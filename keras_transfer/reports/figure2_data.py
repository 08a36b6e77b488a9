"""Figure 2 of the paper and its losses as numbers, drawn once for all.

What is drawn, where, under which name and within which limits is decided
here; `figure2` (Matplotlib) and `html.figures` (SVG) only put it on paper.
Places are in layers, values in percent or points.
"""

import dataclasses

from keras_transfer.analysis import curves, pairs, results
from keras_transfer.analysis.intervals import Estimate
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports.style import (
    LAYERS_LABEL,
    STAGES_LABEL,
    treatment_shift,
)
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import BASE, DRAWN, MEANINGS

ACCURACY = "top-1 accuracy (%)"
_APART = 0.055  # shares of the height: between two names,
_ABOVE = 0.041  # and from the mark of the base up to its name


@dataclasses.dataclass(frozen=True)
class Point:
    """A mark of a figure.

    Args:
        x, y: Floats.
        text: String, what it is, in words.
        low, high: Floats or `None`, ends of its bar.
    """

    x: float
    y: float
    text: str
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Curve:
    """Marks of one treatment.

    Args:
        treatment: String, which gives marker, filling and colour.
        points: Tuple of `Point`.
        label: String, its line in the legend, or empty.
        start: Tuple of two floats or `None`, where a line to the first mark
            begins.
        line: Boolean, whether a line joins the marks.
        name: String, written behind the last mark, or empty.
        of_2014: Boolean, whether it is drawn in grey.
    """

    treatment: str
    points: tuple[Point, ...]
    label: str = ""
    start: tuple[float, float] | None = None
    line: bool = False
    name: str = ""
    of_2014: bool = False


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure against n, whoever draws it.

    Args:
        title: String.
        y_label: String, with the unit.
        curves: Tuple of `Curve`.
        ticks: List of integers, the `n`.
        limits: Tuple of two floats, the lowest and highest value in sight.
        level: Float or `None`, where a dashed line goes across.
        x_label: String. Defaults to copied layers.
    """

    title: str
    y_label: str
    curves: tuple[Curve, ...]
    ticks: list[int]
    limits: tuple[float, float]
    level: float | None
    x_label: str = LAYERS_LABEL

    @property
    def labels(self) -> list[tuple[float, float, Curve]]:
        """The place `(x, y)` of each curve's name, none on another."""
        low, high = self.limits
        height, below, found = high - low, -float("inf"), []
        named = [curve for curve in self.curves if curve.name]
        for curve in sorted(named, key=lambda one: one.points[-1].y):
            end = curve.points[-1]
            if curve.line:
                y = below = max(end.y, below + _APART * height)
            else:
                y = end.y + _ABOVE * height
            found.append((end.x, y, curve))
        return found


def networks_data(rows: list[Row]) -> Figure:
    """Lays out every network, figure 2 of the paper above.

    Args:
        rows: List of `Row`.

    Returns:
        `Figure`.
    """
    gains = pairs.own_gains(rows)
    treatments = [*DRAWN, *sorted({row.spec.treatment for row in rows})]
    found = []
    for treatment in dict.fromkeys(treatments):
        points = tuple(
            Point(
                row.spec.n + treatment_shift(treatment),
                100 * row.accuracy,
                _network_text(row, gains),
            )
            for row in results.select(rows, treatment)
        )
        if points:
            label = MEANINGS.get(treatment, treatment)
            found.append(Curve(treatment, points, label))
    return Figure(
        "Test accuracy of every network against n",
        ACCURACY,
        tuple(found),
        [0, *results.layers_of(rows)],
        _widen(_values(found)),
        _base_level(rows),
        STAGES_LABEL if rows[0].spec.model.content else LAYERS_LABEL,
    )


def network_name(spec: NetworkSpec) -> str:
    """Names a network within its recipe: `A3B+, split0, seed 0`.

    Args:
        spec: `NetworkSpec`.
    """
    text = f"{spec.label}, {spec.division}, seed {spec.seed}"
    if spec.target_images is not None:
        text += f", {spec.target_images} images a class, draw {spec.draw}"
    return text


def means_data(rows: list[Row]) -> Figure:
    """Lays out the mean of each treatment, figure 2 of the paper below.

    Args:
        rows: List of `Row`, as of `networks_data`.
    """
    level = _base_level(rows)
    found = []
    for treatment, values in curves.figure_data(rows).items():
        transfer = treatment != BASE
        points = tuple(
            Point(
                n + treatment_shift(treatment) / 3,
                100 * mean,
                _mean_text(rows, treatment, n, mean, low, high),
                # The base's interval is over splits, not of differences.
                100 * low if transfer and low is not None else None,
                100 * high if transfer and high is not None else None,
            )
            for n, mean, low, high in values
        )
        start = (0, level) if transfer and level is not None else None
        found.append(
            Curve(treatment, points, "", start, transfer, name=treatment)
        )
    return Figure(
        "Mean test accuracy of each treatment against n",
        ACCURACY,
        tuple(found),
        [0, *results.layers_of(rows)],
        with_bars(found, _widen(_values(found), 0.35, 2.0)),
        level,
    )


def losses_data(rows: list[Row]) -> Figure | None:
    """Lays out co-adaptation loss and specificity loss.

    Args:
        rows: List of `Row`.

    Returns:
        `Figure`, or `None` without frozen networks.
    """
    data = curves.loss_data(rows)
    found = [
        Curve(
            second,
            _estimates(data[label], 0.06 * (2 * index - 1), label),
            label,
            line=True,
        )
        for index, (label, _, second) in enumerate(curves.LOSSES)
        if label in data
    ]
    if not found:
        return None
    return Figure(
        "Co-adaptation loss and specificity loss against n",
        "loss of top-1 accuracy (points)",
        tuple(found),
        results.layers_of(rows),
        with_bars(found, _widen([*_values(found), 0.0], 0.35, 2.0)),
        0.0,
    )


def changes_data(rows: list[Row], published: list[Row]) -> Figure:
    """Lays out ours and those of 2014 as changes from each one's own base.

    Args:
        rows: List of `Row`.
        published: List of `Row` of 2014.

    Returns:
        `Figure`.
    """
    theirs, ours = curves.change_data(published), curves.change_data(rows)
    found = [
        Curve(
            name,
            tuple(Point(n, 100 * value.mean, "") for n, value in values),
            f"{name}, 2014",
            line=True,
            of_2014=True,
        )
        for name, values in theirs.items()
    ]
    found += [
        Curve(
            name,
            _estimates(values, treatment_shift(name) / 3, name),
            name,
            line=True,
        )
        for name, values in ours.items()
    ]
    ticks = {
        n for values in (*theirs.values(), *ours.values()) for n, _ in values
    }
    return Figure(
        "change from the own base; grey: Yosinski et al. 2014, ImageNet",
        "change of top-1 accuracy (points)",
        tuple(found),
        sorted(ticks | {0}),
        _widen(_values(found), 0.12, 0.5),
        0.0,
    )


def _estimates(values, shift: float, label: str) -> tuple[Point, ...]:
    return tuple(
        Point(n + shift, mean, f"{label}, n = {n}: {_pairs_text(value)}", *ends)
        for n, value in values
        for mean, *ends in [value.percent()]
    )


def _network_text(row: Row, gains: dict) -> str:
    spec = row.spec
    text = f"{network_name(spec)}: {100 * row.accuracy:.1f} %"
    if not spec.is_base and spec in gains:
        gain = rounded(100 * gains[spec])
        text += f", {gain} points from its own base"
    return text


def _mean_text(rows, treatment, n, mean, low, high) -> str:
    count = len(results.select(rows, treatment, n, n))
    plural = "" if count == 1 else "s"
    text = f"{treatment}, mean of {count} network{plural}"
    if treatment != BASE:
        text += f", n = {n}"
    text += f": {rounded(100 * mean, signed=False)} %"
    if low is not None:
        ends = (rounded(100 * end, signed=False) for end in (low, high))
        text += f" [{', '.join(ends)}]"
    return text


def _pairs_text(value: Estimate) -> str:
    plural = "" if value.count == 1 else "s"
    return f"{value.in_points()} points, {value.count} pair{plural}"


def _base_level(rows: list[Row]) -> float | None:
    base = [row.accuracy for row in results.select(rows, BASE)]
    return 100 * sum(base) / len(base) if base else None


def _values(found: list[Curve]) -> list[float]:
    return [point.y for curve in found for point in curve.points]


def with_bars(
    found: list[Curve], limits: tuple[float, float]
) -> tuple[float, float]:
    """Widens limits for intervals, but to twice their height at most.

    An interval of two pairs may be so long that no mean is told from another.

    Args:
        found: List of `Curve`.
        limits: Tuple of two floats, those of the means.

    Returns:
        Tuple of two floats.
    """
    low, high = limits
    ends = [
        end
        for curve in found
        for point in curve.points
        for end in (point.low, point.high)
        if end is not None
    ]
    bottom, top = min([low, *ends]), max([high, *ends])
    margin, most = 0.02 * (top - bottom), (high - low) / 2
    return (
        max(bottom - margin, low - most) if bottom < low else low,
        min(top + margin, high + most) if top > high else high,
    )


def _widen(
    values: list[float], share: float = 0.08, least: float = 1.0
) -> tuple[float, float]:
    reach = max(least, share * (max(values) - min(values)))
    return min(values) - reach, max(values) + reach
