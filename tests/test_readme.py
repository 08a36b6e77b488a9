"""The README's Python runs as printed, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from experiments.recommend.settings import LEAST_RUNG_STEPS
from keras_transfer.specs.presets import find_recipe
from keras_transfer.training.candidates import MOST_MOMENTUM

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [
    ROOT / "README.md",
    *(
        path
        for folder in ("experiments", "logs", "tests", "keras_transfer")
        for path in sorted((ROOT / folder).rglob("*.md"))
        if folder != "logs"
        or path.parent.name == "logs"
        or "published" in path.parts
    ),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path):
    """Returns what a page's headings can be linked as."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def links(page):
    for link in LINK.findall(page.read_text()):
        if not link.startswith("https://"):
            name, _, anchor = link.partition("#")
            yield (page.parent / name).resolve() if name else page, anchor


@pytest.mark.slow
def test_python_example_runs_and_proves(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert EXPECTED in capsys.readouterr().out


# conv1 and three pairs of depthwise and pointwise: 7 convolutions, each with a
# kernel, gamma, beta and two moments.
EXPECTED = "35 copied, 35 frozen, 35 of those"


def test_readme_can_be_read_in_five_minutes():
    assert len(README.splitlines()) <= 180


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target, anchor in links(page):
        assert target.exists(), (page, target)
        if anchor:
            assert anchor in anchors(target), (page, target, anchor)


def test_every_page_is_reached_from_the_readme():
    found, queue = set(), [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page not in found and page.suffix == ".md":
            found.add(page)
            queue += [target for target, _ in links(page)]
    missed = set(PAGES) - found
    assert not missed


def test_limits_of_a_recommendation_are_those_of_the_code():
    text = " ".join((ROOT / "experiments" / "README.md").read_text().split())
    assert f"has a momentum of at most {MOST_MOMENTUM}," in text
    assert (
        f"No training is shorter than {LEAST_RUNG_STEPS} steps, nor than a "
        f"whole one of fewer than {2 * LEAST_RUNG_STEPS}," in text
    )


def test_every_script_is_in_the_readme():
    scripts = {
        path.stem
        for path in (ROOT / "experiments").glob("*.py")
        if "def main" in path.read_text() or "main = " in path.read_text()
    }
    scripts |= {p.parent.name for p in ROOT.glob("experiments/*/__main__.py")}
    assert len(scripts) > 15
    assert {name for name in scripts if f"`{name}`" not in README} == set()


def test_tests_that_the_table_of_faults_names_are_there():
    tests = ROOT / "tests"
    table = (tests / "README.md").read_text()
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    file = None
    named = set()
    for row in rows:
        for part in re.findall(r"`(test_\w+\.py)?(?:::(test_\w+))?`", row):
            file = part[0] or file
            if part[1]:
                named.add((file, part[1]))
    assert len(named) > 40
    for name, test in named:
        assert f"def {test}(" in (tests / name).read_text(), (name, test)


def rows_below(heading):
    """Returns the table below a heading of `experiments/README.md`."""
    text = (ROOT / "experiments" / "README.md").read_text()
    section = text.split(f"{heading}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in lines]
    return {name: rest for name, *rest in cells[2:]}


def said(number):
    return "none" if not number else number


def schedule(solver):
    if solver.schedule == "step":
        return f"{solver.learning_rate:g}, a tenth every {solver.step_every:,}"
    return (
        f"{solver.learning_rate:g}, {solver.schedule} to zero after a warm-up "
        f"of {100 * solver.warmup:.0f} %"
    )


@pytest.mark.parametrize(
    "column, preset", enumerate(("paper", "default", "earlier"))
)
def test_departures_are_those_of_the_presets(column, preset):
    found = rows_below("### Departures from 2014")
    recipe = find_recipe("cifar100", preset, None)
    model, solver = recipe.model, recipe.solver

    def cell(setting):
        own = found[setting][column]
        return found[setting][1] if own == "as default" else own

    def number(setting):
        first = cell(setting).split()[0]
        return first if first == "none" else float(first)

    assert f"{model.width} channels" in cell("network")
    assert f"{recipe.crop} of {recipe.image_size} pixels" in cell("images")
    assert number("dropout") == said(model.dropout)
    assert number("weight decay") == solver.weight_decay
    assert number("label smoothing") == said(solver.label_smoothing)
    assert number("batch") == solver.batch_size
    assert cell("rate and schedule").startswith(schedule(solver))
    assert cell("steps").startswith("Nesterov" if solver.nesterov else "plain")
    assert ("Muon" in cell("steps")) == (solver.muon_rate is not None)
    if preset == "paper":
        steps = solver.epochs * solver.steps_per_epoch
        assert cell("length") == f"{steps:,} steps"
    else:
        steps = 50 * 450 // solver.batch_size
        assert cell("length") == f"{solver.epochs} epochs of {steps} steps"
        assert cell("views").startswith(f"{recipe.views} fixed crops")


def test_the_regime_of_2014_is_that_of_its_row():
    found = rows_below("### The regime of 2014")
    recipe = find_recipe("cifar100", "default", None, "2014")
    solver = recipe.solver
    assert found["dropout"][1] == f"{recipe.model.dropout:g}"
    own = f"{solver.learning_rate:g}, {solver.batch_size}"
    assert found["rate, batch"][1] == own
    assert found["schedule"][1] == f"{solver.schedule} to zero"
    assert found["length"][1].startswith(f"{solver.epochs}, unless")
    assert (solver.nesterov, recipe.model.normalization) == (False, "none")
