"""Imported once by the fork server, so that workers start with TensorFlow."""

from keras_transfer.studies.executors.quiet import quiet_import
from keras_transfer.training.process_settings import fix_environment

fix_environment()


with quiet_import():
    from keras_transfer.training import trainer  # noqa: F401
