"""A clean process that runs one function and sends messages back.

The parent imports no TensorFlow. A fork server imports it once, and each
worker is a fresh fork of that, so it costs half a second of start-up, its
memory ends with it, and a crash takes one network with it.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator

from keras_transfer.errors import UserError
from keras_transfer.studies.executors.executor import GOES_ON
from keras_transfer.training import process_settings

PRELOAD = ["keras_transfer.studies.executors.preload"]
START = "forkserver"
# A socket's name has 104 bytes or more; the server adds 32 of its own.
_LONGEST_TEMPORARY = 70


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
                "is room, perhaps with fewer `workers`."
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
        """Waits for the next message of `jobs.train_task`, and for its end.

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
            "give fewer `workers`. Finished networks and the last epoch of "
            "the others are kept; the same command goes on."
        )
        connection.send(("user_error", text))
    connection.close()
