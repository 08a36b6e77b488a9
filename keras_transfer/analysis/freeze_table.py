"""`results.csv` of the map of when to freeze, of one run or of several."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from keras_transfer.analysis.results import Row
from keras_transfer.analysis.results_table import short_csv
from keras_transfer.analysis.target_size import images_a_class
from keras_transfer.errors import UserError
from keras_transfer.specs.costs import network_costs


def results_csv(rows: Iterable[Row]) -> str:
    """Writes a line for each network.

    Args:
        rows: Iterable of `Row`.

    Returns:
        String, the content of a CSV file.
    """
    first = {
        "width": lambda row: row.spec.model.width,
        "target_images": images_a_class,
        "weights": _weights,
        "learning_rate": lambda row: row.spec.solver.learning_rate,
    }
    return short_csv(rows, first)


def with_tables(text: str, paths: Iterable[Path]) -> str:
    """Adds the networks of other tables, so that a map has several runs.

    Args:
        text: String, what `results_csv` returned.
        paths: Iterable of paths of tables with the same columns.

    Returns:
        String, the content of a CSV file; a network stands in it once.

    Raises:
        UserError: If a table cannot be read or has other columns.
    """
    reader = csv.DictReader(io.StringIO(text))
    lines = {line["network_id"]: line for line in reader}
    for path in paths:
        try:
            with Path(path).open(newline="") as file:
                other = csv.DictReader(file)
                more, columns = list(other), other.fieldnames
        except (OSError, ValueError) as error:
            raise UserError(
                "Expected `tables` to be results.csv of other runs of the "
                f"map. Received: {path} ({type(error).__name__}: {error})."
            ) from error
        if columns != reader.fieldnames:
            raise UserError(
                f"Expected a table with the columns {reader.fieldnames}. "
                f"Received: {path} with {columns}."
            )
        for line in more:
            lines.setdefault(line["network_id"], line)
    file = io.StringIO()
    writer = csv.DictWriter(file, reader.fieldnames, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines.values())
    return file.getvalue()


def _weights(row: Row) -> int:
    costs = network_costs(row.spec, len(row.result.classes))
    return sum(cost.parameters for cost in costs)
