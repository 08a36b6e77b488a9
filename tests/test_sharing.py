"""Several processes on one study and folder: nothing lost, nothing twice."""

import collections
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.random_kills import compare

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    done = subprocess.run(
        [sys.executable, "-m", "tests.study_together", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout.split("\n")


def said(folder, name):
    paths = sorted(folder.glob(f"{name}-*.txt"))
    return [path.read_text() for path in paths]


def trained(texts):
    """Counts how often each network was trained to its end."""
    return collections.Counter(
        label
        for text in texts
        for label in re.findall(r"(\w+)/seed0: test", text)
    )


@pytest.mark.parametrize("name, count", [("two", 2), ("four", 4)])
def test_each_network_is_trained_once_and_as_if_alone(shared, name, count):
    folder, endings = shared
    assert endings.count(f"{name} 0") == count
    texts = said(folder, name)
    assert len(texts) == count
    assert trained(texts) == dict.fromkeys(("baseA", "baseB", "B7A", "A7B"), 1)
    for text in texts:
        # Each process knows of all four in the end and reports on them.
        others = len(re.findall("trained by another process", text))
        assert sum(trained([text]).values()) + others == 4
        assert "results.csv" in text and "Traceback" not in text
    assert compare(folder / "alone", folder / name) == []


def test_what_a_dead_process_had_is_trained_by_the_other(shared):
    folder, endings = shared
    assert "death 0" in endings
    text = said(folder, "death")[1]
    assert re.search(r"waiting for \S+/baseA/seed0 \(process \d+ on ", text)
    assert sum(trained([text]).values()) == 4
    assert compare(folder / "alone", folder / "death") == []
    path = next((folder / "death").glob("*/*/*/baseA/*/result.json"))
    assert json.loads(path.read_text())["resumed_at_epoch"][0] > 0


def test_the_comparison_sees_every_difference(shared, tmp_path):
    folder, _ = shared
    reference, other = folder / "alone", tmp_path / "other"
    shutil.copytree(folder / "two", other)
    network = next(other.glob("*/*/*/A7B/*"))
    name = f"{network.relative_to(other)}/result.json"

    def changed(path, old, new):
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    changed(network / "epochs.jsonl", b"0", b"1")
    changed(network / "result.json", b'"A7B"', b'"A7b"')
    changed(network / "mean.npy", b"\x00", b"\x01")
    other_model = next(other.glob("*/*/*/B7A/*/model.keras"))
    shutil.copy(other_model, network / "model.keras")
    other_events = next(other.glob("*/*/*/B7A/*/tensorboard/train"))
    shutil.rmtree(network / "tensorboard" / "train")
    shutil.copytree(other_events, network / "tensorboard" / "train")
    (network / "checkpoint.npz").write_bytes(b"")
    changed(next(other.rglob("figure2.svg")), b"<svg", b"<SVG")
    found = compare(reference, other)
    assert found[:-1] == [
        f"{name}: {what}"
        for what in (
            "result.json",
            "model.keras",
            "tensorboard",
            "epochs.jsonl",
            "mean.npy",
            "left behind checkpoint.npz",
        )
    ]
    assert found[-1].endswith("figure2.svg")
    shutil.rmtree(network)
    assert compare(reference, other) == [f"networks ['{name}']"]
