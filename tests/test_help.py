"""`--help` of each script: its own first line, and nothing heavy imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(
    [
        *(
            path.stem
            for path in (ROOT / "experiments").glob("*.py")
            if "main = " in path.read_text()
        ),
        *(
            f"{path.parent.name}.__main__"
            for path in (ROOT / "experiments").glob("*/__main__.py")
        ),
    ]
)
# One process for all: what a script imports is told from what was there.
CODE = """
import contextlib, importlib, io, json, sys

HEAVY = {"tensorflow", "keras", "ray", "torch"}
told = {}
for name in sys.argv[1:]:
    before, text, code = HEAVY & set(sys.modules), io.StringIO(), None
    try:
        with contextlib.redirect_stdout(text):
            script = importlib.import_module(f"experiments.{name}")
            script.main(["--help"])
    except SystemExit as done:
        code = done.code
    heavy = sorted(HEAVY & set(sys.modules) - before)
    first = script.__doc__.splitlines()[0]
    told[name] = code, first, text.getvalue(), heavy
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told():
    done = subprocess.run(
        [sys.executable, "-c", CODE, *SCRIPTS],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_what_the_script_does_and_imports_nothing_heavy(told, script):
    code, first, text, heavy = told[script]
    assert code == 0
    assert heavy == []
    # Terminals break lines.
    assert first and first in " ".join(text.split())


def test_all_scripts_are_asked():
    assert len(SCRIPTS) > 25
    assert {"similar_datasets", "recommend.__main__"} <= set(SCRIPTS)
