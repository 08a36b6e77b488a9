"""Stages of a model: where it can be cut, and the two halves of a cut.

A tensor is a possible cut if no other tensor is needed once it is known; two
calls of one layer with weights are never on two sides of it.
"""

import dataclasses
import difflib
import math

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.block_choice import choose_ends
from keras_transfer.models.layer_costs import call_flops, starts_stage
from keras_transfer.models.model_graph import (
    Call,
    Graph,
    build_part,
    read_graph,
)
from keras_transfer.models.text_tables import text_table

# Sizes to count computation with where a model leaves them open.
_OPEN_IMAGE, _OPEN_LENGTH = 224, 64


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """Consecutive layers of a model that end in one tensor.

    Args:
        index: Integer, from 1.
        name: String, the layer with weights if it has one, else its last.
        last_layer: String, the layer whose output ends it.
        layers: Tuple of Keras layers in the order in which they run, those
            of models inside the model too.
        parameters: Integer, values of its weights.
        trainable: Integer, how many of them training may change now.
        output_shape: Tuple with the batch, or a tuple of such tuples where
            the model has several outputs.
        share: Float, part of the model's computation, between 0 and 1;
            `None` where a shape is not known.
        stop: Integer, place after its last layer call in the model.
    """

    index: int
    name: str
    last_layer: str
    layers: tuple[keras.layers.Layer, ...]
    parameters: int
    trainable: int
    output_shape: tuple
    share: float | None
    stop: int


class Stages(tuple):
    """Tuple of `Stage`; `print` shows it as a table."""

    def table(self) -> str:
        """Returns a line for each stage."""
        header = [
            "stage",
            "name",
            "last layer",
            "layers",
            "parameters",
            "trainable",
            "output shape",
            "computation",
        ]
        return text_table(header, [_cells(stage) for stage in self])

    __str__ = table


def _cells(stage: Stage) -> list[str]:
    share = "unknown" if stage.share is None else f"{stage.share:.1%}"
    return [
        str(stage.index),
        stage.name,
        stage.last_layer,
        str(len(stage.layers)),
        f"{stage.parameters:,}",
        f"{stage.trainable:,}",
        str(stage.output_shape),
        share,
    ]


def stages(
    model: keras.Model,
    cuts: list[str] | None = None,
    most: int | None = 12,
) -> Stages:
    """Divides a model into stages, each ending in one tensor.

    A layer with weights starts a stage; normalisation, activation, pooling,
    dropout and preprocessing belong to the stage before them. A plain
    `keras.Sequential` has one stage for each layer with weights. Elsewhere
    residual, dense and inception blocks stay whole, and the smallest
    neighbours are one until there are at most `most`; the last stage, usually
    the classifier, stays by itself. Models inside the model are looked into.

    Computation is counted as multiplications and additions of kernels: two
    for each value of a kernel, at each place of the output it is used for.

    Args:
        model: Built `keras.Sequential` or Functional model.
        cuts: List of strings, names of the layers that end a stage, instead
            of the choice above. A layer inside another model is named
            `"model/layer"` where its own name is not unique.
        most: Integer, at least 1, or `None` for every cut that has weights
            before and after. Defaults to `12`.

    Returns:
        `Stages`, at least one.

    Raises:
        UserError: If the model has no graph, has no weights, or a name of
            `cuts` is unknown or is no possible cut.

    Example:
        >>> print(stages(keras.applications.ResNet50(weights=None)))
    """
    if most is not None and most < 1:
        raise UserError(
            f"Expected `most` of at least 1, or `None`. Received: most={most}."
        )
    graph = read_graph(model)
    leaves = list(graph.leaves())
    if not any(starts_stage(call.operation) for call in leaves):
        raise UserError(
            f"Model '{model.name}' has no layer with weights, so nothing can "
            "be copied or frozen. Expected a model with at least one."
        )
    if cuts is not None:
        ends = _named_ends(graph, leaves, cuts)
    else:
        ends = _stage_ends(leaves, possible_cuts(graph))
        if most is not None and not _is_plain(model):
            ends = choose_ends(leaves, ends, possible_cuts(graph), graph, most)
    return Stages(_describe(graph, leaves, ends))


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


def _is_plain(model: keras.Model) -> bool:
    nested = [isinstance(layer, keras.Model) for layer in model.layers]
    return isinstance(model, keras.Sequential) and not any(nested)


def _stage_ends(leaves: list[Call], cuts: list[int]) -> list[int]:
    """Keeps, of cuts without a starting layer between them, the last."""
    starts = [starts_stage(call.operation) for call in leaves]
    ends: list[int] = []
    for before, cut in zip([0, *cuts], cuts, strict=False):
        # What comes before the first layer with weights is its preprocessing.
        if any(starts[before:cut]) and any(starts[:before]):
            ends.append(before)
    return [*ends, len(leaves)]


def _named_ends(
    graph: Graph, leaves: list[Call], names: list[str]
) -> list[int]:
    cuts = possible_cuts(graph)
    places = {_place(leaves, cuts, name) for name in names}
    ends = sorted({*places, len(leaves)})
    for before, end in zip([0, *ends], ends, strict=False):
        calls = leaves[before:end]
        if not any(getattr(c.operation, "weights", ()) for c in calls):
            raise UserError(
                f"No layer between '{leaves[before].path}' and "
                f"'{leaves[end - 1].path}' has weights, so they are no stage. "
                f"Leave one of these names out of `cuts`: {names}."
            )
    return ends


def _place(leaves: list[Call], cuts: list[int], name: str) -> int:
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


def _describe(graph: Graph, leaves: list[Call], ends: list[int]):
    flops = _flops(graph)
    total = None if flops is None else sum(flops)
    names = [call.name for call in leaves]
    for index, (before, end) in enumerate(
        zip([0, *ends], ends, strict=False), start=1
    ):
        calls = leaves[before:end]
        last = calls[-1]
        label = last.name if names.count(last.name) == 1 else last.path
        starters = [c.name for c in calls if starts_stage(c.operation)]
        layers = tuple(
            {
                id(call.operation): call.operation
                for call in calls
                if isinstance(call.operation, keras.layers.Layer)
            }.values()
        )
        tensors = graph.outputs if end == ends[-1] else last.outputs
        shapes = [tuple(tensor.shape) for tensor in tensors]
        yield Stage(
            index,
            starters[0] if len(set(starters)) == 1 else label,
            label,
            layers,
            _size([w for layer in layers for w in layer.weights]),
            _size([w for layer in layers for w in layer.trainable_weights]),
            shapes[0] if len(shapes) == 1 else tuple(shapes),
            None if not total else sum(flops[before:end]) / total,
            end,
        )


def _size(weights) -> int:
    unique = {id(weight): weight for weight in weights}.values()
    return sum(math.prod(weight.shape) for weight in unique)


def _flops(graph: Graph) -> list[int] | None:
    shapes = [_closed(tensor.shape) for tensor in graph.inputs]
    if any(None in tensor.shape[1:] for tensor in graph.inputs):
        try:
            graph = read_graph(graph.model, shapes)
        except (ValueError, TypeError):
            return None  # The model does not take an input of this size.
    counts = [call_flops(call) for call in graph.leaves()]
    return None if None in counts else counts


def _closed(shape: tuple) -> tuple:
    open_size = _OPEN_IMAGE if len(shape) == 4 else _OPEN_LENGTH
    return (shape[0], *[size or open_size for size in shape[1:]])


def _find(graph: Graph, leaves: list[Call], stage) -> int:
    if isinstance(stage, str):
        return _place(leaves, possible_cuts(graph), stage)
    if isinstance(stage, int):
        found = stages(graph.model)
        if not 1 <= stage <= len(found):
            raise UserError(
                f"Expected `stage` between 1 and {len(found)}. "
                f"Received: stage={stage}."
            )
        return found[stage - 1].stop
    places = [call.path for call in leaves]
    fits = stage.stop <= len(places) and stage.last_layer in (
        leaves[stage.stop - 1].path,
        leaves[stage.stop - 1].name,
    )
    if not fits:
        raise UserError(
            f"Stage '{stage.name}' is not one of model '{graph.model.name}'. "
            "Expected one of `stages(model)`."
        )
    return stage.stop


def prefix(model: keras.Model, stage: Stage | int | str) -> keras.Model:
    """Returns the model up to the end of a stage; weights are shared.

    Args:
        model: Built `keras.Sequential` or Functional model.
        stage: `Stage`, its number in `stages(model)`, or the name of a layer
            that is a possible cut.

    Returns:
        Functional model with the model's layers.

    Raises:
        UserError: If the model cannot be cut there.
    """
    graph = read_graph(model)
    leaves = list(graph.leaves())
    stop = _find(graph, leaves, stage)
    last = stop == len(leaves)
    wanted = graph.outputs if last else leaves[stop - 1].outputs
    return build_part(graph, graph.inputs, wanted, 0, stop)


def suffix(model: keras.Model, stage: Stage | int | str) -> keras.Model:
    """Returns the model after the end of a stage; weights are shared.

    Its input is what `prefix(model, stage)` puts out; one after the other
    they compute what the model does.

    Args:
        model: Built `keras.Sequential` or Functional model.
        stage: As for `prefix`; not the last.

    Returns:
        Functional model with the model's layers.

    Raises:
        UserError: If the model cannot be cut there, or nothing follows.
    """
    graph = read_graph(model)
    leaves = list(graph.leaves())
    stop = _find(graph, leaves, stage)
    if stop == len(leaves):
        raise UserError(
            f"Nothing follows '{leaves[-1].name}', the end of the model. "
            "Expected a stage before the last."
        )
    given = leaves[stop - 1].outputs
    return build_part(graph, given, graph.outputs, stop, len(leaves))
