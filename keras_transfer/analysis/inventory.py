"""What a log folder holds, whichever study or recipe it belongs to.

Read from small files alone: no TensorFlow, and no network is opened.
"""

import dataclasses
import functools
import os
from pathlib import Path

from keras_transfer.analysis.remembered import Rows, of_rows
from keras_transfer.analysis.results import Row
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.specs.recipes import GROUP, recipe_key
from keras_transfer.specs.treatments import BASE, reading_order
from keras_transfer.storage import tree
from keras_transfer.storage.files import read_json
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.stored_command import StoredCommand, read_command


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A network without a result.

    Args:
        name: String, the network's name, or its folder if its settings were
            never written.
        spec: `NetworkSpec` or `None`.
        study: String, name of the study it is filed under.
        status: String, `"RUNNING"`, `"FAILED"` or `"COMPLETED"` (its result
            was lost since).
        since: String, time of that status, or empty.
        error: String, why it failed, or empty.
    """

    name: str
    spec: NetworkSpec | None
    study: str
    status: str
    since: str
    error: str


@dataclasses.dataclass(frozen=True)
class Survey:
    """All networks of a log folder.

    Args:
        log_dir: Path.
        rows: `Rows` of `Row`, the finished networks.
        folders: Dict from network id to its folder inside the log folder,
            whose first part is the study.
        unfinished: List of `Unfinished`.
        notices: List of strings, results that were found damaged.
        foreign: List of paths inside the log folder, unreadable or of
            another version of the computation, whose numbers must not be
            mixed with these.
        last: String, when the last network was finished, or empty.
        commands: Dict from network id to the `StoredCommand` that trained
            it; those of earlier versions have none.
    """

    log_dir: Path
    rows: Rows
    folders: dict[str, Path]
    unfinished: list[Unfinished]
    notices: list[str]
    foreign: list[Path]
    last: str
    commands: dict[str, StoredCommand] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Group:
    """Finished networks that may stand in one figure.

    Args:
        recipe: `NetworkSpec`, the first row's base: data set, division of the
            classes (whatever the split), model and solver are those of all.
        rows: `Rows` of `Row`.
        shared: List of `Row`, base networks of another group that these come
            from too.
        tuned: Boolean, whether the copied networks have a solver of their
            own beside that of their base.
    """

    recipe: NetworkSpec
    rows: Rows
    shared: list[Row]
    tuned: bool = False

    @functools.cached_property
    def compared(self) -> Rows:
        """The rows with the bases that they are compared with."""
        return Rows([*self.shared, *self.rows]) if self.shared else self.rows

    @property
    def paired(self) -> bool:
        """Whether a pair is known by split, seed and target alone."""
        return self.recipe.target_images is None


def take_survey(logs: LogFolder) -> Survey:
    """Reads every result and status of a log folder, each folder once.

    Args:
        logs: `LogFolder`.

    Returns:
        `Survey`. A network that two studies hold is counted once.
    """
    rows: dict[str, Row] = {}
    folders: dict[str, Path] = {}
    commands: dict[str, StoredCommand] = {}
    unfinished, foreign, damaged, times = [], [], [], []
    for path in logs.look_again():
        study = tree.study_of(path)
        spec = _read_spec(path)
        # Strings: paths in thousands take as long as reading does.
        status = _read_dict(f"{path}/status.json")
        if spec is None and status.get("status") == "FAILED":
            # It died before it wrote its settings.
            name = str(path.relative_to(logs.log_dir / study))
            unfinished.append(_unfinished(name, None, study, status))
            continue
        if spec is None or tree.id_of(path) != spec.network_id:
            foreign.append(path)
            continue
        aside = f"{path}/result.json.damaged"
        damaged += [Path(aside)] if os.path.exists(aside) else []
        if spec.network_id in rows:
            continue
        result = logs.result(spec)
        if result is None:
            unfinished.append(_unfinished(spec.name, spec, study, status))
            continue
        if result.wrong_field() is not None:
            foreign.append(path)
            continue
        rows[spec.network_id] = Row(spec, result)
        folder = logs.folder_of(spec)
        folders[spec.network_id] = folder.relative_to(logs.log_dir)
        command = read_command(folder)
        if command is not None:
            commands[spec.network_id] = command
        times.append(str(status.get("since", "")))

    def short(text) -> str:  # a page that is passed on names no machine's path
        return str(text).replace(f"{logs.log_dir}/", "")

    notices = [short(notice) for notice in logs.notices]
    notices += [
        f"{short(path)} is a damaged result that was set aside; its network "
        + ("was trained again." if _trained(path) else "is not finished.")
        for path in damaged
    ]
    return Survey(
        logs.log_dir,
        Rows(sorted(rows.values(), key=_reading_order)),
        folders,
        unfinished,
        notices,
        [path.relative_to(logs.log_dir) for path in foreign],
        max(times, default=""),
        commands,
    )


@of_rows
def group_rows(rows: list[Row]) -> list[Group]:
    """Puts together what differs in split, seed, halves, n and mode alone.

    Networks on all classes stand with those on random halves. Networks on a
    few target images are a group for each number of images, and those whose
    learning rate is their treatment's own another.

    Args:
        rows: List of `Row`.

    Returns:
        List of `Group`, the one with most networks first.
    """
    groups: dict[tuple, list[Row]] = {}
    solvers: dict[tuple, list] = {}
    # Thousands of networks have few bases and fewer recipes.
    recipes: dict[NetworkSpec, int] = {}
    numbers: dict[tuple, int] = {}
    for row in rows:
        base = row.spec.own_base
        if base not in recipes:
            key = recipe_key(base, GROUP)
            recipes[base] = numbers.setdefault(key, len(numbers))
        shared = recipes[base]
        tuned = row.spec.base_solver is not None
        # Of several rates of one task each has a group: figures mix none.
        task = (shared, tuned, row.spec.treatment, row.spec.n)
        rates = solvers.setdefault(task, [])
        if row.spec.solver not in rates:
            rates.append(row.spec.solver)
        edition = rates.index(row.spec.solver) if tuned else 0
        groups.setdefault((shared, tuned, edition), []).append(row)
    found = []
    for (shared, tuned, _), members in groups.items():
        bases = groups.get((shared, False, 0), []) if tuned else []
        bases = [row for row in bases if row.spec.is_base]
        recipe = members[0].spec.own_base
        own = Rows(members)
        # What was found of all of them is not found again.
        own = rows if rows == own else own
        found.append(Group(recipe, own, bases, tuned))
    return sorted(found, key=lambda group: -len(group.rows))


def twice_as_long(rows: list[Row], group: Group) -> list[Row]:
    """Returns base networks of a group's recipe, but for twice its epochs.

    They are a group of their own, and tell whether this one's are trained out.

    Args:
        rows: List of `Row`, of a whole log folder.
        group: `Group`.

    Returns:
        List of `Row`.
    """
    varied = (*GROUP, "solver.epochs", "solver.step_every")
    epochs = 2 * group.recipe.solver.epochs
    key = recipe_key(group.recipe, varied)
    return [
        row
        for row in rows
        if row.spec.treatment == BASE
        and row.spec.solver.epochs == epochs
        and recipe_key(row.spec, varied) == key
    ]


def _unfinished(name, spec, study, status: dict) -> Unfinished:
    return Unfinished(
        name,
        spec,
        study,
        str(status.get("status", "RUNNING")),
        str(status.get("since", "")),
        str(status.get("error", "")),
    )


def _reading_order(row: Row) -> tuple:
    """Bases first, then by treatment and n, as the figures list them."""
    spec = row.spec
    place = reading_order(spec.treatment_row)
    order = (place, spec.treatment, spec.n, spec.label, spec.draw or 0)
    return (spec.data.name, spec.division, spec.seed, *order)


def _trained(path: Path) -> bool:
    return (path.parent / "result.json").is_file()


def _read_spec(folder: Path) -> NetworkSpec | None:
    try:
        return from_dict(_read_dict(f"{folder}/settings.json"))
    except (UserError, AttributeError, TypeError):
        return None


def _read_dict(path: str) -> dict:
    content = read_json(path)
    return content if isinstance(content, dict) else {}
