"""What `dissimilar_datasets` and `random_weights` share: one figure 3."""

from pathlib import Path

from experiments.common.effect_plan import (
    Foreseen,
    foreseen,
    half_images,
    not_known,
    planned,
    told,
)
from experiments.common.study_settings import StudySettings
from keras_transfer.analysis import contrasts, published_2014, results
from keras_transfer.datasets import class_kinds
from keras_transfer.reports import distance, distance_claims
from keras_transfer.reports.distance_claims import Asked, claims
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.recipes import figure3_key
from keras_transfer.specs.treatments import BASE, BASES
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.studies.dataset_facts import DatasetFacts


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


def foresee_distance(
    settings: StudySettings,
    specs: list[NetworkSpec],
    facts: DatasetFacts | None,
    others: list[NetworkSpec],
    where: str,
) -> list[str]:
    """Says how wide the intervals of sections 4.2 and 4.3 will be.

    Args:
        settings: `StudySettings`.
        specs: List of `NetworkSpec` of the study.
        facts: `DatasetFacts`, or `None` if they are not known.
        others: List of `NetworkSpec` that may stand beside: those of the
            section that this one is held against.
        where: String, the script that trains them.

    Returns:
        List of strings.
    """
    rows = [results.Row(spec, None) for spec in specs]
    beside = finished_beside(LogFolder(settings.log_dir), rows)
    asked = distance_claims.asked([*rows, *beside])
    lines = []
    if not asked and others:
        asked = distance_claims.asked(
            [*rows, *(results.Row(spec, None) for spec in others)]
        )
        splits = {spec.division for spec in others}
        lines = [
            f"No network of `{where}` with this recipe is finished to stand "
            f"beside; widths are as if those of {len(splits)} "
            f"division{'s' * (len(splits) > 1)} were."
        ]
    # Of n below those that the section asks of there is nothing to compare.
    asked = [one for one in asked if one.better.weights and one.worse.weights]
    found = [_foreseen(one, facts) for one in asked]
    if not found:
        return not_known()
    return [*told(found, len(specs)), *lines]


def _foreseen(one: Asked, facts: DatasetFacts | None) -> Foreseen:
    """Foresees a difference of two changes that share no network."""
    name, sides = f"{one.section} {one.name.rstrip(':')}", []
    if one.section == "4.3":
        name += f", {one.worse.effect.partition(' - ')[0]}"
    for change in (one.better, one.worse):
        specs = [row.spec for row in change.rows]
        networks = planned(specs, _on_its_half)
        images = half_images(facts, specs)
        weights = change.weights
        side = foreseen(name, change.effect, networks, weights, images)
        if isinstance(side.expected, str):
            return side
        sides.append(side.expected)
    return Foreseen(name, contrasts.subtract(*sides))


def _on_its_half(spec: NetworkSpec) -> str:
    return BASE if spec.treatment in BASES else spec.treatment
