"""Trains networks on this machine, each in a clean process of its own.

The parent imports no TensorFlow. A fork server imports it once, and each
network is trained in a fresh fork of that, so a network costs half a second
of start-up, its memory ends with it, and a crash takes one network with it.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Literal, Protocol

from keras_transfer.datasets import halves, pools
from keras_transfer.errors import NetworkFailed, UserError, disk_fault
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage import locks
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.training import devices, process_settings

PRELOAD = ["keras_transfer.studies.executors.preload"]
MOST_WORKERS = 16  # on one machine, unless more are asked for
START = "forkserver"
# A socket's name has 104 bytes or more; the server adds 32 of its own.
_LONGEST_TEMPORARY = 70


@dataclasses.dataclass(frozen=True)
class Task:
    """What training a network takes, wherever that is done.

    Args:
        network: `NetworkFolder`, its settings and folder.
        source: `NetworkFolder` or `None`, the finished base it copies from.
        pool_folder: Path of the decoded images.
        feature_store: Tuple of folder and bytes for the output of frozen
            layers, or `None`.
        test: Boolean, see `trainer.train_network`.
        observe: String, likewise.
    """

    network: NetworkFolder
    source: NetworkFolder | None
    pool_folder: Path
    feature_store: tuple[Path, int] | None
    test: bool
    observe: str = "default"


@dataclasses.dataclass(frozen=True)
class Message:
    """What is told about a network that was started.

    Args:
        spec: `NetworkSpec`.
        kind: String. After `"epoch"` and `"notice"` more will follow; the
            others are the last message: `"finished"`, `"found"` (another
            process finished it meanwhile), `"taken"` (another is training
            it), `"failed"` (the network's folder says why), `"died"` (its
            process left no word) and `"user_error"`, which ends the study.
        content: Dict, the epoch's row; `Result`; else string, what went
            wrong or who has taken it.
    """

    spec: NetworkSpec
    kind: Literal[
        "epoch",
        "notice",
        "finished",
        "found",
        "taken",
        "failed",
        "died",
        "user_error",
    ]
    content: dict | str


GOES_ON = ("epoch", "notice")


class Executor(Protocol):
    """A place that trains networks, several at the same time."""

    def has_room(self) -> bool:
        """Returns whether another network can be started now."""

    def start(self, task: Task) -> None:
        """Begins to train a network, or to go on with it."""

    def wait(self, timeout: float | None = None) -> list[Message]:
        """Waits for news of the networks that were started.

        Args:
            timeout: Float or `None`, seconds to wait at most. Defaults to
                `None` for as long as it takes.

        Returns:
            List of `Message`, which may be empty.
        """

    def stop(self) -> None:
        """Ends whatever still runs at once; last epochs are kept."""


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
        self._free = devices.divide_gpus(gpus_per_network, workers)
        self._running: dict[
            Connection, tuple[NetworkSpec, Worker, tuple[str, ...]]
        ] = {}

    def has_room(self) -> bool:
        """See `Executor`."""
        return bool(self._free)

    def start(self, task: Task) -> None:
        """See `Executor`."""
        gpus = self._free.pop(0)
        worker = Worker(train, (task, self.threads, gpus))
        self._running[worker.connection] = task.network.spec, worker, gpus

    def wait(self, timeout: float | None = None) -> list[Message]:
        """See `Executor`."""
        messages = []
        for connection in wait(list(self._running), timeout):
            spec, worker, gpus = self._running[connection]
            message = worker.next_message()
            if message[0] not in GOES_ON:
                del self._running[connection]
                self._free.append(gpus)
            messages.append(Message(spec, *message))
        return messages

    def stop(self) -> None:
        """See `Executor`."""
        for _, worker, _ in self._running.values():
            worker.stop()
        self._running.clear()


def default_workers(specs: list[NetworkSpec]) -> int:
    """Chooses how many networks to train at the same time.

    On a CPU, one small network a core: measured 1.3 times faster than one
    network over two cores, and the bits of a result then do not depend on
    the number of cores. On GPUs, one network on each, or on as many as share
    its batches. `caffenet` on a CPU takes all cores.

    Args:
        specs: List of `NetworkSpec`.

    Returns:
        Integer, at least 1.
    """
    gpus = len(devices.visible_gpus())
    each = devices.gpus_per_network(specs)
    if gpus or each > 1:
        return max(1, gpus // each)
    if any(spec.model.name == "caffenet" for spec in specs):
        return 1
    return min(available_cores(), MOST_WORKERS)


def threads_of(workers: int) -> int:
    """Divides the cores among workers; each gets one thread or more."""
    return max(1, available_cores() // workers)


def available_cores() -> int:
    """Counts the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Worker:
    """A function in a clean process that sends messages back.

    Args:
        function: Function of a module, called with the connection to send
            to and the arguments. It is started in a fork of a process that
            has imported `PRELOAD` and run nothing.
        arguments: Tuple of its other arguments.
        shown: Boolean, whether what libraries print there reaches the
            terminal. Defaults to `False`: its last line is told if the
            process dies.
    """

    def __init__(self, function, arguments: tuple, shown: bool = False):
        context = multiprocessing.get_context(START)
        context.set_forkserver_preload(PRELOAD)
        self.connection, theirs = context.Pipe()
        self._output = None if shown else tempfile.TemporaryFile()
        # Opened by whoever reads it: a fork server's child has other files.
        output = (
            self._output and f"/proc/{os.getpid()}/fd/{self._output.fileno()}"
        )
        self.process = context.Process(
            target=_serve,
            args=(theirs, function, arguments, output),
            daemon=True,
        )
        try:
            with _short_temporary_folder():
                self.process.start()
        except (EOFError, OSError) as error:
            if "AF_UNIX path too long" in str(error):
                raise UserError(
                    "Expected a folder of temporary files with a name of at "
                    f"most {_LONGEST_TEMPORARY} characters, in which a socket "
                    f"fits. Received: {tempfile.gettempdir()!r}. Set TMPDIR "
                    "to a shorter one."
                ) from error
            raise UserError(
                f"A process to train in could not be started ({error}; out of "
                "memory or processes?). Finished networks and the last epoch "
                "of the others are kept; the same command goes on once there "
                "is room, perhaps with fewer `--workers`."
            ) from error
        finally:
            theirs.close()

    def receive(self) -> tuple | None:
        """Returns the next message, or `None` once the process is gone."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionError):
            return None

    def next_message(self) -> tuple[str, dict | str]:
        """Waits for the next message of `train`; waits for its end, too.

        Returns:
            Tuple of kind and content, as in `Message`.
        """
        message = self.receive()
        if message is not None and message[0] in GOES_ON:
            return message
        self.process.join()
        self.connection.close()
        return message or ("died", self.cause_of_death())

    def cause_of_death(self) -> str:
        """Says how a process ended that sent nothing."""
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            guess = "disk full?" if -code == signal.SIGBUS else "out of memory?"
            return (
                f"its process was ended by {name} ({guess}); the last "
                "epoch is kept, the same command goes on from there"
            )
        return f"its process ended with status {code}{self._last_line()}"

    def _last_line(self) -> str:
        if self._output is None:
            return ""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").split("\n")
        found = [line.strip() for line in lines if line.strip()]
        return f": {found[-1]}" if found else ""

    def stop(self) -> None:
        """Ends the process at once; its last epoch is kept."""
        self.process.terminate()
        self.process.join()


@contextlib.contextmanager
def _short_temporary_folder() -> Iterator[None]:
    """Lets the fork server make its socket where its name is short enough."""
    given = tempfile.gettempdir()
    short = [
        folder
        for folder in ("/tmp", "/var/tmp", "/dev/shm")
        if os.access(folder, os.W_OK)
    ]
    if len(os.fsencode(given)) <= _LONGEST_TEMPORARY or not short:
        yield
        return
    tempfile.tempdir = short[0]
    try:
        yield
    finally:
        tempfile.tempdir = given


def _redirect(path: str | None) -> None:
    """Sends what libraries print, native code's too, to a file."""
    if path is None:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:  # a system without /proc
        file = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)


def _serve(connection, function, arguments, output) -> None:
    _redirect(output)
    # Ctrl-C is the parent's to handle; and should the parent vanish, this
    # process must not go on writing into a folder that a new study may use.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow_parent():
        try:
            connection.recv()
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()
    try:
        process_settings.check_keras_file()
        process_settings.fix_environment()
        function(connection, *arguments)
    except UserError as error:
        connection.send(("user_error", str(error)))
    except (ImportError, MemoryError) as error:
        reason = str(error).strip() or type(error).__name__
        text = (
            f"A process to train in could not load TensorFlow ("
            f"{reason.splitlines()[-1]}). If memory is short, free some or "
            "give fewer `--workers`. Finished networks and the last epoch of "
            "the others are kept; the same command goes on."
        )
        connection.send(("user_error", text))
    connection.close()


def prepare(
    connection, cache_dir, name, image_size, data_dir, bars=False
) -> None:
    """Decodes a data set in a `Worker` and tells how far it is.

    Args:
        connection: `Connection`; is sent `("progress", text, share)`, and at
            the end `("prepared",)`, or `("user_error", text)`, or
            `("failed", text)`.
        cache_dir, name, image_size, data_dir: See `pools.prepare_pool`.
        bars: Boolean, whether TFDS shows its own progress. Defaults to
            `False`.
    """
    if not bars:
        import tensorflow_datasets as tfds

        tfds.disable_progress_bar()
    last = 0.0

    def progress(text, share):
        nonlocal last
        if share in (0.0, 1.0) or time.monotonic() - last > 0.2:
            last = time.monotonic()
            connection.send(("progress", text, share))

    try:
        pools.prepare_pool(cache_dir, name, image_size, data_dir, progress)
        connection.send(("prepared",))
    except UserError as error:
        connection.send(("user_error", str(error)))
    except Exception as error:
        text = disk_fault(error, str(cache_dir))
        text = text or f"{type(error).__name__}: {error}"
        connection.send(("failed", text))


def inspect(connection, pool_folder, needs) -> None:
    """Looks in a `Worker` whether a data set has what a study needs.

    Args:
        connection: `Connection`; is sent `("user_error", text)` or
            `("sound",)`.
        pool_folder: Path of the decoded images.
        needs: List of the arguments of `halves.load_half` after the pool.
    """
    pool = pools.ImagePool(pool_folder)
    try:
        for arguments in needs:
            halves.load_half(pool, *arguments)
        connection.send(("sound",))
    except UserError as error:
        connection.send(("user_error", str(error)))


def train(
    connection, task: Task, threads: int, gpus: tuple[str, ...] = ()
) -> None:
    """Trains a network in a `Worker`, unless another process does or did.

    Args:
        connection: `Connection`; is sent kind and content of each `Message`.
        task: `Task`.
        threads: Integer, see `trainer.set_threads`.
        gpus: Tuple of strings, GPUs that the process may use; empty for
            whatever there is. Defaults to `()`.
    """
    # The process that writes holds the claim, so that it ends with it.
    with task.network.claim() as network:
        if network is None:
            holder = locks.holder(task.network.lock_path)
            connection.send(("taken", holder))
            return
        result = network.whole_result()
        if result is not None:
            connection.send(("found", result))
            return
        connection.send(_train(connection, network, task, threads, gpus))


def _train(connection, network: NetworkFolder, task, threads, gpus) -> tuple:
    from keras_transfer.training import strategies, trainer
    from keras_transfer.transfer import frozen_features as features

    strategies.use_gpus(gpus)
    replicas = network.spec.solver.replicas or 1
    trainer.set_threads(threads, replicas)
    try:
        result = trainer.train_network(
            network,
            pools.ImagePool(task.pool_folder),
            task.source,
            report=lambda row: connection.send(("epoch", row)),
            feature_store=task.feature_store
            and features.FeatureStore(*task.feature_store),
            test=task.test,
            observe=task.observe,
            notice=lambda text: connection.send(("notice", text)),
        )
        return "finished", result
    except UserError as error:
        return "user_error", str(error)
    except Exception as error:
        text = disk_fault(error, str(network.folder))
        if text is not None:
            return "user_error", text
        record = error.record if isinstance(error, NetworkFailed) else {}
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, NetworkFailed):
            text = str(error)
        network.fail(text, record, traceback.format_exc())
        return "failed", text
