"""Trains networks on this machine, in processes that each train in turn."""

from multiprocessing.connection import Connection, wait

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.studies.executors.executor import GOES_ON, Message, Task
from keras_transfer.studies.executors.resources import threads_of
from keras_transfer.studies.executors.warm_worker import WarmWorker
from keras_transfer.training import devices


class LocalExecutor:
    """Trains networks in processes of this machine.

    Args:
        workers: Integer, networks at the same time; the machine's cores, and
            its GPUs, are divided among them.
        gpus_per_network: Integer, GPUs of each. Defaults to `1`, if there are
            any.

    Raises:
        UserError: If there are too few GPUs.
    """

    def __init__(self, workers: int, gpus_per_network: int = 1):
        self.threads = threads_of(workers)
        # Each with the GPUs that its processes see.
        self._free = [
            (WarmWorker(), gpus)
            for gpus in devices.divide_gpus(gpus_per_network, workers)
        ]
        self._running: dict[
            Connection, tuple[NetworkSpec, WarmWorker, tuple[str, ...]]
        ] = {}

    def has_room(self) -> bool:
        """See `Executor`."""
        return bool(self._free)

    def start(self, task: Task) -> None:
        """See `Executor`."""
        worker, gpus = self._free.pop(0)
        worker.begin(task, self.threads, gpus)
        self._running[worker.connection] = task.network.spec, worker, gpus

    def wait(self, timeout: float | None = None) -> list[Message]:
        """See `Executor`."""
        messages = []
        for connection in wait(list(self._running), timeout):
            spec, worker, gpus = self._running[connection]
            message = worker.next_message()
            if message[0] not in GOES_ON:
                del self._running[connection]
                # The last one first: it is warm.
                self._free.insert(0, (worker, gpus))
            messages.append(Message(spec, *message))
        return messages

    def stop(self) -> None:
        """See `Executor`."""
        for _, worker, gpus in self._running.values():
            self._free.append((worker, gpus))
        self._running.clear()
        for worker, _ in self._free:
            worker.stop()
