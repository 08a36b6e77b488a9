"""Figure 3 and figure S1 of the paper, and the two forms of its boost."""

import math
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.reports.style import (
    BLUE,
    LAYERS_LABEL,
    PUBLISHED_GREY,
    SETTINGS,
    Look,
    plot_curve,
    save,
    series_look,
    treatment_look,
    treatment_shift,
    zero_line,
)
from keras_transfer.specs.treatments import OWN, find_treatment

# Points `(n, value)` or, with an interval, `(n, value, low, high)`.
Curve = list[tuple]

_APART = 0.09  # layers between two curves with intervals
_REACH = 0.6  # at most, from the first of them to the last


def _plain(name: str) -> str:
    return name.replace("$", r"\$")  # a user's name is no formula


def _plot(axes, curves: dict[str, Curve], published=None) -> None:
    _plot_published(axes, published or {})
    apart = min(_APART, _REACH / max(1, len(curves) - 1))
    for index, (name, points) in enumerate(curves.items()):
        # Beside each other, or their bars would hide one another.
        shift = apart * (index - (len(curves) - 1) / 2)
        shifted = [
            (n + (shift if ends else 0), *_percent(value, *ends))
            for n, value, *ends in points
        ]
        plot_curve(axes, shifted, series_look(index), _plain(name))
    axes.set_xlabel(LAYERS_LABEL)
    if curves:
        axes.legend(fontsize=9)
    else:
        axes.text(
            0.5, 0.5, "not trained yet", transform=axes.transAxes, ha="center"
        )


def _percent(*values: float | None) -> list[float | None]:
    return [None if value is None else 100 * value for value in values]


def _plot_published(axes, curves: dict[str, Curve]) -> None:
    for index, (name, points) in enumerate(curves.items()):
        look = series_look(index)
        grey = Look(look.marker, PUBLISHED_GREY, look.line, filled=False)
        shares = [(n, 100 * value) for n, value in points]
        plot_curve(axes, shares, grey, f"2014: {name}", size=5, width=1)


def plot_figure3(
    dissimilar: dict[str, Curve],
    random: dict[str, Curve],
    drops: dict[str, Curve],
    title: str,
    path: Path,
    published: dict[str, Curve] | None = None,
    kinds: str = "man-made and natural classes",
    specificity: dict[str, Curve] | None = None,
) -> list[Path]:
    """Draws figure 3: accuracies above, drops from n = 0 below.

    Args:
        dissimilar: Dict from name to `Curve` of accuracies: frozen transfer
            between natural and man-made classes, or other kinds, the base
            at n = 0.
        random: Dict from name to `Curve` of accuracies: frozen random layers.
        drops: Dict from name to `Curve` of differences from n = 0.
        title: String.
        path: Path without suffix.
        published: Dict from name to `Curve`, the drops of 2014, or `None`;
            accuracies on another data set would mislead.
        kinds: String, what the classes of `dissimilar` are.
        specificity: Dict from name to `Curve` of BnB - AnB, drawn in the
            panel of random layers if none were trained, or `None`.

    Returns:
        List of the paths written, SVG and PNG.
    """
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
        figure.suptitle(title)
        for place, curves, name in (
            (axes[0, 0], dissimilar, f"{_plain(kinds)}, frozen"),
            (axes[0, 1], random, "random untrained layers, frozen"),
        ):
            _plot(place, curves)
            place.set_title(name, fontsize=11)
            place.set_ylabel("top-1 accuracy (%)")
            place.set_ylim(bottom=0)
        if specificity and not random:
            _plot_specificity(axes[0, 1], specificity)
        for place, name in (
            (axes[1, 0], "drop from n = 0, cut at 30 points"),
            (axes[1, 1], "drop from n = 0, whole"),
        ):
            _plot(place, drops, published)
            if published:
                name += "; grey: Yosinski et al. 2014, ImageNet"
            place.set_title(name, fontsize=11)
            zero_line(place)
            place.set_ylabel("change of top-1 accuracy (points)")
        axes[1, 0].set_ylim(-30, 3)
        if drops:
            axes[1, 0].get_legend().remove()  # that beside it has room
        return save(figure, path)


def _plot_specificity(axes, curves: dict[str, Curve]) -> None:
    axes.clear()
    axes.grid(alpha=SETTINGS["grid.alpha"])
    _plot(axes, curves)
    axes.set_xticks(sorted({n for c in curves.values() for n, *_ in c}))
    axes.set_title("specificity: BnB - AnB", fontsize=11)
    axes.set_ylabel("difference of top-1 accuracy (points)")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    zero_line(axes)


def plot_reduced(
    points: Curve, title: str, path: Path, published: Curve | None = None
) -> list[Path]:
    """Draws figure S1: accuracy against training images a class.

    Args:
        points: List of `(images a class, accuracy)`.
        title: String.
        path: Path without suffix.
        published: List as `points`, of 2014, or `None`. It comes in a panel
            of its own, as a share of the accuracy with all images.

    Returns:
        List of the paths written.
    """
    with plt.rc_context(SETTINGS):
        count = 3 if published else 2
        figure, panels = plt.subplots(
            count, 1, figsize=(8, 4.5 * count), layout="constrained"
        )
        for axes, scale in zip(panels[:2], ("linear", "log"), strict=True):
            shares = [(images, 100 * value) for images, value in points]
            plot_curve(axes, shares, Look("o", BLUE), size=6)
            axes.set_xscale(scale)
            axes.set_yscale(scale)
            axes.set_xlabel(f"training images a class, at most ({scale})")
            axes.set_ylabel("top-1 accuracy (%)")
        panels[0].set_title(title)
        if published:
            _plot_shares(panels[2], points, published)
        return save(figure, path)


def _plot_shares(axes, points: Curve, published: Curve) -> None:
    """Draws both on one scale: shares of the accuracy with all images."""
    for name, curve, look in (
        ("2014, ImageNet", published, Look("D", PUBLISHED_GREY, filled=False)),
        ("here", points, Look("o", BLUE)),
    ):
        _, whole = max(curve)
        shares = [(images, 100 * value / whole) for images, value in curve]
        plot_curve(axes, shares, look, name, size=6)
    axes.set_xscale("log")
    axes.set_xlabel("training images a class, at most (log)")
    axes.set_ylabel("share of the accuracy with all images (%)")
    axes.legend()


def plot_boost(
    panels: dict[str, dict[str, Curve]], title: str, path: Path
) -> list[Path]:
    """Draws what fine-tuned networks gain, by two ways of comparing.

    Args:
        panels: Dict from the way of comparing to a dict from treatment to
            `(n, difference)`, one point a network.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written.
    """
    with plt.rc_context(SETTINGS):
        figure, places = plt.subplots(
            1,
            len(panels),
            figsize=(6 * len(panels), 5),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        figure.suptitle(title)
        for axes, (name, treatments) in zip(
            places[0], panels.items(), strict=True
        ):
            for treatment, points in treatments.items():
                _plot_gains(axes, treatment, points)
            zero_line(axes)
            axes.set_title(name, fontsize=11)
            axes.set_xlabel(LAYERS_LABEL)
            axes.legend(fontsize=9, loc="lower right")
        places[0][0].set_ylabel("gain of top-1 accuracy (points)")
        return save(figure, path)


def _plot_gains(axes, treatment: str, points: Curve) -> None:
    look, shift = treatment_look(treatment), treatment_shift(treatment)
    mean = math.fsum(v for _, v in points) / len(points)
    axes.plot(
        [n + shift for n, _ in points],
        [100 * value for _, value in points],
        ls="",
        markeredgewidth=1.4,
        label=f"{treatment}: mean {100 * mean:+.2f} points "
        f"({len(points)} networks)",
        **look.of_marks(8),
    )
    dash = "--" if find_treatment(treatment).source == OWN else "-"
    axes.axhline(100 * mean, color=look.colour, ls=dash, lw=1.4)
