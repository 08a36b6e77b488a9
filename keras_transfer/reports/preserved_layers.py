"""The report of `preserved_layers`: does a kept layer mend the cut?"""

from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import results
from keras_transfer.analysis.results import Row
from keras_transfer.reports.figure3 import look_of
from keras_transfer.reports.style import SETTINGS, plot_estimates, save
from keras_transfer.reports.summary import write_texts


def _name(treatment: str, count: int) -> str:
    return f"{treatment}, {count} kept" if count else treatment


def _counts(rows: list[Row]) -> list[int]:
    return sorted({row.spec.preserved or 0 for row in rows if row.spec.n})


def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws the change from the own base for each number of kept layers.

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.
    """
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            1, 2, figsize=(12, 5), sharey=True, layout="constrained"
        )
        figure.suptitle(
            f"{title}\npaired by split, seed and target; bars: 95 % t interval"
        )
        for axes, treatment in zip(panels, ("BnB", "AnB"), strict=True):
            for index, count in enumerate(_counts(rows)):
                points = [
                    (n + 0.08 * (index - 1), value)
                    for n, value in _changes(rows, _name(treatment, count))
                ]
                plot_estimates(
                    axes, points, look_of(index), f"{count} layers kept above"
                )
            axes.axhline(0, color="#222222", lw=0.9)
            axes.set_title(treatment, fontsize=11)
            axes.set_xticks(results.layers_of(rows))
            axes.set_xlabel("n, the number of frozen layers (of 8)")
        panels[0].set_ylabel("change from the own base (points)")
        panels[0].legend(fontsize=9)
        return save(figure, path)


def _changes(rows: list[Row], treatment: str) -> list[tuple]:
    found = []
    for n in results.layers_of(rows):
        value = results.paired_difference(rows, treatment, "base", n, n)
        if value is not None:
            found.append((n, value))
    return found


def summary_text(rows: list[Row], title: str, command: str) -> str:
    """Returns the summary in Markdown."""
    lines = [f"# {title}", "", f"    {command}", ""]
    lines += [
        "Points of top-1 accuracy, paired by split, seed and target, with the "
        "95 % t interval. *Mended* is what keeping layers adds to none kept.",
        "",
        "| frozen | kept | n | minus own base | mended |",
        "| --- | --- | --- | --- | --- |",
    ]
    for treatment in ("BnB", "AnB"):
        for count in _counts(rows):
            name = _name(treatment, count)
            for n, value in _changes(rows, name):
                mended = ""
                if count:
                    gain = results.paired_difference(
                        rows, name, treatment, n, n
                    )
                    mended = gain.in_points() if gain else ""
                lines.append(
                    f"| {treatment} | {count} | {n} | {value.in_points()} "
                    f"| {mended} |"
                )
    return "\n".join(lines) + "\n"


def write_report(
    rows: list[Row], title: str, command: str, folder: Path
) -> list[Path]:
    """Writes the figure, the table and the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = plot(rows, title, folder / "preserved")
    return paths + write_texts(rows, summary_text(rows, title, command), folder)
