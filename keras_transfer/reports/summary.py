"""A study in plain words: `summary.md`, `results.csv` and the figures."""

from collections.abc import Callable
from pathlib import Path

from keras_transfer.analysis import claims, layer_movement, results
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown, tables
from keras_transfer.reports.cautions import cautions
from keras_transfer.reports.markdown import Report
from keras_transfer.specs.settings import SolverSpec
from keras_transfer.specs.treatments import BASE
from keras_transfer.storage.result import Result
from keras_transfer.storage.stored_proof import count_tensors


def similar_report(published: list[Row] | None = None) -> Report:
    """Returns the report of `similar_datasets`: figure 2, losses, tables.

    Args:
        published: List of `Row` of 2014 to draw beside, or `None`.
    """
    # Matplotlib only when it is needed.
    from keras_transfer.reports import figure2
    from keras_transfer.reports.layer_movement import plot_drift

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        return figure2.plot_figure2(rows, title, path, published)

    figures = {
        "figure2": _of_usual_length(plot),
        "losses": _of_usual_length(figure2.plot_losses),
        "layers": plot_drift,
    }
    return Report(figures, _lines)


def _of_usual_length(draw: Callable[..., list[Path]]) -> Callable:
    """Draws without the bases of twice the epochs, which stand beside none."""

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        return draw(results.of_usual_length(rows), title, path)

    return plot


def _lines(rows: list[Row]) -> list[str]:
    # Bases of twice the epochs have a vote on the claims alone.
    evidence, run = evidence_of(rows), _what_was_run(rows)
    rows = results.of_usual_length(rows)
    return [
        *run,
        "",
        "## Accuracy against n",
        "",
        *accuracy_table(rows),
        "",
        "## Differences, in points of accuracy",
        "",
        *markdown.table(*tables.difference_cells(rows, evidence)),
        "",
        *([tables.FIT, ""] if evidence.losses else []),
        *_image_lines(rows),
        "## Table 1: what fine-tuned transfer adds, in points",
        "",
        *markdown.table(*tables.boost_cells(rows, evidence)),
        "",
        "## The five interpretations of section 4.1",
        "",
        tables.JUDGED,
        "",
        *(
            f"{claim.number}. {markdown.claim_text(claim)}"
            for claim in claims.judge_claims(evidence)
        ),
        *drift_section(rows),
    ]


def _image_lines(rows: list[Row]) -> list[str]:
    """Returns the paired test by images, of a single split."""
    header, body = tables.image_cells(rows)
    if not body:
        return []
    return [
        "## The same differences, image by image",
        "",
        tables.BY_IMAGE,
        "",
        *markdown.table(header, body),
        "",
    ]


def accuracy_table(rows: list[Row]) -> list[str]:
    """Returns mean test accuracies in percent, a line a treatment.

    Args:
        rows: List of `Row`.

    Returns:
        List of lines of Markdown.
    """
    base = results.mean_accuracy(rows, BASE, 0)
    lines = []
    if base is not None:
        lines = [
            f"Base networks: {100 * base.mean:.1f} % ({base.count} networks).",
            "",
        ]
    lines += markdown.table(*tables.accuracy_cells(rows))
    header, body = tables.balanced_cells(rows)
    if not body:
        return lines
    return [*lines, "", tables.BALANCED, "", *markdown.table(header, body)]


def drift_section(rows: list[Row]) -> list[str]:
    """Returns how far layers moved; nothing where it was not measured.

    Args:
        rows: List of `Row`.

    Returns:
        List of lines of Markdown.
    """
    return drift_lines(*layer_movement.drift_cells(rows))


def drift_lines(header: list[str], body: list[list[str]]) -> list[str]:
    """Returns the section on how far layers moved; nothing without a line.

    Args:
        header, body: Lists as of `layer_movement.drift_cells`.

    Returns:
        List of lines of Markdown.
    """
    if not body:
        return []
    title = "## How far each layer moved, in degrees"
    return [
        "",
        title,
        "",
        layer_movement.MEANING,
        "",
        *markdown.table(header, body),
    ]


def rates_text(solver: SolverSpec) -> str:
    """Says how else than by one rate for all the weights were trained.

    Args:
        solver: `SolverSpec`.

    Returns:
        String to go on after a comma; empty if there is nothing to say.
    """
    text = f", optimizer {solver.optimizer}" if solver.optimizer else ""
    if solver.class_weights:
        text += f", class weights {solver.class_weights}"
    if solver.copied_rate is not None:
        text += (
            f", copied layers that are trained at {solver.copied_rate:g} of "
            "the learning rate"
        )
    if solver.rate_decay is not None:
        text += (
            f", times {solver.rate_decay:g} for each layer that a copied one "
            "lies below the last"
        )
    return text


def _what_was_run(rows: list[Row]) -> list[str]:
    spec, result = rows[0].spec, rows[0].result
    splits = sorted({row.spec.data.split for row in rows})
    seeds = sorted({row.spec.seed for row in rows})
    counts = [count_tensors(row.result.proof) for row in rows]
    unchanged = sum(one.unchanged for one in counts)
    copied = sum(one.planned for one in counts)
    spent = sum(row.result.seconds for row in rows)
    longer = len(rows) - len(results.of_usual_length(rows))
    twice = f" ({longer} base networks twice as many)" if longer else ""
    replicas = spec.solver.replicas
    shared = f", batches shared by {replicas} devices" if replicas else ""
    lines = [
        f"{len(rows)} networks `{spec.model.name}` (width {spec.model.width}, "
        f"normalisation {spec.model.normalization}) on "
        f"`{spec.data.name}` {result.data_version}, "
        f"{spec.solver.epochs} epochs each{twice}{shared}"
        f"{rates_text(spec.solver)}; "
        f"splits {splits}, "
        f"seeds {seeds}; "
        f"{spent / 60:.0f} minutes of training in all.",
        "",
        *_which_images(spec, result),
        f"Proof: {copied} tensors were copied bit by bit, and {unchanged} "
        "frozen tensors, batch statistics included, were unchanged after "
        "training. A network that fails this is not in the table.",
        "",
        tables.MEANING,
    ]
    return lines + markdown.warnings(cautions(rows))


def _which_images(spec, result: Result) -> list[str]:
    parts = result.data_parts  # earlier results do not tell
    if not parts:
        return []
    if "validation (" in parts:  # the set decides which
        return [f"Images: {parts}.", ""]
    share = f"{100 * spec.data.validation_fraction:g} %"
    return [
        f"Images: {parts}; validation is {share} of each class, cut from "
        "the training images.",
        "",
    ]
