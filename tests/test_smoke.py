"""Every script at smoke size: `paper` trains all, each reports its own.

Training all of them once is what each would train alone: a network is known
by its settings, whichever study it was trained for.
"""

import importlib

import pytest

from experiments import paper

# What each script leaves in its report, beside a table and a summary.
FIGURES = {
    "similar_datasets": {"figure2", "losses"},
    "all_classes": set(),
    "dissimilar_datasets": {"figure3"},
    "random_weights": {"figure3"},
    "reduced_data": {"figureS1"},
    "preserved_layers": {"preserved"},
    "target_size": {"target_size"},
    "boost": {"boost"},
}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    arguments = ["--preset", "smoke", "--overlay-2014", "--quiet"]
    assert paper.main([*arguments, "--log-dir", str(folder)]) == 0
    return folder


def networks_in(folder):
    return {path for path in folder.glob("*/*/*/*/seed*-*/result.json")}


def test_paper_runs_and_reports_every_section(logs):
    assert len(networks_in(logs)) == 77
    (report,) = (logs / "paper" / "synthetic_shapes").glob("report-*")
    for script, figures in FIGURES.items():
        found = {path.stem for path in (report / script).glob("*.svg")}
        assert found == figures, script
        assert (report / script / "summary.md").read_text()
    # Figure 2 with the values of 2014, which were asked for.
    text = (report / "similar_datasets" / "figure2.svg").read_text()
    assert "AnB, 2014" in text
    names = {path.stem for path in report.glob("*.svg")}
    assert names == {
        "learning_curves",
        "filters-split0-seed0",
        "filters-kinds-seed0",
    }


@pytest.mark.parametrize("script", FIGURES)
def test_script_finds_its_networks_and_reports_them(logs, script):
    before = networks_in(logs)
    module = importlib.import_module(f"experiments.{script}")
    arguments = ["--preset", "smoke", "--quiet", "--log-dir", str(logs)]
    assert module.main(arguments) == 0
    assert networks_in(logs) == before
    (report,) = (logs / script / "synthetic_shapes").glob("report-*")
    names = {path.stem for path in report.glob("*.svg")}
    assert FIGURES[script] | {"learning_curves"} <= names
    assert {path.stem for path in report.glob("*.png")} == names
    rows = (report / "results.csv").read_text().splitlines()
    assert len(rows) > 3
