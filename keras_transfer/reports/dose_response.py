"""The report of a dose-response: figure, table and a page of text."""

from pathlib import Path

from keras_transfer.analysis import dose_response as doses
from keras_transfer.storage.files import write_atomically


def write(rows, regime, title, command, folder):
    """Writes the table of networks.

    Args:
        rows: List of `Row`.
        regime: Callable of a `NetworkSpec` that names its regime.
        title: String.
        command: String, the command that made the results.
        folder: Path.

    Returns:
        Tuple of the paths written and of lines for the terminal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(folder) / "results.csv"
    write_atomically(path, doses.results_csv(rows, regime))
    return [path], []
