"""The report of `preserved_layers`: does a kept layer mend the cut?"""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.curves import changes
from keras_transfer.analysis.primary import RULE
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown
from keras_transfer.reports.style import (
    SETTINGS,
    plot_estimates,
    save,
    series_look,
    zero_line,
)
from keras_transfer.specs.treatments import (
    BASE,
    FROZEN,
    N_KEPT,
    TABLE,
    find_treatment,
)


def _name(treatment: str, count: int) -> str:
    """Returns the notation of a frozen treatment that keeps `count` layers."""
    if not count:
        return treatment
    source = find_treatment(treatment).source
    row = next(r for r in TABLE if (r.source, r.copied) == (source, N_KEPT))
    return row.notation.format(kept=count)


def _counts(rows: list[Row]) -> list[int]:
    return sorted({row.spec.preserved or 0 for row in rows if row.spec.n})


def _plot(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws the change from the own base for each number of kept layers."""
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            1, 2, figsize=(12, 5), sharey=True, layout="constrained"
        )
        figure.suptitle(
            f"{title}\npaired by split, seed and target; bars: 95 % interval"
        )
        for axes, treatment in zip(panels, FROZEN, strict=True):
            _plot_panel(axes, rows, treatment)
        panels[0].set_ylabel("change from the own base (points)")
        panels[0].legend(fontsize=9)
        return save(figure, path)


def _plot_panel(axes, rows: list[Row], treatment: str) -> None:
    for index, count in enumerate(_counts(rows)):
        points = [
            (n + 0.08 * (index - 1), value)
            for n, value in changes(rows, _name(treatment, count), BASE)
        ]
        label = f"{count} layers kept above"
        plot_estimates(axes, points, series_look(index), label)
    zero_line(axes)
    axes.set_title(treatment, fontsize=11)
    axes.set_xticks(results.layers_of(rows))
    axes.set_xlabel("n, the number of frozen layers (of 8)")


def _lines(rows: list[Row]) -> list[str]:
    body = []
    for treatment in FROZEN:
        for count in _counts(rows):
            name = _name(treatment, count)
            mended = dict(changes(rows, name, treatment)) if count else {}
            for n, value in changes(rows, name, BASE):
                gain = mended[n].in_points() if n in mended else ""
                cells = [treatment, str(count), str(n), value.in_points()]
                body.append([*cells, gain])
    header = ["frozen", "kept", "n", "minus own base", "mended"]
    return [
        "Points of top-1 accuracy, paired by split, seed and target, with the "
        f"95 % interval: {RULE}. "
        "*Mended* is what keeping layers adds to none kept.",
        "",
        *markdown.table(header, body),
    ]


REPORT = markdown.Report({"preserved": _plot}, _lines)
write_report = REPORT.write
