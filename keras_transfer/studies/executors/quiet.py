"""Drops what libraries print past every log level of theirs."""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator

from keras_transfer.training.process_settings import set_environment

_ERRORS = 2  # the file descriptor of standard error
_RAYS_THREADS = "ray_"  # how their names begin
_STREAMS = {"stdout": 1, "stderr": 2}


@contextlib.contextmanager
def quiet_import():
    """Drops everything written to standard error inside, native code's too.

    TensorFlow's start-up notices belong in no one's terminal; what is written
    afterwards reaches it. The process computes as all of ours do: see
    `process_settings.set_environment`.
    """
    set_environment()
    kept = os.dup(_ERRORS)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _ERRORS)
    try:
        yield
    finally:
        os.dup2(kept, _ERRORS)
        os.close(kept)
        os.close(nowhere)


class _OurThreads(io.TextIOWrapper):
    """A stream that drops what Ray's threads print.

    Whatever `log_to_driver` says, one of them prints the state of a node that
    is lost, in forty lines.
    """

    def write(self, text: str) -> int:
        if threading.current_thread().name.startswith(_RAYS_THREADS):
            return len(text)
        return super().write(text)


@contextlib.contextmanager
def only_python_output() -> Iterator[None]:
    """Drops what native code and new processes write to the terminal.

    `sys.stdout` and `sys.stderr` of this process still reach it, but for
    what Ray's threads print.
    """
    with contextlib.ExitStack() as stack:
        for name, descriptor in _STREAMS.items():
            stack.enter_context(_only_python(name, descriptor))
        yield


@contextlib.contextmanager
def _only_python(name: str, descriptor: int) -> Iterator[None]:
    stream = getattr(sys, name)
    try:
        is_real = stream.fileno() == descriptor
    except (AttributeError, OSError, io.UnsupportedOperation):
        is_real = False  # a notebook's or a test's own
    kept = os.dup(descriptor)
    if is_real:
        stream.flush()
        ours = _OurThreads(
            os.fdopen(os.dup(kept), "wb"),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=True,
        )
        setattr(sys, name, ours)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    try:
        yield
    finally:
        if is_real:
            setattr(sys, name, stream)
            ours.close()
        os.dup2(kept, descriptor)
        os.close(kept)
