"""The folders of a log folder: the one place that knows how deep they lie.

log_dir/<study>/<data set>/split0/A3B+/seed0-<id>/   a network
log_dir/<study>/<data set>/report-<name>/            a study's report
"""

import fnmatch
import os
import re
from pathlib import Path

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.settings import check_dataset_name

_ABOVE = 4  # study, data set, division and label
LOCKS = ".locks"  # folder of the locks
INDEX = ".results.json"  # what was read of many results; safe to delete
EVENTS = "tb"  # folder of the event files; its name begins every run's
STUDY_RUNS = "0 study"  # in that folder: sorts before the networks' runs


def network_path(study_dir: Path, spec: NetworkSpec) -> Path:
    """Returns the folder that a new network of a study gets.

    Args:
        study_dir: Path of the study's folder.
        spec: `NetworkSpec`.

    Returns:
        Path.

    Raises:
        UserError: If the data set's name is no name.
    """
    check_dataset_name(spec.data.name)
    path = study_dir / file_name(spec.data.name) / spec.division / spec.label
    return path / f"seed{spec.seed}-{spec.network_id}"


def file_name(dataset: str) -> str:
    """Returns a data set's name as that of a folder.

    Args:
        dataset: String, TFDS name, with `/` before its configuration.
    """
    return dataset.replace("/", "-")


def log_dir_of(folder: Path) -> Path:
    """Returns the log folder of a network's folder.

    Args:
        folder: Path.
    """
    return folder.parents[_ABOVE]


def study_of(folder: Path) -> str:
    """Returns the name of the study that a network's folder is filed under.

    Args:
        folder: Path.
    """
    return folder.parents[_ABOVE - 1].name


def id_of(folder: Path) -> str:
    """Returns the id that a network's folder is named after.

    Args:
        folder: Path.
    """
    return folder.name.rsplit("-", 1)[-1]


def find_networks(log_dir: Path, name: str = "seed*-*") -> list[Path]:
    """Returns all folders of networks, in order, those of links too.

    Args:
        log_dir: Path.
        name: String, pattern of their names. Defaults to `"seed*-*"`, all.
    """
    fits = re.compile(fnmatch.translate(name)).match
    # Events lie as deep as networks, in folders by the thousand.
    folders = [path for path, at in _below(str(log_dir)) if at != EVENTS]
    for _ in range(_ABOVE - 1):
        folders = [path for above in folders for path, _ in _below(above)]
    return [
        Path(path)
        for above in folders
        for path, last in _below(above)
        if fits(last)
    ]


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _below(folder: str) -> list[tuple[str, str]]:
    """Returns paths and names of the folders in a folder, in order.

    As `Path.glob`, which takes six times as long for thousands of them.
    """
    try:
        with os.scandir(folder) as entries:
            found = [one.name for one in entries if _is_folder(one)]
    except OSError:  # nobody may look into it, or it is gone
        return []
    return [(f"{folder}/{name}", name) for name in sorted(found)]


def find_files(
    log_dir: Path, name: str, network: str = "seed*-*"
) -> list[Path]:
    """Returns the files of a name in all folders of networks, in order.

    Args:
        log_dir: Path.
        name: String, such as `"result.json"`.
        network: String, pattern of the folders' names. Defaults to all.
    """
    return sorted(log_dir.glob("*/" * _ABOVE + f"{network}/{name}"))


def report_path(study_dir: Path, dataset: str, name: str) -> Path:
    """Returns the folder of a study's report.

    Args:
        study_dir: Path of the study's folder.
        dataset: String, TFDS name.
        name: String, `"report-..."`.
    """
    return study_dir / file_name(dataset) / name


def find_reports(log_dir: Path) -> list[Path]:
    """Returns the files of all reports of a log folder, in order.

    Args:
        log_dir: Path.
    """
    # Python's `*` finds names with a dot in front, of files being written.
    return sorted(log_dir.glob("*/*/report-*/[!.]*.*"))
