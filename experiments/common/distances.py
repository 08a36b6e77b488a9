"""What `dissimilar_datasets` and `random_weights` share: one figure 3."""

from pathlib import Path

from experiments.common.study_settings import StudySettings
from keras_transfer.analysis import published_2014, results
from keras_transfer.datasets import class_kinds
from keras_transfer.reports import distance
from keras_transfer.reports.distance_data import claims
from keras_transfer.specs.recipes import figure3_key
from keras_transfer.storage.log_folder import LogFolder


def finished_beside(
    logs: LogFolder, rows: list[results.Row]
) -> list[results.Row]:
    """Finds finished networks of the same recipe in every study.

    Args:
        logs: `LogFolder`.
        rows: List of `Row` of the study that is reported.

    Returns:
        List of `Row`: of each section whatever is finished and differs from
        the study's own in its classes and its copied layers alone. Random
        halves stand beside kinds of as many classes; whole halves, only where
        there are none of these.
    """
    own = {row.spec.network_id for row in rows}
    wanted = {figure3_key(row.spec) for row in rows}
    seeds = {row.spec.seed for row in rows}
    divisions = {row.spec.data.halves for row in rows} - {None}
    found = []
    for result in logs.finished():
        row = results.row_of(result)
        other = row.spec
        if other.network_id in own or other.seed not in seeds:
            continue
        if divisions and other.data.halves not in (None, *divisions):
            continue
        if figure3_key(other) in wanted:
            found.append(row)
    return _of_one_size(rows, found)


def _of_one_size(
    rows: list[results.Row], found: list[results.Row]
) -> list[results.Row]:
    """Drops random halves of another number of classes than the study's."""
    sizes = {_size(row) for row in rows}
    random = [row for row in found if row.spec.data.halves is None]
    alike = [row for row in random if _size(row) in sizes]
    if not alike:
        alike = [row for row in random if _size(row) is None]
    return [r for r in found if r.spec.data.halves is not None or r in alike]


def _size(row: results.Row) -> int | None:
    """Returns how many classes a side has; `None` for whole halves, and for
    sides that differ."""
    data = row.spec.data
    if data.halves is None:
        return data.classes_per_half
    first, second = map(len, data.halves)
    return first if first == second else None


def report_distance(
    settings: StudySettings,
    title: str,
    rows: list[results.Row],
    command: str,
    folder: Path,
    names: dict[tuple, tuple[str, str]] | None = None,
) -> tuple[list[Path], list[str]]:
    """Reports networks beside those of the other sections.

    Args:
        settings: `StudySettings` with `Overlay`.
        title: String.
        rows: List of `Row`.
        command: String, the command that made them.
        folder: Path.
        names: Dict from halves to the names of both sides, of the study's
            own division, or `None`. They are filed beside the results, for
            the figures of other studies and of later.

    Returns:
        Tuple of the files written and of lines for the terminal.
    """
    logs = LogFolder(settings.log_dir)
    every = [*rows, *finished_beside(logs, rows)]
    place = logs.log_dir / class_kinds.NAMES_FOLDER
    for halves, sides in (names or {}).items():
        class_kinds.write_names(place, settings.dataset, halves, sides)
    divisions = {row.spec.data.halves for row in every} - {None}
    sides = {
        halves: class_kinds.read_names(place, settings.dataset, halves)
        for halves in divisions
    }
    published = settings.published(published_2014.published_drops)
    written = distance.distance_report(published, sides)
    paths = written.write(every, title, command, folder)
    lines = [
        f"Section {claim.number}: {claim.text} "
        f"{claim.verdict.upper()}: {claim.effect}"
        for claim in claims(every, sides)
    ]
    return paths, lines
