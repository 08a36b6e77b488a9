"""Imports go one way: a file knows only the floors below its own."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "keras_transfer"
FLOORS = [
    {"errors", "quiet", "files", "locks", "integrity"},
    {"specs", "splits", "archives", "records", "reml", "contrasts"},
    {"network_folder", "builders", "mixed_model", "pairs", "recipes"},
    {"specs", "splits", "archives", "records", "correctness"},
    {"network_folder", "builders"},
    {
        "architectures",
        "power",
        "presets",
        "pools",
        "store",
        "synthetic_shapes",
        "views",
        "crops",
        "kinds",
        "devices",
        "strategies",
    },
    {"halves", "reuse", "verdicts"},
    {"workers", "shared_folder"},
    {
        "needs",
        "ray_connection",
        "batches",
        "models",
        "losses",
        "optimizers",
        "planning",
        "transfer",
        "intervals",
        "result_fields",
    },
    {"random_layers", "networks", "rates", "cluster"},
    {"callbacks", "results", "features"},
    {"layer_statistics", "events", "comparisons"},
    {"observation", "claims"},
    {"drift"},
    {"curves", "trainer", "study", "reference", "survey", "commands"},
    {"figures", "preload", "svg_figures", "html_layers"},
    {"drift_figure"},
    {
        "summary",
        "figure3",
        "study_events",
        "filters",
        "learning_curves",
        "schematic",
    },
    {
        "boost",
        "distance",
        "data_size",
        "preserved",
        "tuning",
        "html_parts",
    },
    {"html_proofs", "html_networks", "html_recipes"},
    {"html_warnings"},
    {"html_report"},
]
# Opened only when a data set of that name is asked for.
LAZY = {
    ("builders", "synthetic_shapes"),
    ("workers", "features"),
    ("workers", "trainer"),
}
# In a floor of their own library: no TensorFlow.
PLAIN = [
    "errors",
    "quiet",
    "files",
    "locks",
    "integrity",
    "archives",
    "network_folder",
    "records",
    "correctness",
    "specs",
    "splits",
    "architectures",
    "presets",
    "builders",
    "pools",
    "halves",
    "store",
    "planning",
    "intervals",
    "reml",
    "contrasts",
    "mixed_model",
    "power",
    "verdicts",
    "comparisons",
    "claims",
    "results",
    "result_fields",
    "workers",
    "shared_folder",
    "needs",
    "ray_connection",
    "cluster",
    "study",
    "reuse",
    "networks",
    "rates",
    "tuning",
    "kinds",
    "devices",
    "crops",
    "filters",
    "learning_curves",
    "schematic",
    "summary",
    "figures",
    "figure3",
    "drift",
    "drift_figure",
    "html_layers",
    "html_parts",
    "html_proofs",
    "html_networks",
    "html_recipes",
    "html_warnings",
    "distance",
    "data_size",
    "boost",
    "preserved",
    "reference",
    "curves",
    "commands",
    "survey",
    "svg_figures",
    "html_report",
    "events",
    "study_events",
]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        first, _, rest = node.module.partition(".")
        if first == "keras_transfer":
            names = [rest] if rest else [alias.name for alias in node.names]
            yield from (name.split(".")[0] for name in names)


def test_every_file_has_a_floor_and_imports_lower_ones():
    floor = {name: i for i, names in enumerate(FLOORS) for name in names}
    files = {p.stem: p for p in PACKAGE.glob("*.py") if p.stem != "__init__"}
    assert set(files) == set(floor)
    for name, path in files.items():
        for other in imported_modules(path):
            if (name, other) not in LAZY:
                assert floor[other] < floor[name], f"{name} imports {other}"


def test_plain_files_do_not_import_tensorflow():
    lines = [f"import keras_transfer.{name}" for name in PLAIN]
    lines.append("import experiments.coverage, experiments.report")
    lines.append("import experiments.similar_datasets, sys")
    lines.append("assert 'tensorflow' not in sys.modules")
    lines.append("assert 'keras' not in sys.modules")
    lines.append("assert 'ray' not in sys.modules")
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
