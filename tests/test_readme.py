"""The README's Python runs as printed, and its files are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_python_example_runs_and_proves(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    # Per layer a kernel, gamma, beta and two moments: 5 tensors.
    assert "15 copied, 15 frozen, 15 of those" in capsys.readouterr().out


def test_files_that_it_shows_are_committed():
    for path in re.findall(r"\]\((logs/[^)]+)\)", README):
        assert (ROOT / path).exists(), path


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
