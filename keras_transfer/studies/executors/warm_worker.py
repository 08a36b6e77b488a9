"""A process that trains one network after another, while that is safe.

A new process costs a network a second of a core or more: TensorFlow makes its
devices and first kernels anew. One that is used again gives the same bits: a
network's random numbers follow from its settings alone, and what Keras keeps
of the network before is cleared.
"""

import dataclasses
import threading

from keras_transfer.studies.executors.executor import GOES_ON, Task
from keras_transfer.studies.executors.jobs import train_task
from keras_transfer.studies.executors.resources import memory_of
from keras_transfer.studies.executors.worker import Worker

# TensorFlow keeps a little of every network, and nobody knows what else.
MOST_NETWORKS = 64
_ENDED_WELL = ("finished", "found", "taken")


@dataclasses.dataclass(frozen=True)
class _Fixed:
    """What TensorFlow takes once, when a process first computes.

    Args:
        threads, replicas: Integers, see `trainer.set_threads`.
        gpus: Tuple of strings, see `strategies.use_gpus`.
    """

    threads: int
    replicas: int
    gpus: tuple[str, ...]


class WarmWorker:
    """Trains networks in turn in a process that is replaced when it is worn.

    It is worn after `most` networks; after one that did not end well; where
    it holds more memory than the next network is counted with; and where that
    needs other threads, replicas or GPUs. A second network of several
    replicas needs a new process in any case.

    Args:
        most: Integer, networks of a process. Defaults to `MOST_NETWORKS`.
    """

    def __init__(self, most: int = MOST_NETWORKS):
        self._most = most
        self._worker: Worker | None = None
        self._fixed: _Fixed | None = None
        self._networks = 0  # that the process was given
        self._ended_well = False
        self._lock = threading.Lock()  # `rest` stops in another thread
        self._timer: threading.Timer | None = None

    @property
    def connection(self):
        """`Connection` to wait for, from `begin` to the last message."""
        return self._worker.connection

    @property
    def pid(self) -> int | None:
        """Number of the process, or `None` while there is none."""
        with self._lock:  # `rest` may be ending it
            return self._worker and self._worker.process.pid

    def begin(
        self, task: Task, threads: int, gpus: tuple[str, ...] = ()
    ) -> None:
        """Gives a network to the process, or to a new one.

        Args:
            task, threads, gpus: See `jobs.train_task`.

        Raises:
            UserError: If no process can be started.
        """
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            replicas = task.network.spec.solver.replicas or 1
            fixed = _Fixed(threads, replicas, gpus)
            arguments = task, threads, gpus
            if not self._may_train(task, fixed) or not self._give(arguments):
                self._replace(fixed)
                self._give(arguments)

    def next_message(self) -> tuple[str, dict | str]:
        """Waits for the next message about the network.

        Returns:
            Tuple of kind and content, as in `Message`.
        """
        message = self._worker.next_message()
        if message[0] not in GOES_ON:
            self._ended_well = message[0] in _ENDED_WELL
        return message

    def rest(self, seconds: float) -> None:
        """Ends the process, unless it is given a network within a time.

        Args:
            seconds: Float.
        """

        def end():
            with self._lock:
                if self._timer is timer:  # no network came meanwhile
                    self._end()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        with self._lock:
            self._timer = timer
        timer.start()

    def stop(self) -> None:
        """Ends the process at once; the last epoch is kept."""
        with self._lock:
            self._end()

    def _may_train(self, task: Task, fixed: _Fixed) -> bool:
        if self._worker is None or not self._ended_well:
            return False
        if self._networks >= self._most:
            return False
        if fixed != self._fixed or fixed.replicas > 1:
            return False
        # It tidies up after its last message.
        self._worker.receive()
        ready = self._worker.ready
        allowed = memory_of(task.network.spec)
        return ready is not None and ready.peak_bytes <= allowed

    def _give(self, arguments: tuple) -> bool:
        self._ended_well = False
        try:
            self._worker.give(train_task, arguments, self._networks > 0)
        except OSError:  # it was killed while it waited
            return False
        self._networks += 1
        return True

    def _replace(self, fixed: _Fixed) -> None:
        self._end()
        self._worker = Worker().start()
        self._fixed, self._networks = fixed, 0

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.stop()
        self._worker = None
