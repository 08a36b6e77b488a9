"""A report of paired questions: one figure, one table, for any experiment."""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.differences import estimate_difference
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown, tables
from keras_transfer.reports.style import (
    SETTINGS,
    label_layers,
    plot_curve,
    save,
    series_look,
    zero_line,
)

# Two treatments, the second subtracted from the first.
Question = tuple[str, str]


def kept_question(treatment: str) -> Question:
    """Asks what keeping every layer above the frozen ones adds.

    Args:
        treatment: String, `"BnB"` or `"AnB"`, whose layers above are drawn
            anew.
    """
    return f"{treatment}-keep", treatment


def answer(rows: list[Row], question: Question) -> dict[int, ModelEstimate]:
    """Subtracts two treatments at each `n`, by the rule of `primary`.

    Args:
        rows: List of `Row`.
        question: Pair of strings, treatments.

    Returns:
        Dict from n to `ModelEstimate`.
    """
    evidence = evidence_of(rows)
    found = {
        n: estimate_difference(evidence, *question, n, n)
        for n in results.layers_of(rows)
    }
    return {n: value for n, value in found.items() if value is not None}


def paired_report(questions: tuple[Question, ...]) -> markdown.Report:
    """Returns a report of one figure and one table.

    Args:
        questions: Tuple of pairs of treatments.
    """

    def answers(rows: list[Row]) -> dict[str, dict[int, ModelEstimate]]:
        return {" - ".join(one): answer(rows, one) for one in questions}

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        return _plot(answers(rows), results.layers_of(rows), title, path)

    return markdown.Report(
        {"questions": plot}, lambda rows: _lines(answers(rows))
    )


def _lines(answers: dict[str, dict[int, ModelEstimate]]) -> list[str]:
    body = [
        [name, str(n), str(value.splits), value.in_points(), value.scope]
        for name, values in answers.items()
        for n, value in values.items()
    ]
    header = ["difference", "n", "splits", "estimate", "interval holds for"]
    return [
        f"Points of top-1 accuracy. {tables.MEANING}",
        "",
        *markdown.table(header, body),
    ]


def _plot(answers: dict, layers: list[int], title: str, path: Path):
    answers = {name: values for name, values in answers.items() if values}
    if not answers:
        return []
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8.5, 5), layout="constrained")
        for index, (name, values) in enumerate(answers.items()):
            shift = 0.08 * (index - (len(answers) - 1) / 2)
            points = [
                (n + shift, *value.percent()) for n, value in values.items()
            ]
            plot_curve(axes, points, series_look(index), name)
        zero_line(axes)
        label_layers(axes, layers)
        axes.set_ylabel("difference of top-1 accuracy (points)")
        scopes = dict.fromkeys(
            value.scope
            for values in answers.values()
            for value in values.values()
        )
        axes.set_title(
            f"{title}\nbars: 95 % interval for {' or '.join(scopes)}",
            fontsize=11,
        )
        axes.legend()
        return save(figure, path)
