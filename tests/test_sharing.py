"""Several processes on one study and folder: nothing lost, nothing twice."""

import collections
import contextlib
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.random_kills.comparing import compare
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.executor import Message
from keras_transfer.studies.reporter import Outcome, Reporter
from keras_transfer.studies.schedule import Schedule

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


@pytest.mark.slow(75)
def test_each_network_is_trained_once_and_as_if_alone(shared):
    folder, endings = shared
    assert endings.count("four 0") == 4
    texts = said(folder, "four")
    assert len(texts) == 4
    assert trained(texts) == dict.fromkeys(("baseA", "baseB", "B7A", "A7B"), 1)
    for text in texts:
        # Each process knows of all four in the end and reports on them.
        others = len(re.findall("trained by another process", text))
        assert sum(trained([text]).values()) + others == 4
        assert "results.csv" in text and "Traceback" not in text
    assert compare(folder / "alone", folder / "four") == []


@pytest.mark.slow
def test_what_a_dead_process_had_is_trained_by_the_other(shared):
    folder, endings = shared
    assert "death 0" in endings
    text = said(folder, "death")[1]
    assert re.search(r"waiting for \S+/baseA/seed0 \(process \d+ on ", text)
    assert sum(trained([text]).values()) == 4
    assert compare(folder / "alone", folder / "death") == []
    path = next((folder / "death").glob("*/*/*/baseA/*/result.json"))
    assert json.loads(path.read_text())["resumed_at_epoch"][0] > 0


@pytest.mark.slow
def test_the_comparison_sees_every_difference(shared, tmp_path):
    folder, _ = shared
    reference, other = folder / "alone", tmp_path / "other"
    shutil.copytree(folder / "four", other)
    network = next(other.glob("*/*/*/A7B/*"))
    name = f"{network.relative_to(other)}/result.json"

    def changed(path, old, new):
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    changed(network / "epochs.jsonl", b"0", b"1")
    changed(network / "result.json", b'"A7B"', b'"A7b"')
    changed(network / "mean.npy", b"\x00", b"\x01")
    other_model = next(other.glob("*/*/*/B7A/*/model.keras"))
    shutil.copy(other_model, network / "model.keras")
    events = next(other.glob(f"tb/A7B */train/* {network.name[6:]}"))
    other_events = next(other.glob("tb/B7A */train/*"))
    shutil.rmtree(events)
    shutil.copytree(other_events, events)
    (network / "checkpoint.npz").write_bytes(b"")
    changed(next(other.rglob("figure2.svg")), b"<svg", b"<SVG")
    found = compare(reference, other)
    assert found[:-1] == [
        f"{name}: {what}"
        for what in (
            "result.json",
            "model.keras",
            "event files",
            "epochs.jsonl",
            "mean.npy",
            "left behind checkpoint.npz",
        )
    ]
    assert found[-1].endswith("figure2.svg")
    shutil.rmtree(network)
    assert compare(reference, other) == [f"networks ['{name}']"]


class Listener(Reporter):
    def __init__(self):
        self.said = []

    def taken(self, spec, holder):
        self.said.append(("taken", spec.label))

    def found(self, spec, result):
        self.said.append(("found", spec.label))

    def failed(self, spec, message):
        self.said.append(("failed", spec.label, message))


def test_what_becomes_of_networks_that_others_had(
    tmp_path, tiny_pool, tiny_spec, monkeypatch
):
    store = RunStore(tmp_path / "logs", "mine")
    listener, outcome = Listener(), Outcome([], [], {})
    specs = [dataclasses.replace(tiny_spec, seed=seed) for seed in range(5)]
    finished, failed, died, killed, free = specs
    schedule = Schedule(
        specs, set(), listener, outcome, store, tiny_pool, look_seconds=0.0
    )
    # Another process, another study: the lock is the network's, not theirs.
    theirs = RunStore(tmp_path / "logs", "theirs")
    with contextlib.ExitStack() as held:
        for spec in specs[:4]:
            place = held.enter_context(theirs.network(spec).claim())
            place.begin()
        assert schedule.begin_next() == free
        assert list(schedule.taken) == specs[:4]
        schedule.look_again()
        assert list(schedule.taken) == specs[:4]
        network = theirs.network(finished)
        network.model_path.write_bytes(b"weights")
        network.complete(Result(data_fingerprint=tiny_pool.fingerprint))
        theirs.network(failed).fail("the loss became nan", {}, "")
        theirs.network(died).fail("ended by SIGKILL", {}, "", died=True)
    schedule.look_again()
    assert not schedule.taken
    assert outcome.found == [finished]
    assert outcome.failed == {failed: "the loss became nan"}
    # A process that was ended says nothing of the network.
    assert {schedule.begin_next(), schedule.begin_next()} == {died, killed}
    assert schedule.begin_next() is None
    # It goes on in the folder that the other study has begun.
    assert store.network(died).folder == theirs.network(died).folder


def finish(schedule, spec):
    schedule.note(Message(spec, "finished", Result()))


def test_a_process_is_given_networks_of_one_kind_in_turn(
    tmp_path, tiny_pool, tiny_spec
):
    # Frozen up to 1 and 2 and fine-tuned, which is compiled as a base is.
    kinds = ((1, "frozen"), (2, "frozen"), (1, "finetuned"))
    specs = {
        (n, mode, seed): dataclasses.replace(
            tiny_spec, base="A", target="B", n=n, mode=mode, seed=seed
        )
        for seed in range(2)
        for n, mode in kinds
    }
    store, outcome = RunStore(tmp_path / "logs", "mine"), Outcome([], [], {})
    bases = {spec.source for spec in specs.values()}
    schedule = Schedule(
        list(specs.values()), bases, Reporter(), outcome, store, tiny_pool
    )
    one, other = schedule.begin_next(), schedule.begin_next()
    assert (one, other) == (specs[1, "frozen", 0], specs[2, "frozen", 0])
    finish(schedule, other)
    assert schedule.begin_next() == specs[2, "frozen", 1]
    finish(schedule, one)
    assert schedule.begin_next() == specs[1, "frozen", 1]
    # None of a kind is left: the next kind that nobody is at.
    finish(schedule, specs[1, "frozen", 1])
    assert schedule.begin_next() == specs[1, "finetuned", 0]
    # Only what another process is at is left: better than to wait.
    finish(schedule, specs[2, "frozen", 1])
    assert schedule.begin_next() == specs[1, "finetuned", 1]
    assert schedule.begin_next() is None


def test_two_studies_train_a_network_they_share_once(tmp_path, tiny_spec):
    mine = RunStore(tmp_path, "mine").network(tiny_spec)
    theirs = RunStore(tmp_path, "theirs").network(tiny_spec)
    assert mine.folder != theirs.folder
    with theirs.claim() as place:
        with mine.claim() as second:
            assert second is None
        place.begin()
        place.model_path.write_bytes(b"weights")
        place.complete(Result(resumed_at_epoch=[]))
    # Mine was planned before theirs was begun, and finds it all the same.
    with mine.claim() as place:
        assert place.folder == theirs.folder
        assert place.whole_result().network_id == tiny_spec.network_id
    place.model_path.unlink()
    assert place.whole_result() is None
