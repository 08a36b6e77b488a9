"""Copies the first layers of any Keras model with a graph into another."""

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.cuts import place_of, possible_cuts
from keras_transfer.models.model_graph import Graph, leaf_layers, read_graph
from keras_transfer.models.stages import Stages, stages
from keras_transfer.specs.origins import MODES
from keras_transfer.transfer.alignment import Alignment, align
from keras_transfer.transfer.copying import LayerPair, Route, copy_layers
from keras_transfer.transfer.flags import decide_flags
from keras_transfer.transfer.programs import Walk
from keras_transfer.transfer.proof import Proof


def copy_first_layers(
    source: keras.Model,
    target: keras.Model,
    n: int | None = None,
    mode: str = "frozen",
    *,
    up_to: str | None = None,
    cuts: list[str] | None = None,
    preserved: int = 0,
) -> Proof:
    """Copies the first layers of a model into another, frozen or not.

    Layers are matched by their place in the order in which they run, so names
    may differ, and either may be inside another model. Augmentation and
    scaling of pixels may be in one of the two only. Nothing is changed unless
    all fits; then the copies are compared with the source on a made-up batch.

    Layers are frozen one by one; a model inside the target is frozen itself
    if all its layers are. Frozen batch normalisation runs in inference mode.
    Calling a model with `training=False` would not freeze it: `fit` passes its
    own `training=True` on to every layer. Layers above the copied ones are
    trained, except batch normalisation that was frozen by itself.

    Compile the target afterwards: Keras reads `trainable` at `compile`.

    Args:
        source: Built `keras.Sequential` or Functional model, usually trained.
        target: Built `keras.Sequential` or Functional model with layers of its
            own, for instance from `new_head`; changed in place.
        n: Integer, number of stages of the target (see `stages`) to copy, at
            least 1 and fewer than it has. The stages of a plain `Sequential`
            are its layers with weights.
        mode: String, `"frozen"` or `"finetuned"`. Defaults to `"frozen"`.
        up_to: String, instead of `n`: name of the last layer to copy, in the
            target; `"model/layer"` for one inside another model.
        cuts: List of strings, the ends of the stages that `n` counts. Defaults
            to the choice of `stages`.
        preserved: Integer, stages above the first `n` that are copied as well,
            and fine-tuned whatever `mode` says. Defaults to `0`.

    Returns:
        `Proof`, of every tensor of the target. `proof.after(target)` completes
        it after training, and fails if a frozen tensor moved.

    Raises:
        UserError: If the models do not fit, share variables, or have no graph,
            as subclassed models; nothing is changed then.

    Example:
        >>> source = keras.applications.MobileNet(
        ...     weights=None, input_shape=(32, 32, 3), alpha=0.25)
        >>> model = kt.new_head(source, num_classes=2)
        >>> proof = kt.copy_first_layers(source, model, n=3)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> images = np.random.default_rng(0).normal(size=(2, 32, 32, 3))
        >>> history = model.fit(images, np.array([0, 1]), verbose=0)
        >>> print(proof.after(model).summary())
        137 tensors: ... copied, ... frozen, ... of those unchanged bit by bit

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section 2.
    """
    if mode not in MODES:
        raise UserError(
            f"Expected `mode` to be one of {MODES}. Received: {mode!r}."
        )
    theirs, ours = read_graph(source), read_graph(target)
    table = stages(target, cuts)
    stop = last = _find_stop(ours, table, n, up_to)
    if preserved:
        last = _find_last(table, n, preserved)
    found = align(theirs, ours, last)
    frozen = _reached(ours, stop) if mode == "frozen" else set()
    pairs = _pair(target, found, table, frozen)
    route = Route(found.source, found.target, Walk(ours, 0, last))
    return copy_layers(pairs, target, source, route)


def leave_random(target: keras.Model, cuts: list[str] | None = None) -> Proof:
    """Begins the proof of a network of which nothing is copied or frozen.

    Args:
        target: Built `keras.Sequential` or Functional model.
        cuts: As of `copy_first_layers`.

    Returns:
        `Proof`, of every tensor of the target.

    Raises:
        UserError: If the model has no graph, or weights outside of it.
    """
    nothing = Walk(read_graph(target), 0, 0)
    found = Alignment({}, nothing, nothing, None)
    pairs = _pair(target, found, stages(target, cuts), set())
    return copy_layers(pairs, target, None, Route(nothing, nothing, nothing))


def _find_last(table: Stages, n: int | None, preserved: int) -> int:
    if n is None or preserved < 0 or n + preserved >= len(table):
        raise UserError(
            f"Expected `preserved` stages above the first `n`, at most "
            f"{len(table) - 1} together. Received: n={n}, "
            f"preserved={preserved}."
        )
    return table[n + preserved - 1].stop


def _find_stop(
    graph: Graph, table: Stages, n: int | None, up_to: str | None
) -> int:
    if (n is None) == (up_to is None):
        raise UserError(
            f"Expected either `n` or `up_to`. Received: n={n}, up_to={up_to!r}."
        )
    last = len(table)
    if n is not None:
        if not 1 <= n < last:
            raise UserError(
                f"Expected `n` of at least 1 and at most {last - 1}: the last "
                f"of {last} stages, '{table[-1].name}', is always new. "
                f"Received: n={n}."
            )
        return table[n - 1].stop
    leaves = list(graph.leaves())
    stop = place_of(leaves, possible_cuts(graph), up_to)
    reached = [getattr(call.operation, "weights", ()) for call in leaves]
    if not any(reached[:stop]) or not any(reached[stop:]):
        raise UserError(
            f"Expected `up_to` to name a layer with weights before or at it, "
            f"and weights after it. Received: up_to={up_to!r}."
        )
    return stop


def _check_all_known(target: keras.Model, layers: list) -> None:
    owned = {id(weight) for layer in layers for weight in layer.weights}
    strange = [w.path for w in target.weights if id(w) not in owned]
    if strange:
        raise UserError(
            f"Model '{target.name}' has weights that belong to no layer of its "
            f"graph: {strange}. Expected all weights in layers: put them into "
            "a layer of their own."
        )


def _reached(graph: Graph, stop: int) -> set[int]:
    return {id(call.operation) for call in list(graph.leaves())[:stop]}


def _pair(
    target: keras.Model, found: Alignment, table: Stages, frozen: set[int]
) -> list[LayerPair]:
    layers = leaf_layers(target)
    plain = [layer for _, layer in layers]
    _check_all_known(target, plain)
    still = [id(layer) in frozen for layer in plain]
    flags = decide_flags(plain, still, not target.trainable)
    numbers: dict[int, int] = {}
    for stage in table:
        for layer in stage.layers:
            numbers.setdefault(id(layer), stage.index)
    noted = next(
        (x for x in plain if id(x) in found.origins and x.weights), None
    )
    return [
        LayerPair(
            layer,
            found.origins.get(id(layer)),
            str(numbers[id(layer)]),
            trainable,
            note or (found.note if layer is noted else None),
            path,
        )
        for (path, layer), (trainable, note) in zip(layers, flags, strict=True)
    ]
