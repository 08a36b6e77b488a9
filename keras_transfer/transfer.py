"""Copying and freezing, planned as data and proved tensor by tensor."""

import dataclasses
import hashlib

import keras
import numpy as np

from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.specs import MODES, NetworkSpec

# A layer with weights of its own starts a new numbered layer, except these:
# they belong to the layer before them and travel with it.
_FOLLOWERS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.UnitNormalization,
    keras.layers.PReLU,
)


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
    """

    layer: str
    number: int
    source: str | None
    trainable: bool

    @property
    def copy(self) -> bool:
        """Whether weights are copied."""
        return self.source is not None


def number_layers(network: keras.Sequential) -> list[int]:
    """Numbers the layers of a network as the paper counts them.

    A layer with weights counts as one; normalisation, activation, pooling
    and dropout belong to the layer they follow.

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
            raise UserError(
                f"Layer '{layer.name}' is itself a model; expected plain "
                "layers. Add its layers one by one to a `keras.Sequential`."
            )
        counts = bool(layer.weights) and not isinstance(layer, _FOLLOWERS)
        # A `Normalization` layer adapted to the data is preprocessing.
        if counts and not isinstance(layer, keras.layers.Normalization):
            count += 1
        numbers.append(count)
    return numbers


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
    frozen = mode == "frozen"
    return tuple(
        LayerAction(layer.name, number, name, not (frozen and number <= n))
        for layer, number, name in zip(
            target.layers, numbers, sources, strict=True
        )
    )


def apply_plan(
    target: keras.Sequential,
    source: keras.Sequential | None,
    plan: tuple[LayerAction, ...],
) -> "Proof":
    """Copies weights and sets `trainable`; call it before `compile`.

    Everything is checked before anything is changed, because `set_weights`
    overwrites the kernel before it finds a bad bias.

    Args:
        target: Built `keras.Sequential`, changed in place.
        source: Built `keras.Sequential`, or `None` if nothing is copied.
        plan: Tuple of `LayerAction` from `plan_transfer`.

    Returns:
        `Proof` of what was copied; `Proof.after(target)` completes it once
        the target is trained.

    Raises:
        UserError: If the plan does not cover every layer of the target in
            order, or a layer to copy is absent or differs in weight shapes.
    """
    expected = [layer.name for layer in target.layers]
    received = [action.layer for action in plan]
    if received != expected:
        raise UserError(
            "The plan must name every layer of the target once, in order. "
            f"Expected: {expected}. Received: {received}."
        )
    by_name = {layer.name: layer for layer in source.layers} if source else {}
    for action in plan:
        if not action.copy:
            continue
        wanted = [
            tuple(w.shape) for w in target.get_layer(action.layer).weights
        ]
        layer = by_name.get(action.source)
        found = (
            None if layer is None else [tuple(w.shape) for w in layer.weights]
        )
        if found != wanted:
            raise UserError(
                f"Cannot copy layer '{action.source}' to '{action.layer}': "
                f"expected weight shapes {wanted}. Received: {found}."
            )
    rows = []
    for action in plan:
        layer = target.get_layer(action.layer)
        origin = by_name[action.source] if action.copy else None
        if origin is not None:
            layer.set_weights(origin.get_weights())
        layer.trainable = action.trainable
        for index, weight in enumerate(layer.weights):
            rows.append(
                TensorProof(
                    layer=action.layer,
                    target_path=weight.path,
                    source_path=origin.weights[index].path if origin else None,
                    shape=tuple(weight.shape),
                    frozen=not action.trainable,
                    source_sha256=(
                        sha256(origin.weights[index]) if origin else None
                    ),
                    before_sha256=sha256(weight),
                )
            )
    proof = Proof(tuple(rows))
    proof.check()
    return proof


def copy_first_layers(
    source: keras.Sequential,
    target: keras.Sequential,
    n: int,
    mode: str = "frozen",
) -> "Proof":
    """Copies the first `n` layers into another network, frozen or not.

    Compile the target afterwards: Keras reads `trainable` at `compile`.

    Args:
        source: Built `keras.Sequential`, usually trained.
        target: Built `keras.Sequential`, changed in place.
        n: Integer, at least 1, number of layers with weights to copy.
        mode: String, `"frozen"` or `"finetuned"`. Defaults to `"frozen"`.

    Returns:
        `Proof`.

    Raises:
        UserError: If the networks do not fit; nothing is changed then.

    Example:
        >>> proof = copy_first_layers(base, network, n=3)
        >>> network.compile("sgd", "sparse_categorical_crossentropy")
        >>> network.fit(images, labels)
        >>> proof.after(network)
    """
    if n < 1:
        raise UserError(f"Expected `n` of at least 1. Received: n={n}.")
    plan = plan_transfer(target, source, n, mode)
    return apply_plan(target, source, plan)


def plan_network(
    spec: NetworkSpec,
    target: keras.Sequential,
    source: keras.Sequential | None,
) -> tuple[LayerAction, ...]:
    """Plans the transfer that a `NetworkSpec` describes."""
    if spec.base == "random":
        source = None
    return plan_transfer(target, source, spec.n, spec.mode, spec.preserved or 0)


def sha256(weight) -> str:
    """Hashes a weight: type, shape and bytes."""
    values = np.ascontiguousarray(weight.numpy())
    digest = hashlib.sha256(f"{values.dtype}{values.shape}".encode())
    digest.update(values.tobytes())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class TensorProof:
    """What happened to one tensor; see `Proof`."""

    layer: str
    target_path: str
    source_path: str | None
    shape: tuple[int, ...]
    frozen: bool
    source_sha256: str | None
    before_sha256: str
    after_sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Proof:
    """Evidence that layers were copied and that frozen ones stayed put.

    Args:
        tensors: Tuple of `TensorProof`, one for every weight of the target.
    """

    tensors: tuple[TensorProof, ...]

    def check(self) -> None:
        """Fails if a copied tensor differs from its source or a frozen moved.

        Raises:
            NetworkFailed: Naming the tensors.
        """
        skipped = [
            t.target_path
            for t in self.tensors
            if t.source_path and t.source_sha256 != t.before_sha256
        ]
        if skipped:
            raise NetworkFailed(
                f"Copied tensors differ from their source: {skipped}."
            )
        moved = [
            t.target_path
            for t in self.tensors
            if t.frozen
            and t.after_sha256 is not None
            and t.after_sha256 != t.before_sha256
        ]
        if moved:
            raise NetworkFailed(
                f"Frozen tensors changed during training: {moved}. Was "
                "`trainable` changed after `compile()`?"
            )

    def after(self, target: keras.Sequential) -> "Proof":
        """Completes the proof with the weights after training.

        Args:
            target: The network that the proof was made for.

        Returns:
            Checked `Proof` with `after_sha256` in every tensor.

        Raises:
            NetworkFailed: If a frozen tensor changed, batch statistics
                included, or the network has other tensors now.
        """
        paths = [t.target_path for t in self.tensors]
        weights = [
            (layer.name, weight)
            for layer in target.layers
            for weight in layer.weights
        ]
        # Keras lists weights in another order once a layer is frozen, hence
        # by path and not by place.
        by_path = {weight.path: weight for _, weight in weights}
        if set(by_path) != set(paths) or len(weights) != len(paths):
            raise NetworkFailed(
                f"The network's tensors changed. Expected: {paths}. "
                f"Received: {[w.path for _, w in weights]}."
            )
        proof = Proof(
            tuple(
                dataclasses.replace(
                    t, after_sha256=sha256(by_path[t.target_path])
                )
                for t in self.tensors
            )
        )
        proof.check()
        return proof

    def to_rows(self) -> list[dict]:
        """Returns the tensors as JSON values."""
        return [
            {**dataclasses.asdict(t), "shape": list(t.shape)}
            for t in self.tensors
        ]

    @classmethod
    def from_rows(cls, rows: list[dict]) -> "Proof":
        """Rebuilds a proof from `to_rows`."""
        return cls(
            tuple(
                TensorProof(**{**row, "shape": tuple(row["shape"])})
                for row in rows
            )
        )

    def summary(self) -> str:
        """Says in a line how many tensors were copied, frozen, unchanged."""
        copied = sum(t.source_path is not None for t in self.tensors)
        frozen = sum(t.frozen for t in self.tensors)
        kept = sum(
            t.frozen and t.after_sha256 == t.before_sha256 for t in self.tensors
        )
        return (
            f"{len(self.tensors)} tensors: {copied} copied, {frozen} frozen, "
            f"{kept} of those unchanged bit by bit"
        )
