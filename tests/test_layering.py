"""Imports go one way: a folder knows only the folders before its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "keras_transfer"
ORDER = (
    ("errors",),
    ("specs",),
    ("storage",),
    ("datasets", "models", "analysis"),
    ("transfer", "recommendation"),
    ("training",),
    ("studies",),
    ("reports",),
)
FLOORS = {name: i for i, names in enumerate(ORDER) for name in names}
# Folders that need neither Keras nor TensorFlow.
PLAIN = (
    "errors",
    "specs",
    "storage",
    "analysis",
    "recommendation",
    "studies",
    "reports",
)
NEED_KERAS = ("studies.executors.preload",)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[-1] != "__init__":
            yield path, ".".join(parts)


def imported_folders(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        first, _, rest = node.module.partition(".")
        if first == "keras_transfer":
            names = [rest] if rest else [alias.name for alias in node.names]
            yield from (name.split(".")[0] for name in names)


def test_every_folder_has_a_place():
    assert {name.split(".")[0] for _, name in modules()} == set(FLOORS)


def test_folders_import_earlier_ones_only():
    for path, name in modules():
        own = name.split(".")[0]
        for other in imported_folders(path):
            same = other == own
            assert same or FLOORS[other] < FLOORS[own], f"{name}: {other}"


def test_files_import_in_no_circle():
    known = {name for _, name in modules()}
    edges = {}
    for path, name in modules():
        edges[name] = found = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                base = node.module.removeprefix("keras_transfer.")
                found |= {base, *(f"{base}.{a.name}" for a in node.names)}
        found &= known - {name}
    while free := [name for name, needs in edges.items() if not needs]:
        for name in free:
            del edges[name]
        for needs in edges.values():
            needs.difference_update(free)
    assert not edges


@pytest.mark.parametrize("folder", PLAIN)
def test_plain_folders_do_not_import_tensorflow(folder):
    names = [
        name
        for _, name in modules()
        if name.split(".")[0] == folder and name not in NEED_KERAS
    ]
    lines = [f"import keras_transfer.{name}" for name in names]
    lines.append("import experiments.report, experiments.similar_datasets, sys")
    lines.append("assert 'tensorflow' not in sys.modules")
    lines.append("assert 'keras' not in sys.modules")
    lines.append("assert 'ray' not in sys.modules")
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
