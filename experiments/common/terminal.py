"""The terminal that scripts print to: text as it is, paths whole."""

import atexit
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from experiments.common.flags import as_flags
from keras_transfer.analysis import results
from keras_transfer.analysis.inventory import group_rows
from keras_transfer.errors import UserError
from keras_transfer.reports import tables
from keras_transfer.specs.treatments import BASE, BASES

_OBJECTS = 100_000  # made between two searches for garbage


def open_console() -> Console:
    """Returns a console that prints a user's words as they are.

    Folders, data sets and classes may be named `sweep[lr=0.1]`, `[red]` or
    `:cat:`, which rich would take for styles and pictures.
    """
    return Console(markup=False, emoji=False, highlight=False)


def print_accuracies(rows: list[results.Row], console: Console) -> None:
    """Prints mean accuracies by treatment and n, a table a recipe.

    Args:
        rows: List of `Row`.
        console: `rich.console.Console`.
    """
    for group in group_rows(rows):
        header, body = tables.accuracy_cells(group.compared)
        if not body or not group.paired:
            continue
        levels = {
            name: results.mean_accuracy(group.compared, name, 0)
            for name in BASES
        }
        base = next((n for n in BASES if levels[n] is not None), BASE)
        solver = group.recipe.solver
        title = (
            f"Mean test accuracy, %, {group.recipe.data.name}, "
            f"{solver.epochs} epochs"
        )
        table = Table(title=title)
        for name in [*header, base]:
            left = name == header[0]
            table.add_column(name, justify="left" if left else "right")
        for line in body:
            mean = levels[base]
            level = "" if mean is None else f"{100 * mean.mean:.1f}"
            table.add_row(*line, level)
        console.print(table)


def name_files(paths: list[Path], console: Console) -> None:
    """Names the files of a report, figures first.

    Args:
        paths: List of paths.
        console: `rich.console.Console`.
    """
    for name, suffix in (
        ("figure", ".svg"),
        ("table", ".csv"),
        ("report", ".md"),
    ):
        for path in paths:
            if path.suffix == suffix:
                console.print(f"{name}: {path}", soft_wrap=True)


def collect_seldom() -> None:
    """Has Python look for garbage less often than after every 700 objects.

    The results of a large log folder are millions that all stay: looking was
    a quarter of the time of a plan. At the end they go with the process.
    """
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)


def plain_main(
    script: str,
    description: str,
    kind: type,
    act: Callable[[Any, Console], int],
    arguments: list[str] | None = None,
) -> int:
    """Runs a script that is no study: parse, act, mistakes told in a line.

    Args:
        script: String, the script's name.
        description: String, shown by `--help`.
        kind: Class of its options, a dataclass.
        act: Callable of the options and a console that returns a status.
        arguments: List of strings or `None` for the command line.

    Returns:
        Integer exit status; 2 for a mistake of the user's, 130 if it was
        interrupted.
    """
    options = tyro.cli(
        kind,
        prog=f"python -m experiments.{script}",
        description=description,
        args=arguments,
    )
    collect_seldom()
    try:
        return act(options, open_console())
    except UserError as error:
        print(f"error: {as_flags(str(error), options)}", file=sys.stderr)
        return 2
    except OSError as error:
        text = f"{error.strerror or error}: {error.filename}"
        print(f"error: {text}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
