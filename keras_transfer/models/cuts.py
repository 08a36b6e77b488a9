"""Where a model can be cut in two.

A tensor is a possible cut if no other tensor is needed once it is known; two
calls of one layer with weights are never on two sides of it.
"""

import difflib

from keras_transfer.errors import UserError
from keras_transfer.models.model_graph import Call, Graph


def possible_cuts(graph: Graph) -> list[int]:
    """Finds where a model can be cut.

    Args:
        graph: `Graph`.

    Returns:
        List of integers, places after the layer call whose output is the
        only tensor still needed; the end of the model is the last.
    """
    leaves = list(graph.leaves())
    last_use: dict[int, int] = {}
    for place, call in enumerate(leaves):
        for tensor in call.inputs:
            last_use[graph.key(tensor)] = place
    for tensor in graph.outputs:
        last_use[graph.key(tensor)] = len(leaves)
    barred = _between_calls_of_one_layer(leaves)
    live = {graph.key(tensor) for tensor in graph.inputs}
    found = []
    for place, call in enumerate(leaves):
        live |= {graph.key(tensor) for tensor in call.outputs}
        live = {key for key in live if last_use.get(key, -1) > place}
        own = [t for t in call.outputs if live == {graph.key(t)}]
        # A mask is a second tensor that flows on.
        if own and place not in barred and not _has_mask(own[0]):
            found.append(place + 1)
    return sorted({*found, len(leaves)})


def _has_mask(tensor) -> bool:
    return getattr(tensor, "_keras_mask", None) is not None


def _between_calls_of_one_layer(leaves: list[Call]) -> set[int]:
    """Places after which a layer with weights is called once more."""
    uses: dict[int, list[int]] = {}
    for place, call in enumerate(leaves):
        if getattr(call.operation, "weights", ()):
            uses.setdefault(id(call.operation), []).append(place)
    barred: set[int] = set()
    for places in uses.values():
        barred.update(range(places[0], places[-1]))
    return barred


def place_of(leaves: list[Call], cuts: list[int], name: str) -> int:
    """Finds the place of a cut by the layer that ends there.

    Args:
        leaves: List of `Call`, the layer calls of a model.
        cuts: List of integers, from `possible_cuts`.
        name: String, a layer's name or its path `"model/layer"`.

    Returns:
        Integer, the place after the layer's last call.

    Raises:
        UserError: If no layer, or several, have the name, or the model
            cannot be cut there; with the nearest that fit.
    """
    found = [
        place + 1
        for place, call in enumerate(leaves)
        if name in (call.path, call.name)
    ]
    if not found:
        known = [call.path for call in leaves]
        near = difflib.get_close_matches(name, known, 3, cutoff=0)
        raise UserError(
            f"No layer is called {name!r}; expected one of the model's "
            f"layers. Nearest: {near}."
        )
    paths = {leaves[place - 1].path for place in found}
    if len(paths) > 1:
        raise UserError(
            f"Several layers are called {name!r}. Name one of these: "
            f"{sorted(paths)}."
        )
    if found[-1] not in cuts:
        near = _nearest(leaves, cuts, found[-1])
        raise UserError(
            f"The model cannot be cut after '{name}': another tensor is "
            "needed as well, or one of its layers is called once more. "
            f"Nearest possible cuts: {near}."
        )
    return found[-1]


def _nearest(leaves: list[Call], cuts: list[int], place: int) -> list[str]:
    before = [cut for cut in cuts if cut < place][-1:]
    after = [cut for cut in cuts if cut > place][:1]
    return [leaves[cut - 1].path for cut in before + after]
