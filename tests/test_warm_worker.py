"""Many networks in one process: as if each had been trained in its own."""

import dataclasses
import math
import os
import signal

import pytest

from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.executor import (
    GOES_ON,
    FeatureFolder,
    Task,
)
from keras_transfer.studies.executors.warm_worker import WarmWorker
from tests.conftest import TINY_SPEC, write_tiny_pool
from tests.trained import assert_same_bits

THREADS = 1
# What two runs may differ in; `.keras` files carry the time of day.
UNTOLD = {"model_sha256", "seconds", "sha256"}

MODEL = dataclasses.replace(TINY_SPEC.model, dropout=0.3)
SOLVER = dataclasses.replace(
    TINY_SPEC.solver, label_smoothing=0.1, muon_rate=0.2, epochs=2
)
BASE = dataclasses.replace(
    TINY_SPEC,
    data=dataclasses.replace(TINY_SPEC.data, views=2),
    model=MODEL,
    solver=SOLVER,
)
SECOND = dataclasses.replace(BASE, seed=1)
OTHER = dataclasses.replace(BASE, target="B")


def transfer(base, target, n, mode="frozen", **solver):
    """Settings of a transfer of `base`, whose solver may differ."""
    return dataclasses.replace(
        base,
        base=base.target,
        target=target,
        n=n,
        mode=mode,
        solver=dataclasses.replace(base.solver, **solver),
        base_solver=base.solver if solver else None,
    )


# In this order in one process; what shares a program and what must not, in
# turn: other seeds, sources, treatments, depths, rates, precision, optimizer.
SPECS = [
    BASE,
    SECOND,
    OTHER,
    transfer(BASE, "B", 3),
    transfer(SECOND, "B", 3),
    transfer(OTHER, "B", 3),
    transfer(BASE, "B", 1),
    transfer(BASE, "B", 5, "finetuned"),
    transfer(BASE, "B", 5, "finetuned", copied_rate=0.2),
    transfer(BASE, "B", 3, "finetuned", copied_rate=0.2),
    dataclasses.replace(
        BASE, model=dataclasses.replace(MODEL, precision="bfloat16")
    ),
    dataclasses.replace(
        BASE, solver=dataclasses.replace(TINY_SPEC.solver, optimizer="adamw")
    ),
    transfer(OTHER, "A", 3),
]


def task_of(store, spec, pool, observe="default"):
    source = store.network(spec.source) if spec.source else None
    # What frozen layers compute is stored whether it pays or not.
    features = FeatureFolder(store.cache_dir / "features", 10**8, -math.inf)
    network = store.network(spec)
    return Task(network, source, pool.folder, features, True, observe)


def train(worker, task, threads=THREADS):
    """Trains a network; returns the last message and the process."""
    worker.begin(task, threads)
    return last_message(worker), worker.pid


def last_message(worker):
    while (message := worker.next_message())[0] in GOES_ON:
        pass
    return message


@pytest.fixture
def worker():
    worker = WarmWorker()
    yield worker
    worker.stop()


def test_nothing_is_done_before_it_is_asked():
    worker = WarmWorker()
    assert worker.pid is None
    worker.stop()


def test_a_process_trains_on_until_it_is_worn(base, tiny_pool, tiny_spec):
    # A finished network is found, which takes a process no training.
    task = task_of(RunStore(base.log_dir, "study"), tiny_spec, tiny_pool)
    worker = WarmWorker(most=2)
    try:
        (kind, _), first = train(worker, task)
        assert kind == "found"
        assert train(worker, task)[1] == first  # warm
        second = train(worker, task)[1]
        assert second != first  # after `most`
        third = train(worker, task, threads=2)[1]
        assert third != second  # has other threads
        os.kill(third, signal.SIGKILL)
        (kind, _), fourth = train(worker, task, threads=2)
        assert kind == "found" and fourth != third
    finally:
        worker.stop()
    assert worker.pid is None


def test_a_process_rests_and_then_ends(base, tiny_pool, tiny_spec, worker):
    task = task_of(RunStore(base.log_dir, "study"), tiny_spec, tiny_pool)
    _, first = train(worker, task)
    worker.rest(3600.0)
    assert train(worker, task)[1] == first
    process = worker.connection  # closed with the process
    worker.rest(0.0)
    while not process.closed:
        pass
    assert worker.pid is None
    assert train(worker, task)[0][0] == "found"


@pytest.mark.slow(15)
def test_a_failed_network_leaves_its_process_to_no_other(
    tmp_path, tiny_pool, tiny_spec, worker
):
    store = RunStore(tmp_path / "logs", "study")
    model = dataclasses.replace(tiny_spec.model, normalization="none")
    solver = dataclasses.replace(
        tiny_spec.solver, learning_rate=1e30, warmup=0.0
    )
    bad = dataclasses.replace(tiny_spec, model=model, solver=solver)
    (kind, text), first = train(worker, task_of(store, bad, tiny_pool))
    assert kind == "failed" and "loss became" in text
    task = task_of(store, tiny_spec, tiny_pool)
    worker.begin(task, THREADS)
    assert worker.pid != first
    for _ in range(2):  # the first checkpoint is written between them
        assert worker.next_message()[0] == "epoch"
    second = worker.pid
    os.kill(second, signal.SIGKILL)
    kind, text = last_message(worker)
    assert kind == "died" and "ended by SIGKILL" in text
    # Only the network that it was on is hit; that goes on in another.
    (kind, result), third = train(worker, task)
    assert kind == "finished" and third not in (first, second)
    assert result.resumed_at_epoch == [1]


@pytest.mark.slow(115)
def test_networks_in_turn_are_bit_for_bit_those_of_new_processes(tmp_path):
    stores, processes = {}, {}
    # Those that they are compared with are the same unobserved, and cheaper.
    for name, most, observe in (
        ("warm", len(SPECS), "default"),
        ("new", 1, "off"),
    ):
        pool = write_tiny_pool(tmp_path / name / ".cache")
        stores[name] = RunStore(tmp_path / name, "study")
        processes[name] = set()
        worker = WarmWorker(most)
        for spec in SPECS:
            task = task_of(stores[name], spec, pool, observe)
            (kind, _), pid = train(worker, task)
            assert kind == "finished"
            processes[name].add(pid)
        worker.stop()
    assert len(processes["warm"]) == 1
    assert len(processes["new"]) == len(SPECS)
    reused = [stores["warm"].result(s).reused_keras_layers for s in SPECS]
    assert sum(map(bool, reused)) == 5  # of those that are frozen
    for spec in SPECS:
        one, two = (stores[name].result(spec) for name in ("warm", "new"))
        assert {k: v for k, v in one.to_json().items() if k not in UNTOLD} == {
            k: v for k, v in two.to_json().items() if k not in UNTOLD
        }
        one, two = (stores[name].network(spec) for name in ("warm", "new"))
        assert_same_bits(one, two)
        rows = [(n.folder / "epochs.jsonl").read_text() for n in (one, two)]
        assert rows[0] == rows[1]
