"""Which layers training may change: what is planned, and setting it."""

import keras

from keras_transfer.models.layer_costs import (
    keeps_moments,
    starts_stage,
    unwrap,
)
from keras_transfer.transfer.layer_identity import parts_of

KEPT = "batch normalisation stays frozen, as it was"


def decide_flags(
    layers: list[keras.layers.Layer], frozen: list[bool], asleep: bool
) -> list[tuple[bool, str | None]]:
    """Decides `trainable` for every layer, and notes what is unexpected.

    Batch normalisation that was frozen by itself stays frozen, as Keras's
    guide to fine-tuning advises; all else follows the plan.

    Args:
        layers: List of Keras layers, in the order in which they run.
        frozen: List of booleans, whether the plan freezes each.
        asleep: Boolean, whether the network's own `trainable` is false, which
            froze them all.

    Returns:
        List of pairs of a boolean, the layer's `trainable`, and a string or
        `None`, why it is not what a reader expects.
    """
    flags: list[tuple[bool, str | None]] = []
    owner = True  # whether the layer that a normalisation follows is trained
    for layer, still in zip(layers, frozen, strict=True):
        if starts_stage(layer):
            owner = layer.trainable
        thawed = layer.trainable and unwrap(layer).trainable
        if still:
            flags.append((False, None))
        elif not layer.weights or asleep or thawed:
            flags.append((True, None))
        elif keeps_moments(layer) and owner:
            flags.append((False, KEPT))
        else:
            flags.append((True, "was frozen, is trainable now as planned"))
    return flags


def set_flags(
    pairs: list, target: keras.Model | None, notes: dict[int, list[str]]
) -> None:
    """Sets `trainable` of layers as planned.

    Layers are frozen one by one; a model inside the target is frozen itself
    only if all of its layers are. Parts of a trainable layer that are batch
    normalisation and were frozen by themselves stay so.

    Args:
        pairs: List of `LayerPair`.
        target: Keras model that holds the layers, or `None`.
        notes: Dict from the id of a layer to its notes; more are added.
    """
    asleep = target is not None and not target.trainable
    kept = {} if asleep else {id(p.target): _kept_inside(p) for p in pairs}
    if asleep and any(pair.trainable for pair in pairs):
        # A model's own flag overrules those of its layers.
        target.trainable = True
        for pair in pairs:
            if pair.trainable:
                notes[id(pair.target)].append(
                    "the network's own `trainable` was False and is True now"
                )
    for model, members in _models_inside(target, pairs):
        trained = any(pair.trainable for pair in members)
        if model.trainable != trained:
            model.trainable = trained  # its layers' own flags follow
    for pair in pairs:
        pair.target.trainable = pair.trainable
        for part in kept.get(id(pair.target), ()):
            part.trainable = False
            if KEPT not in notes[id(pair.target)]:
                notes[id(pair.target)].append(KEPT)


def _kept_inside(pair) -> list[keras.layers.Layer]:
    if not (pair.trainable and pair.target.trainable):
        return []
    return [
        part
        for part in parts_of(pair.target)
        if keeps_moments(part) and not part.trainable
    ]


def _models_inside(target, pairs) -> list[tuple[keras.Model, list]]:
    """Models that hold planned layers, the outer first, with those layers."""
    if target is None:
        return []
    planned = {id(pair.target) for pair in pairs}
    found = []
    for part in parts_of(target)[1:]:
        if isinstance(part, keras.Model) and id(part) not in planned:
            inside = {id(layer) for layer in parts_of(part)}
            members = [
                pair
                for pair in pairs
                if id(pair.target) in inside and pair.target.weights
            ]
            if members:
                found.append((part, members))
    return found
