"""The pieces of a summary in Markdown, and the files every report writes."""

from collections.abc import Iterable
from pathlib import Path

from keras_transfer.analysis import results
from keras_transfer.analysis.results import Claim, Row
from keras_transfer.storage.files import write_atomically

Cells = tuple[list[str], list[list[str]]]  # the header and the lines below


def heading(title: str, command: str) -> list[str]:
    """Returns how every summary begins.

    Args:
        title: String.
        command: String, the command that made the results.

    Returns:
        List of lines.
    """
    return [f"# {title}", "", f"    {command}", ""]


def table(header: Iterable[str], body: Iterable[Iterable[str]]) -> list[str]:
    """Returns a table; a `|` within a cell stays within it.

    Args:
        header: Iterable of strings, the names of columns.
        body: Iterable of lines, each an iterable of strings.

    Returns:
        List of lines.
    """
    header = list(header)
    lines = (header, ["---"] * len(header), *body)
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").splitlines())


def warnings(texts: Iterable[str]) -> list[str]:
    """Returns a paragraph for each warning.

    Args:
        texts: Iterable of strings.

    Returns:
        List of lines.
    """
    return [line for text in texts for line in ("", f"**Warning:** {text}")]


def claim_text(claim: Claim) -> str:
    """Says a claim, its verdict, the effect and the rule.

    Args:
        claim: `Claim`.
    """
    return (
        f"{claim.text} **{claim.verdict.capitalize()}** by these data. "
        f"{claim.effect} ({claim.why})."
    )


def document(lines: Iterable[str]) -> str:
    """Joins lines to the text of a file.

    Args:
        lines: Iterable of strings.
    """
    return "\n".join(lines) + "\n"


def write_texts(rows: list[Row], text: str, folder: Path) -> list[Path]:
    """Writes `results.csv` and `summary.md`.

    Args:
        rows: List of `Row`.
        text: String, the summary in Markdown.
        folder: Path; made if it is not there.

    Returns:
        List of both paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    csv_path, summary = folder / "results.csv", folder / "summary.md"
    write_atomically(csv_path, results.results_csv(rows))
    write_atomically(summary, text)
    return [csv_path, summary]
