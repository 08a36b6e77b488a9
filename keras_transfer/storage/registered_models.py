"""Registered models in the cache of a log folder: `.cache/models/`.

- `<content>.keras`        the model as it is copied from
- `<content>-<key>.json`   its stages at one image size, see `RegisteredModel`
- `texts.json`             which models names without a file stood for

Networks find their model by its content, so a log folder may move, and the
file that a model came from may go.
"""

import json
from pathlib import Path

from keras_transfer.errors import NetworkFailed
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.registered import RegisteredModel, remember
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.files import read_json, write_atomically


class RegisteredModels:
    """The registered models of a log folder.

    Args:
        cache_dir: Path of the log folder's cache.
    """

    def __init__(self, cache_dir: Path):
        self.folder = Path(cache_dir) / "models"

    def model_path(self, content: str) -> Path:
        """Returns where a model is kept, there or not.

        Args:
            content: String, its SHA-256.
        """
        return self.folder / f"{content}.keras"

    def content_of(self, text: str, image_size: int | None) -> str | None:
        """Returns the content that a name without a file stood for.

        Args:
            text: String, such as `"applications:MobileNetV2"`.
            image_size: Integer, the side in pixels that was asked for, or
                `None`: an application is built for one size.
        """
        found = self._texts().get(_named(text, image_size))
        known = isinstance(found, str) and self.model_path(found).is_file()
        return found if known else None

    def keep_text(
        self, text: str, image_size: int | None, content: str
    ) -> None:
        """Notes which content a name stands for.

        Args:
            text: String.
            image_size: Integer or `None`, as of `content_of`.
            content: String.
        """
        texts = {**self._texts(), _named(text, image_size): content}
        path = self.folder / "texts.json"
        write_atomically(path, json.dumps(texts, indent=1))

    def _texts(self) -> dict:
        found = read_json(self.folder / "texts.json")
        return found if isinstance(found, dict) else {}

    def find(
        self, content: str, image_size: int | None, wanted: list[str] | int
    ) -> RegisteredModel | None:
        """Reads the stages of a model, without Keras.

        Args:
            content: String, its SHA-256.
            image_size: Integer, side in pixels, or `None` for the model's
                own.
            wanted: List of strings, its cuts, or an integer, at most how many
                stages were asked for.

        Returns:
            `RegisteredModel`, which this process knows from now on, or `None`.
        """
        found = read_json(self._stages_path(content, image_size, wanted))
        try:
            model = RegisteredModel.from_json(found)
        except (KeyError, TypeError):
            return None
        if not self.model_path(content).is_file():
            return None
        remember(model)
        return model

    def file(
        self,
        model: RegisteredModel,
        wanted: list[str] | int,
        image_size: int | None,
    ) -> None:
        """Keeps the stages of a model.

        Args:
            model: `RegisteredModel`.
            wanted: List of strings or integer, what was asked for; its cuts
                find it too.
            image_size: Integer or `None`, likewise; its size finds it too.
        """
        text = json.dumps(model.to_json(), indent=1)
        for asked in (list(model.cuts), wanted):
            for size in {model.image_size, image_size}:
                path = self._stages_path(model.content, size, asked)
                write_atomically(path, text)

    def _stages_path(self, content, image_size, wanted) -> Path:
        key = spec_hash({"image_size": image_size, "wanted": wanted})
        return self.folder / f"{content}-{key}.json"

    def open(self, model: ModelSpec, image_size: int) -> Path:
        """Returns the file of a network's model; its stages are known then.

        Args:
            model: `ModelSpec` with `content`.
            image_size: Integer, side in pixels.

        Returns:
            Path.

        Raises:
            NetworkFailed: If it is not there any more.
        """
        found = self.find(model.content, image_size, list(model.cuts))
        if found is None:
            raise NetworkFailed(
                f"The model '{model.name}' is not in {self.folder} any more. "
                "Start the study again with its `model`, which files it anew."
            )
        return self.model_path(model.content)


def _named(text: str, image_size: int | None) -> str:
    return text if image_size is None else f"{text} at {image_size} px"
