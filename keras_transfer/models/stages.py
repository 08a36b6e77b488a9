"""Stages of a model: consecutive layers, each group ending in one tensor."""

import dataclasses
import math

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.block_choice import choose_ends
from keras_transfer.models.cuts import place_of, possible_cuts
from keras_transfer.models.layer_costs import call_flops, starts_stage
from keras_transfer.models.model_graph import Call, Graph, is_plain, read_graph
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

    Example:
        >>> model = keras.Sequential([
        ...     keras.Input((8,)), keras.layers.Dense(4, name="first"),
        ...     keras.layers.ReLU(), keras.layers.Dense(3, name="last")])
        >>> first, last = kt.stages(model)
        >>> first.name, first.parameters, first.output_shape
        ('first', 36, (None, 4))
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
        >>> model = keras.Sequential([
        ...     keras.Input((8,)), keras.layers.Dense(4, name="first"),
        ...     keras.layers.ReLU(name="relu"),
        ...     keras.layers.Dense(3, name="last")])
        >>> [stage.last_layer for stage in kt.stages(model)]
        ['relu', 'last']
        >>> print(kt.stages(model))
        stage ...
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
        if most is not None and not is_plain(model):
            ends = choose_ends(leaves, ends, possible_cuts(graph), graph, most)
    return Stages(_describe(graph, leaves, ends))


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
    places = {place_of(leaves, cuts, name) for name in names}
    ends = sorted({*places, len(leaves)})
    for before, end in zip([0, *ends], ends, strict=False):
        calls = leaves[before:end]
        if not any(getattr(c.operation, "weights", ()) for c in calls):
            start = f"'{leaves[before - 1].path}'" if before else "the input"
            raise UserError(
                f"No layer between {start} and "
                f"'{leaves[end - 1].path}' has weights, so they are no stage. "
                f"Leave one of these names out of `cuts`: {names}."
            )
    return ends


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
