"""The report of `transfer_study`: accuracy against the copied stages."""

from collections.abc import Mapping
from pathlib import Path

from keras_transfer.analysis.copied_stages import (
    SCRATCH,
    CopiedStages,
    balanced_stages,
    stages_of,
)
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown
from keras_transfer.reports.cautions import absent_classes, did_not_learn_text
from keras_transfer.reports.summary import rates_text
from keras_transfer.reports.tables import BALANCED
from keras_transfer.specs.image_shapes import shown_size
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import FROM_MODEL, find_treatment
from keras_transfer.storage.stored_proof import count_tensors

MEANING = (
    "[low, high] is a 95 % interval: Student's t over seeds from three seeds "
    "on, of the mixed model with two. It is about what other random numbers "
    "would change, on these training and test images. Other images would "
    "change more."
)
_COLUMNS = 2  # of panels
_FEW_NAMES = 4  # of layers that fit under a panel
_BESIDE = 0.09  # of a stage, between two treatments


def study_report(spec: NetworkSpec) -> markdown.Report:
    """Returns the report of the networks of one model and data set.

    Args:
        spec: `NetworkSpec`, one of them.
    """

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        panels = {"": stages_of(rows)}
        return plot_stages(panels, title, path, spec.model.cuts)

    return markdown.Report({"stages": plot}, _lines)


def _lines(rows: list[Row]) -> list[str]:
    spec, result = rows[0].spec, rows[0].result
    found = stages_of(rows)
    spent = sum(row.result.seconds for row in rows)
    images = result.images
    return [
        f"{len(rows)} networks of `{spec.model.name}` on images of "
        f"{shown_size(spec.data.crop)} px, {len(result.classes)} classes; "
        f"{images['train']} training, {images['validation']} validation and "
        f"{images['test']} test images; {spec.solver.epochs} epochs each"
        f"{rates_text(spec.solver)}; "
        f"seeds {found.seeds}; {spent / 60:.0f} minutes of training in all.",
        "",
        _proof_text(rows),
        *markdown.warnings(_cautions(rows, found)),
        "",
        "## Stages",
        "",
        *markdown.table(
            ["n", "last layer copied"],
            [[str(n), cut] for n, cut in enumerate(spec.model.cuts, 1)],
        ),
        "",
        *result_lines(found, balanced_stages(rows)),
    ]


def result_lines(
    found: CopiedStages, balanced: CopiedStages | None = None
) -> list[str]:
    """Returns the tables of accuracies and of differences.

    Args:
        found: `CopiedStages`.
        balanced: `CopiedStages` of balanced accuracies, or `None` if they say
            the same. Defaults to `None`.

    Returns:
        List of lines of Markdown.
    """
    lines = [
        "## Test accuracy, mean over seeds, in percent",
        "",
        f"From scratch (baseAll): {_level(found)}.",
        "",
        *markdown.table(*accuracy_cells(found)),
        "",
    ]
    if balanced is not None:
        lines += [
            f"{BALANCED} From scratch: {_level(balanced)}.",
            "",
            *markdown.table(*accuracy_cells(balanced)),
            "",
        ]
    return [
        *lines,
        *(f"- {name}: {_meaning(name)}." for name in found.treatments),
        "",
        "## Differences, in points of accuracy",
        "",
        MEANING,
        "",
        *markdown.table(*difference_cells(found)),
    ]


def _level(found: CopiedStages) -> str:
    scratch = found.mean(SCRATCH)
    return "not trained" if scratch is None else f"{100 * scratch:.1f} %"


def accuracy_cells(found: CopiedStages) -> markdown.Cells:
    """Returns mean accuracies in percent, a line a treatment.

    Args:
        found: `CopiedStages`.

    Returns:
        Tuple of header and body.
    """
    stages = found.stages()
    body = []
    for name in found.treatments:
        means = [found.mean((name, n, None)) for n in stages]
        cells = ["" if m is None else f"{100 * m:.1f}" for m in means]
        body.append([name, *cells])
    return ["treatment", *(f"n = {n}" for n in stages)], body


def difference_cells(found: CopiedStages) -> markdown.Cells:
    """Returns each difference at each n, in points, with its interval.

    Args:
        found: `CopiedStages`.

    Returns:
        Tuple of header and body.
    """
    body = [
        [name, str(n), value.in_points()] for name, n, value in found.answers()
    ]
    return ["difference", "n", "estimate"], body


def _meaning(treatment: str) -> str:
    return find_treatment(treatment).meaning


def _proof_text(rows: list[Row]) -> str:
    counts = [count_tensors(row.result.proof) for row in rows]
    copied = sum(one.planned for one in counts)
    still = sum(one.unchanged for one in counts)
    return (
        f"Proof: {copied} tensors were copied bit by bit, and {still} frozen "
        "tensors, batch statistics included, were unchanged after training. "
        "A network that fails this is not in the table."
    )


def _cautions(rows: list[Row], found: CopiedStages) -> list[str]:
    texts = []
    if len(found.seeds) == 1:
        texts.append("one seed only: there are no intervals.")
    return [*texts, *did_not_learn_text(rows), *absent_classes(rows)]


def plot_stages(
    panels: Mapping[str, CopiedStages],
    title: str,
    path: Path,
    cuts: tuple[str, ...] | None = None,
) -> list[Path]:
    """Draws accuracy against the copied stages, a panel a data set.

    Args:
        panels: Mapping from a panel's title to `CopiedStages`.
        title: String.
        path: Path without suffix.
        cuts: Tuple of strings, the last layer of each stage, or `None` to
            number them. Defaults to `None`.

    Returns:
        List of the paths written, SVG and PNG.
    """
    # Matplotlib only when it is needed.
    from matplotlib import pyplot as plt

    from keras_transfer.reports.style import SETTINGS, save

    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with plt.rc_context(SETTINGS):
        figure, grid = plt.subplots(
            rows,
            columns,
            figsize=(7.5 * columns, 4.6 * rows + 0.8),
            squeeze=False,
            layout="constrained",
        )
        drawn = zip(grid.flat, panels.items(), strict=False)
        for axes, (name, found) in drawn:
            _plot_panel(axes, found, cuts)
            axes.set_title(name)
        for axes in grid.flat[len(panels) :]:
            axes.axis("off")
        names, marks = _legend(grid.flat[: len(panels)])
        figure.legend(
            marks, names, loc="outside lower center", ncols=columns, fontsize=9
        )
        several = any(len(found.seeds) > 1 for found in panels.values())
        bars = "bars: 95 % interval over seeds of what is gained over scratch"
        bars = bars if several else "one seed"
        figure.suptitle(f"{title}\n{bars}")
        return save(figure, path)


def _legend(panels) -> tuple[list[str], list]:
    entries = {}
    for axes in panels:
        for mark, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, mark)
    return list(entries), list(entries.values())


def _plot_panel(axes, found: CopiedStages, cuts) -> None:
    from keras_transfer.reports.style import (
        INK,
        STAGES_LABEL,
        plot_curve,
        treatment_look,
    )

    level = found.mean(SCRATCH)
    if level is not None:
        values = [100 * value for value in found.values(SCRATCH)]
        axes.axhline(100 * level, color=INK, ls="--", lw=1)
        axes.plot([0] * len(values), values, "o", color=INK, mfc="white")
        axes.plot([], [], "o--", color=INK, mfc="white", label="from scratch")
    middle = (len(FROM_MODEL) - 1) / 2
    for index, name in enumerate(FROM_MODEL):
        beside = _BESIDE * (index - middle)
        points = [
            (n + beside, *_with_bar(found, (name, n, None)))
            for n in found.stages(name)
        ]
        if points:
            look = treatment_look(name)
            plot_curve(axes, points, look, f"{name}: {_meaning(name)}")
    stages = found.stages()
    few = len(stages) <= _FEW_NAMES
    names = [str(n) for n in stages]
    if cuts is not None:
        between = "\n" if few else "  "
        names = [f"{n}{between}{cuts[n - 1]}" for n in stages]
    axes.set_xticks([0, *stages], ["0", *names])
    if cuts is not None and not few:
        axes.tick_params(axis="x", rotation=40)
        for label in axes.get_xticklabels():
            label.set_ha("right")
    axes.set_xlabel(STAGES_LABEL)
    axes.set_ylabel("test accuracy (%)")


def _with_bar(found: CopiedStages, cell) -> tuple:
    """Returns a mean and its ends in percent: of what it adds to scratch."""
    mean = found.mean(cell)
    gain = found.compare(cell, SCRATCH)
    if gain is None or gain.low is None:
        return 100 * mean, None, None
    reach = gain.high - gain.mean
    return 100 * mean, 100 * (mean - reach), 100 * (mean + reach)
