"""What moving files between folders could lose without a word."""

import configparser
import shutil
from pathlib import Path

import pytest

from keras_transfer.studies.executors.shared_folder import PACKAGE, versions

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(
    path.parent.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("__init__.py")
)


def test_every_folder_of_code_is_a_package():
    """`packages = find:` leaves out a folder without `__init__.py`."""
    code = {path.parent for path in PACKAGE.rglob("*.py")}
    assert {p.relative_to(PACKAGE).as_posix() for p in code} == set(FOLDERS)
    assert len(FOLDERS) > 10


def test_a_wheel_has_every_file_that_is_no_code():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    packed = set()
    for name, patterns in settings["options.package_data"].items():
        folder = ROOT.joinpath(*name.split("."))
        for pattern in patterns.split(","):
            packed |= set(folder.glob(pattern.strip()))
    others = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert others == packed
    assert {path.name for path in others} >= {"yosinski2014.csv", "report.css"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_changed_file_of_any_folder_is_another_version(folder, tmp_path):
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.pyc"))
    assert versions(copy) == versions()
    changed = next((copy / folder).glob("*.py"))
    changed.write_text(changed.read_text() + "# another\n")
    assert versions(copy)["keras_transfer"] != versions()["keras_transfer"]
