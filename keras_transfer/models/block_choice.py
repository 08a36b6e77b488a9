"""Which of a model's possible cuts are the ends of its blocks.

Between two neighbouring cuts several tensors may run side by side. Where they
meet in an addition or a concatenation, both ends are ends of blocks; where
they meet in a product, as in squeeze-and-excitation, or where a concatenation
keeps its own input, as inside a dense block, they are inside one.
"""

import dataclasses
import math

from keras_transfer.models.layer_costs import call_flops, starts_stage
from keras_transfer.models.model_graph import Call, Graph

_JOINS = ("Add", "Average", "Concatenate", "Maximum", "Minimum")
_INSIDE, _PLAIN, _STRONG, _BLOCK, _STRONG_BLOCK = range(5)


@dataclasses.dataclass(frozen=True)
class _End:
    """The end of a stage: its place and what speaks for a cut there."""

    place: int
    level: int


def choose_ends(
    leaves: list[Call],
    ends: list[int],
    cuts: list[int],
    graph: Graph,
    most: int,
) -> list[int]:
    """Chooses at most `most` ends of stages, at the ends of blocks.

    Ends inside blocks go first, then those where neither the resolution nor
    the width changes; among equals the one between the two neighbours with
    the least weights and computation. The last end before the classifier
    stays.

    Args:
        leaves: List of `Call`.
        ends: Increasing list of integers, places after the layer calls that
            may end a stage.
        cuts: List of integers, all possible cuts.
        graph: `Graph`.
        most: Integer.

    Returns:
        List of integers, some of `ends`, the last one among them.
    """
    if len(ends) < 3:
        return ends[-most:]
    *inner, head, last = _levels(leaves, ends, cuts, graph)
    kept = [end for end in inner if end.level > _INSIDE]
    weight = _weights(leaves)
    while len(kept) + 2 > most and kept:
        lowest = min(end.level for end in kept)
        places = [0, *[end.place for end in kept], head.place]
        sizes = {
            i: sum(weight[places[i] : places[i + 2]])
            for i, end in enumerate(kept)
            if end.level == lowest
        }
        kept.pop(min(sizes, key=sizes.get))
    chosen = [*[end.place for end in kept], head.place, last.place]
    return chosen[-most:]


def _weights(leaves: list[Call]) -> list[float]:
    """Each call's share of the parameters plus its share of computation."""
    counted: set[int] = set()
    sizes = []
    for call in leaves:
        new = [
            w
            for w in getattr(call.operation, "weights", ())
            if id(w) not in counted
        ]
        counted.update(id(w) for w in new)
        sizes.append(sum(math.prod(w.shape) for w in new))
    flops = [call_flops(call) or 0 for call in leaves]
    return [
        size / (sum(sizes) or 1) + cost / (sum(flops) or 1)
        for size, cost in zip(sizes, flops, strict=True)
    ]


def _levels(
    leaves: list[Call], ends: list[int], cuts: list[int], graph: Graph
) -> list[_End]:
    kinds = _cut_kinds(leaves, cuts, graph)
    starts = [0, *ends]
    levels = []
    for before, end in zip(starts, ends, strict=False):
        first = _first_start(leaves, before, end)
        found = [kinds[c] for c in cuts if first < c <= end and c in kinds]
        levels.append(max(found, default=_PLAIN) if found else _PLAIN)
    return [
        _End(end, level + _is_strong(leaves, ends, levels, i))
        for i, (end, level) in enumerate(zip(ends, levels, strict=True))
    ]


def _first_start(leaves: list[Call], before: int, end: int) -> int:
    for place in range(before, end):
        if starts_stage(leaves[place].operation):
            return place
    return before


def _cut_kinds(
    leaves: list[Call], cuts: list[int], graph: Graph
) -> dict[int, int]:
    """Says of the cuts around branches whether they end a block."""
    kinds: dict[int, int] = {}
    inside: set[int] = set()
    for before, cut in zip(cuts, cuts[1:], strict=False):
        join = leaves[cut - 1]
        # No branches meet: calls of one layer, which stay together.
        if cut - before < 2 or len(join.inputs) < 2:
            continue
        if type(join.operation).__name__ not in _JOINS:
            inside |= {before, cut}
            continue
        start = {graph.key(t) for t in leaves[before - 1].outputs}
        passed = start & {graph.key(t) for t in join.inputs}
        dense = passed and type(join.operation).__name__ == "Concatenate"
        # The next layer of a dense block starts inside the block.
        if not (dense and kinds.get(before) == _INSIDE):
            kinds[before] = _BLOCK
        kinds[cut] = _INSIDE if dense else _BLOCK
    return _dense_blocks(leaves, cuts, kinds) | {
        cut: _INSIDE for cut in inside - set(kinds)
    }


def _dense_blocks(leaves, cuts, kinds) -> dict[int, int]:
    """Lets the last layer of a dense block end a block."""
    following = dict(zip(cuts, cuts[1:], strict=False))
    for cut, kind in list(kinds.items()):
        after = following.get(cut)
        if kind == _INSIDE and (after is None or after - cut < 2):
            kinds[cut] = _BLOCK
    return kinds


def _is_strong(leaves, ends, levels, i) -> bool:
    """Whether resolution or width change at an end; never inside a block."""
    if levels[i] == _INSIDE or i + 1 == len(ends):
        return False
    same = [j for j in range(i + 1, len(ends)) if levels[j] >= levels[i]]
    after = same[0] if same else i + 1
    here = leaves[ends[i] - 1].outputs[0].shape
    before = ends[i - 1] if i else 0
    pooled = here[1:-1] != _last_start_shape(leaves, before, ends[i])[1:-1]
    follows = _last_start_shape(leaves, ends[after - 1], ends[after])
    shrinks = follows[1:-1] != here[1:-1]
    wider = levels[i] == _BLOCK and follows[-1] != here[-1]
    return pooled or shrinks or wider


def _last_start_shape(leaves: list[Call], before: int, end: int) -> tuple:
    for call in reversed(leaves[before:end]):
        if starts_stage(call.operation):
            return call.outputs[0].shape
    return leaves[end - 1].outputs[0].shape
