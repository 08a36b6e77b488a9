"""Imported once by the fork server, so that workers start with TensorFlow."""

from keras_transfer.process_settings import fix_environment
from keras_transfer.quiet import quiet_import

fix_environment()
with quiet_import():
    from keras_transfer import trainer  # noqa: F401
