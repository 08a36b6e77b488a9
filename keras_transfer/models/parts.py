"""Parts of a model built again; they share its layers and weights."""

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.cuts import place_of, possible_cuts
from keras_transfer.models.model_graph import (
    Call,
    Graph,
    read_graph,
    symbolic,
)
from keras_transfer.models.stages import Stage, stages


def prefix(model: keras.Model, stage: Stage | int | str) -> keras.Model:
    """Returns the model up to the end of a stage; weights are shared.

    As of any model, call it with `training=False` for features: Keras's random
    augmentation acts where `training` is not given.

    Args:
        model: Built `keras.Sequential` or Functional model.
        stage: `Stage`, its number in `stages(model)`, or the name of a layer
            that is a possible cut.

    Returns:
        Functional model with the model's layers.

    Raises:
        UserError: If the model cannot be cut there.

    Example:
        >>> model = keras.Sequential([
        ...     keras.Input((8,)), keras.layers.Dense(4, name="first"),
        ...     keras.layers.ReLU(name="relu"),
        ...     keras.layers.Dense(3, name="last")])
        >>> kt.prefix(model, 1).output_shape
        (None, 4)
        >>> kt.prefix(model, "first").layers[-1].name
        'first'
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

    Example:
        >>> model = keras.Sequential([
        ...     keras.Input((8,)), keras.layers.Dense(4, name="first"),
        ...     keras.layers.ReLU(name="relu"),
        ...     keras.layers.Dense(3, name="last")])
        >>> images = np.ones((2, 8))
        >>> features = kt.prefix(model, 1)(images)
        >>> rest = kt.suffix(model, 1)
        >>> np.allclose(rest(features), model(images))
        True
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


def _find(graph: Graph, leaves: list[Call], stage) -> int:
    if isinstance(stage, str):
        return place_of(leaves, possible_cuts(graph), stage)
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


def build_part(
    graph: Graph, given: list, wanted: list, start: int, stop: int
) -> keras.Model:
    """Builds the model that computes some tensors of a graph from others.

    Models inside it stay models inside it; one that is cut keeps its name and
    the layers of its half.

    Args:
        graph: `Graph`.
        given: List of symbolic tensors of the graph.
        wanted: List of symbolic tensors of the graph.
        start: Integer, place of the first layer call.
        stop: Integer, place after the last one.

    Returns:
        Functional model that shares the layers of the graph's model.
    """
    inputs = [
        keras.Input(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name
        )
        for tensor in given
    ]
    keys = [graph.key(tensor) for tensor in given]
    known = dict(zip(keys, inputs, strict=True))
    for call in graph.calls:
        if call.stop <= start or call.start >= stop:
            continue
        whole = start <= call.start and call.stop <= stop
        tensors = call.outputs
        if whole:
            made = _call_again(graph, call, known)
        else:
            inner = call.inner
            # The tensor of the cut is the only one that runs through it.
            first = inner.inputs if start <= call.start else given
            tensors = inner.outputs if call.stop <= stop else wanted
            part = build_part(inner, first, tensors, start, stop)
            made = part(
                _one([known[graph.key(t)] for t in first]),
                training=call.kwargs.get("training"),
            )
        for tensor, new in zip(tensors, symbolic(made), strict=True):
            known[graph.key(tensor)] = new
    outputs = [known[graph.key(tensor)] for tensor in wanted]
    return keras.Model(_one(inputs), _one(outputs), name=graph.model.name)


def _call_again(graph: Graph, call: Call, known: dict):
    args, kwargs = keras.tree.map_structure(
        lambda part: (
            known[graph.key(part)]
            if isinstance(part, keras.KerasTensor)
            else part
        ),
        (call.args, call.kwargs),
    )
    return call.operation(*args, **kwargs)


def _one(values: list):
    return values[0] if len(values) == 1 else values
