"""`results.csv` of the map of when to freeze, of one run or of several."""

import csv
import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

from keras_transfer.analysis.results import Row
from keras_transfer.analysis.results_table import (
    SHORT,
    place_columns,
    short_csv,
)
from keras_transfer.analysis.target_size import STARTS, images_a_class
from keras_transfer.errors import UserError
from keras_transfer.specs.costs import network_costs
from keras_transfer.specs.identity import spec_hash, to_dict
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.rates import FIELDS

# What is alike in all networks of a map.
_STUDY = ("dataset", "precision", "recipe")
_COLUMNS = (
    *_STUDY,
    "width",
    "target_images",
    "weights",
    "learning_rate",
    *SHORT,
)
# Of what a map has one network each.
_PLACE = (
    "width",
    "target_images",
    "treatment",
    "n",
    "split",
    "seed",
    "target",
    "base",
)
# On what steps depend, beside the recipe; another number of epochs shows here.
_LENGTH = ("target_images", "treatment", "n")
_INTEGERS = ("width", "target_images", "weights", "split", "seed", "n", "steps")
_SHARES = ("test_accuracy", "train_accuracy")
# Fields of a solver that networks of one map differ in.
_OWN = (*FIELDS, "epochs", "steps_per_epoch")


@dataclasses.dataclass(frozen=True)
class Table:
    """Networks of a run.

    Args:
        name: String, what messages call it.
        lines: List of dicts from a column to its text.
    """

    name: str
    lines: list[dict[str, str]]


def recipe_of(spec: NetworkSpec) -> str:
    """Hashes the settings that all networks of a map share.

    Args:
        spec: `NetworkSpec`.

    Returns:
        String of 10 hex digits, the same for each width, split, half, seed,
        number of images, start, rate and number of steps.
    """
    parts = {"data": ("split",), "model": ("width",), "solver": _OWN}
    shared = {
        part: {
            name: value
            for name, value in to_dict(getattr(spec, part)).items()
            # Settings that come later leave older recipes alone.
            if name not in varied and value is not None
        }
        for part, varied in parts.items()
    }
    return spec_hash(shared)


# Columns that a network's settings tell, before it is trained.
_OF_SPEC = {
    "dataset": lambda spec: spec.data.name,
    "precision": lambda spec: spec.model.precision,
    "recipe": recipe_of,
    "width": lambda spec: spec.model.width,
}


def results_csv(rows: Iterable[Row]) -> str:
    """Writes a line for each network.

    Args:
        rows: Iterable of `Row`.

    Returns:
        String, the content of a CSV file.
    """
    of_specs = {
        name: lambda row, value=value: value(row.spec)
        for name, value in _OF_SPEC.items()
    }
    of_rows = {
        "target_images": images_a_class,
        "weights": _weights,
        "learning_rate": lambda row: row.spec.solver.learning_rate,
    }
    return short_csv(rows, of_specs | of_rows)


def planned(specs: Iterable[NetworkSpec], most: int) -> Table:
    """Lists what is known of networks before they are trained.

    Args:
        specs: Iterable of `NetworkSpec`.
        most: Integer, all training images of a class.

    Returns:
        `Table` without results, for `check_alike`.
    """
    lines = []
    for spec in specs:
        solver = spec.solver
        line = {name: value(spec) for name, value in _OF_SPEC.items()}
        line |= place_columns(spec)
        line |= {
            "target_images": spec.target_images or most,
            "learning_rate": solver.learning_rate,
            "steps": solver.epochs * solver.steps_per_epoch,
        }
        lines.append({name: str(value) for name, value in line.items()})
    return Table("this run", lines)


def read(path: Path, setting: str = "tables") -> Table:
    """Reads the `results.csv` of a run of the map.

    Args:
        path: Path.
        setting: String, what named it. Defaults to `"tables"`.

    Returns:
        `Table`.

    Raises:
        UserError: If it cannot be read or is no such table; the file and the
            line are named.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames
            found = [(reader.line_num, line) for line in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"Expected `{setting}` to be results.csv of other runs of the "
            f"map. Received: {path} ({type(error).__name__}: {error})."
        ) from error
    if tuple(columns or ()) != _COLUMNS:
        raise UserError(
            f"Expected a table with the columns {list(_COLUMNS)}. "
            f"Received: {path} with {columns}. Cure: run its command again, "
            "which reads finished networks."
        )
    for number, line in found:
        fault = _fault(line)
        if fault:
            raise UserError(f"{path}, line {number}: {fault}.")
    return Table(str(path), [line for _, line in found])


def _fault(line: dict) -> str | None:
    """Says what is wrong with a line of a table, if anything is."""
    missing = [name for name, value in line.items() if value is None]
    if missing or None in line:
        return (
            f"expected {len(_COLUMNS)} values, one for each column. Received: "
            + ("fewer" if missing else "more")
        )
    if line["treatment"] not in STARTS:
        return (
            f"expected 'treatment' to be one of {', '.join(STARTS)}. "
            f"Received: {line['treatment']!r}"
        )
    for name in _INTEGERS:
        if not line[name].isdecimal():
            return f"expected {name!r} an integer. Received: {line[name]!r}"
    for name in ("learning_rate", *_SHARES):
        try:
            value = float(line[name])
        except ValueError:
            return f"expected {name!r} a number. Received: {line[name]!r}"
        if name in _SHARES and not 0 <= value <= 1:
            return f"expected {name!r} from 0 to 1. Received: {line[name]!r}"
    return None


def check_alike(tables: Iterable[Table], setting: str = "tables") -> None:
    """Refuses tables that are no map together.

    Args:
        tables: Iterable of `Table`.
        setting: String, what named them. Defaults to `"tables"`.

    Raises:
        UserError: If two differ in data set, recipe or steps, or have two
            networks of one place.
    """
    seen: dict[tuple, tuple[str, str]] = {}
    for table in tables:
        for line in table.lines:
            place = place_of(line)
            length = _told(line, _LENGTH)
            for what, key, value in (
                *((name, "the map", line[name]) for name in _STUDY),
                ("steps", length, line["steps"]),
                ("network_id", place, line["network_id"]),
            ):
                first, name = seen.setdefault((what, key), (value, table.name))
                if value != first:
                    raise UserError(
                        f"Expected `{setting}` of one study, with one `{what}` "
                        f"for {key}. Received: {first} in {name}, {value} in "
                        f"{table.name}. Cure: leave one out, or train it with "
                        "the same settings and `learning_rates`."
                    )


def check_longer(tables: Iterable[Table], longer: Iterable[Table]) -> None:
    """Refuses tables that are no longer training of a map's networks.

    Args:
        tables: Iterable of `Table`, of the map.
        longer: Iterable of `Table`.

    Raises:
        UserError: If a network has none of the map beside it, or one that
            differs in more than its steps, or if none has more steps.
    """
    longer = list(longer)
    check_alike(longer, "longer")
    here = {place_of(line): line for table in tables for line in table.lines}
    targets = {line["target"] for line in here.values() if line["base"]}
    more = 0
    for table in longer:
        for line in table.lines:
            own = here.get(place_of(line))
            fault = _unlike(own, line, line["target"] not in targets)
            if fault:
                raise UserError(
                    "Expected `longer` to have networks of the map that "
                    "differ in their steps alone. Received: "
                    f"{place_of(line)} of {table.name}, {fault}."
                )
            more += int(line["steps"]) > int(own["steps"])
    if longer and not more:
        names = ", ".join(table.name for table in longer)
        raise UserError(
            "Expected `longer` to have networks of more steps than the map's. "
            f"Received: {names} with none. Cure: train it with more "
            "`least_steps` or `head_steps`."
        )


def _unlike(own: dict | None, line: dict, is_copied: bool) -> str | None:
    """Says in what else than steps a network of longer training differs."""
    if own is None:
        return "which the map lacks. Cure: train it for the map too"
    for name in (*_STUDY, "learning_rate"):
        # One was printed from a table, one from settings.
        if line[name] != own[name] and not _same_number(line[name], own[name]):
            return f"whose `{name}` is {line[name]}, and the map's {own[name]}"
    if is_copied and line["network_id"] != own["network_id"]:
        return (
            f"a base that is copied, of {line['steps']} steps; the map's has "
            f"{own['steps']}. Cure: `least_steps` of at most {own['steps']}"
        )
    if int(line["steps"]) < int(own["steps"]):
        return (
            f"of {line['steps']} steps; the map's has {own['steps']}. Cure: "
            "more `least_steps` or `head_steps`"
        )
    return None


def _same_number(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def place_of(line: dict[str, str]) -> str:
    """Names the place in a map, of which it has one network.

    Args:
        line: Dict from a column to its text.
    """
    return _told(line, _PLACE)


def _told(line: dict, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {line[name]}" for name in columns if line[name])


def joined(tables: Iterable[Table], setting: str = "tables") -> str:
    """Joins tables, so that a map has several runs.

    Args:
        tables: Iterable of `Table`.
        setting: String, what named them. Defaults to `"tables"`.

    Returns:
        String, the content of a CSV file; a network stands in it once.

    Raises:
        UserError: As of `check_alike`.
    """
    tables = list(tables)
    check_alike(tables, setting)
    lines: dict[str, dict] = {}
    for table in tables:
        for line in table.lines:
            lines.setdefault(line["network_id"], line)
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines.values())
    return file.getvalue()


def own(rows: Iterable[Row]) -> Table:
    """Makes a table of networks that were trained.

    Args:
        rows: Iterable of `Row`.
    """
    reader = csv.DictReader(io.StringIO(results_csv(rows)))
    return Table("this run", list(reader))


def _weights(row: Row) -> int:
    costs = network_costs(row.spec, len(row.result.classes))
    return sum(cost.parameters for cost in costs)
