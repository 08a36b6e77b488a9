"""Registered models in the cache of a log folder: `.cache/models/`.

- `<content>.keras`        the model as it is copied from
- `<content>-<key>.json`   its stages at one image size, see `RegisteredModel`
- `texts.json`             which models names without a file stood for

Networks find their model by its content, so a log folder may move, and the
file that a model came from may go.
"""

import hashlib
import json
from pathlib import Path

from keras_transfer.errors import NetworkFailed
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.image_shapes import ImageSize, shown_size
from keras_transfer.specs.registered import (
    AskedModel,
    RegisteredModel,
    remember,
)
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.files import (
    file_sha256,
    read_json,
    write_atomically,
)


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

    def content_of(self, asked: AskedModel) -> str | None:
        """Returns the content that a model stood for which is no plain file.

        Args:
            asked: `AskedModel`. Its size counts: an application is built for
                one.
        """
        found = self._texts().get(_named(asked))
        known = isinstance(found, str) and self.model_path(found).is_file()
        return found if known else None

    def keep_text(self, asked: AskedModel, content: str) -> None:
        """Notes which content a model stands for that is no plain file.

        Args:
            asked: `AskedModel`.
            content: String.
        """
        texts = {**self._texts(), _named(asked): content}
        path = self.folder / "texts.json"
        write_atomically(path, json.dumps(texts, indent=1))

    def _texts(self) -> dict:
        found = read_json(self.folder / "texts.json")
        return found if isinstance(found, dict) else {}

    def find(
        self,
        content: str,
        image_size: ImageSize | None,
        wanted: tuple[str, ...] | int,
    ) -> RegisteredModel | None:
        """Reads the stages of a model, without Keras.

        Args:
            content: String, its SHA-256.
            image_size: Integer, side in pixels, pair of height and width, or
                `None` for the model's own.
            wanted: Tuple of strings, its cuts, or an integer, at most how many
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
        wanted: tuple[str, ...] | int,
        image_size: ImageSize | None,
    ) -> None:
        """Keeps the stages of a model.

        Args:
            model: `RegisteredModel`.
            wanted: Tuple of strings or integer, what was asked for; its cuts
                find it too.
            image_size: As of `find`, likewise; its size finds it too.
        """
        text = json.dumps(model.to_json(), indent=1)
        for asked in (model.cuts, wanted):
            for size in {model.image_size, image_size}:
                path = self._stages_path(model.content, size, asked)
                write_atomically(path, text)

    def _stages_path(self, content, image_size, wanted) -> Path:
        key = spec_hash({"image_size": image_size, "wanted": wanted})
        return self.folder / f"{content}-{key}.json"

    def open(self, model: ModelSpec, image_size: ImageSize) -> Path:
        """Returns the file of a network's model; its stages are known then.

        Args:
            model: `ModelSpec` with `content`.
            image_size: Integer, side in pixels, or pair of height and width.

        Returns:
            Path.

        Raises:
            NetworkFailed: If it is not there any more.
        """
        found = self.find(model.content, image_size, model.cuts)
        if found is None:
            raise NetworkFailed(
                f"The model '{model.name}' is not in {self.folder} any more. "
                "Start the study again with its `model`, which files it anew."
            )
        return self.model_path(model.content)


def _named(asked: AskedModel) -> str:
    text, path = asked.text, asked.path
    if path is not None:  # it may hold something else next time
        text += f" {_sha256(path)}"
    if asked.image_size is not None:
        text += f" at {shown_size(asked.image_size)} px"
    if asked.pixel_range is not None:
        text += f" of pixels {asked.pixel_range[0]} to {asked.pixel_range[1]}"
    return text


def _sha256(path: Path) -> str:
    """Hashes a file, or names and contents of all files in a folder."""
    if path.is_file():
        return file_sha256(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            name = file.relative_to(path).as_posix()
            digest.update(f"{name}\0{file_sha256(file)}\0".encode())
    return digest.hexdigest()
