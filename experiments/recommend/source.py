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

# What networks take for black and white, as they are trained. The last stands
# for pixels of unit deviation, a mean subtracted.
_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0))
# Nats between moments seen and kept. A network that saw photographs is half a
# nat from black letters on white; with pixels of 0 to 255 instead of -2 to 2 it
# is thousands away.
_FAR = 3.0
_LOOKED_AT = 64  # images
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


def with_likely_range(
    asked: Asked, images: np.ndarray
) -> tuple[Asked, str | None]:
    """Gives the model pixels that it was trained on, as far as that shows.

    What the first batch normalisation sees is compared with the moments that
    it keeps from training. Where nothing said which pixels the model takes,
    the range is taken that fits best; else that is a warning alone.

    Args:
        asked: `Asked`.
        images: `uint8` array of some images.

    Returns:
        Tuple of `Asked`, and what the user is told or `None`, if nothing
        speaks for another range.
    """
    # Images stand class by class: these are of all of them.
    places = np.linspace(0, len(images) - 1, _LOOKED_AT).astype(int)
    batch = images[places].astype(np.float32)
    own = moments_of(asked.model, np.asarray(asked.scale(batch.copy())))
    if own is None:
        if not asked.guessed:
            return asked, None
        return asked, (
            "The model does not say which pixel values it takes, and has no "
            "trained batch normalisation to tell by: 0 to 255 are given. If "
            "it was trained on others, give `--pixel-range`."
        )
    found = {
        r: moments_of(asked.model, linear_scale(*r)(batch)) for r in _RANGES
    }
    low, high = best = min(found, key=lambda limits: found[limits].gap)
    if own.gap <= _FAR or found[best].gap >= own.gap / 2:
        return asked, None
    told = f"pixels of {low:g} to {high:g}"
    seen = (
        "the spread that its first batch normalisation sees is "
        f"{own.ratio:.2g} times what it was trained with, for {told} "
        f"{found[best].ratio:.2g} times"
    )
    if not asked.guessed:
        return asked, (
            f"The model seems to take pixels of another range: {seen} "
            f"({asked.scaling}). Try `--pixel-range {low:g} {high:g}`."
        )
    taken = dataclasses.replace(
        asked, scale=linear_scale(low, high), scaling=told
    )
    return taken, (
        f"The model does not say which pixel values it takes. For 0 to 255 "
        f"{seen}, so {told} are given. That tells the range roughly, not to a "
        "factor of two: if you know it, give it, for instance as "
        f"`--pixel-range {low:g} {high:g}`."
    )


@dataclasses.dataclass(frozen=True)
class Moments:
    """What a batch normalisation sees, against what it keeps from training.

    Args:
        gap: Float, nats from the normal distribution that it keeps to the one
            that it sees (Kullback and Leibler), mean over channels.
        ratio: Float, deviation seen over the one kept, geometric mean over
            channels.
    """

    gap: float
    ratio: float


def moments_of(model, images: np.ndarray) -> Moments | None:
    """Compares images with what a model was trained on.

    Args:
        model: Keras model.
        images: Float array, scaled.

    Returns:
        `Moments` of the first batch normalisation; `None` without one, or if
        it still has the moments that it began with.
    """
    from keras_transfer.models.layer_costs import keeps_moments, unwrap
    from keras_transfer.models.model_graph import read_graph
    from keras_transfer.models.parts import build_part

    graph = read_graph(model)
    for place, call in enumerate(graph.leaves()):
        if keeps_moments(call.operation):
            norm = unwrap(call.operation)
            kept = np.asarray(norm.moving_mean)
            variance = np.asarray(norm.moving_variance)
            if not kept.any() and (variance == 1).all():
                return None  # never trained
            part = build_part(graph, graph.inputs, call.inputs, 0, place)
            seen = np.asarray(part(images, training=False))
            seen = seen.reshape(-1, seen.shape[-1])
            variance = variance + norm.epsilon
            # A channel without spread has that of the layer's epsilon.
            shares = (seen.var(0) + norm.epsilon) / variance
            shifts = (seen.mean(0) - kept) ** 2 / variance
            gaps = (shares + shifts - 1 - np.log(shares)) / 2
            ratio = np.exp(np.log(shares).mean() / 2)
            return Moments(float(gaps.mean()), float(ratio))
    return None


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
    model.fit(batches.with_options(options), epochs=_BASE["epochs"], verbose=0)
    temporary = temporary_beside(path)
    try:
        model.save(temporary, include_optimizer=False)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
