"""A study in plain words: `summary.md`, `results.csv` and the figures."""

from pathlib import Path

from keras_transfer.analysis import claims, layer_movement, results
from keras_transfer.analysis.comparisons import evidence_of
from keras_transfer.analysis.results import Row
from keras_transfer.reports import markdown, tables
from keras_transfer.reports.cautions import absent_classes, cautions
from keras_transfer.reports.markdown import write_texts


def write_report(
    rows: list[Row],
    title: str,
    command: str,
    folder: Path,
    published: list[Row] | None = None,
) -> list[Path]:
    """Writes the table, the figures and the summary of a study.

    Args:
        rows: List of `Row`.
        title: String.
        command: String, the command that made the results.
        folder: Path.
        published: List of `Row` of 2014 to draw beside, or `None`.

    Returns:
        List of the paths written, figures first and the summary last.
    """
    # Matplotlib only when it is needed.
    from keras_transfer.reports import figure2 as figures
    from keras_transfer.reports import layer_movement as drift_figure

    paths = figures.plot_figure2(rows, title, folder / "figure2", published)
    paths += figures.plot_losses(rows, title, folder / "losses")
    paths += drift_figure.plot_drift(rows, title, folder / "layers")
    text = summary_text(rows, title, command)
    return paths + write_texts(rows, text, folder)


def write_bases(
    rows: list[Row], title: str, command: str, folder: Path
) -> list[Path]:
    """Writes the table and summary of base networks on halves and on all.

    Args:
        rows: List of `Row` of base networks.
        title: String.
        command: String, the command that made the results.
        folder: Path.

    Returns:
        List of the paths written.
    """
    claim = claims.judge_rows(rows)[0]
    lines = markdown.heading(title, command)
    lines += markdown.table(
        ["network", "classes", "seed", "top-1 error"],
        [
            [
                f"{row.spec.division}/{row.spec.label}",
                str(len(row.result["classes"])),
                str(row.spec.seed),
                f"{100 * (1 - row.accuracy):.1f} %",
            ]
            for row in rows
        ],
    )
    lines += ["", f"{markdown.claim_text(claim)} Not paired: Welch's interval."]
    lines += markdown.warnings(absent_classes(rows))
    return write_texts(rows, markdown.document(lines), folder)


def summary_text(rows: list[Row], title: str, command: str) -> str:
    """Returns the summary in Markdown.

    Args:
        rows: List of `Row`.
        title: String.
        command: String.

    Returns:
        String.
    """
    lines = markdown.heading(title, command)
    lines += _what_was_run(rows)
    lines += ["", "## Accuracy against n", ""]
    lines += accuracy_table(rows)
    evidence = evidence_of(rows)
    lines += ["", "## Differences, in points of accuracy", ""]
    lines += markdown.table(*tables.difference_cells(rows, evidence))
    lines += ["", "## Table 1: what fine-tuned transfer adds, in points", ""]
    lines += markdown.table(*tables.boost_cells(rows, evidence))
    lines += ["", "## The five interpretations of section 4.1", ""]
    lines += [
        f"{claim.number}. {markdown.claim_text(claim)}"
        for claim in claims.judge_claims(evidence)
    ]
    lines += drift_section(rows)
    return markdown.document(lines)


def accuracy_table(rows: list[Row]) -> list[str]:
    """Returns mean test accuracies in percent, a line a treatment.

    Args:
        rows: List of `Row`.

    Returns:
        List of lines of Markdown.
    """
    base = results.mean_accuracy(rows, "base", 0)
    lines = []
    if base is not None:
        lines = [
            f"Base networks: {100 * base.mean:.1f} % ({base.count} networks).",
            "",
        ]
    return lines + markdown.table(*tables.accuracy_cells(rows))


def drift_section(rows: list[Row]) -> list[str]:
    """Returns how far layers moved; nothing where it was not measured.

    Args:
        rows: List of `Row`.

    Returns:
        List of lines of Markdown.
    """
    header, body = layer_movement.drift_cells(rows)
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


def _what_was_run(rows: list[Row]) -> list[str]:
    spec, result = rows[0].spec, rows[0].result
    splits = sorted({row.spec.data.split for row in rows})
    seeds = sorted({row.spec.seed for row in rows})
    unchanged = sum(
        tensor["frozen"] and tensor["after_sha256"] == tensor["before_sha256"]
        for row in rows
        for tensor in row.result["proof"]
    )
    copied = sum(
        tensor["source_path"] is not None
        for row in rows
        for tensor in row.result["proof"]
    )
    spent = sum(row.result["seconds"] for row in rows)
    replicas = spec.solver.replicas
    shared = f", batches shared by {replicas} devices" if replicas else ""
    lines = [
        f"{len(rows)} networks `{spec.model.name}` (width {spec.model.width}, "
        f"normalisation {spec.model.normalization}) on "
        f"`{spec.data.name}` {result['data_version']}, "
        f"{spec.solver.epochs} epochs each{shared}; splits {splits}, "
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


def _which_images(spec, result: dict) -> list[str]:
    parts = result.get("data_parts")  # earlier results do not tell
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
