"""A new classifier on top of a model's features."""

import tempfile
from pathlib import Path

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.cuts import possible_cuts
from keras_transfer.models.layer_costs import starts_stage, unwrap
from keras_transfer.models.model_graph import Call, Graph, read_graph
from keras_transfer.models.parts import build_part

_FORMS = {"softmax": "softmax", "sigmoid": "sigmoid", "linear": "logits"}


def head_form(model: keras.Model) -> str | None:
    """Says what a model's classifier puts out.

    Args:
        model: Built `keras.Sequential` or Functional model.

    Returns:
        String, `"softmax"`, `"sigmoid"` or `"logits"`; `None` if the model
        has no classifier, as with `include_top=False`.

    Raises:
        UserError: If the model has no graph or several outputs.

    Example:
        >>> model = keras.Sequential([
        ...     keras.Input((8,)), keras.layers.Dense(4, name="first"),
        ...     keras.layers.ReLU(name="relu"),
        ...     keras.layers.Dense(3, name="last")])
        >>> kt.head_form(model)
        'logits'
    """
    graph = _single_output(model)
    return _form(list(graph.leaves()))


def new_head(
    model: keras.Model,
    num_classes: int,
    *,
    seed: int | None = None,
    dropout: float | None = None,
    logits: bool = False,
) -> keras.Model:
    """Returns a copy of a model with a new classifier.

    The model itself is not changed and shares no variable with the copy. All
    layers before the classifier are copied with their weights, what
    preprocessing layers have learnt, and `trainable`; pooling and dropout
    before it are kept. The new classifier puts out what the old one did:
    probabilities after softmax, one sigmoid for each class, or logits
    (`head_form`), and logits if there was none. A model that ends in a map of
    features gets `GlobalAveragePooling2D` first. Compile it afterwards.

    Args:
        model: Built `keras.Sequential` or Functional model; a `Sequential`
            gives a `Sequential`.
        num_classes: Integer, at least 2.
        seed: Integer, of the new weights. Defaults to `None`, a random one.
        dropout: Float in [0, 1), a dropout of its own before the new
            classifier. Defaults to `None`: only what the model has.
        logits: Boolean, whether the new classifier puts out logits whatever
            the old one did. Defaults to `False`.

    Returns:
        Keras model, not compiled.

    Raises:
        UserError: If the model has no graph, several outputs, or layers that
            cannot be copied.

    Example:
        >>> source = keras.applications.MobileNet(
        ...     weights=None, input_shape=(32, 32, 3), alpha=0.25)
        >>> model = kt.new_head(source, num_classes=5)
        >>> model.output_shape
        (None, 5)
    """
    if not isinstance(num_classes, int) or num_classes < 2:
        raise UserError(
            "Expected `num_classes` to be an integer of at least 2. "
            f"Received: num_classes={num_classes!r}."
        )
    if dropout is not None and not 0 <= dropout < 1:
        raise UserError(
            "Expected `dropout` of at least 0 and below 1. "
            f"Received: dropout={dropout}."
        )
    graph = _single_output(model)
    leaves = list(graph.leaves())
    form = _form(leaves)
    features = _without_classifier(graph, leaves, form)
    body = _copy(features)
    name = leaves[_last_start(leaves)].name if form else "head"
    wanted = "logits" if logits and form else form
    more = _head_layers(body, num_classes, wanted, seed, dropout, name)
    return _stack(model, body, more)


def _single_output(model: keras.Model) -> Graph:
    graph = read_graph(model)
    if len(graph.outputs) > 1:
        names = getattr(model, "output_names", None)
        raise UserError(
            f"Model '{model.name}' has {len(graph.outputs)} outputs {names}; "
            "expected one. Build a model of the output you need: "
            "`keras.Model(model.inputs, model.outputs[0])`."
        )
    return graph


def _last_start(leaves: list[Call]) -> int:
    starts = [i for i, c in enumerate(leaves) if starts_stage(c.operation)]
    if not starts:
        raise UserError(
            "The model has no layer with weights; expected features to put a "
            "new classifier on."
        )
    return starts[-1]


def _form(leaves: list[Call]) -> str | None:
    """The classifier's form, `None` if the last layers are features."""
    last = _last_start(leaves)
    call, tail = leaves[last], leaves[last + 1 :]
    activations = [_activation(c.operation) for c in (call, *tail)]
    found = [name for name in activations if name not in (None, "linear")]
    form = _FORMS.get(found[-1] if found else "linear")
    if isinstance(unwrap(call.operation), keras.layers.Dense):
        normalised = any(getattr(c.operation, "weights", ()) for c in tail)
        return None if normalised else form
    # A convolution over one position, or with softmax at the end, classifies.
    image_like = len(call.outputs[0].shape) == 4
    flat = len(leaves[-1].outputs[0].shape) == 2
    one_place = set(call.outputs[0].shape[1:-1]) == {1}
    if image_like and flat and (one_place or form in ("softmax", "sigmoid")):
        return form
    return None


def _activation(layer) -> str | None:
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    activation = getattr(unwrap(layer), "activation", None)
    own = getattr(activation, "__name__", type(layer).__name__.lower())
    if activation is not None or own in _FORMS:
        return own
    return None


def _without_classifier(
    graph: Graph, leaves: list[Call], form: str | None
) -> keras.Model:
    if form is None:
        return build_part(graph, graph.inputs, graph.outputs, 0, len(leaves))
    last = _last_start(leaves)
    if last not in possible_cuts(graph):
        raise UserError(
            f"The classifier '{leaves[last].name}' is not the only layer that "
            "reads what comes before it, so it cannot be taken off. Build a "
            "model that ends before it and give that: "
            "`keras.Model(model.inputs, tensor)`."
        )
    return build_part(graph, graph.inputs, leaves[last - 1].outputs, 0, last)


def _copy(model: keras.Model) -> keras.Model:
    """Clones a model; weights and learnt state are those of the original."""
    try:
        clone = keras.models.clone_model(model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UserError(
            f"A layer of model '{model.name}' cannot be copied: "
            f"{str(error).strip().splitlines()[0]} Give its class a "
            "`get_config` that returns every argument of `__init__`."
        ) from error
    pairs = zip(
        read_graph(model).leaves(), read_graph(clone).leaves(), strict=True
    )
    for old, new in pairs:
        _copy_state(old.operation, new.operation)
    return clone


def _copy_state(old, new) -> None:
    if not isinstance(old, keras.layers.Layer):
        return
    if old.weights:
        new.set_weights(old.get_weights())
    old, new = unwrap(old), unwrap(new)
    # Vocabularies are files to Keras.
    if hasattr(old, "load_assets"):
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(Path(folder))
            new.load_assets(Path(folder))
    # What `Normalization` computes with is made of its weights.
    if hasattr(new, "finalize_state") and new.weights:
        new.finalize_state()


def _head_layers(body, num_classes, form, seed, dropout, name) -> list:
    shape = body.outputs[0].shape
    used = {layer.name for layer in body.layers}
    made: list[keras.layers.Layer] = []
    if len(shape) == 4 and form is None:
        made.append(keras.layers.GlobalAveragePooling2D())
    elif len(shape) == 4:
        made.append(keras.layers.Flatten())
    if dropout:
        made.append(keras.layers.Dropout(dropout, seed=seed))
    while name in used:
        name = f"new_{name}"
    made.append(
        keras.layers.Dense(
            num_classes,
            activation=None if form in (None, "logits") else form,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            # Logits and probabilities need the digits of float32.
            dtype="float32",
            name=name,
        )
    )
    return made


def _stack(model, body, more) -> keras.Model:
    if isinstance(model, keras.Sequential):
        own = [
            layer
            for layer in body.layers
            if not isinstance(layer, keras.layers.InputLayer)
        ]
        inputs = keras.Input(
            batch_shape=body.inputs[0].shape, dtype=body.inputs[0].dtype
        )
        return keras.Sequential([inputs, *own, *more], name=model.name)
    x = body.outputs[0]
    for layer in more:
        x = layer(x)
    inputs = body.inputs[0] if len(body.inputs) == 1 else body.inputs
    return keras.Model(inputs, x, name=model.name)
