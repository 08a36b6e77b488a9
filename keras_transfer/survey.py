"""What a log folder holds, whichever study or recipe it belongs to.

Read from small files alone: no TensorFlow, and no network is opened.
"""

import dataclasses
import json
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.results import Row
from keras_transfer.specs import NetworkSpec, from_dict
from keras_transfer.store import RunStore


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
        rows: List of `Row`, the finished networks.
        folders: Dict from network id to its folder inside the log folder,
            whose first part is the study.
        unfinished: List of `Unfinished`.
        notices: List of strings, results that were found damaged.
        foreign: List of paths inside the log folder, unreadable or of
            another version of the computation, whose numbers must not be
            mixed with these.
        last: String, when the last network was finished, or empty.
    """

    log_dir: Path
    rows: list[Row]
    folders: dict[str, Path]
    unfinished: list[Unfinished]
    notices: list[str]
    foreign: list[Path]
    last: str


@dataclasses.dataclass(frozen=True)
class Group:
    """Finished networks that may stand in one figure.

    Args:
        recipe: `NetworkSpec`, the first row's: data set (whatever the split),
            model and solver are those of all.
        rows: List of `Row`, of one data set and one recipe.
    """

    recipe: NetworkSpec
    rows: list[Row]


def take_survey(store: RunStore) -> Survey:
    """Reads every result and status of a log folder, each folder once.

    Args:
        store: `RunStore` of the log folder.

    Returns:
        `Survey`. A network that two studies hold is counted once.
    """
    rows: dict[str, Row] = {}
    folders: dict[str, Path] = {}
    unfinished, foreign, damaged, times = [], [], [], []
    for path in sorted(store.log_dir.glob("*/*/split*/*/seed*-*")):
        if not path.is_dir():
            continue
        study = path.relative_to(store.log_dir).parts[0]
        spec = _read_spec(path)
        status = _read_dict(path / "status.json")
        if spec is None and status.get("status") == "FAILED":
            # It died before it wrote its settings.
            name = str(path.relative_to(store.log_dir / study))
            unfinished.append(_unfinished(name, None, study, status))
            continue
        if spec is None or path.name.rsplit("-", 1)[-1] != spec.network_id:
            foreign.append(path)
            continue
        damaged += path.glob("result.json.damaged")
        if spec.network_id in rows:
            continue
        result = store.result(spec)
        if result is None:
            unfinished.append(_unfinished(spec.name, spec, study, status))
            continue
        rows[spec.network_id] = Row(spec, result)
        folder = store.network(spec).folder
        folders[spec.network_id] = folder.relative_to(store.log_dir)
        times.append(str(status.get("since", "")))

    def short(text) -> str:  # a page that is passed on names no machine's path
        return str(text).replace(f"{store.log_dir}/", "")

    notices = [short(notice) for notice in store.notices]
    notices += [
        f"{short(path)} is a damaged result that was set aside; its network "
        + ("was trained again." if _trained(path) else "is not finished.")
        for path in damaged
    ]
    return Survey(
        store.log_dir,
        sorted(rows.values(), key=_reading_order),
        folders,
        unfinished,
        notices,
        [path.relative_to(store.log_dir) for path in foreign],
        max(times, default=""),
    )


def group_rows(rows: list[Row]) -> list[Group]:
    """Puts together what differs in split, seed, halves, n and mode alone.

    Args:
        rows: List of `Row`.

    Returns:
        List of `Group`, the one with most networks first.
    """
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        data = dataclasses.replace(row.spec.data, split=0)
        key = (data, row.spec.model, row.spec.solver)
        groups.setdefault(key, []).append(row)
    found = [Group(rows[0].spec, rows) for rows in groups.values()]
    return sorted(found, key=lambda group: -len(group.rows))


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
    treatments = ("base", "BnB", "AnB", "BnB+", "AnB+")
    place = (
        treatments.index(spec.treatment)
        if spec.treatment in treatments
        else len(treatments)
    )
    data = spec.data
    return data.name, data.split, spec.seed, place, spec.n, spec.label


def _trained(path: Path) -> bool:
    return (path.parent / "result.json").is_file()


def _read_spec(folder: Path) -> NetworkSpec | None:
    try:
        return from_dict(_read_dict(folder / "settings.json"))
    except (UserError, AttributeError):
        return None


def _read_dict(path: Path) -> dict:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
