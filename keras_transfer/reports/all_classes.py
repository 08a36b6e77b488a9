"""All classes against halves: the first interpretation of section 4.1.

A base network on half of the classes has fewer to confuse than one on all of
them. The one on all classes has as many passes over its images, and so twice
the steps, or as many steps in all, and so half the passes.
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from keras_transfer.analysis import claims
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.contrasts import Observation
from keras_transfer.analysis.evidence import Evidence, evidence_of, split_means
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown
from keras_transfer.reports.cautions import absent_classes
from keras_transfer.reports.style import BLUE, INK, RED, SETTINGS, Look, save
from keras_transfer.specs.treatments import BASE, SAME_STEPS, WHOLE_BASE

# What stands beside the halves, in the words of the figure.
_COLUMNS = {
    WHOLE_BASE: "all classes,\nas many epochs",
    SAME_STEPS: "all classes,\nas many steps",
}
_HALF = Look("o", "#7f9fc4", filled=False)
_SPLIT = Look("D", BLUE)
_WHOLE = Look("s", RED)


def _plot(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws every network, and the means of the halves of a split."""
    evidence = evidence_of(rows)
    by_name: dict[str, list[Observation]] = {}
    for o in evidence.accuracies:
        by_name.setdefault(o.treatment, []).append(o)
    halves = by_name.get(BASE, [])
    columns = [name for name in _COLUMNS if name in by_name]
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
        _scatter(axes, 0, halves, _HALF, "network on a half")
        means = split_means(halves)
        axes.plot(
            [0.28] * len(means),
            np.multiply(100, means),
            ls="",
            label="mean of the halves of a split",
            **_SPLIT.of_marks(8),
        )
        for place, name in enumerate(columns, 1):
            label = "network on all classes" if place == 1 else None
            _scatter(axes, place, by_name[name], _WHOLE, label)
            _note(axes, place, by_name[name], evidence, name)
        axes.set_xticks(range(1 + len(columns)))
        axes.set_xticklabels(["halves", *(_COLUMNS[n] for n in columns)])
        axes.set_xlim(-0.5, len(columns) + 0.9)
        axes.set_ylabel("top-1 accuracy (%)")
        axes.set_title(title, fontsize=11)
        axes.legend(fontsize=9)
        return save(figure, path)


def _scatter(axes, place: int, found, look: Look, label: str | None) -> None:
    # Beside each other: networks of one column may be equally accurate.
    count = len(found)
    places = place + 0.16 * (np.arange(count) / max(1, count - 1) - 0.5)
    values = [100 * o.value for o in found]
    marks = look.of_marks(6) | {"alpha": 0.9}
    axes.plot(places, values, ls="", label=label, **marks)


def _note(axes, place: int, found, evidence: Evidence, name: str) -> None:
    estimate = evidence.estimate(Comparison(BASE, name))
    if estimate is None:
        return
    height = 100 * float(np.mean([o.value for o in found]))
    axes.annotate(
        f"halves -\nall classes:\n{estimate.in_points()}\npoints",
        (place + 0.14, height),
        va="center",
        fontsize=9,
        color=INK,
    )


def _lines(rows: list[Row]) -> list[str]:
    claim = claims.judge_rows(rows)[0]
    body = [
        [
            f"{row.spec.division}/{row.spec.label}",
            str(len(row.result.classes)),
            str(row.spec.seed),
            str(row.spec.solver.epochs),
            f"{100 * (1 - row.accuracy):.1f} %",
        ]
        for row in rows
    ]
    header = ["network", "classes", "seed", "epochs", "top-1 error"]
    return [
        *markdown.table(header, body),
        "",
        f"{markdown.claim_text(claim)} Not paired: Welch's interval.",
        *markdown.warnings(absent_classes(rows)),
    ]


REPORT = markdown.Report({"all_classes": _plot}, _lines)
