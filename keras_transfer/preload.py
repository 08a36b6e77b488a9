"""Imported once by the fork server, so that workers start with TensorFlow."""

from keras_transfer.quiet import quiet_import

with quiet_import():
    from keras_transfer import trainer  # noqa: F401
