"""The model that a study copies from: registered once, in another process."""

import tempfile
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.registered import (
    AskedModel,
    RegisteredModel,
    remember,
)
from keras_transfer.storage.files import file_sha256
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.studies.executors.worker import Worker


def prepare_model(
    asked: AskedModel, models: RegisteredModels, keep: bool = True
) -> RegisteredModel:
    """Finds a model among the registered ones, or registers it.

    It is read in a process of its own, so that this one needs no TensorFlow.

    Args:
        asked: `AskedModel`.
        models: `RegisteredModels` of the log folder.
        keep: Boolean, whether it may be written there; a plan writes nothing.
            Defaults to `True`.

    Returns:
        `RegisteredModel`, which this process knows from now on.

    Raises:
        UserError: If it cannot be loaded, cut, or fed with images.
    """
    content = None
    if asked.text.endswith(".keras"):
        path = user_path(asked.text)
        if not path.is_file():
            raise UserError(f"{path} does not exist. Expected a `.keras` file.")
        if asked.pixel_range is None:
            content = file_sha256(path)
    if content is None:
        content = models.content_of(asked)
    if content is not None:
        found = models.find(content, asked.image_size, asked.wanted)
        if found is not None:
            return found
    if keep:
        return _register(asked, models)
    with tempfile.TemporaryDirectory() as folder:
        return _register(asked, RegisteredModels(Path(folder)))


def _register(asked: AskedModel, models: RegisteredModels) -> RegisteredModel:
    with Worker() as worker:
        worker.give(register, (asked, models))
        kind, value = worker.next_message()
    if kind != "registered":
        raise UserError(value)
    model = RegisteredModel.from_json(value)
    remember(model)
    return model


def register(connection, asked: AskedModel, models: RegisteredModels) -> None:
    """Registers a model in a `Worker`.

    Args:
        connection: `Connection`; is sent `("registered", values)`,
            `("user_error", text)` or `("failed", text)`.
        asked, models: As of `prepare_model`.
    """
    from keras_transfer.models.registering import register_model

    try:
        model = register_model(asked, models)
        connection.send(("registered", model.to_json()))
    except UserError as error:
        connection.send(("user_error", str(error)))
    except Exception as error:  # Keras raises many kinds for a bad model.
        text = (
            f"Model {asked.text} cannot be used: "
            f"{type(error).__name__}: {error}"
        )
        connection.send(("failed", text.splitlines()[0]))
