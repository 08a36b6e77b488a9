"""Whole studies in worker processes, as the scripts run them."""

import dataclasses
import json
import os
import re
import signal
from pathlib import Path

import pytest

from experiments import similar_datasets
from keras_transfer.datasets import checksums
from keras_transfer.errors import UserError
from keras_transfer.specs.network import from_dict
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.resources import default_workers
from keras_transfer.studies.reporter import Reporter
from keras_transfer.studies.run_options import RunOptions
from keras_transfer.studies.scheduler import run_study
from tests.conftest import write_tiny_pool
from tests.trained import (
    assert_same_bits,
    finish,
    start_study,
    study_words,
    wait_for,
)

ROOT = Path(__file__).resolve().parents[1]


class Listener(Reporter):
    def __init__(self):
        self.trained, self.failures, self.epochs = [], {}, []

    def epoch(self, spec, row):
        self.epochs.append((spec.label, row["epoch"]))

    def finished(self, spec, result):
        self.trained.append(spec.label)

    def failed(self, spec, message):
        self.failures[spec.label] = message


@pytest.fixture
def store(tmp_path, tiny_pool):
    return RunStore(tmp_path / "logs", "study")


@pytest.mark.slow
def test_bases_first_then_transfers_then_nothing(store, tiny_spec):
    other = dataclasses.replace(tiny_spec, target="B")
    transfer = dataclasses.replace(tiny_spec, base="B", n=7)
    specs = [transfer, tiny_spec, other]
    listener = Listener()
    outcome = run_study(specs, store, RunOptions(workers=2), listener)
    assert sorted(listener.trained[:2]) == ["baseA", "baseB"]
    assert listener.trained[2] == "B7A"
    assert listener.epochs.count(("B7A", 2)) == 1
    assert len(outcome.trained) == 3 and not outcome.failed
    # Another seed trains only what is new; the same study trains nothing.
    again = run_study(specs, store, RunOptions(workers=2))
    assert not again.trained and len(again.found) == 3
    # A study of another name shares the base.
    elsewhere = RunStore(store.log_dir, "another_study")
    assert run_study([tiny_spec], elsewhere).found == [tiny_spec]


@pytest.mark.slow(12)
def test_a_failed_base_fails_its_transfers_and_no_others(store, tiny_spec):
    model = dataclasses.replace(tiny_spec.model, normalization="none")
    solver = dataclasses.replace(
        tiny_spec.solver, learning_rate=1e30, warmup=0.0
    )
    bad = dataclasses.replace(tiny_spec, model=model, solver=solver)
    dependent = dataclasses.replace(bad, base="A", target="B", n=1)
    listener = Listener()
    outcome = run_study([bad, dependent, tiny_spec], store, reporter=listener)
    assert outcome.trained == [tiny_spec]
    assert "loss became" in outcome.failed[bad]
    assert outcome.failed[dependent] == "its base baseA failed"
    status = json.loads((store.network(bad).folder / "status.json").read_text())
    assert status["status"] == "FAILED"
    assert status["record"]["epoch"] == 0
    assert "layer_norms" in status["record"]


def test_changed_data_are_refused(store, base, tiny_pool, tiny_spec):
    meta = tiny_pool.folder / "pool.json"
    content = json.loads(meta.read_text())
    del content["sha256"]
    content.update(version="2.0.0", fingerprint="other")
    meta.write_text(json.dumps(checksums.seal(content)))
    second = dataclasses.replace(tiny_spec, seed=1)
    with pytest.raises(UserError, match="version 1.0.0.*version 2.0.0"):
        run_study([tiny_spec, second], store)


def test_a_missing_base_is_named(store, tiny_spec):
    orphan = dataclasses.replace(tiny_spec, base="B", n=1)
    with pytest.raises(UserError, match="baseB/seed0"):
        run_study([orphan], store)


def test_large_networks_are_trained_one_at_a_time(tiny_spec):
    caffenet = dataclasses.replace(tiny_spec.model, name="caffenet")
    spec = dataclasses.replace(tiny_spec, model=caffenet)
    assert default_workers([spec]) == 1
    assert default_workers([tiny_spec]) >= 1


SMALL = ("--layers", "5", "--treatments", "AnB")


def networks_by_label(log_dir):
    found = {}
    for path in Path(log_dir).glob("*/*/split*/*/seed*/result.json"):
        content = json.loads(path.read_text())
        network = RunStore(log_dir, "x").network(from_dict(content["settings"]))
        found[content["label"]] = content, network
    return found


@pytest.mark.slow(60)
def test_killed_study_ends_as_an_uninterrupted_one(tmp_path, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for log_dir in (whole, broken):
        write_tiny_pool(log_dir / ".cache")
    first = start_study(broken, *SMALL)
    pattern = "*/*/*/A5B/*/checkpoint.npz"
    wait_for(lambda: list(broken.glob(pattern)), first.poll)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    code, output, errors = finish(start_study(broken, *SMALL))
    assert code == 0, errors
    assert "A5B/seed0: test" in output
    assert "baseA/seed0: test" not in output  # finished before the kill
    assert similar_datasets.main(study_words(whole, *SMALL)) == 0
    output = capsys.readouterr().out
    for name in ("figure2.svg", "results.csv", "summary.md"):
        assert re.search(rf"report-default-\w+/{name}", output), output
    one, two = networks_by_label(whole), networks_by_label(broken)
    assert set(one) == set(two) and len(one) == 4
    for label in one:
        keys = ("test_accuracy", "test_loss", "val_best10", "network_id")
        assert [one[label][0][k] for k in keys] == [
            two[label][0][k] for k in keys
        ]
        assert_same_bits(one[label][1], two[label][1])
    # Run again: nothing is trained, and quickly.
    assert similar_datasets.main(study_words(whole, *SMALL)) == 0
    output = capsys.readouterr().out
    assert "0 of 4 networks to train" in output
    assert "[1/" not in output


@pytest.mark.slow(20)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_what_is_kept(tmp_path, how):
    write_tiny_pool(tmp_path / ".cache")
    process = start_study(tmp_path, "--treatments", "--epochs", "200")
    pattern = "*/*/*/*/*/checkpoint.npz"
    wait_for(lambda: list(tmp_path.glob(pattern)), process.poll)
    process.send_signal(how)
    code, output, errors = finish(process)
    assert code == 130
    assert "Done: 0 of 2 networks." in output
    assert "same command goes on:" in errors
    command = errors.strip().splitlines()[-1].strip()
    assert command.startswith("python -m experiments.similar_datasets ")
    assert command.endswith(f"--log-dir {tmp_path} --treatments --epochs 200")
    assert "Traceback" not in errors


@pytest.mark.slow(15)
def test_failed_network_gives_status_1_and_its_name(tmp_path, capfd):
    write_tiny_pool(tmp_path / ".cache")
    flags = "--treatments", "--normalization", "none", "--learning-rate", "1e30"
    assert similar_datasets.main(study_words(tmp_path, *flags)) == 1
    output, errors = capfd.readouterr()
    assert "failed: tiny_colours/split0/baseA/seed0: The loss became" in output
    assert "Traceback" not in output + errors
