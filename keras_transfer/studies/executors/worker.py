"""A clean process that runs functions and sends messages back.

The parent imports no TensorFlow. A fork server imports it once, and each
worker is a fresh fork of that, so it costs half a second of start-up, its
memory ends with it, and a crash takes one function's work with it.

Parent and worker talk through one pipe. The parent sends a `Job`; the worker
sends what its function has to say, then `Ready`, and waits for the next.
"""

import contextlib
import dataclasses
import gc
import multiprocessing
import os
import queue
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

from keras_transfer.errors import UserError
from keras_transfer.training import process_settings

PRELOAD = ["keras_transfer.studies.executors.preload"]
START = "forkserver"
# A socket's name has 104 bytes or more; the server adds 32 of its own.
_LONGEST_TEMPORARY = 70
# `ru_maxrss` counts kibibytes, on macOS bytes.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclasses.dataclass(frozen=True)
class Job:
    """What a worker is told to do.

    Args:
        function: Function of a module, called with the connection to send
            to and the arguments.
        arguments: Tuple of its other arguments.
        is_answered: Boolean, whether the worker says `Taken` before it calls
            the function. Defaults to `False`.
    """

    function: Callable
    arguments: tuple
    is_answered: bool = False


@dataclasses.dataclass(frozen=True)
class Taken:
    """What a worker says of a job that is answered, before it begins."""


@dataclasses.dataclass(frozen=True)
class Ready:
    """What a worker says after a job, when it could do another.

    Args:
        peak_bytes: Integer, the most memory that the process ever held.
    """

    peak_bytes: int


class Worker:
    """A clean process that runs functions, one after another.

    It is a fork of a process that has imported `PRELOAD` and run nothing, and
    runs while the context is open, or from `start` to `stop`.

    Args:
        shown: Boolean, whether what libraries print there reaches the
            terminal. Defaults to `False`: its last line is told if the
            process dies.

    Attributes:
        connection: `Connection` to the process, once it is started.
        ready: `Ready` or `None`, once it has done all that it was given.
    """

    def __init__(self, shown: bool = False):
        self._shown = shown
        self._output = None
        self._read = 0  # of the output, that of jobs that are done
        self.connection = None
        self.process = None
        self.ready: Ready | None = None

    def __enter__(self) -> "Worker":
        return self.start()

    def __exit__(self, *error) -> None:
        self.stop()

    def start(self) -> "Worker":
        """Starts the process.

        Returns:
            This worker.

        Raises:
            UserError: If there is no memory for it, or no place for its
                socket.
        """
        context = multiprocessing.get_context(START)
        context.set_forkserver_preload(PRELOAD)
        self.connection, theirs = context.Pipe()
        self._output = None if self._shown else tempfile.TemporaryFile()
        # Opened by whoever reads it: a fork server's child has other files.
        output = (
            self._output and f"/proc/{os.getpid()}/fd/{self._output.fileno()}"
        )
        self.process = context.Process(
            target=_serve, args=(theirs, output), daemon=True
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
                "is room, perhaps with fewer `workers`."
            ) from error
        finally:
            theirs.close()
        return self

    def give(
        self, function: Callable, arguments: tuple, is_warm: bool = False
    ) -> None:
        """Has a function run in the process.

        Args:
            function, arguments: See `Job`.
            is_warm: Boolean, whether to wait until the process has taken it.
                One that has just been killed may still be sent to, and what
                it was given would pass for the cause. Defaults to `False`,
                for a process that is starting.

        Raises:
            OSError: If the process is gone.
        """
        self.ready = None
        if self._output is not None:
            self._read = os.fstat(self._output.fileno()).st_size
        self.connection.send(Job(function, arguments, is_warm))
        if is_warm:
            try:
                self.connection.recv()
            except EOFError as error:
                raise ConnectionError("the process is gone") from error

    def receive(self) -> tuple | None:
        """Waits for the next message of the job.

        Returns:
            What the function sent, or `None` once it, or the process, has
            ended; `ready` tells which.
        """
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionError):
            return None
        if isinstance(message, Ready):
            self.ready = message
            return None
        return message

    def next_message(self) -> tuple[str, dict | str]:
        """Waits for the next message of a job whose last one is not `GOES_ON`.

        Returns:
            Tuple of kind and content, as in `Message`.
        """
        message = self.receive()
        if message is not None:
            return message
        self.process.join()
        return "died", self.cause_of_death()

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
        self._output.seek(self._read)
        lines = self._output.read().decode(errors="replace").split("\n")
        found = [line.strip() for line in lines if line.strip()]
        return f": {found[-1]}" if found else ""

    def stop(self) -> None:
        """Ends the process at once; what it has finished is kept."""
        if self.process is None:
            return
        self.process.terminate()
        self.process.join()
        self.connection.close()
        if self._output is not None:
            self._output.close()
        self.process = None


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


def _serve(connection, output) -> None:
    _redirect(output)
    # Ctrl-C is the parent's to handle; and should the parent vanish, this
    # process must not go on writing into a folder that a new study may use.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()

    def follow_parent():
        while True:
            try:
                jobs.put(connection.recv())
            except (EOFError, OSError):
                os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()
    # What was imported stays: no search for garbage need look at it.
    gc.freeze()
    try:
        process_settings.check_keras_file()
        process_settings.fix_environment()
        while True:
            job = jobs.get()
            if job.is_answered:
                connection.send(Taken())
            job.function(connection, *job.arguments)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            connection.send(Ready(peak * _PEAK_UNIT))
    except UserError as error:
        connection.send(("user_error", str(error)))
    except (ImportError, MemoryError) as error:
        reason = str(error).strip() or type(error).__name__
        text = (
            f"A process to train in could not load TensorFlow ("
            f"{reason.splitlines()[-1]}). If memory is short, free some or "
            "give fewer `workers`. Finished networks and the last epoch of "
            "the others are kept; the same command goes on."
        )
        connection.send(("user_error", text))
    connection.close()
