"""The open question: does AnB+ beat BnB+, and a base trained as long?

Fine-tuned networks have had two trainings. So has a selffer (BnB+), without
other classes, and a base whose schedule is twice as long. Only what AnB+ has
over both can come from having seen other classes.
"""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import pairs, results
from keras_transfer.analysis.intervals import Estimate, estimate
from keras_transfer.analysis.results import Row
from keras_transfer.reports import layer_movement
from keras_transfer.reports.style import SETTINGS, plot_estimates, save
from keras_transfer.reports.summary import drift_section, write_texts
from keras_transfer.specs.treatments import TWICE
from keras_transfer.studies.grids import long_bases

QUESTIONS = (
    ("AnB+", "BnB+"),
    ("AnB+", TWICE),
    ("BnB+", TWICE),
    ("AnB+", "base"),
    ("BnB+", "base"),
    (TWICE, "base"),
)
# Marker, colour, dash, filled.
_LOOKS = (
    ("^", "#b03030", "-", True),
    ("D", "#c46a00", "--", False),
    ("s", "#1f5fa8", ":", False),
)


def _chosen(rows: list[Row], name: str) -> list[Row]:
    """Returns the rows of a treatment; long bases are one of their own."""
    usual = {row.spec.own_base for row in rows}
    longer = set(long_bases(list(usual)))
    return [
        row
        for row in rows
        if name == (TWICE if row.spec in longer else row.spec.treatment)
    ]


def difference(
    rows: list[Row], first: str, second: str, low: int, high: int
) -> Estimate | None:
    """Averages paired differences over a range of `n`.

    Args:
        rows: List of `Row`, of bases, long bases, BnB+ and AnB+.
        first, second: Strings, as in `QUESTIONS`.
        low, high: Integers, range of `n`, both included.

    Returns:
        `Estimate` over pairs of split, seed and target, or `None`.
    """
    one, two = (
        results.in_range(_chosen(rows, name), low, high)
        for name in (first, second)
    )
    found = pairs.differences(one, two)
    means = [sum(values.values()) / len(values) for values in found.values()]
    return estimate(means, list(found))


def verdict(rows: list[Row]) -> str:
    """Says in a sentence what the data show."""
    over_selffer = difference(rows, "AnB+", "BnB+", 1, 7)
    over_long = difference(rows, "AnB+", TWICE, 1, 7)
    known = [e for e in (over_selffer, over_long) if e and e.t_low is not None]
    if len(known) < 2:
        return (
            "Undecided: fewer than two pairs, or a control is missing. More "
            "`--splits` or `--seeds` decide."
        )
    measured = (
        f"AnB+ - BnB+ {over_selffer.in_points(2)}, AnB+ - base trained as "
        f"long {over_long.in_points(2)} points"
    )
    if all(effect.t_low > 0 for effect in known):
        text = "Having seen other classes helps: it beats both controls"
    elif any(effect.t_high < 0 for effect in known):
        text = "Having seen other classes does not help: a control beats it"
    else:
        text = (
            "Having seen other classes cannot be told from training as long: "
            "an interval includes 0"
        )
    return f"{text} ({measured}, {over_selffer.count} pairs)."


def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws the paired differences against n, with 95 % t intervals.

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.
    """
    layers = results.layers_of(rows)
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(8.5, 5.5), layout="constrained")
        for index, (question, look) in enumerate(
            zip(QUESTIONS[:3], _LOOKS, strict=True)
        ):
            values = [(n, difference(rows, *question, n, n)) for n in layers]
            points = [
                (n + 0.08 * (index - 1), value)
                for n, value in values
                if value is not None
            ]
            if points:
                plot_estimates(axes, points, look, " - ".join(question))
        axes.axhline(0, color="#222222", lw=0.9)
        axes.set_xticks(layers)
        axes.set_xlabel("n, the number of copied layers (of 8)")
        axes.set_ylabel("difference of top-1 accuracy (points)")
        pairs = len({row.group for row in rows})
        axes.set_title(
            f"{title}\npaired by split, seed and target ({pairs} pairs); "
            "bars: 95 % t interval",
            fontsize=11,
        )
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
        return save(figure, path)


def summary_text(rows: list[Row], title: str, command: str) -> str:
    """Returns the summary in Markdown."""
    layers = results.layers_of(rows)
    lines = [f"# {title}", "", f"    {command}", "", verdict(rows), ""]
    lines += [
        "Points of top-1 accuracy, paired by split, seed and target; [low, "
        "high] is the 95 % t interval, {low, high} that of the hierarchical "
        "bootstrap. Pairs of one split share networks.",
        "",
        "| difference | n | pairs | paired | bootstrap |",
        "| --- | --- | --- | --- | --- |",
    ]
    for question in QUESTIONS:
        for low, high in [*((n, n) for n in layers), (1, 7)]:
            value = difference(rows, *question, low, high)
            if value is None:
                continue
            boot = ""
            if value.boot_low is not None:
                low_b, high_b = 100 * value.boot_low, 100 * value.boot_high
                boot = f"{{{low_b:+.2f}, {high_b:+.2f}}}"
            name = str(low) if low == high else "all"
            lines.append(
                f"| {' - '.join(question)} | {name} | {value.count} | "
                f"{value.in_points(2)} | {boot} |"
            )
    lines += drift_section(rows)
    return "\n".join(lines) + "\n"


def write_report(
    rows: list[Row], title: str, command: str, folder: Path
) -> list[Path]:
    """Writes the figures, the table and the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = plot(rows, title, folder / "boost")
    paths += layer_movement.plot_drift(rows, title, folder / "layers")
    return paths + write_texts(rows, summary_text(rows, title, command), folder)
