"""The terminal that scripts print to: text as it is, paths whole."""

from rich.console import Console


def open_console() -> Console:
    """Returns a console that prints a user's words as they are.

    Folders, data sets and classes may be named `sweep[lr=0.1]`, `[red]` or
    `:cat:`, which rich would take for styles and pictures.
    """
    return Console(markup=False, emoji=False, highlight=False)
