"""The report of a dose-response: figure, table and a page of text.

All of it is computed from `results.csv`, so a committed table is enough to
write it again.
"""

from collections.abc import Callable
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import dose_response as doses
from keras_transfer.analysis import verdicts
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.dose_response import Answer
from keras_transfer.analysis.pairs import n_in_words
from keras_transfer.analysis.primary import splits_in_words
from keras_transfer.analysis.results import Row
from keras_transfer.reports import dose_text
from keras_transfer.reports.style import (
    PUBLISHED_GREY,
    SETTINGS,
    plot_curve,
    save,
    series_look,
    zero_line,
)
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.files import write_atomically

_ASIDE = 1.06  # factor by which regimes stand beside each other


def write(
    rows: list[Row],
    regime: Callable[[NetworkSpec], str],
    title: str,
    command: str,
    folder: Path,
) -> tuple[list[Path], list[str]]:
    """Writes figure, table and summary.

    Args:
        rows: List of `Row`.
        regime: Callable of a `NetworkSpec` that names its regime.
        title: String.
        command: String, the command that made the results.
        folder: Path; made if it is not there.

    Returns:
        Tuple of the paths written, the summary last, and of lines for the
        terminal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, summary = folder / "results.csv", folder / "summary.md"
    write_atomically(table, doses.results_csv(rows, regime))
    paths = draw(table, title, folder / "dose_response")
    write_atomically(summary, dose_text.text(table, title, command))
    found = doses.answers(doses.read_doses(table))
    return [*paths, table, summary], [dose_text.in_words(a) for a in found]


def draw(table: Path, title: str, path: Path) -> list[Path]:
    """Draws each effect against the epochs, in a panel of its own.

    Args:
        table: Path of a `results.csv`.
        title: String.
        path: Path of the figure without suffix.

    Returns:
        List of the paths written; none if no effect was measured.
    """
    found = doses.read_doses(table)
    measured = doses.answers(found)
    if not measured:
        return []
    gates = doses.doublings(found)
    lengths = sorted({a.epochs for a in (*measured, *gates)})
    of_2014 = doses.effects_of_2014()
    with plt.rc_context(SETTINGS):
        figure, grid = plt.subplots(
            2, 4, figsize=(16.5, 7.5), layout="constrained"
        )
        panels = iter(grid.flat)
        for effect in doses.EFFECTS:
            axes = next(panels)
            own = [a for a in measured if a.effect is effect]
            _panel(axes, own, lengths, of_2014[effect.name])
            _label(axes, effect, own)
            if effect is doses.CUT:
                axes = next(panels)
                _loss_panel(axes, own, lengths)
        axes = next(panels)
        _panel(axes, gates, lengths, [])
        _label(axes, doses.GATE, gates)
        last = next(panels)
        last.axis("off")
        handles = {}
        for axes in grid.flat:
            for handle, name in zip(
                *axes.get_legend_handles_labels(), strict=True
            ):
                handles.setdefault(name, handle)
        last.legend(handles.values(), handles.keys(), loc="center")
        splits = splits_in_words(a.accuracy.splits for a in measured)
        figure.suptitle(
            f"{title}: effects against the length of training "
            f"({splits}; bars: 95 % interval)"
        )
        return save(figure, path)


def _panel(axes, found: list[Answer], lengths, published) -> None:
    margin = 100 * verdicts.MARGIN
    axes.axhspan(
        -margin,
        margin,
        color=PUBLISHED_GREY,
        alpha=0.2,
        lw=0,
        label="within half a point of none",
    )
    _curves(axes, found, lambda answer: answer.accuracy, 100)
    axes.set_ylabel("points of test accuracy")
    _axis(axes, lengths, bool(published))
    _mark_2014(axes, lengths, published, 100)


def _loss_panel(axes, found: list[Answer], lengths) -> None:
    _curves(axes, found, lambda answer: answer.loss, 1)
    axes.set_ylabel("training loss (nats)")
    axes.set_title(
        f"{doses.CUT.name}, training loss (below 0: kept layers fit better)\n"
        f"{_name(doses.CUT, found)} (2014: base - BnB)",
        fontsize=10,
    )
    _axis(axes, lengths, True)
    _mark_2014(axes, lengths, [doses.loss_at_the_cut_of_2014()], 1)


def _curves(axes, found: list[Answer], value, factor: float) -> None:
    for regime in sorted({answer.regime for answer in found}):
        index = int(regime == "2014")
        points = [
            (
                a.epochs * _ASIDE ** (1 - 2 * index),
                *_scaled(value(a), factor),
            )
            for a in found
            if a.regime == regime and value(a) is not None
        ]
        label = f"{dose_text.recipe_name(regime)} recipe"
        plot_curve(axes, points, series_look(index), label)
    zero_line(axes)


def _scaled(estimate: ModelEstimate, factor: float) -> list[float | None]:
    ends = (estimate.mean, estimate.low, estimate.high)
    return [None if end is None else factor * end for end in ends]


def _mark_2014(
    axes, lengths: list[int], published: list[ModelEstimate], factor: float
) -> None:
    for index, estimate in enumerate(published):
        place = 2 * max(lengths) * 1.12**index
        mean, low, high = _scaled(estimate, factor)
        axes.plot(
            [place],
            [mean],
            "s",
            color=PUBLISHED_GREY,
            label="ImageNet networks of 2014, re-analysed",
        )
        if low is not None:
            axes.plot([place] * 2, [low, high], color=PUBLISHED_GREY)


def _axis(axes, lengths: list[int], published: bool) -> None:
    axes.set_xscale("log")
    ticks = [*lengths, 2 * max(lengths)] if published else lengths
    names = [str(length) for length in lengths]
    axes.set_xticks(ticks, [*names, "2014"] if published else names)
    axes.minorticks_off()
    axes.set_xlim(min(lengths) / 1.3, max(ticks) * (1.7 if published else 1.3))
    axes.set_xlabel("epochs of each training")


def _name(effect: doses.Effect, found: list[Answer]) -> str:
    one = effect.comparison
    layers = sorted({n for answer in found for n in answer.layers})
    name = f"{one.first} - {one.second}"
    return f"{name}, {n_in_words(tuple(layers))}" if layers else name


def _label(axes, effect: doses.Effect, found: list[Answer]) -> None:
    title = f"{effect.name}\n{_name(effect, found)}"
    if effect is doses.CUT:
        title += " (2014: base - BnB)"
    elif effect is doses.SPECIFICITY:
        title += " (2014: the same)"
    elif effect is not doses.GATE:
        title += " (2014: n 1 to 7)"
    axes.set_title(title, fontsize=10)
    if not found:
        axes.text(0.05, 0.93, "not measured yet", transform=axes.transAxes)
