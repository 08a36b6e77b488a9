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
