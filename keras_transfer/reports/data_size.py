"""How much data a network needs, from scratch and with copied layers.

Figure S1 of the supplement, and figure `target_size`, which the paper does not
draw: accuracy against target images, frozen, fine-tuned and from scratch.
"""

import dataclasses
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.primary import RULE, scope_of
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.target_size import (
    RIVALS,
    STARTS,
    accuracies,
    crossings,
    differences,
    images_a_class,
)
from keras_transfer.reports import markdown
from keras_transfer.reports.cautions import absent_classes
from keras_transfer.reports.figure3 import plot_reduced
from keras_transfer.reports.style import (
    SETTINGS,
    Look,
    plot_estimates,
    save,
    treatment_look,
    zero_line,
)
from keras_transfer.specs.treatments import BASE, FINETUNED_TRANSFER, TRANSFER

_CAVEAT = (
    "Draws of few images of one half share its base, which the interval takes "
    "as it is: how much the two halves differ, and another base, it does not "
    "show."
)


def _plot_target_size(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws accuracies against target images, and their paired differences."""
    if not results.layers_of(rows):
        return []
    layers = results.layers_of(rows)
    sizes = sorted({images_a_class(row) for row in rows})
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            2,
            len(layers),
            figsize=(1.5 + 4.5 * len(layers), 8.5),
            sharex=True,
            sharey="row",
            squeeze=False,
            layout="constrained",
        )
        figure.suptitle(
            f"{title}\nbars of differences: 95 % interval for "
            f"{scope_of(len(results.divisions_of(rows)))}"
        )
        for n, above, below in zip(layers, *panels, strict=True):
            _plot_sizes(above, _levels(rows, n))
            _plot_sizes(below, _leads(rows, n))
            zero_line(below)
            above.set_xscale("log")
            above.set_xticks(sizes, [str(size) for size in sizes])
            above.minorticks_off()
            above.set_title(f"n = {n} copied layers", fontsize=11)
            below.set_xlabel("target images a class (log)")
        for row in panels:
            # Bars over two networks are longer than all the rest.
            row[0].set_ylim(*_frame(row))
            row[0].legend(fontsize=9)
        panels[0][0].set_ylabel("top-1 accuracy (%)")
        panels[1][0].set_ylabel("paired difference (points)")
        return save(figure, path)


def _levels(rows: list[Row], n: int) -> list[tuple]:
    return [
        (accuracies(rows, start, n), _look(start, index), name)
        for index, (start, name) in enumerate(STARTS.items())
    ]


def _leads(rows: list[Row], n: int) -> list[tuple]:
    return [
        (
            differences(rows, first, second, n),
            _look(first, 2 * index),
            f"{STARTS[first]} - {STARTS[second]}",
        )
        for index, (first, second) in enumerate(RIVALS[:2])
    ]


def _look(start: str, index: int) -> Look:
    line = ("--", "-", ":")[index]
    return dataclasses.replace(treatment_look(start), line=line)


def _plot_sizes(axes, curves: list[tuple]) -> None:
    for index, (values, look, name) in enumerate(curves):
        # Side by side, so that bars do not hide one another.
        shift = 1.04 ** (index - (len(curves) - 1) / 2)
        points = [(size * shift, value) for size, value in values.items()]
        plot_estimates(axes, points, look, name)


def _frame(panels) -> tuple[float, float]:
    """Returns limits that show all curves; a bar is a line of two points."""
    curves = [
        line.get_ydata()
        for axes in panels
        for line in axes.lines
        if len(line.get_ydata()) > 2
    ]
    low = min((min(curve) for curve in curves), default=0)
    high = max((max(curve) for curve in curves), default=1)
    margin = 0.2 * (high - low) + 1
    return low - margin, high + margin


def _target_size_lines(rows: list[Row]) -> list[str]:
    draws = {(row.spec.draw or 0) for row in rows}
    layers = results.layers_of(rows)
    lines = [
        f"{len(rows)} networks, {len(draws)} draws of the small sets, both "
        "directions; every network takes as many steps. Frozen and fine-tuned "
        "layers come from a base on the other half with all its images. "
        f"[low, high] is a 95 % interval: {RULE}. {_CAVEAT}",
        "",
        "## Where do the curves cross?",
        "",
        *(f"- {text}" for text in crossings(rows, layers)),
    ]
    header = ["target images a class"]
    header += [f"{name}, %" for name in STARTS.values()]
    header += ["fine-tuned - frozen", "frozen - scratch"]
    for n in layers:
        lines += ["", f"## n = {n}", ""]
        lines += markdown.table(header, _size_lines(rows, n))
    return lines


def _size_lines(rows: list[Row], n: int) -> list[list[str]]:
    means = [accuracies(rows, name, n) for name in STARTS]
    over = [
        differences(rows, FINETUNED_TRANSFER, TRANSFER, n),
        differences(rows, TRANSFER, BASE, n),
    ]
    return [
        [
            str(size),
            *(f"{100 * m[size].mean:.1f}" if size in m else "" for m in means),
            *(
                found[size].in_points() if size in found else ""
                for found in over
            ),
        ]
        for size in sorted({images_a_class(row) for row in rows})
    ]


TARGET_SIZE = markdown.Report(
    {"target_size": _plot_target_size}, _target_size_lines
)
write_target_size = TARGET_SIZE.write


def reduced_report(published: list[tuple] | None = None) -> markdown.Report:
    """Returns the report of `reduced_data`: figure S1, table and summary.

    Args:
        published: List of `(images a class, accuracy)` of 2014 to draw
            beside, or `None`.
    """

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        values = accuracies(rows, "baseAll", 0)
        points = [(size, value.mean) for size, value in values.items()]
        return plot_reduced(points, title, path, published)

    return markdown.Report({"figureS1": plot}, _reduced_lines)


def _reduced_lines(rows: list[Row]) -> list[str]:
    body = []
    for size, value in accuracies(rows, "baseAll", 0).items():
        chosen = [row for row in rows if images_a_class(row) == size]
        train, loss = (
            sum(getattr(row.result, key) for row in chosen) / len(chosen)
            for key in ("train_accuracy", "train_loss")
        )
        shares = [f"{100 * share:.1f} %" for share in (value.mean, train)]
        body.append([str(size), str(value.count), *shares, f"{loss:.3f}"])
    header = ["images a class", "networks", "top-1", "train accuracy"]
    return [
        *markdown.table([*header, "train loss"], body),
        "",
        "A low train accuracy is a failure of optimisation, not of too few "
        "images: in 2014 the networks on 5 to 100 images a class never left "
        "their starting loss.",
        *markdown.warnings(absent_classes(rows)),
    ]
