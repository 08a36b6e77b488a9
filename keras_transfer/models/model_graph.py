"""A model as a list of layer calls; models inside it are looked into."""

import collections
import dataclasses
from collections.abc import Callable, Iterator

import keras

from keras_transfer.errors import UserError

# The public name of the class of `keras.Model(inputs, outputs)` is only this.
_Functional = type(
    keras.Model(*(lambda x: (x, keras.layers.Identity()(x)))(keras.Input((1,))))
)
_KEPT = "_keras_transfer_graph"  # what was read of a model


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a layer or operation, or of a model with its calls inside.

    Args:
        operation: Keras layer, operation or model that is called.
        args: Tuple, as passed, with symbolic tensors.
        kwargs: Dict, as passed.
        outputs: List of symbolic tensors.
        path: String, the layer's name below the names of its models.
        start: Integer, place of its first layer call in the whole model.
        stop: Integer, place after its last one.
        inner: `Graph` of a model that is looked into, or `None`.
    """

    operation: Callable
    args: tuple
    kwargs: dict
    outputs: list
    path: str
    start: int
    stop: int
    inner: "Graph | None" = None

    @property
    def inputs(self) -> list:
        """Symbolic tensors among the arguments."""
        return symbolic((self.args, self.kwargs))

    @property
    def name(self) -> str:
        """The layer's own name."""
        return self.operation.name


@dataclasses.dataclass(eq=False)
class Graph:
    """The calls of a model in the order in which they run.

    Args:
        model: Keras model.
        inputs: List of symbolic tensors.
        outputs: List of symbolic tensors.
        calls: List of `Call`.
        same: Dict of tensor ids; the ends of a model inside another are the
            same tensor seen from both sides.
    """

    model: keras.Model
    inputs: list
    outputs: list
    calls: list[Call]
    same: dict[int, int]

    def key(self, tensor) -> int:
        """Returns what identifies a tensor.

        Args:
            tensor: Symbolic tensor of the graph.

        Returns:
            Integer, one for both ends where a model is inside another.
        """
        key = id(tensor)
        while key in self.same:
            key = self.same[key]
        return key

    def leaves(self) -> Iterator[Call]:
        """Yields the calls of layers, those inside other models too."""
        for call in self.calls:
            if call.inner is None:
                yield call
            else:
                yield from call.inner.leaves()


def symbolic(structure) -> list:
    """Returns the symbolic tensors in nested lists, tuples and dicts.

    Args:
        structure: Nested lists, tuples and dicts.

    Returns:
        List of symbolic tensors.
    """
    flat = keras.tree.flatten(structure)
    return [part for part in flat if isinstance(part, keras.KerasTensor)]


def has_graph(layer) -> bool:
    """Whether a layer is a model whose layers are known without running it.

    Args:
        layer: Keras layer.

    Returns:
        Boolean.
    """
    if isinstance(layer, keras.Sequential):
        # Without a graph where one of its layers has none.
        return layer.built and bool(getattr(layer, "inputs", None))
    own_call = getattr(type(layer), "call", None) is not _Functional.call
    return isinstance(layer, _Functional) and not own_call


def is_plain(model) -> bool:
    """Whether a model is a `keras.Sequential` without models inside.

    Args:
        model: Keras model.

    Returns:
        Boolean.
    """
    return isinstance(model, keras.Sequential) and not any(
        isinstance(layer, keras.Model) for layer in model.layers
    )


def leaf_layers(model: keras.Model) -> list[tuple[str, keras.layers.Layer]]:
    """Returns the layers of a model, those of models inside it included.

    Args:
        model: Keras model. One without a graph is not looked into.

    Returns:
        List of pairs of a string, the layer's name below the names of the
        models that it is in, and the layer; each once, in the order in which
        they first run.
    """
    if is_plain(model) or not has_graph(model):
        return [(layer.name, layer) for layer in model.layers]
    found: dict[int, tuple[str, keras.layers.Layer]] = {}
    for call in read_graph(model).leaves():
        if isinstance(call.operation, keras.layers.Layer):
            found.setdefault(id(call.operation), (call.path, call.operation))
    return list(found.values())


def weight_names(model: keras.Model) -> dict[int, str]:
    """Returns a name for each weight that no other has.

    It is the weight's path. Layers of two models inside a model may have one
    name, and their weights one path: the models' names come before it then.

    Args:
        model: As of `leaf_layers`.

    Returns:
        Dict from the `id` of a weight to its name.
    """
    found = [(p, w) for p, layer in leaf_layers(model) for w in layer.weights]
    times = collections.Counter(w.path for _, w in found)
    names: dict[int, str] = {}
    taken: set[str] = set()
    for path, weight in found:
        name = weight.path
        if times[name] > 1:
            outer, _, own = path.rpartition("/")
            name = f"{outer or own}/{name}"
        while name in taken:
            name += "'"
        taken.add(name)
        names[id(weight)] = name
    return names


def read_graph(
    model: keras.Model, shapes: list[tuple[int | None, ...]] | None = None
) -> Graph:
    """Reads a model's calls, those of models inside it included.

    Reading takes a second for hundreds of layers, so what was read stays with
    the model until other tensors are its ends (`Sequential.add`).

    Args:
        model: Built `keras.Sequential` or Functional model; it is not changed.
        shapes: List of tuples with the batch, shapes of the inputs to read it
            with. Defaults to the model's own.

    Returns:
        `Graph`.

    Raises:
        UserError: If the model has no graph to read.
    """
    _check_readable(model)
    if shapes is not None:
        return _read(model, shapes, "", 0, {})
    ends = [*model.inputs, *model.outputs]
    known, graph = vars(model).get(_KEPT, ([], None))
    if list(map(id, known)) != list(map(id, ends)):
        graph = _read(model, None, "", 0, {})
        # Past Keras, which keeps track of what is assigned to a model.
        vars(model)[_KEPT] = ends, graph
    return graph


def _check_readable(model) -> None:
    if has_graph(model):
        return
    if not isinstance(model, keras.Model):
        raise UserError(f"Expected a Keras model. Received: {model!r}.")
    if isinstance(model, keras.Sequential) and not model.built:
        raise UserError(
            f"Model '{model.name}' is not built: expected a built model. Call "
            "`build(input_shape)` or begin with `keras.Input`."
        )
    parts = [p.name for p in model.layers if has_graph(p)]
    cure = (
        f"Use the model inside it: {parts}."
        if parts
        else "Write it as a Functional model: "
        "`keras.Model(inputs, outputs)` from `inputs = keras.Input(shape)`."
    )
    raise UserError(
        f"Model '{model.name}' ({type(model).__name__}) has no graph: which "
        "layers follow which is known only to the Python code of its `call`. "
        f"{cure}"
    )


def _read(model, shapes, prefix, start, same) -> Graph:
    # A fresh `Functional` of the same tensors reads the same for both kinds
    # of model, and is never compiled.
    functional = keras.Model(model.inputs, model.outputs)
    shapes = shapes or [tensor.shape for tensor in model.inputs]
    inputs = [
        keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]
    calls: list[Call] = []

    def record(operation, *args, **kwargs):
        outputs = operation(*args, **kwargs)
        begin = calls[-1].stop if calls else start
        path = prefix + operation.name
        call = Call(
            operation,
            args,
            kwargs,
            symbolic(outputs),
            path,
            begin,
            begin + 1,
        )
        if _opens(call):
            given = [tensor.shape for tensor in call.inputs]
            inner = _read(operation, given, f"{path}/", begin, same)
            _join(same, inner.inputs, call.inputs)
            _join(same, inner.outputs, call.outputs)
            call.inner, call.stop = inner, inner.calls[-1].stop
        calls.append(call)
        return outputs

    clone = keras.models.clone_model(
        functional,
        input_tensors=inputs,
        clone_function=lambda layer: layer,
        call_function=record,
    )
    return Graph(model, clone.inputs, clone.outputs, calls, same)


def _join(same, tensors, others) -> None:
    for tensor, other in zip(tensors, others, strict=True):
        # A model may hand its input on as it is.
        if tensor is not other:
            same[id(tensor)] = id(other)


def _opens(call: Call) -> bool:
    """Whether a call is of a model that can be looked into."""
    model = call.operation
    if not has_graph(model) or set(call.kwargs) - {"training", "mask"}:
        return False
    ranks = [len(tensor.shape) for tensor in model.inputs]
    return [len(tensor.shape) for tensor in call.inputs] == ranks
