"""Copies layers in pairs: checked before, proved after, or nothing done."""

import dataclasses

import keras

from keras_transfer.errors import UserError
from keras_transfer.transfer import layer_state, probe
from keras_transfer.transfer.flags import set_flags
from keras_transfer.transfer.layer_identity import (
    dtype_note,
    find_difference,
    ordered_weights,
    parts_of,
)
from keras_transfer.transfer.programs import Chain, Walk
from keras_transfer.transfer.proof import (
    Proof,
    TensorProof,
    sha256,
    sha256_of_values,
)


@dataclasses.dataclass(frozen=True)
class LayerPair:
    """One layer of the target, and the one that it is copied from.

    Args:
        target: `keras.layers.Layer`.
        source: `keras.layers.Layer`, or `None` to leave the random start.
        stage: String, name of the numbered layer or stage it belongs to.
        trainable: Boolean.
        note: String or `None`, what the proof should say of it.
        path: String or `None`, what the proof calls it. Defaults to the
            target layer's own name.
    """

    target: keras.layers.Layer
    source: keras.layers.Layer | None
    stage: str
    trainable: bool
    note: str | None = None
    path: str | None = None


@dataclasses.dataclass(frozen=True)
class Route:
    """How a batch runs through the layers that are copied or frozen.

    Args:
        source: `Chain` or `Walk` through copied layers.
        target: The same through their copies.
        whole: `Chain` or `Walk` from the target's input through all that is
            copied or frozen.
    """

    source: Chain | Walk
    target: Chain | Walk
    whole: Chain | Walk


def copy_layers(
    pairs: list[LayerPair],
    target: keras.Model | None = None,
    source: keras.Model | None = None,
    route: Route | None = None,
) -> Proof:
    """Copies and freezes layers, then proves it; or changes nothing.

    Args:
        pairs: List of `LayerPair`, one for every layer of the target.
        target: `keras.Model` or `None`, the network of the targets. Its
            input is what the probe is made of.
        source: `keras.Model` or `None`, the network of the sources.
        route: `Route` or `None`, how the layers follow on each other. Defaults
            to one after another.

    Returns:
        `Proof`.

    Raises:
        UserError: If the networks share variables, a pair differs in shapes,
            types or settings, a frozen layer would change itself, or layers
            differ in their outputs once copied.
    """
    copied = [pair for pair in pairs if pair.source is not None]
    _check_apart(
        [target] if target is not None else [p.target for p in pairs],
        [source] if source is not None else [p.source for p in copied],
    )
    for pair in copied:
        _check_pair(pair.source, pair.target)
    notes = {id(p.target): [p.note] if p.note else [] for p in pairs}
    for pair in copied:
        notes[id(pair.target)] += _type_notes(pair)
    with layer_state.all_or_nothing([p.target for p in pairs], target):
        for pair in copied:
            layer_state.move_state(pair.source, pair.target)
        set_flags(pairs, target, notes)
        found, reason = _probe(pairs, route or _line(pairs, target))
        if reason is not None:
            for pair in copied:
                if id(pair.target) not in found:
                    text = f"outputs not compared: {reason}"
                    notes[id(pair.target)].append(text)
        proof = Proof(tuple(_rows(pairs, notes, found)))
        proof.check()
    return proof


def _check_apart(target: list, source: list) -> None:
    """Refuses networks that share a variable: training one moves both."""
    owned = {id(v) for layer in target for v in layer.variables}
    shared = [v.path for x in source for v in x.variables if id(v) in owned]
    if shared:
        raise UserError(
            "Expected a source and a target with variables of their own. "
            f"Received networks that share {shared}: training the target "
            "would train the source. Build the target's layers anew, for "
            "instance with `keras.models.clone_model`."
        )


def _check_pair(source, target) -> None:
    names = f"layer '{source.name}' to '{target.name}'"
    wanted, found = ordered_weights(target), ordered_weights(source)
    shapes = [[tuple(w.shape) for w in side] for side in (wanted, found)]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"Cannot copy {names}: expected weight shapes {shapes[0]}. "
            f"Received: {shapes[1]}."
        )
    difference = find_difference(source, target)
    if difference is not None:
        setting, theirs, ours = difference
        raise UserError(
            f"Cannot copy {names}: with the same weights they compute other "
            f"things. Expected `{setting}` to be {ours!r} as in the target. "
            f"Received: {theirs!r} in the source. Build the target's layer "
            "with the source's settings, or copy fewer layers."
        )
    for origin, weight in zip(found, wanted, strict=True):
        if not layer_state.fits_without_loss(origin, weight):
            raise UserError(
                f"Cannot copy {names}: expected a type of weights that "
                f"{weight.dtype} holds without loss. Received: "
                f"{origin.dtype} ({origin.path}). Build both with one `dtype`."
            )


def _type_notes(pair: LayerPair) -> list[str]:
    weights = zip(
        ordered_weights(pair.source), ordered_weights(pair.target), strict=True
    )
    casts = {
        f"cast from {a.dtype} to {b.dtype} without loss"
        for a, b in weights
        if a.dtype != b.dtype
    }
    computing = dtype_note(pair.source, pair.target)
    return [*sorted(casts), *([computing] if computing else [])]


def _line(pairs: list[LayerPair], target: keras.Model | None) -> Route:
    """The layers one after another, up to the last that is acted on."""
    acts = [
        p.source is not None or (not p.trainable and bool(p.target.weights))
        for p in pairs
    ]
    reach = max((i + 1 for i, act in enumerate(acts) if act), default=0)
    copied = [pair.source is not None for pair in pairs]
    count = copied.index(False) if False in copied else len(pairs)
    given = list(getattr(target, "inputs", None) or ())
    return Route(
        Chain([pair.source for pair in pairs[:count]], given),
        Chain([pair.target for pair in pairs[:count]], given),
        Chain([pair.target for pair in pairs[:reach]], given),
    )


def _probe(
    pairs: list[LayerPair], route: Route
) -> tuple[dict[int, float], str | None]:
    """Differences by the id of the target's layer, and why some are missing."""
    frozen = {
        id(p.target) for p in pairs if not p.trainable and p.target.weights
    }
    changed = probe.changes_itself(
        route.whole, frozen, probe.probe_batches(route.whole)
    )
    if changed is not None:
        raise UserError(
            f"Layer '{changed.name}' ({type(changed).__name__}) changes its "
            "own weights in training mode although it is frozen. Expected "
            "layers that stay as they are copied. Use the plain layer inside, "
            'or copy it `"finetuned"`.'
        )
    if not any(pair.source is not None for pair in pairs):
        return {}, None
    if not route.target.layers:
        return {}, "layers before them are not copied"
    outcome = probe.compare_outputs(
        route.source, route.target, probe.probe_batches(route.target)
    )
    _check_outputs(outcome, route)
    found: dict[int, float] = {}
    differences = outcome.differences
    for layer, value in zip(route.target.layers, differences, strict=False):
        found[id(layer)] = max(value, found.get(id(layer), 0.0))
    return found, outcome.reason or "layers before them are not copied"


def _check_outputs(outcome: probe.Outcome, route: Route) -> None:
    sources, targets = route.source.layers, route.target.layers
    wrong = probe.find_excess(outcome.differences, sources, targets)
    if wrong is None:
        return
    raise UserError(
        f"Cannot copy layer '{sources[wrong].name}' to "
        f"'{targets[wrong].name}': with the same weights and settings their "
        "outputs on a probe batch differ by "
        f"{outcome.differences[wrong]:.2g} of the largest. Expected the same "
        "outputs: the layer holds state that Keras does not save. Keep it in "
        "weights, or give it `save_own_variables` and `load_own_variables`."
    )


def _rows(pairs, notes, differences: dict[int, float]):
    for i, pair in enumerate(pairs):
        origins = ordered_weights(pair.source) if pair.source else None
        note = "; ".join(notes[id(pair.target)]) or None
        trained = {id(w) for w in pair.target.trainable_weights}
        still = _frozen_inside(pair)
        for j, weight in enumerate(ordered_weights(pair.target)):
            origin = origins[j] if origins else None
            yield TensorProof(
                layer=pair.path or pair.target.name,
                target_path=weight.path,
                source_path=origin.path if origin is not None else None,
                shape=tuple(weight.shape),
                frozen=not pair.trainable or id(weight) in still,
                source_sha256=_source_hash(origin, weight),
                before_sha256=sha256(weight),
                stage=pair.stage,
                place=(i, j),
                trains=id(weight) in trained,
                output_difference=differences.get(id(pair.target)),
                note=note,
            )


def _frozen_inside(pair: LayerPair) -> set[int]:
    parts = [p for p in parts_of(pair.target) if not p.trainable]
    return {id(weight) for part in parts for weight in part.weights}


def _source_hash(origin, weight) -> str | None:
    if origin is None:
        return None
    return sha256_of_values(layer_state.cast_values(origin, weight))
