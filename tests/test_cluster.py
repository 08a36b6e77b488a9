"""Studies on a real Ray cluster on this machine."""

import contextlib
import dataclasses
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from keras_transfer.errors import UserError
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors import ray_connection
from keras_transfer.studies.executors.resources import (
    Needs,
    Node,
    available_cores,
    memory_of,
    share_nodes,
)
from keras_transfer.studies.executors.shared_folder import (
    ClusterIdentity,
    EpochTail,
    folder_id,
    versions,
)
from keras_transfer.studies.reporter import Reporter
from keras_transfer.studies.run_options import RunOptions
from keras_transfer.studies.scheduler import run_study
from tests.conftest import write_tiny_pool
from tests.trained import assert_same_bits, finish, start_study, wait_for

GB = 10**9
# What two runs may differ in; `.keras` files carry the time of day.
UNTOLD = {
    "environment",
    "model_sha256",
    "resumed_at_epoch",
    "seconds",
    "sha256",
}


@pytest.fixture
def ray(monkeypatch):
    # What Ray reads when it is first imported: loopback and a token.
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", 64 * "7")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Else what trains waits for other tests.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    return pytest.importorskip(
        "ray", reason="needs Ray: pip install -e '.[cluster]'"
    )


def parent(pid):
    command = ["ps", "-o", "ppid=", "-p", str(pid)]
    return int(subprocess.check_output(command))


class Killer(Reporter):
    """Kills two transfers as soon as it sees their checkpoints.

    Of `B3A` the process that trains, of `A5B+` the worker of Ray's above it
    and its fork server.
    """

    def __init__(self, log_dir):
        self.log_dir, self.killed, self.done = log_dir, [], threading.Event()
        self.trained, self.epochs = [], []
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while len(self.killed) < 2 and not self.done.wait(0.01):
            for path in self.log_dir.glob("*/*/*/*[35]*/*/checkpoint.npz"):
                label = path.parents[1].name
                if label in self.killed:
                    continue
                status = json.loads((path.parent / "status.json").read_text())
                victim = status["pid"]
                if label == "A5B+":
                    victim = parent(parent(victim))
                os.kill(victim, signal.SIGKILL)
                self.killed.append(label)

    def epoch(self, spec, row):
        self.epochs.append((spec.label, row["epoch"]))

    def finished(self, spec, result):
        self.trained.append(spec.label)


@pytest.mark.slow(180)
def test_a_cluster_with_killed_workers_gives_the_bits_of_a_local_run(
    tmp_path, tiny_spec, ray
):
    from ray.cluster_utils import Cluster

    from keras_transfer.studies.executors.cluster import ClusterExecutor

    solver = dataclasses.replace(tiny_spec.solver, epochs=12)
    base = dataclasses.replace(tiny_spec, solver=solver)
    other = dataclasses.replace(base, target="B")
    frozen = dataclasses.replace(base, base="B", n=3)
    tuned = dataclasses.replace(other, base="A", n=5, mode="finetuned")
    bad = dataclasses.replace(
        base,
        model=dataclasses.replace(base.model, normalization="none"),
        solver=dataclasses.replace(solver, learning_rate=1e30, warmup=0.0),
    )
    specs = [frozen, tuned, base, other]
    stores = []
    for name in ("local", "cluster"):
        write_tiny_pool(tmp_path / name / ".cache")
        stores.append(RunStore(tmp_path / name, "study"))
    local, remote = stores
    # One thread each, as a node of one CPU gives.
    run_study(specs, local, RunOptions(workers=available_cores()))
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
    )
    cluster.add_node(num_cpus=1)
    killer = Killer(remote.log_dir)
    try:
        with ray_connection.connected(cluster.address):
            executor = ClusterExecutor([*specs, bad])
            assert (executor.workers, executor.threads) == (2, 1)
            assert executor.describe().startswith(
                "2 CPU and 0 GPU on 2 nodes; networks at the same time: 2, "
            )
            outcome = run_study(
                [*specs, bad], remote, RunOptions(executor=executor), killer
            )
    finally:
        killer.done.set()
        killer.thread.join()
        cluster.shutdown()
    assert sorted(killer.killed) == ["A5B+", "B3A"]
    assert remote.result(frozen).resumed_at_epoch
    assert remote.result(tuned).resumed_at_epoch
    # A network that fails by itself fails alone and is not tried again.
    assert list(outcome.failed) == [bad]
    assert "loss became" in outcome.failed[bad]
    assert sorted(killer.trained[:2]) == ["baseA", "baseB"]
    assert sorted(killer.trained[2:]) == ["A5B+", "B3A"]
    # Each epoch is told once, also those that were trained twice.
    assert sorted(killer.epochs) == sorted(
        (label, epoch) for label in killer.trained for epoch in range(12)
    )
    for spec in specs:
        one, two = local.result(spec), remote.result(spec)
        assert one.environment["threads"] == two.environment["threads"]
        assert {k: v for k, v in one.to_json().items() if k not in UNTOLD} == {
            k: v for k, v in two.to_json().items() if k not in UNTOLD
        }
        assert_same_bits(local.network(spec), remote.network(spec))


def descendants(pid):
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {p for p, q in parents.items() if q in found} - found:
        found |= more
    return found


def listening_addresses(pids):
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                target = os.readlink(link)
                inodes.update(re.findall(r"socket:\[(\d+)\]", target))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].split(":")[0])
    return found


@pytest.mark.slow(55)
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_a_local_cluster_is_private_and_ends_with_ctrl_c(tmp_path, ray):
    write_tiny_pool(tmp_path / ".cache")
    arguments = ("--treatments", "--epochs", "400", "--observe", "off")
    arguments += ("--cluster", "local")
    process = start_study(tmp_path, *arguments)
    pattern = "*/*/*/*/*/checkpoint.npz"
    wait_for(lambda: list(tmp_path.glob(pattern)), process.poll)
    family = descendants(process.pid)
    found = listening_addresses(family)
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert found and found <= loopback
    raylets = [
        Path(f"/proc/{pid}/environ").read_text().split("\0")
        for pid in family
        if Path(f"/proc/{pid}/cmdline")
        .read_text()
        .split("\0")[0]
        .endswith("/raylet")
    ]
    assert len(raylets) == 1 and "RAY_AUTH_MODE=token" in raylets[0]
    assert any(
        re.fullmatch("RAY_AUTH_TOKEN=.{64}", each) for each in raylets[0]
    )
    process.send_signal(signal.SIGINT)
    code, output, errors = finish(process)
    assert code == 130
    assert "same command goes on" in errors
    assert "Traceback" not in output + errors
    assert re.search(r"Cluster local: \d+ CPU and 0 GPU on 1 node; ", output)
    wait_for(
        lambda: not any(Path(f"/proc/{p}").exists() for p in family),
        lambda: None,  # the study has ended; what it started must end too
    )


@pytest.mark.slow
def test_an_address_without_a_cluster_is_told_in_seconds(ray):
    attempt = functools.partial(ray_connection.try_address, seconds=3.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        for address, what in (
            ("127.0.0.1:1", "refused"),
            (f"127.0.0.1:{port}", "no answer"),
            ("127.0.0.1:port", "invalid literal"),
        ):
            with pytest.raises(UserError, match=f"No Ray cluster.*{what}"):
                with ray_connection.connected(address, attempt=attempt):
                    pass


@pytest.mark.parametrize("address", ["ray://head:10001", "head"])
def test_other_addresses_are_refused(address):
    with pytest.raises(UserError, match="auto or HOST:PORT"):
        with ray_connection.connected(address):
            pass


def test_a_cluster_is_not_joined_without_a_token(tmp_path, monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UserError, match="ray get-auth-token --generate"):
        with ray_connection.connected("head:6379"):
            pass


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ({"token": (False, "E: InvalidAuthToken: no")}, "refused the token"),
        (
            {"token": (True, ""), "disabled": (True, "")},
            "asks for no token.*RAY_AUTH_MODE=token",
        ),
    ],
)
def test_a_cluster_has_to_ask_for_the_right_token(ray, answers, what):
    def attempt(address, mode):
        return answers[mode]

    with pytest.raises(UserError, match=what):
        with ray_connection.connected("auto", attempt=attempt):
            pass


def test_missing_ray_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_AUTH_MODE", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "")
    with pytest.raises(UserError, match=r"pip install -e '\.\[cluster\]'"):
        with ray_connection.connected("local"):
            pass


def test_object_storage_is_refused_with_a_cure():
    with pytest.raises(UserError, match="mounted.*'s3://bucket/logs'.*copy"):
        RunStore("s3://bucket/logs", "study")


def test_networks_get_what_a_local_run_on_the_smallest_node_gives(tiny_spec):
    small, large = Node(4, 0, 64 * GB), Node(10, 0, 64 * GB)
    memory = memory_of(tiny_spec)
    assert share_nodes([small, large], [tiny_spec], None) == Needs(1, 0, memory)
    halved = share_nodes([small, large], [tiny_spec], 2)
    assert halved.cpus == 2
    assert [halved.fit_into(node) for node in (small, large)] == [2, 5]
    caffenet = dataclasses.replace(
        tiny_spec,
        model=dataclasses.replace(tiny_spec.model, name="caffenet"),
        data=dataclasses.replace(tiny_spec.data, image_size=256, crop=227),
    )
    assert share_nodes([small, large], [caffenet], None).cpus == 4
    many = Node(64, 0, 256 * GB)  # no more than 16 at the same time
    assert share_nodes([many], [tiny_spec], None).cpus == 4
    # One network a GPU; a head without GPUs trains none.
    gpus = share_nodes([small, Node(16, 4, 64 * GB)], [tiny_spec], None)
    assert (gpus.cpus, gpus.gpus) == (4, 1)
    assert gpus.fit_into(small) == 0
    mirrored = dataclasses.replace(
        tiny_spec, solver=dataclasses.replace(tiny_spec.solver, replicas=2)
    )
    gpus = share_nodes([small, Node(16, 4, 64 * GB)], [mirrored], None)
    assert (gpus.cpus, gpus.gpus) == (8, 2)
    with pytest.raises(UserError, match="1 CPU, 2 GPU.*Received: 4 CPU, "):
        share_nodes([small], [mirrored], None)
    with pytest.raises(UserError, match=r"4 CPU, 0\.5 GB memory. Add nodes"):
        share_nodes([Node(4, 0, GB // 2)], [tiny_spec], None)
    with pytest.raises(UserError, match="Received: no node"):
        share_nodes([], [tiny_spec], None)


def test_memory_grows_with_weights_and_batch(tiny_spec):
    solver = dataclasses.replace(tiny_spec.solver, batch_size=256)
    model = dataclasses.replace(tiny_spec.model, name="caffenet")
    data = dataclasses.replace(tiny_spec.data, image_size=256, crop=227)
    paper = dataclasses.replace(
        tiny_spec, model=model, data=data, solver=solver
    )
    assert 1.5 * GB < memory_of(tiny_spec) < 1.6 * GB
    # 61 million weights, their gradients and momentum are a gigabyte alone.
    assert 2 * GB < memory_of(paper) < 16 * GB


def test_a_node_that_differs_is_named(tmp_path):
    home = ClusterIdentity(tmp_path, folder_id(tmp_path), versions())
    home.check(0.0)
    with pytest.raises(UserError, match="does not see the log folder"):
        dataclasses.replace(home, folder_id="of another folder").check(0.0)
    with pytest.raises(UserError, match="does not see the log folder"):
        dataclasses.replace(home, log_dir=tmp_path / "absent").check(0.0)
    old = {**home.versions, "keras": "3.0.0"}
    with pytest.raises(UserError, match=r"\{'keras': \('3\.\d+.*', '3\.0\.0'"):
        dataclasses.replace(home, versions=old).check(0.0)


def test_epochs_are_told_once(tmp_path, tiny_spec):
    network = RunStore(tmp_path, "study").network(tiny_spec)
    network.folder.mkdir(parents=True)
    path = network.folder / "epochs.jsonl"
    path.write_text('{"epoch": 0}\n{"epoch": 1}\n')
    tail = EpochTail(network)
    assert tail.new_rows() == []
    path.write_text('{"epoch": 0}\n{"epoch": 1}\n{"epoch": 2}\n{"epo')
    assert tail.new_rows() == [{"epoch": 2}]
    # The worker died and another began again at epoch 2.
    path.write_text('{"epoch": 0}\n{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3}\n')
    assert tail.new_rows() == [{"epoch": 3}]
    assert tail.new_rows() == []
