"""The short form of `experiments.random_kills`, whose table is published."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.random_kills.__main__ import Kill, Record, table
from experiments.random_kills.aims import ANY_TIME, KINDS

ROOT = Path(__file__).resolve().parents[1]
NETWORK = "/l/similar_datasets/tiny_squares/split0/baseA/seed0-0123456789"


@pytest.mark.slow(90)
def test_killed_studies_end_as_uninterrupted_ones(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "experiments.random_kills"]
        + ["--kills", "2", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "kills.json").read_text())
    assert len(record["kills"]) == 2
    assert record["networks"] == 4 * record["studies"] > 0
    assert record["repeated"] == record["differences"] == []
    assert "2 times SIGKILL" in (tmp_path / "kills.md").read_text()


@pytest.mark.parametrize(
    "kind, path",
    [
        ("decoded images", "/l/.cache/.tiny_squares-20px.a1.tmp/x_images.npy"),
        ("decoded images", "/l/.cache/tiny_squares-20px"),
        ("mean image in the cache", "/l/.cache/tiny_squares-20px/mean-1.npz"),
        ("settings", f"{NETWORK}/.settings.a1.tmp.json"),
        ("status", f"{NETWORK}/status.json"),
        ("epoch rows", f"{NETWORK}/epochs.jsonl"),
        ("event files", "/l/tb/A3B+ s0 r0/train/s 1a/.events.a1.tmp"),
        ("checkpoint", f"{NETWORK}/.checkpoint.a1.tmp.npz"),
        ("features of frozen layers", "/l/.cache/features/.k.a1.tmp/train.npy"),
        ("model", f"{NETWORK}/.model.a1.tmp.keras"),
        ("mean image", f"{NETWORK}/mean.npy"),
        ("result", f"{NETWORK}/.result.a1.tmp.json"),
        ("figures and tables", "/l/s/t/report-x/figure2.svg"),
    ],
)
def test_a_write_is_of_one_kind(kind, path):
    assert [k for k, words in KINDS.items() if re.search(words, path)] == [kind]


def test_the_table_counts_what_was_hit_and_what_went_wrong():
    kills = [
        Kill(0, "model", "within", ["a.tmp"], 0),
        Kill(0, "model", "after", [], 1),
        Kill(1, ANY_TIME, "", [], 2),
    ]
    text = table(Record(kills, 2, 8, ["study 0: baseA"], []))
    assert "| model | 2 | 1 |  | 1 | 1 |" in text
    assert f"| {ANY_TIME} | 1 |  |  |  | 0 |" in text
    assert "after they were finished: 1" in text
