"""The README's Python runs as printed, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from experiments.recommend.settings import LEAST_RUNG_STEPS
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
