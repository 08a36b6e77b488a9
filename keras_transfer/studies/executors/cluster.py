"""Trains networks on a Ray cluster, each as a task on whichever node has room.

A task is trained in the same `WarmWorker` as on one machine, so a network has
the same threads and the same bits. Each process of Ray's has one of its own.
All files are on a folder that every node shares: the run store, the decoded
images (prepared once, where the study was started) and stored features. Ray
decides where a task runs, and runs it again elsewhere if its process or node
dies; it then goes on from the last checkpoint.
"""

import contextlib
import dataclasses
import os
import sys
import types

from keras_transfer.errors import UserError, first_line
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.studies.executors.executor import GOES_ON, Message, Task
from keras_transfer.studies.executors.resources import (
    Node,
    describe,
    share_nodes,
)
from keras_transfer.studies.executors.shared_folder import (
    ClusterIdentity,
    EpochTail,
    appears,
    folder_id,
    versions,
)
from keras_transfer.studies.executors.warm_worker import WarmWorker

RETRIES = 3  # of a network whose process, and of a task whose node, died
_LOOK_SECONDS = 1.0  # between looks at the epochs of running networks
# Ray keeps idle processes, and does not count the memory of what they start.
_REST_SECONDS = 30.0
_WARM = WarmWorker()  # of a process of Ray's, which runs one task at a time


class ClusterExecutor:
    """Trains networks as tasks of the Ray cluster that is connected.

    See `Executor`.

    Args:
        specs: List of `NetworkSpec`, all that it may be asked to train.
        workers: Integer or `None`, networks at the same time on a node, among
            which its cores are divided. `None` for a network a core or GPU.
        ahead: Integer, tasks that may wait for room, so that a cluster that
            can grow sees that it should.
    """

    def __init__(
        self,
        specs: list[NetworkSpec],
        workers: int | None = None,
        ahead: int = 0,
    ):
        import ray  # `ray_connection.connected` has said if it is missing

        self._ray = ray
        self._ahead = ahead
        self.needs = share_nodes(self.nodes(), specs, workers)
        self.threads = self.needs.cpus
        self._running: dict = {}  # from Ray's references to `_Run`
        self._remote = self._ray.remote(_run_on_node).options(
            num_cpus=self.needs.cpus,
            num_gpus=self.needs.gpus,
            memory=self.needs.memory,
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )

    def nodes(self) -> list[Node]:
        """Returns the nodes that are alive."""
        found = []
        for node in self._ray.nodes():
            if node["Alive"]:
                kinds = ("CPU", "GPU", "memory")
                offers = [int(node["Resources"].get(kind, 0)) for kind in kinds]
                found.append(Node(*offers))
        return found

    @property
    def workers(self) -> int:
        """Networks that the nodes train at the same time."""
        return sum(self.needs.fit_into(node) for node in self.nodes())

    def describe(self) -> str:
        """Says in a line what the cluster offers and a network takes."""
        nodes = self.nodes()
        cpus, gpus = sum(n.cpus for n in nodes), sum(n.gpus for n in nodes)
        return (
            f"{cpus} CPU and {gpus} GPU on {len(nodes)} node"
            f"{'s' if len(nodes) > 1 else ''}; networks at the same time: "
            f"{self.workers}, each with {describe(self.needs)}"
        )

    def has_room(self) -> bool:
        """See `Executor`."""
        return len(self._running) < self.workers + self._ahead

    def start(self, task: Task) -> None:
        """See `Executor`."""
        # Made here: NFS hides a folder for a while from who looked before.
        task.network.folder.mkdir(parents=True, exist_ok=True)
        log_dir = task.network.log_dir
        identity = ClusterIdentity(
            log_dir.absolute(), folder_id(log_dir), versions()
        )
        arguments = (_absolute(task), self.threads, identity)
        self._submit(_Run(task.network, EpochTail(task.network), arguments))

    def _submit(self, run: "_Run") -> None:
        self._running[self._remote.remote(*run.arguments)] = run

    def wait(self, timeout: float | None = None) -> list[Message]:
        """See `Executor`; looks for epochs in the shared folder."""
        references = list(self._running)
        timeout = _LOOK_SECONDS if timeout is None else timeout
        done, _ = self._ray.wait(references, timeout=timeout)
        messages = []
        for reference in references:
            run = self._running[reference]
            last = []
            if reference in done:
                del self._running[reference]
                last = self._last_messages(reference, run)
            told = [("epoch", row) for row in run.tail.new_rows()]
            spec = run.network.spec
            messages += [Message(spec, *each) for each in told + last]
        return messages

    def _last_messages(self, reference, run: "_Run") -> list[tuple]:
        """Returns what a task that ended says; none if it begins again."""
        errors = self._ray.exceptions
        try:
            messages = self._ray.get(reference)
        except errors.RayTaskError as error:
            text = (
                f"A node of the cluster cannot train networks: "
                f"{first_line(error.cause)}. Install the same keras_transfer "
                "in the same place on every node."
            )
            return [("user_error", text)]
        except errors.RayError as error:
            text = f"{first_line(error)} (tried {1 + RETRIES} times)"
            return [("died", text)]
        kind, content = messages[-1]
        if kind == "died":
            if run.retries < RETRIES:  # perhaps on a node with more memory
                self._submit(dataclasses.replace(run, retries=run.retries + 1))
                return messages[:-1]
            text = f"{content} (tried {1 + RETRIES} times)"
            return [*messages[:-1], ("died", text)]
        folder = run.network.folder
        if kind == "finished" and not appears(folder, "result.json"):
            text = (
                f"{folder} holds no result although a node says that it wrote "
                "one. Expected a `log_dir` that all nodes share."
            )
            return [("user_error", text)]
        return messages

    def stop(self) -> None:
        """See `Executor`."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        if self._running:
            references = list(self._running)
            self._ray.wait(references, num_returns=len(references), timeout=10)
        self._running.clear()


@dataclasses.dataclass(frozen=True)
class _Run:
    """A network that is being trained, and how often its process died."""

    network: NetworkFolder
    tail: EpochTail
    arguments: tuple
    retries: int = 0


def _absolute(task: Task) -> Task:
    """Returns a task whose paths hold in another working folder."""

    def place(network: NetworkFolder | None) -> NetworkFolder | None:
        if network is None:
            return None
        return dataclasses.replace(network, folder=network.folder.absolute())

    features = task.feature_folder
    return dataclasses.replace(
        task,
        network=place(task.network),
        source=place(task.source),
        pool_folder=task.pool_folder.absolute(),
        feature_folder=features
        and dataclasses.replace(features, folder=features.folder.absolute()),
    )


def _run_on_node(
    task: Task, threads: int, identity: ClusterIdentity
) -> list[tuple]:
    """Trains a network in a `WarmWorker`; runs in a worker of Ray's.

    Returns:
        List of kinds and contents of its messages, epochs left out: those
        are in the shared folder.
    """
    try:
        identity.check()
    except UserError as error:
        return [("user_error", str(error))]
    # Ray sets it for each task; the fork server keeps that of the first.
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    with _without_main():
        _WARM.begin(task, threads, (gpus,) if gpus else ())
    messages = []
    while True:
        kind, content = _WARM.next_message()
        if kind != "epoch":
            messages.append((kind, content))
        if kind not in GOES_ON:
            _WARM.rest(_REST_SECONDS)
            return messages


@contextlib.contextmanager
def _without_main():
    """Keeps a new process from running Ray's own main script again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
