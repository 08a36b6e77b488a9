"""A report of paired questions: one figure, one table, for any experiment."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import pairs, results
from keras_transfer.analysis.intervals import Estimate, estimate
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown
from keras_transfer.reports.style import (
    SETTINGS,
    label_layers,
    plot_estimates,
    save,
    series_look,
    zero_line,
)
from keras_transfer.specs.network import NetworkSpec

_FEWEST_SPLITS = 3
Chooser = Callable[[NetworkSpec], bool]


@dataclasses.dataclass(frozen=True)
class Question:
    """A difference of two sorts of networks at each `n`.

    Args:
        name: String, for the legend and the table.
        first, second: Callables of a `NetworkSpec` that choose networks, of
            each split, seed, target and n one, or a base for every n.
    """

    name: str
    first: Chooser
    second: Chooser

    def answer(self, rows: list[Row]) -> dict[int, Estimate]:
        """Subtracts within pairs and averages over splits.

        Halves and seeds of a split share networks, so they are averaged
        first, and the interval is Student's over splits.

        Args:
            rows: List of `Row`.

        Returns:
            Dict from n to `Estimate` whose count is that of splits; without
            an interval below three.
        """
        found = pairs.differences(
            [row for row in rows if self.first(row.spec)],
            [row for row in rows if self.second(row.spec)],
        )
        splits: dict[int, dict[tuple, list[float]]] = {}
        for (split, *_), values in found.items():
            for n, value in values.items():
                splits.setdefault(n, {}).setdefault(split, []).append(value)
        return {n: _over_splits(splits[n]) for n in sorted(splits)}


def kept_question(treatment: str) -> Question:
    """Asks what keeping every layer above the frozen ones adds.

    Args:
        treatment: String, `"BnB"` or `"AnB"`, whose layers above are drawn
            anew.
    """
    kept = f"{treatment}-keep"
    return Question(
        f"{kept} - {treatment}",
        lambda spec: spec.treatment == kept,
        lambda spec: spec.treatment == treatment,
    )


def _over_splits(values: dict[tuple, list[float]]) -> Estimate:
    means = [sum(own) / len(own) for own in values.values()]
    if len(means) < _FEWEST_SPLITS:
        plural = "" if len(means) == 1 else "s"
        mean = sum(means) / len(means)
        return Estimate(mean, len(means), lacks=f"{len(means)} split{plural}")
    return estimate(means)


def paired_report(questions: tuple[Question, ...]) -> markdown.Report:
    """Returns a report of one figure and one table.

    Args:
        questions: Tuple of `Question`.
    """

    def answers(rows: list[Row]) -> dict[str, dict[int, Estimate]]:
        return {one.name: one.answer(rows) for one in questions}

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        return _plot(answers(rows), results.layers_of(rows), title, path)

    return markdown.Report(
        {"questions": plot}, lambda rows: _lines(answers(rows))
    )


def _lines(answers: dict[str, dict[int, Estimate]]) -> list[str]:
    body = [
        [name, str(n), str(value.count), value.in_points()]
        for name, values in answers.items()
        for n, value in values.items()
    ]
    return [
        "Points of top-1 accuracy within split, seed and target; halves and "
        "seeds of a split are averaged. [low, high] is the 95 % t interval "
        "over splits, from three on.",
        "",
        *markdown.table(["difference", "n", "splits", "estimate"], body),
    ]


def _plot(answers: dict, layers: list[int], title: str, path: Path):
    answers = {name: values for name, values in answers.items() if values}
    if not answers:
        return []
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8.5, 5), layout="constrained")
        for index, (name, values) in enumerate(answers.items()):
            shift = 0.08 * (index - (len(answers) - 1) / 2)
            points = [(n + shift, value) for n, value in values.items()]
            plot_estimates(axes, points, series_look(index), name)
        zero_line(axes)
        label_layers(axes, layers)
        axes.set_ylabel("difference of top-1 accuracy (points)")
        axes.set_title(f"{title}\nbars: 95 % t interval over splits")
        axes.legend()
        return save(figure, path)
