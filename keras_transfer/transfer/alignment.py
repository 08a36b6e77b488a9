"""Lays the first layers of two models side by side, call by call."""

import dataclasses

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.cuts import possible_cuts
from keras_transfer.models.layer_costs import starts_stage
from keras_transfer.models.model_graph import Call, Graph
from keras_transfer.transfer.layer_identity import find_difference
from keras_transfer.transfer.programs import Walk


@dataclasses.dataclass(frozen=True)
class Alignment:
    """What of a source goes with the first layers of a target.

    Args:
        origins: Dict from the id of a target's layer to the source's.
        source: `Walk`, the calls in the source.
        target: `Walk`, the same calls in the target.
        note: String or `None`, which layers only one of them has.
    """

    origins: dict[int, keras.layers.Layer]
    source: Walk
    target: Walk
    note: str | None


def align(source: Graph, target: Graph, stop: int) -> Alignment:
    """Finds the layers of a source that the first of a target go with.

    They are matched by their place, their kind and by which tensors they
    take, so names, and models that they are in, may differ. What comes before
    the first layer with weights (augmentation, scaling of pixels) may be in
    one model only, and so may pooling and dropout right below the target's
    classifier.

    Args:
        source: `Graph`.
        target: `Graph`.
        stop: Integer, place after the last call of the target to match.

    Returns:
        `Alignment`.

    Raises:
        UserError: Naming the first layers that do not go together.
    """
    theirs, ours = list(source.leaves()), list(target.leaves())
    before = _same_before(theirs, ours)
    start = _begin(source, theirs, before), _begin(target, ours, before)
    body = theirs[start[0] :], ours[start[1] : stop]
    count = _same_length(source, target, *body)
    rest = body[1][count:]
    below_classifier = sum(starts_stage(c.operation) for c in ours[stop:]) < 2
    if any(_weights(call) for call in rest) or (rest and not below_classifier):
        raise UserError(_misfit(body, count))
    origins = {
        id(own.operation): other.operation
        for other, own in zip(body[0][:count], body[1][:count], strict=True)
        if isinstance(own.operation, keras.layers.Layer)
    }
    more = [
        ("in the source only", theirs[: start[0]]),
        ("in the target only", ours[: start[1]] + rest),
    ]
    note = "; ".join(
        f"{where}: {', '.join(call.name for call in calls)}"
        for where, calls in more
        if calls
    )
    return Alignment(
        origins,
        Walk(source, start[0], start[0] + count),
        Walk(target, start[1], start[1] + count),
        note or None,
    )


def _weights(call: Call) -> bool:
    return bool(getattr(call.operation, "weights", ()))


def _first_start(leaves: list[Call]) -> int:
    starts = [starts_stage(call.operation) for call in leaves]
    return starts.index(True) if True in starts else len(leaves)


def _kind(call: Call) -> str:
    return type(call.operation).__name__


def _same_before(theirs: list[Call], ours: list[Call]) -> int:
    """Counts calls of one kind right before the first layer with weights."""
    sides = [leaves[: _first_start(leaves)] for leaves in (theirs, ours)]
    count = 0
    for one, other in zip(*map(reversed, sides), strict=False):
        if _kind(one) != _kind(other):
            break
        count += 1
    return count


def _begin(graph: Graph, leaves: list[Call], before: int) -> int:
    begin = _first_start(leaves) - before
    if begin and begin not in possible_cuts(graph):
        # Nothing can be left out where another tensor runs beside it.
        return 0
    return begin


def _same_length(source, target, theirs: list[Call], ours: list[Call]) -> int:
    """Counts the calls that are the same, from the first."""
    wires: tuple[dict, dict] = {}, {}
    partners: tuple[dict, dict] = {}, {}
    pairs = zip(theirs, ours, strict=False)
    for index, (one, other) in enumerate(pairs):
        same = _kind(one) == _kind(other)
        same = same and _wiring(source, one, wires[0]) == _wiring(
            target, other, wires[1]
        )
        # A layer that is called twice is one layer in both.
        ids = id(one.operation), id(other.operation)
        same = same and partners[0].setdefault(ids[0], ids[1]) == ids[1]
        same = same and partners[1].setdefault(ids[1], ids[0]) == ids[0]
        if same and not isinstance(other.operation, keras.layers.Layer):
            same = find_difference(one.operation, other.operation) is None
        if not same:
            return index
        for graph, call, known in (
            (source, one, wires[0]),
            (target, other, wires[1]),
        ):
            for place, tensor in enumerate(call.outputs):
                known[graph.key(tensor)] = (index, place)
    return min(len(theirs), len(ours))


def _wiring(graph: Graph, call: Call, known: dict) -> list:
    """What a call takes: outputs of earlier ones by place, and constants."""
    kwargs = {k: v for k, v in call.kwargs.items() if k != "training"}
    return [
        known.get(graph.key(part))
        if isinstance(part, keras.KerasTensor)
        else repr(part)
        for part in keras.tree.flatten((call.args, kwargs))
    ]


def _misfit(body: tuple[list[Call], list[Call]], count: int) -> str:
    theirs, ours = body[0][count:], body[1][count:]
    text = (
        "The first layers of source and target differ. Expected "
        f"'{ours[0].path}' ({_kind(ours[0])}) of the target in the source too. "
    )
    if theirs:
        text += f"Received: '{theirs[0].path}' ({_kind(theirs[0])})"
        same = _kind(theirs[0]) == _kind(ours[0])
        text += ", which takes other tensors. " if same else ". "
    else:
        text += "Received a source that ends before it. "
    if count:
        return text + f"Copy at most up to '{body[1][count - 1].path}'."
    return text + "Build both from one model, for instance with `new_head`."
