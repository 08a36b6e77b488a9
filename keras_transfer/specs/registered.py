"""What is known of registered models: their stages, and what these cost.

A model is read once, with Keras, and what a plan needs of it is filed; from
then on plans need numbers alone.
"""

import dataclasses
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.image_shapes import ImageSize, shown_size
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.settings import ModelSpec


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Cost of one layer or stage an image.

    Args:
        name: String.
        parameters: Integer.
        flops: Integer, operations of the forward pass.
        outputs: Integer, values that it hands on, after its pooling.
        draws: Boolean, whether it draws at random in training also when it
            is frozen. Defaults to `False`.
    """

    name: str
    parameters: int
    flops: int
    outputs: int
    draws: bool = False


@dataclasses.dataclass(frozen=True)
class AskedModel:
    """Which model is asked for, and how it is to be fed and cut.

    Args:
        text: String, as of `models.sources.load_source`.
        image_size: Integer, side in pixels, pair of height and width, or
            `None` for the model's own.
        wanted: Tuple of strings, names of layers that end stages, or an
            integer, at most so many stages.
        pixel_range: Pair of floats, what it takes for black and white, or
            `None` for what the model says itself.
    """

    text: str
    image_size: ImageSize | None
    wanted: tuple[str, ...] | int
    pixel_range: tuple[float, float] | None = None

    @property
    def path(self) -> Path | None:
        """File or folder that the text names, or `None` where none is there.

        It may hold something else the next time.
        """
        head, _, rest = self.text.partition(":")
        if head == "applications":
            name = rest.partition("@")[2]
        elif head == "hub":
            name = rest.partition("@")[0]
        else:
            name = self.text.removesuffix("@random")
        path = user_path(name) if name else None
        return path if path is not None and path.exists() else None


@dataclasses.dataclass(frozen=True)
class RegisteredModel:
    """A Keras model of one image size, as a table of its stages.

    Args:
        name: String, the model's own.
        content: String, SHA-256; see `ModelSpec`.
        image_size: Integer, side in pixels of the images that it sees, or a
            pair of height and width.
        cuts: Tuple of strings, see `ModelSpec`.
        costs: Tuple of `LayerCost`, of the stages below the classifier.
        features: Integer, values that the classifier sees.
        channels: String or `None`, as of `DataSpec`.
        scaling: String, who scales the pixels.
    """

    name: str
    content: str
    image_size: ImageSize
    cuts: tuple[str, ...]
    costs: tuple[LayerCost, ...]
    features: int
    channels: str | None = None
    scaling: str = ""

    def all_costs(self, num_classes: int) -> tuple[LayerCost, ...]:
        """Returns the costs of all stages, a new classifier the last.

        Args:
            num_classes: Integer.
        """
        kernel = self.features * num_classes
        head = LayerCost("head", kernel + num_classes, 2 * kernel, num_classes)
        return (*self.costs, head)

    def to_json(self) -> dict:
        """Returns the fields as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict) -> "RegisteredModel":
        """Rebuilds it from `to_json`.

        Args:
            content: Dict, as JSON gives it back.
        """
        costs = tuple(LayerCost(**cost) for cost in content["costs"])
        size = content["image_size"]
        if isinstance(size, list):
            size = tuple(size)
        sequences = {"costs": costs, "cuts": tuple(content["cuts"])}
        return cls(**{**content, **sequences, "image_size": size})


_KNOWN: dict[tuple, RegisteredModel] = {}


def remember(model: RegisteredModel) -> None:
    """Lets this process know a model, so that plans can count with it.

    Args:
        model: `RegisteredModel`.
    """
    _KNOWN[model.content, model.cuts, model.image_size] = model


def recall(model: ModelSpec, image_size: ImageSize) -> RegisteredModel:
    """Returns what is known of a registered model.

    Args:
        model: `ModelSpec` with `content`.
        image_size: Integer, side in pixels of the images that it sees, or a
            pair of height and width.

    Returns:
        `RegisteredModel`.

    Raises:
        UserError: If this process was not told.
    """
    found = _KNOWN.get((model.content, model.cuts, image_size))
    if found is None:
        raise UserError(
            f"Model '{model.name}' ({str(model.content)[:10]}) is not known "
            f"for images of {shown_size(image_size)} px. Run the study that "
            "trained it again, with its `model`."
        )
    return found
