"""Models from elsewhere: a file, `keras.applications`, KerasHub."""

import dataclasses
import difflib
import inspect
import sys

import keras

from keras_transfer.errors import UserError, first_line
from keras_transfer.models.archives import ANY_MODEL, check_archive
from keras_transfer.models.cnn import build_network
from keras_transfer.models.layer_costs import unwrap
from keras_transfer.models.model_graph import has_graph, read_graph
from keras_transfer.specs.architectures import ARCHITECTURES
from keras_transfer.specs.image_shapes import ImageSize, pair_of, shown_size
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.settings import ModelSpec

_OWN = [f"{name}@random" for name in ARCHITECTURES]
_FORMS = (
    "FILE.keras, applications:NAME[@weights], hub:PRESET[@random], "
    + ", ".join(_OWN)
)
_SMALL = 32  # px, of a network of ours if nobody says a size and it fits


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and what it expects of images.

    Args:
        model: Keras model, not compiled.
        image_size: Tuple `(height, width)`, or `None` if any size will do.
        preprocessing: String, who scales the pixels.
    """

    model: keras.Model
    image_size: tuple[int, int] | None
    preprocessing: str


def load_source(text: str, image_size: ImageSize | None = None) -> Source:
    """Loads or builds the model that a text names.

    Args:
        text: String: `FILE.keras`, `applications:NAME[@weights]` with the
            weights `imagenet` (the default), `random` or a `.weights.h5` or
            `.h5` file, or `hub:PRESET[@random]`, a KerasHub backbone by name
            or folder. `FILE.keras@random` draws the file's weights anew.
            `cnn8@random`, likewise `caffenet`, is a network of ours.
        image_size: Integer, side of the images in pixels, or a pair of height
            and width. Defaults to the model's own. With ImageNet weights and
            another size than theirs, a `keras.applications` model comes
            without its classifier.

    Returns:
        `Source`.

    Raises:
        UserError: If the text or the file is wrong, weights cannot be
            fetched, or the model needs images of another size.

    Example:
        >>> source = kt.load_source(
        ...     "applications:MobileNetV2@random", image_size=32)
        >>> source.model.name, source.image_size
        ('mobilenetv2_1.00_32', (32, 32))
        >>> source.preprocessing
        'outside the model: keras.applications.mobilenet_v2.preprocess_input'
    """
    head, _, rest = text.partition(":")
    if head == "applications":
        source = _load_application(rest, image_size)
    elif head == "hub":
        source = _load_hub(rest, image_size)
    elif text.removesuffix("@random").endswith(".keras"):
        source = _load_file(text)
    elif text in _OWN:
        source = _load_own(text.removesuffix("@random"), image_size)
    elif text in ARCHITECTURES:
        raise UserError(
            f"{text} comes without trained weights. Expected {text}@random, or "
            "FILE.keras, such as the model.keras of a network trained here. "
            f"Received: {text!r}."
        )
    else:
        raise UserError(_no_source(text))
    wanted = source.image_size
    if image_size and wanted and wanted != pair_of(image_size):
        raise UserError(
            f"{text} needs images of {wanted[0]} x {wanted[1]} px. Received: "
            f"image_size={shown_size(image_size)}. Leave `image_size` out or "
            "give a model of another size."
        )
    return source


def needed_image_size(model: keras.Model) -> tuple[int, int] | None:
    """Returns the height and width a model needs, `None` if any will do.

    Args:
        model: Built Keras model.

    Returns:
        Tuple of two integers in pixels, or `None`.

    Raises:
        UserError: If the model has no single input of images.
    """
    if not getattr(model, "inputs", None):
        read_graph(model)  # says what it lacks
    shapes = [tensor.shape for tensor in getattr(model, "inputs", None) or ()]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise UserError(
            f"Model '{model.name}' does not take images: expected one input "
            f"(height, width, channels). Received: {[s[1:] for s in shapes]}."
        )
    first = keras.config.image_data_format() == "channels_first"
    size = shapes[0][2:] if first else shapes[0][1:3]
    return None if None in size else tuple(size)


def _describe(model: keras.Model, told: str = "") -> Source:
    scaled = has_graph(model) and any(
        isinstance(
            unwrap(call.operation),
            keras.layers.Rescaling | keras.layers.Normalization,
        )
        for call in read_graph(model).leaves()
    )
    inside = "in the model, which takes pixels of 0 to 255"
    told = told or "unknown: none in the model"
    return Source(model, needed_image_size(model), inside if scaled else told)


def _load_file(text: str) -> Source:
    path = user_path(text.removesuffix("@random"))
    if not path.is_file():
        raise UserError(f"{path} does not exist. Expected a `.keras` file.")
    check_archive(path, ANY_MODEL)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for a bad file.
        raise UserError(
            f"{path} cannot be loaded: {first_line(error)}"
        ) from error
    if text.endswith("@random"):
        model = keras.models.clone_model(model)
    return _describe(model)


def _no_source(text: str) -> str:
    told = f"Expected one of {_FORMS}. Received: {text!r}"
    if text.endswith((".weights.h5", ".weights.json", ".npz", ".ckpt")):
        return (
            f"{told}, which holds weights without a model. Load them into the "
            "model and save that as FILE.keras; for a model of "
            "`keras.applications`: applications:NAME@FILE.weights.h5."
        )
    if text.endswith((".h5", ".hdf5")):
        return (
            f"{told}, a model as Keras 2 wrote it. Load it with Keras and save "
            "it as FILE.keras."
        )
    if user_path(text).is_dir():
        return (
            f"{told}, which is a folder. Save the model as FILE.keras; a "
            "folder of KerasHub is hub:FOLDER."
        )
    return f"{told}."


def _load_own(name: str, image_size: ImageSize | None) -> Source:
    """Builds a network of ours, at its random start, for pixels as they are."""
    smallest = ARCHITECTURES[name].smallest_crop
    height, width = pair_of(image_size or max(_SMALL, smallest))
    if height != width:
        raise UserError(
            f"{name} takes square images. Received: image_size="
            f"{height}x{width}."
        )
    network = build_network(ModelSpec(name), height, num_classes=2)
    scaling = keras.layers.Rescaling(1 / 64, -2.0, name="rescaling")
    inputs = keras.Input((height, width, 3), name="images")
    return _describe(
        keras.Sequential([inputs, scaling, *network.layers], name=name)
    )


def _application_names() -> list[str]:
    found = vars(keras.applications).items()
    return [name for name, value in found if inspect.isfunction(value)]


def _load_application(text: str, image_size: ImageSize | None) -> Source:
    name, _, weights = text.partition("@")
    names = _application_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, 3, cutoff=0)
        raise UserError(
            f"`keras.applications` has no {name!r}. Nearest: {near}."
        )
    build = getattr(keras.applications, name)
    known = {"": "imagenet", "imagenet": "imagenet", "random": None}
    loaded = known[weights] if weights in known else _weights_file(weights)
    options: dict = {"weights": loaded}
    if image_size is not None:
        options["input_shape"] = (*pair_of(image_size), 3)
        if loaded == "imagenet":
            # Keras has the classifier's weights for its own size only.
            options |= {"include_top": False, "pooling": "avg"}
    try:
        model = build(**options)
    except Exception as error:  # The download raises a bare `Exception`.
        raise UserError(_cannot_build(name, options, error)) from error
    module = sys.modules[build.__module__].__name__.rsplit(".", 1)[-1]
    function = f"keras.applications.{module}.preprocess_input"
    return _describe(model, f"outside the model: {function}")


def _weights_file(text: str) -> str:
    path = user_path(text)
    if not path.is_file():
        raise UserError(
            f"The weights file {path} does not exist. Expected `imagenet`, "
            "`random` or a file of weights after the @."
        )
    return str(path)


def _cannot_build(name: str, options: dict, error: Exception) -> str:
    reason = first_line(error)
    if "URL fetch failure" in reason:
        return (
            f"The weights of {name} cannot be fetched ({reason}). Without a "
            f"network, name a file of them: applications:{name}@FILE.h5, or "
            f"applications:{name}@random."
        )
    return f"Cannot build {name} with {options}: {reason}"


def _load_hub(text: str, image_size: ImageSize | None) -> Source:
    try:
        import keras_hub
    except ImportError as error:
        raise UserError(
            "hub: needs KerasHub. Install it: pip install 'keras_transfer[hub]'"
            f" ({first_line(error)})."
        ) from error
    preset, _, weights = text.partition("@")
    if weights not in ("", "random"):
        raise UserError(
            f"Expected hub:PRESET or hub:PRESET@random. Received: hub:{text}."
        )
    options: dict = {"load_weights": not weights}
    if image_size is not None:
        options["image_shape"] = (*pair_of(image_size), 3)
    try:
        model = keras_hub.models.Backbone.from_preset(preset, **options)
    except Exception as error:  # Each host of presets has errors of its own.
        raise UserError(
            f"KerasHub cannot load {preset!r}: {first_line(error)}. Expected "
            "the name of a preset, with a network or fetched before, or the "
            "folder of one."
        ) from error
    return _describe(model)
