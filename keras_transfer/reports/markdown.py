"""The pieces of a summary in Markdown, and the files every report writes."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from keras_transfer.analysis.results import Claim, Row
from keras_transfer.analysis.results_table import results_csv
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
    write_atomically(csv_path, results_csv(rows))
    write_atomically(summary, text)
    return [csv_path, summary]


@dataclasses.dataclass(frozen=True)
class Report:
    """What a study of one shape reports: some figures and a summary.

    Args:
        figures: Mapping from a file's name to what draws it: a callable of
            rows, a title and a path without suffix that returns the paths
            written, none if there is nothing to draw.
        lines: Callable of rows that returns the summary below its heading,
            a list of lines.
    """

    figures: Mapping[str, Callable[[list[Row], str, Path], list[Path]]]
    lines: Callable[[list[Row]], list[str]]

    def text(self, rows: list[Row], title: str, command: str) -> str:
        """Returns the summary in Markdown.

        Args:
            rows: List of `Row`.
            title: String.
            command: String, the command that made the results.
        """
        return document([*heading(title, command), *self.lines(rows)])

    def write(
        self, rows: list[Row], title: str, command: str, folder: Path
    ) -> list[Path]:
        """Writes the figures, the table and the summary.

        Args:
            rows: List of `Row`.
            title: String.
            command: String, the command that made the results.
            folder: Path; made if it is not there.

        Returns:
            List of the paths written, figures first and the summary last.
        """
        paths = []
        for name, draw in self.figures.items():
            paths += draw(rows, title, folder / name)
        return paths + write_texts(
            rows, self.text(rows, title, command), folder
        )
