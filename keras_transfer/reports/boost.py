"""The open question: does AnB+ beat BnB+, and a base trained as long?

Fine-tuned networks have had two trainings. So has a selffer (BnB+), without
other classes, and a base whose schedule is twice as long. Only what AnB+ has
over both can come from having seen other classes.
"""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results, verdicts
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.differences import estimate_difference
from keras_transfer.analysis.evidence import Evidence, evidence_of
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.verdicts import Part, Verdict
from keras_transfer.reports import layer_movement, markdown, tables
from keras_transfer.reports.style import (
    SETTINGS,
    label_layers,
    plot_curve,
    save,
    series_look,
    zero_line,
)
from keras_transfer.reports.summary import drift_section
from keras_transfer.specs.treatments import (
    BASE,
    FINETUNED_SELFFER,
    FINETUNED_TRANSFER,
    TWICE,
)

# Each is compared with all before it.
COMPARED = (FINETUNED_TRANSFER, FINETUNED_SELFFER, TWICE, BASE)
QUESTIONS = tuple(
    (first, second)
    for place, second in enumerate(COMPARED)
    for first in COMPARED[:place]
)
# What AnB+ is compared with, and what is alike in both.
CONTROLS = {
    BASE: "as many epochs on the target",
    FINETUNED_SELFFER: "two trainings, both on the target",
    TWICE: "as many epochs in all, in one schedule on the target",
}
_SIGNS = {
    verdicts.PRESENT: "ahead",
    verdicts.REVERSED: "behind",
    verdicts.ABSENT: "level within half a point",
    verdicts.UNDECIDED: "undecided",
}


def control_verdicts(evidence: Evidence) -> list[str]:
    """Says where AnB+ stands with each control.

    Losing to one of them does not make the others count for nothing: each
    holds something else alike. Signs are at 95 % for all of them together.

    Args:
        evidence: `Evidence` of bases, long bases, BnB+ and AnB+.

    Returns:
        List of strings, the control that is hardest to beat first, those
        that were not measured last.
    """
    found = {
        control: estimate_difference(evidence, FINETUNED_TRANSFER, control)
        for control in CONTROLS
    }
    known = {c: e for c, e in found.items() if e is not None}
    judged = verdicts.judge([[Part(e)] for e in known.values()])
    signs = dict(zip(known, judged, strict=True))
    ranked = sorted(known, key=lambda control: known[control].mean)
    lines = [
        f"{FINETUNED_TRANSFER} - {control}: {known[control].in_points(2)} "
        f"points, {_sign(known[control], signs[control])} "
        f"({CONTROLS[control]})."
        for control in ranked
    ]
    missing = [control for control in CONTROLS if control not in known]
    return lines + [
        f"{FINETUNED_TRANSFER} - {control}: not measured."
        for control in missing
    ]


def _sign(estimate: ModelEstimate, verdict: Verdict) -> str:
    sign = _SIGNS[verdict.name]
    return sign if estimate.low is None else f"{sign} for {estimate.scope}"


def _plot(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws AnB+ minus each control against n, with 95 % intervals."""
    layers, evidence = results.layers_of(rows), evidence_of(rows)
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8.5, 5.5), layout="constrained")
        for index, (first, second) in enumerate(QUESTIONS[:3]):
            values = [
                (n, estimate_difference(evidence, first, second, n, n))
                for n in layers
            ]
            points = [
                (n + 0.08 * (index - 1), *value.percent())
                for n, value in values
                if value is not None
            ]
            if points:
                label = f"{first} - {second}"
                plot_curve(axes, points, series_look(index), label)
        zero_line(axes)
        label_layers(axes, layers)
        axes.set_ylabel("difference of top-1 accuracy (points)")
        splits = len(results.divisions_of(rows))
        axes.set_title(
            f"{title}\npaired by split, seed and target; bars: 95 % interval "
            f"({splits} split{'' if splits == 1 else 's'})",
            fontsize=11,
        )
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
        return save(figure, path)


def _lines(rows: list[Row]) -> list[str]:
    layers, evidence = results.layers_of(rows), evidence_of(rows)
    standing = enumerate(control_verdicts(evidence), 1)
    body = []
    for first, second in QUESTIONS:
        for low, high in [*((n, n) for n in layers), (1, 7)]:
            found = estimate_difference(evidence, first, second, low, high)
            if found is not None:
                name = str(low) if low == high else "all"
                cells = [f"{first} - {second}", name, str(found.count)]
                body.append([*cells, found.in_points(2), found.scope])
    header = ["difference", "n", "pairs", "estimate", "interval holds for"]
    return [
        f"What {FINETUNED_TRANSFER} has over each control, the hardest to "
        f"beat first, judged {verdicts.TOGETHER}:",
        "",
        *(f"{i}. {text}" for i, text in standing),
        "",
        f"Points of top-1 accuracy. {tables.MEANING}",
        "",
        *markdown.table(header, body),
        *drift_section(rows),
    ]


REPORT = markdown.Report(
    {"boost": _plot, "layers": layer_movement.plot_drift}, _lines
)
write_report = REPORT.write
