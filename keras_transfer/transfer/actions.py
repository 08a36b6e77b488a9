"""Copying and freezing, planned as data and proved tensor by tensor."""

import dataclasses

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.layer_costs import starts_stage
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import MODES, Copied
from keras_transfer.transfer.copying import LayerPair, copy_layers
from keras_transfer.transfer.flags import decide_flags
from keras_transfer.transfer.proof import Proof


@dataclasses.dataclass(frozen=True)
class LayerAction:
    """What happens to one Keras layer of the target.

    Args:
        layer: String, name of the Keras layer in the target.
        number: Integer, numbered layer that it belongs to; 0 comes before the
            first layer with weights (rescaling, normalisation).
        source: String or `None`, name of the layer to copy from; `None`
            leaves the random start.
        trainable: Boolean.
        note: String or `None`, why `trainable` is not what a reader expects.
    """

    layer: str
    number: int
    source: str | None
    trainable: bool
    note: str | None = None

    @property
    def copy(self) -> bool:
        """Whether weights are copied."""
        return self.source is not None


def number_layers(network: keras.Sequential) -> list[int]:
    """Numbers the layers of a network as the paper counts them.

    A layer with weights counts as one; normalisation, activation, pooling
    and dropout belong to the layer they follow. A wrapper such as
    `TimeDistributed` is what is inside it.

    Args:
        network: Built `keras.Sequential`.

    Returns:
        List of integers, one for each of `network.layers`.

    Raises:
        UserError: If the network is not a built `keras.Sequential`, or has
            a model as one of its layers.
    """
    if not isinstance(network, keras.Sequential) or not network.built:
        raise UserError(
            "Expected a built `keras.Sequential`; call `build(input_shape)` "
            f"or begin with `keras.Input`. Received: {network!r}."
        )
    numbers, count = [], 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            raise UserError(_nested_text(layer))
        count += starts_stage(layer)
        numbers.append(count)
    return numbers


def _nested_text(layer: keras.Model) -> str:
    text = f"Layer '{layer.name}' is itself a model; expected plain layers. "
    if isinstance(layer, keras.Sequential):
        return text + "Add its layers one by one to a `keras.Sequential`."
    return text + (
        f"Received: {type(layer).__name__} of {len(layer.layers)} layers, "
        "whose order of layers is not one line; its layers cannot be "
        "numbered one after another."
    )


def plan_transfer(
    target: keras.Sequential,
    source: keras.Sequential | None = None,
    n: int = 0,
    mode: str = "frozen",
    preserved: int = 0,
) -> tuple[LayerAction, ...]:
    """Plans what happens to every layer of the target.

    Layers are matched by their place, so names may differ. The plans of the
    paper: `AnB` and `BnB` are `"frozen"`, `AnB+` and `BnB+` are
    `"finetuned"`; a network from scratch copies nothing (`n=0`); random
    frozen layers are a frozen plan without `source`.

    Args:
        target: Built `keras.Sequential`.
        source: Built `keras.Sequential` or `None`. Defaults to `None`.
        n: Integer, the first `n` layers are copied. Defaults to `0`.
        mode: String, `"frozen"` or `"finetuned"`. Defaults to `"frozen"`.
        preserved: Integer, layers above the first `n` that are copied as
            well, and fine-tuned. Defaults to `0`.

    Returns:
        Tuple of `LayerAction`, one for every layer of the target, in order.

    Raises:
        UserError: If `n` or `mode` is not possible, or the first `n` layers
            of the two networks differ.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section 2.
    """
    if mode not in MODES:
        raise UserError(
            f"Expected `mode` to be one of {MODES}. Received: {mode!r}."
        )
    numbers = number_layers(target)
    count = max(numbers, default=0)
    copied = n + preserved
    if not 0 <= n <= copied < count:
        raise UserError(
            f"Expected `n` and `preserved` of at least 0 and at most "
            f"{count - 1} together: the last of {count} layers is always "
            f"new. Received: n={n}, preserved={preserved}."
        )
    sources: list[str | None] = [None] * len(numbers)
    if source is not None and copied:
        source_numbers = number_layers(source)
        reached = [i for i, number in enumerate(numbers) if number <= copied]
        available = [
            i for i, number in enumerate(source_numbers) if number <= copied
        ]
        kinds = [type(target.layers[i]).__name__ for i in reached]
        found = [type(source.layers[i]).__name__ for i in available]
        if kinds != found:
            raise UserError(
                f"The first {copied} layers of source and target differ. "
                f"Expected: {kinds}. Received: {found}."
            )
        for i in reached:
            sources[i] = source.layers[i].name
    frozen = [mode == "frozen" and number <= n for number in numbers]
    flags = decide_flags(target.layers, frozen, not target.trainable)
    return tuple(
        LayerAction(layer.name, number, name, *flag)
        for layer, number, name, flag in zip(
            target.layers, numbers, sources, flags, strict=True
        )
    )


def apply_plan(
    target: keras.Sequential,
    source: keras.Sequential | None,
    plan: tuple[LayerAction, ...],
) -> Proof:
    """Copies weights and sets `trainable`; call it before `compile`.

    Everything is checked before anything is changed, and put back if the
    copies then differ in what they compute.

    Args:
        target: Built `keras.Sequential`, changed in place.
        source: Built `keras.Sequential`, or `None` if nothing is copied.
        plan: Tuple of `LayerAction` from `plan_transfer`.

    Returns:
        `Proof` of what was copied; `Proof.after(target)` completes it once
        the target is trained.

    Raises:
        UserError: If the plan does not cover every layer of the target in
            order, or a layer to copy is absent or differs in what it
            computes; see `copy_layers`.
    """
    expected = [layer.name for layer in target.layers]
    received = [action.layer for action in plan]
    if received != expected:
        raise UserError(
            "The plan must name every layer of the target once, in order. "
            f"Expected: {expected}. Received: {received}."
        )
    by_name = {layer.name: layer for layer in source.layers} if source else {}
    pairs = []
    for action in plan:
        if action.copy and action.source not in by_name:
            raise UserError(
                f"Cannot copy layer '{action.source}' to '{action.layer}': "
                f"expected one of the source's layers {list(by_name)}. "
                f"Received: '{action.source}'."
            )
        pairs.append(
            LayerPair(
                target.get_layer(action.layer),
                by_name[action.source] if action.copy else None,
                str(action.number),
                action.trainable,
                action.note,
            )
        )
    return copy_layers(pairs, target, source if by_name else None)


def plan_network(
    spec: NetworkSpec,
    target: keras.Sequential,
    source: keras.Sequential | None,
) -> tuple[LayerAction, ...]:
    """Plans the transfer that a `NetworkSpec` describes.

    Args:
        spec: `NetworkSpec`.
        target: Built `keras.Sequential`.
        source: Built `keras.Sequential`, its base network, or `None`.

    Returns:
        Tuple of `LayerAction`; see `plan_transfer`.
    """
    origin = spec.origin
    if isinstance(origin, Copied):
        return plan_transfer(
            target, source, origin.n, origin.mode, origin.above
        )
    return plan_transfer(target, None, origin.n)
