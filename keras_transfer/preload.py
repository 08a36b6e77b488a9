"""Imported once by the fork server, so that workers start with TensorFlow.

TensorFlow writes start-up notices past every log level; they are dropped
here, while the errors of the networks themselves still reach the terminal.
"""

import os

_ERRORS = 2  # the file descriptor of standard error
_kept = os.dup(_ERRORS)
_nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, _ERRORS)
try:
    from keras_transfer import trainer  # noqa: F401
finally:
    os.dup2(_kept, _ERRORS)
    os.close(_kept)
    os.close(_nowhere)
