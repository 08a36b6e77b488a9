"""Drops what libraries print at import past every log level of theirs."""

import contextlib
import os

_ERRORS = 2  # the file descriptor of standard error


@contextlib.contextmanager
def quiet_import():
    """Drops everything written to standard error inside, native code's too.

    TensorFlow's start-up notices belong in no one's terminal; what is written
    afterwards reaches it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    kept = os.dup(_ERRORS)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _ERRORS)
    try:
        yield
    finally:
        os.dup2(kept, _ERRORS)
        os.close(kept)
        os.close(nowhere)
