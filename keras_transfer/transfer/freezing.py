"""What of a model is trainable, what is not, and whether training agrees."""

import dataclasses

import keras

from keras_transfer.models.layer_costs import keeps_moments, unwrap
from keras_transfer.models.model_graph import leaf_layers
from keras_transfer.models.text_tables import text_table


@dataclasses.dataclass(frozen=True)
class LayerState:
    """What training does to one layer.

    Args:
        name: String, below the names of the models that it is in.
        kind: String, name of its class.
        trainable: Boolean, whether any of its weights is trained.
        parameters: Integer, values of its weights.
        trained: Integer, how many of them training may change by gradients.
        in_training: String, what it does in training that it does not do in
            inference; empty if nothing.
    """

    name: str
    kind: str
    trainable: bool
    parameters: int
    trained: int
    in_training: str


@dataclasses.dataclass(frozen=True)
class Freezing:
    """A model's layers and whether the compiled model agrees with them.

    Args:
        layers: Tuple of `LayerState`.
        compiled: String, what `compile` and `fit` knew of `trainable`.
        ignored: Tuple of strings, paths of weights whose `trainable` was
            changed after the last training and will not be heeded.
    """

    layers: tuple[LayerState, ...]
    compiled: str
    ignored: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether `fit` will train just the weights marked trainable."""
        return not self.ignored

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the layers with weights none of which is trained."""
        return tuple(
            layer.name
            for layer in self.layers
            if layer.parameters and not layer.trainable
        )

    def table(self) -> str:
        """Returns a line for each layer with weights or a training mode."""
        header = ["layer", "class", "trained", "of", "in training"]
        rows = [
            [
                layer.name,
                layer.kind,
                f"{layer.trained:,}",
                f"{layer.parameters:,}",
                layer.in_training,
            ]
            for layer in self.layers
            if layer.parameters or layer.in_training
        ]
        return f"{text_table(header, rows)}\n{self.compiled}"

    __str__ = table


def trainable_summary(model: keras.Model) -> Freezing:
    """Tells what is trainable, what is not, and whether `fit` agrees.

    A frozen `BatchNormalization` runs in inference mode. Dropout and random
    augmentation stay active in training whether frozen or not. Calling a
    model inside a model with `training=False` does not freeze it: `fit` passes
    its own `training=True` on to every layer, so a batch normalisation there
    is still trained unless `trainable` is false.

    Args:
        model: Keras model, built.

    Returns:
        `Freezing`; `print` shows it as a table.

    Example:
        >>> model = keras.Sequential([
        ...     keras.Input((8,)), keras.layers.Dense(4, name="first"),
        ...     keras.layers.ReLU(name="relu"),
        ...     keras.layers.Dense(3, name="last")])
        >>> model.get_layer("first").trainable = False
        >>> model.compile("sgd", "mse")
        >>> kt.trainable_summary(model).frozen
        ('first',)
        >>> kt.trainable_summary(model).agrees
        True
    """
    compiled, ignored = _compiled_state(model)
    layers = [_layer_state(name, layer) for name, layer in leaf_layers(model)]
    return Freezing(tuple(layers), compiled, ignored)


def _layer_state(name: str, layer) -> LayerState:
    trained = sum(_size(w) for w in layer.trainable_weights)
    return LayerState(
        name,
        type(layer).__name__,
        bool(trained),
        sum(_size(w) for w in layer.weights),
        trained,
        _in_training(layer),
    )


def _size(weight) -> int:
    size = 1
    for length in weight.shape:
        size *= length
    return size


def _in_training(layer) -> str:
    inner = unwrap(layer)
    if keeps_moments(layer):
        frozen = not (layer.trainable and inner.trainable)
        return (
            "inference mode, statistics stay"
            if frozen
            else "batch statistics, moving ones change"
        )
    if type(inner).__name__.startswith("Random"):
        return "augments"
    rate = getattr(inner, "rate", None) or getattr(inner, "dropout", None)
    if isinstance(rate, float) and rate > 0:
        return f"drops {rate:.0%}"
    return ""


def _compiled_state(model) -> tuple[str, tuple[str, ...]]:
    optimizer = getattr(model, "optimizer", None)
    if not getattr(model, "compiled", False) or optimizer is None:
        return "Not compiled: `compile` will read `trainable`.", ()
    known = _known_to(optimizer)
    if known is None:
        return "Compiled, not trained yet: `fit` will read `trainable`.", ()
    wanted = {id(w): w.path for w in model.trainable_variables}
    still = [path for key, path in known.items() if key not in wanted]
    never = [path for key, path in wanted.items() if key not in known]
    if not still and not never:
        return "Compiled: `fit` trains just what is marked trainable.", ()
    parts = []
    if still:
        parts.append(f"{len(still)} frozen tensors are still trained")
    if never:
        parts.append(f"{len(never)} trainable tensors are not trained")
    return (
        f"Compiled before `trainable` was changed: {' and '.join(parts)}. "
        "Call `compile` again, with a new optimizer.",
        tuple(still + never),
    )


def _known_to(optimizer) -> dict[int, str] | None:
    """Ids and paths of the variables that an optimizer was built for."""
    # The one for mixed precision wraps another.
    optimizer = getattr(optimizer, "inner_optimizer", None) or optimizer
    if not optimizer.built:
        return None
    # Keras has no public name for them.
    variables = optimizer._trainable_variables
    return {id(w): w.path for w in variables}
