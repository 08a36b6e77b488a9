"""Two hosts of a cluster in network namespaces, and the link between them.

Each namespace has its own addresses and nothing leads out of them. Only root
may make them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from experiments.random_kills.comparing import compare, results_of
from tests.conftest import TINY, write_tiny_pool
from tests.trained import ROOT, wait_for

WAITING = "Everything is written; waiting for Ray to leave the cluster."
HEAD, NODE = "10.213.77.1", "10.213.77.2"
PORT = 6379
CUT_SECONDS = 30.0
STUDY = [sys.executable, "-m", "experiments.similar_datasets"]
STUDY += ["--dataset", TINY, "--image-size", "20", "--width", "4"]
STUDY += ["--epochs", "30", "--batch-size", "8", "--layers", "3"]
STUDY += ["--treatments", "AnB", "--observe", "off"]
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": 64 * "7",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    # Ray gives a node up within ten seconds, not within a minute.
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
    # What waits for an answer of a dead link asks again within seconds, not
    # within five minutes.
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "5000",
}


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip())
    return done.stdout


class Hosts:
    """Two namespaces, a cable between them and what was started inside."""

    def __init__(self):
        name = f"kt{os.getpid()}"
        self.names = {HEAD: f"{name}h", NODE: f"{name}n"}
        self.temporary = tempfile.mkdtemp(prefix="kt", dir="/tmp")

    def connect(self):
        for name in self.names.values():
            ip("netns", "add", name)
        head, node = self.names.values()
        ends = ["link", "add", head, "netns", head, "type", "veth"]
        ip(*ends, "peer", "name", node, "netns", node)
        for address, name in self.names.items():
            ip("-n", name, "address", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", name, "up")

    def set_link(self, state):
        name = self.names[NODE]
        ip("-n", name, "link", "set", name, state)

    def start(self, address, command, **more):
        return subprocess.Popen(
            ["ip", "netns", "exec", self.names[address], *command],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            **more,
        )

    def join(self, address):
        """Starts a node of one CPU and returns when it says that it runs."""
        command = [sys.executable, "-m", "ray.scripts.scripts", "start"]
        command += ["--block", "--num-cpus", "1", "--node-ip-address", address]
        command += ["--object-store-memory", "100000000"]
        if address == HEAD:
            command += ["--head", "--port", str(PORT)]
            command += ["--include-dashboard", "false"]
            command += ["--temp-dir", self.temporary]
        else:
            command += ["--address", f"{HEAD}:{PORT}"]
        log = Path(self.temporary, f"{address}.txt")
        with log.open("w") as file:
            process = self.start(address, command, stdout=file, stderr=file)
        wait_for(lambda: "runtime started" in log.read_text(), process.poll)

    def remove(self):
        for name in self.names.values():
            with contextlib.suppress(OSError):
                for pid in ip("netns", "pids", name).split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                ip("netns", "delete", name)
        shutil.rmtree(self.temporary, ignore_errors=True)


@pytest.fixture
def hosts():
    pytest.importorskip("ray", reason="needs Ray: pip install -e '.[cluster]'")
    if shutil.which("ip") is None:
        pytest.skip("needs the command `ip`")
    hosts = Hosts()
    try:
        hosts.connect()
    except OSError as error:
        hosts.remove()
        pytest.skip(f"network namespaces cannot be made here: {error}")
    try:
        yield hosts
    finally:
        hosts.remove()


@pytest.mark.slow(105)
def test_a_node_cut_off_changes_no_bit_and_nobody_waits_in_the_dark(
    tmp_path, hosts
):
    alone, cut = tmp_path / "alone", tmp_path / "cut"
    for folder in (alone, cut):
        write_tiny_pool(folder / ".cache")
    for address in (HEAD, NODE):
        hosts.join(address)
    study = hosts.start(
        HEAD,
        [*STUDY, "--log-dir", str(cut), "--cluster", f"{HEAD}:{PORT}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    reader = threading.Thread(
        target=lambda: said.extend(study.stdout), daemon=True
    )
    reader.start()
    # Both bases are in the middle, one on each host.
    pattern = "*/*/*/base?/*/checkpoint.npz"
    wait_for(lambda: len(list(cut.glob(pattern))) == 2, study.poll)
    hosts.set_link("down")
    time.sleep(CUT_SECONDS)
    hosts.set_link("up")
    # Ray may take minutes to leave a cluster whose node came back.
    wait_for(
        lambda: study.poll() is not None or WAITING in "".join(said),
        lambda: None,
    )
    assert not study.poll(), "".join(said)
    study.kill()
    reader.join(30)  # what Ray has started may keep the pipe open
    text = "".join(said)
    # Lines of ours alone: no dump of a node's state, no name of Ray's parts.
    for word in ("raylet", "state-dump", "rpc", "Traceback"):
        assert word not in text
    # The report comes before Ray is left. Where that takes long, what is
    # awaited is said, and is the last line.
    report, _, rest = text.rpartition("table: ")
    assert report and "waiting for Ray" not in report
    if "waiting for Ray" in rest:
        assert rest.rstrip().endswith(WAITING)
    subprocess.run(
        [*STUDY, "--log-dir", str(alone), "--workers", str(os.cpu_count())],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    assert len(results_of(cut)) == 4
    assert compare(alone, cut) == []
