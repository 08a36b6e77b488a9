"""The model that a study copies from: registered once, in another process."""

import tempfile
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.registered import RegisteredModel, remember
from keras_transfer.storage.files import file_sha256
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.studies.executors.worker import Worker


def prepare_model(
    text: str,
    image_size: int | None,
    wanted: list[str] | int,
    models: RegisteredModels,
    keep: bool = True,
) -> RegisteredModel:
    """Finds a model among the registered ones, or registers it.

    It is read in a process of its own, so that this one needs no TensorFlow.

    Args:
        text: String, as of `models.sources.load_source`.
        image_size: Integer, side in pixels, or `None` for the model's own.
        wanted: List of strings, names of layers that end stages, or an
            integer, at most so many stages.
        models: `RegisteredModels` of the log folder.
        keep: Boolean, whether it may be written there; a plan writes nothing.
            Defaults to `True`.

    Returns:
        `RegisteredModel`, which this process knows from now on.

    Raises:
        UserError: If it cannot be loaded, cut, or fed with images.
    """
    path = user_path(text)
    if text.endswith(".keras"):
        if not path.is_file():
            raise UserError(f"{path} does not exist. Expected a `.keras` file.")
        content = file_sha256(path)
    else:
        content = models.content_of(text, image_size)
    if content is not None:
        found = models.find(content, image_size, wanted)
        if found is not None:
            return found
    if keep:
        return _register(text, image_size, wanted, models)
    with tempfile.TemporaryDirectory() as folder:
        passing = RegisteredModels(Path(folder))
        return _register(text, image_size, wanted, passing)


def _register(text, image_size, wanted, models) -> RegisteredModel:
    worker = Worker(register, (text, image_size, wanted, models))
    kind, value = worker.next_message()
    if kind != "registered":
        raise UserError(value)
    model = RegisteredModel.from_json(value)
    remember(model)
    return model


def register(
    connection,
    text: str,
    image_size: int | None,
    wanted: list[str] | int,
    models: RegisteredModels,
) -> None:
    """Registers a model in a `Worker`.

    Args:
        connection: `Connection`; is sent `("registered", values)`,
            `("user_error", text)` or `("failed", text)`.
        text, image_size, wanted, models: As of `prepare_model`.
    """
    from keras_transfer.models.registering import register_model

    try:
        model = register_model(text, image_size, wanted, models)
        connection.send(("registered", model.to_json()))
    except UserError as error:
        connection.send(("user_error", str(error)))
    except Exception as error:  # Keras raises many kinds for a bad model.
        text = f"Model {text} cannot be used: {type(error).__name__}: {error}"
        connection.send(("failed", text.splitlines()[0]))
