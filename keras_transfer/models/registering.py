"""Registers a model: keeps it in a log folder, and writes down its stages."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import keras
import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.models.heads import new_head
from keras_transfer.models.image_size import with_image_size
from keras_transfer.models.kept_settings import find_difference
from keras_transfer.models.layer_costs import call_flops, starts_stage
from keras_transfer.models.model_graph import read_graph
from keras_transfer.models.random_state import draws_numbers, is_dropout
from keras_transfer.models.sources import Source, load_source
from keras_transfer.models.stages import Stages, stages
from keras_transfer.specs.image_shapes import pair_of, size_of
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.registered import (
    AskedModel,
    LayerCost,
    RegisteredModel,
)
from keras_transfer.storage.files import file_sha256, temporary_beside
from keras_transfer.storage.registered_models import RegisteredModels

OPEN_SIZE = 96  # px, where neither the model nor the user says one


def register_model(
    asked: AskedModel, models: RegisteredModels
) -> RegisteredModel:
    """Loads a model, keeps it, and writes down its stages.

    Args:
        asked: `AskedModel`.
        models: `RegisteredModels`.

    Returns:
        `RegisteredModel`.

    Raises:
        UserError: If it cannot be loaded, cut, or fed with images, or if one
            of its weights and other settings is kept.
    """
    # A random start is the same whoever draws it.
    keras.utils.set_random_seed(0)
    source = load_source(asked.text, asked.image_size)
    size = asked.image_size or size_of(
        *(source.image_size or (OPEN_SIZE, OPEN_SIZE))
    )
    scaled, channels, told = _with_scaling(source, asked.pixel_range)
    models.folder.mkdir(parents=True, exist_ok=True)
    content = _keep(asked, source.model, scaled, models)
    network = new_head(with_image_size(scaled, pair_of(size)), 2)
    most = asked.wanted if isinstance(asked.wanted, int) else None
    table = stages(network, None if most else list(asked.wanted), most)
    if len(table) < 2:
        raise UserError(
            f"Model '{network.name}' has a single stage, so nothing can be "
            "copied. Expected a layer with weights below its classifier."
        )
    registered = _describe(
        network, table, source.model.name, content, size, channels, told
    )
    models.file(registered, asked.wanted, asked.image_size)
    return registered


def _keep(asked: AskedModel, original, scaled, models) -> str:
    text = asked.text
    path = user_path(text) if text.endswith(".keras") else None
    plain = path is not None and path.is_file() and scaled is original
    content = file_sha256(path) if plain else _digest(scaled, asked)
    kept = models.model_path(content)
    if kept.is_file() and not plain:
        _check_alike(asked.text, scaled, kept)
    if not kept.is_file():
        temporary = temporary_beside(kept)
        try:
            if plain:
                shutil.copyfile(path, temporary)
            else:
                scaled.save(temporary, include_optimizer=False)
            os.replace(temporary, kept)
        finally:
            temporary.unlink(missing_ok=True)
    if not plain:
        models.keep_text(asked, content)
    return content


def _check_alike(text: str, model: keras.Model, kept: Path) -> None:
    """Refuses a model that would be taken for another one of its weights."""
    found = find_difference(model, keras.saving.load_model(kept, compile=False))
    if found is not None:
        raise UserError(
            f"{text} has the weights of a model in {kept.parent}, and other "
            f"settings: {found}. Expected a model that computes alike, as "
            "networks of the two would be taken for one another. Choose "
            "another log folder, or give a layer of it another name."
        )


def _digest(model: keras.Model, asked: AskedModel) -> str:
    # Settings without weights are left to `_check_alike`, so that ids of
    # models registered before stay.
    digest = hashlib.sha256(str(model.inputs[0].shape).encode())
    if asked.pixel_range is not None:
        low, high = map(float, asked.pixel_range)
        digest.update(f"pixels of {low} to {high}".encode())
    for call in read_graph(model).leaves():
        digest.update(f"{type(call.operation).__name__} {call.path}".encode())
        for weight in getattr(call.operation, "weights", ()):
            values = np.ascontiguousarray(weight.numpy())
            digest.update(f"{values.dtype}{values.shape}".encode())
            digest.update(values.tobytes())
    return digest.hexdigest()


def _with_scaling(
    source: Source, pixel_range: tuple[float, float] | None
) -> tuple[keras.Model, str | None, str]:
    """Puts the scaling of pixels that a model expects outside into it."""
    if pixel_range is not None:
        low, high = pixel_range
        layer = keras.layers.Rescaling((high - low) / 255, low, name="scaling")
        told = f"pixels of {low:g} to {high:g}, put into the model"
        return _behind(layer, source.model), None, told
    _, found, path = source.preprocessing.partition("keras.applications.")
    if not source.preprocessing.startswith("outside") or not found:
        return source.model, None, source.preprocessing
    module, _, function = path.partition(".")
    application = getattr(sys.modules["keras"].applications, module)
    kept, mean, variance = _as_normalization(getattr(application, function))
    told = f"keras.applications.{path}, put into the model"
    layer = keras.layers.Normalization(
        axis=-1, mean=mean, variance=variance, name="scaling"
    )
    model = _behind(layer, source.model)
    return model, None if kept else "bgr", told


def _behind(layer: keras.layers.Layer, model: keras.Model) -> keras.Model:
    inputs = keras.Input(model.inputs[0].shape[1:], name="pixels")
    return keras.Model(inputs, model(layer(inputs)), name=model.name)


def _as_normalization(preprocess) -> tuple[bool, list[float], list[float]]:
    """Reads off how a function scales each colour of a pixel."""
    pixels = np.zeros((4, 1, 1, 3), "float32")
    for colour in range(3):
        pixels[colour + 1, 0, 0, colour] = 255.0
    black, *colours = np.asarray(preprocess(pixels.copy()))[:, 0, 0]
    change = np.stack(colours) - black  # of input colour, output channel
    kept = bool(np.all(np.diag(change)))
    if not kept:
        change = change[::-1]
    scale = np.diag(change) / 255.0
    mean = -black / scale
    return kept, mean.tolist(), (1 / scale**2).tolist()


def _describe(
    network, table: Stages, name, content, size, channels, told
) -> RegisteredModel:
    graph = read_graph(network)
    leaves = list(graph.leaves())
    costs, start = [], 0
    for stage in table[:-1]:
        calls = leaves[start : stage.stop]
        costs.append(
            LayerCost(
                stage.name,
                stage.parameters,
                sum(call_flops(call) or 0 for call in calls),
                int(np.prod(stage.output_shape[1:])),
                any(map(_draws, calls)),
            )
        )
        start = stage.stop
    (head,) = [c for c in leaves[start:] if starts_stage(c.operation)]
    cuts = tuple(stage.last_layer for stage in table[:-1])
    features = int(np.prod(head.inputs[0].shape[1:]))
    return RegisteredModel(
        name, content, size, cuts, tuple(costs), features, channels, told
    )


def _draws(call) -> bool:
    # Dropout of frozen stages is left out of networks.
    return draws_numbers(call.operation) and not is_dropout(call.operation)
