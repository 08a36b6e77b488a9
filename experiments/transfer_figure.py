"""Several data sets of `transfer_study` in one figure and one summary.

    python -m experiments.transfer_figure --tables A/results.csv B/results.csv

Claim: none. Cost: seconds; trains nothing. Expected: stages.svg, stages.png
and summary.md, made of nothing but the tables.
"""

import csv
import dataclasses
import functools
import sys
from pathlib import Path

from rich.console import Console

from experiments.common.terminal import name_files, plain_main
from keras_transfer.analysis.contrasts import read_observations
from keras_transfer.analysis.copied_stages import CopiedStages
from keras_transfer.datasets.sources import shown_name
from keras_transfer.errors import UserError
from keras_transfer.reports import markdown
from keras_transfer.reports.copied_stages import plot_stages, result_lines
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    tables: tuple[str, ...] = ()
    """Files results.csv of `transfer_study`, one a data set, one model."""
    folder: str = "."
    """Folder that the figure and the summary are written to."""
    title: str = "Copied stages of a pretrained model"
    """Title of both."""
    cuts: tuple[str, ...] = ()
    """Last layers of all stages, to name them in the figure."""


_BALANCED = "test_balanced_accuracy"


def read_panels(
    paths: list[Path], outcome: str = "test_accuracy"
) -> dict[str, CopiedStages]:
    """Reads the networks of each data set.

    Args:
        paths: List of paths of `results.csv` files.
        outcome: String, a column. Defaults to `"test_accuracy"`.

    Returns:
        Dict from a data set's name to `CopiedStages`.

    Raises:
        UserError: If there is none, or one is no such table.
    """
    if not paths:
        raise UserError(
            "Expected `tables`: files results.csv of `transfer_study`. "
            "Received: none."
        )
    panels: dict[str, CopiedStages] = {}
    for path in paths:
        try:
            with path.open(newline="") as file:
                names = {row["dataset"] for row in csv.DictReader(file)}
            (dataset,) = names
            name = shown_name(dataset)
            panels[name] = CopiedStages(tuple(read_observations(path, outcome)))
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"Expected {path} to be a results.csv of one data set "
                f"({type(error).__name__}: {error})."
            ) from error
        if not panels[name].treatments:
            raise UserError(
                f"{path} has no network of copied stages. Expected a "
                "results.csv of `transfer_study`."
            )
    return panels


def read_balanced(paths: list[Path]) -> dict[str, CopiedStages]:
    """Reads balanced accuracies, of the data sets where they are others.

    Args:
        paths: List of paths, as of `read_panels`.

    Returns:
        Dict from a data set's name to `CopiedStages`. Data sets with test
        classes of one size are not in it, nor tables of earlier versions.
    """
    wanted = []
    for path in paths:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        if all(row.get(_BALANCED) for row in rows) and any(
            row[_BALANCED] != row["test_accuracy"] for row in rows
        ):
            wanted.append(path)
    return read_panels(wanted, _BALANCED) if wanted else {}


def summary(
    panels: dict[str, CopiedStages],
    title: str,
    command: str = "",
    balanced: dict[str, CopiedStages] | None = None,
) -> str:
    """Returns the tables of all data sets in Markdown.

    Args:
        panels: Dict of `read_panels`.
        title: String.
        command: String, what made the tables. Defaults to none.
        balanced: Dict of `read_balanced`, or `None` to leave them out.
    """
    lines = markdown.heading(title, command) if command else [f"# {title}", ""]
    for name, found in panels.items():
        lines += [f"# {name}", "", f"Seeds {found.seeds}.", ""]
        lines += [*result_lines(found, (balanced or {}).get(name)), ""]
    return markdown.document(lines[:-1])


def _run_script(options: Options, console: Console) -> int:
    tables = [user_path(path) for path in options.tables]
    panels = read_panels(tables)
    folder = user_path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    cuts = options.cuts or None
    paths = plot_stages(panels, options.title, folder / "stages", cuts)
    text = summary(panels, options.title, balanced=read_balanced(tables))
    write_atomically(folder / "summary.md", text)
    name_files([*paths, folder / "summary.md"], console)
    return 0


main = functools.partial(
    plain_main, "transfer_figure", __doc__, Options, _run_script
)

if __name__ == "__main__":
    sys.exit(main())
