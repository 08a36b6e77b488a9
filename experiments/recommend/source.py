"""The model that is asked about: loaded, of one image size, with a new head."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.recommend.settings import OWN_BASE, Options, open_size
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import temporary_beside

_BASE = {"width": 16, "epochs": 6, "per_class": 200, "rate": 2e-3}


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """A model that is asked about.

    Args:
        text: String, as it was named.
        model: Keras model of one image size.
        image_size: Pair of integers, height and width.
        scale: Function from pixels of 0 to 255 to what the model takes.
        scaling: String, what `scale` is.
        guessed: Boolean, whether nothing said what the model takes.
        path: String, as `load_source` takes it.
        open_size: Boolean, whether it takes images of any size.
    """

    text: str
    model: object
    image_size: tuple[int, int]
    scale: Callable
    scaling: str
    guessed: bool
    path: str
    open_size: bool


def open_model(options: Options) -> Asked:
    """Loads the model, or trains the base of `cnn8` first.

    Args:
        options: `Options`.

    Returns:
        `Asked`.

    Raises:
        UserError: If it cannot be loaded, cut, or fed with images.
    """
    from keras_transfer.models.image_size import with_image_size
    from keras_transfer.models.sources import load_source

    text = options.model
    if text == OWN_BASE:
        text = str(own_base(user_path(options.log_dir) / "recommend"))
    source = load_source(text, options.image_size)
    size = open_size(options, source.image_size)
    model = with_image_size(source.model, size)
    scale, scaling = _scaling(options, source.preprocessing)
    guessed = scaling.startswith("unknown")
    opened = source.image_size is None
    return Asked(
        options.model, model, size, scale, scaling, guessed, text, opened
    )


def linear_scale(low: float, high: float) -> Callable:
    """Returns the function from 0..255 to another range.

    Args:
        low, high: Floats, of black and white.
    """
    factor = (high - low) / 255.0
    return lambda images: images * factor + low


def _scaling(options: Options, told: str) -> tuple[Callable, str]:
    if options.pixel_range is not None:
        low, high = options.pixel_range
        if not low < high:
            raise UserError(
                "Expected `pixel_range` as black and white, rising. Received: "
                f"{low:g} {high:g}."
            )
        return linear_scale(low, high), f"pixels of {low:g} to {high:g}"
    if told.startswith("outside the model: keras.applications."):
        import keras

        path = told.partition("keras.applications.")[2]
        module, _, function = path.partition(".")
        found = getattr(getattr(keras.applications, module), function)
        return found, f"keras.applications.{path}"
    if told.startswith("in the model"):
        return linear_scale(0, 255), "in the model, pixels of 0 to 255"
    return linear_scale(0, 255), "unknown, pixels of 0 to 255 taken"


def own_base(folder: Path) -> Path:
    """Trains the base of the demonstration, or finds it trained.

    Args:
        folder: Path.

    Returns:
        Path of a `.keras` file: `cnn8`, trained on ten natural shapes.
    """
    import keras
    import tensorflow as tf

    from keras_transfer.datasets.synthetic_shapes import NATURAL, draw
    from keras_transfer.models.cnn import build_network
    from keras_transfer.specs.settings import ModelSpec

    path = folder / "base.keras"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    count = _BASE["per_class"]
    images = np.concatenate([draw(name, count, seed=0) for name in NATURAL])
    labels = np.repeat(np.arange(len(NATURAL)), count)
    spec = ModelSpec("cnn8", width=_BASE["width"])
    network = build_network(spec, images.shape[1], len(NATURAL))
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            keras.layers.Rescaling(1 / 64, -2.0, name="rescaling"),
            *network.layers,
        ],
        name="cnn8",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(_BASE["rate"]), loss, jit_compile=False)
    keras.utils.set_random_seed(0)
    order = np.random.default_rng(0).permutation(len(labels))
    batches = tf.data.Dataset.from_tensor_slices(
        (images[order].astype(np.float32), labels[order])
    ).batch(32)
    options = tf.data.Options()
    options.autotune.enabled = False
    model.fit(
        batches.with_options(options),
        epochs=_BASE["epochs"],
        shuffle=False,
        verbose=0,
    )
    temporary = temporary_beside(path)
    try:
        model.save(temporary, include_optimizer=False)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
