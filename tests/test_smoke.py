"""Every script at smoke size: `paper` trains all, each reports its own.

Training all of them once is what each would train alone: a network is known
by its settings, whichever study it was trained for.
"""

import importlib

import pytest

from experiments import paper

LAYERS = ("--layers", "5")
# What is cheap: reports are the same of narrow networks that saw few images.
SMOKE = ("--preset", "smoke", "--width", "4", "--batch-size", "16")
SMOKE += ("--views", "1", "--observe", "off", "--quiet")
# What each script draws, beside learning curves; a table and a summary go with
# it.
FIGURES = {
    "similar_datasets": {
        "figure2",
        "layers",
        "losses",
        "filters-split0-seed0",
    },
    "all_classes": {"all_classes", "filters-split0-seed0"},
    "dissimilar_datasets": {"figure3", "filters-kinds-seed0"},
    "random_weights": {"figure3", "filters-split0-seed0"},
    "reduced_data": {"figureS1", "filters-whole-seed0"},
    "preserved_layers": {"preserved", "filters-split0-seed0"},
    "target_size": {"target_size", "filters-split0-seed0"},
    "boost": {"boost", "layers", "filters-split0-seed0"},
}


def figures_in(folder):
    """Names the figures, of which each is there as SVG and as PNG."""
    names = {path.stem for path in folder.glob("*.svg")}
    assert names == {path.stem for path in folder.glob("*.png")}
    return names - {"learning_curves"} if "learning_curves" in names else None


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    arguments = [*SMOKE, *LAYERS, "--overlay-2014", "--log-dir", str(folder)]
    assert paper.main(arguments) == 0
    return folder


def networks_in(folder):
    return {path for path in folder.glob("*/*/*/*/seed*-*/result.json")}


@pytest.mark.slow(150)
def test_paper_runs_and_reports_every_section(logs):
    assert len(networks_in(logs)) == 51
    (report,) = (logs / "paper" / "synthetic_shapes").glob("report-*")
    for script, figures in FIGURES.items():
        assert figures_in(report / script) == figures, script
        assert (report / script / "summary.md").read_text()
    # Figure 2 with the values of 2014, which were asked for.
    text = (report / "similar_datasets" / "figure2.svg").read_text()
    assert "AnB, 2014" in text


@pytest.mark.slow
@pytest.mark.parametrize("script", FIGURES)
def test_script_finds_its_networks_and_reports_them(logs, script):
    before = networks_in(logs)
    module = importlib.import_module(f"experiments.{script}")
    arguments = [*SMOKE, "--log-dir", str(logs)]
    if script not in ("all_classes", "reduced_data"):  # no n to choose there
        arguments += LAYERS
    assert module.main(arguments) == 0
    assert networks_in(logs) == before
    (report,) = (logs / script / "synthetic_shapes").glob("report-*")
    assert figures_in(report) == FIGURES[script]
    rows = (report / "results.csv").read_text().splitlines()
    assert len(rows) > 3
