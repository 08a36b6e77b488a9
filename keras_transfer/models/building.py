"""Builds the networks of a registered model."""

import dataclasses
from pathlib import Path

import keras

from keras_transfer.models.archives import ANY_MODEL, check_archive
from keras_transfer.models.fresh_weights import draw_anew
from keras_transfer.models.heads import new_head
from keras_transfer.models.image_size import with_image_size
from keras_transfer.models.layer_costs import keeps_moments, unwrap
from keras_transfer.models.model_graph import leaf_layers
from keras_transfer.models.random_state import leave_out_dropout, seed_draws
from keras_transfer.models.stages import stages
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.seeds import derive_seed


@dataclasses.dataclass(frozen=True)
class Pair:
    """A registered model, and a network of its layers at a random start.

    Args:
        source: Keras model, as it was registered.
        target: Keras model with a new classifier, whose output is logits.
    """

    source: keras.Model
    target: keras.Model


def build_pair(
    spec: NetworkSpec, path: Path, num_classes: int, seed: int
) -> Pair:
    """Builds a network like a registered model, with all weights drawn anew.

    What preprocessing layers in the model have learnt stays. Frozen stages
    are a fixed function of their input: dropout in them is left out. (Keras
    drops in training whether a layer is frozen or not.) Their augmentation
    stays.

    Args:
        spec: `NetworkSpec` of a registered model.
        path: Path of the model's file.
        num_classes: Integer.
        seed: Integer, of all weights and of what is drawn in training; a
            layer's place and name count too.

    Returns:
        `Pair`.

    Raises:
        UserError: If the file holds more than a model, or the model does not
            take images of this size.
    """
    check_archive(path, ANY_MODEL)
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    source = with_image_size(model, spec.data.crop_shape)
    target = new_head(
        source, num_classes, seed=derive_seed(seed, "head"), logits=True
    )
    draw_anew(target, 0, seed)
    seed_draws(target, seed)
    _set_momentum(target, spec.model.norm_momentum)
    if spec.mode == "frozen" and spec.n:
        table = stages(target, list(spec.model.cuts))
        for stage in table[: spec.n]:
            leave_out_dropout(stage.layers)
    return Pair(source, target)


def _set_momentum(model: keras.Model, momentum: float | None) -> None:
    if momentum is None:
        return
    for _, layer in leaf_layers(model):
        if keeps_moments(layer):
            unwrap(layer).momentum = momentum
