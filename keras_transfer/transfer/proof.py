"""Evidence, tensor by tensor, that layers were copied and stayed frozen."""

import dataclasses
import hashlib

import keras
import numpy as np

from keras_transfer.errors import NetworkFailed
from keras_transfer.models.model_graph import leaf_layers
from keras_transfer.transfer.layer_identity import ordered_weights


def sha256(weight) -> str:
    """Hashes a weight: type, shape and bytes.

    Args:
        weight: `keras.Variable`.

    Returns:
        String of 64 hexadecimal digits.
    """
    return sha256_of_values(weight.numpy())


def sha256_of_values(values) -> str:
    """Hashes an array: type, shape and bytes.

    Args:
        values: NumPy array.

    Returns:
        String of 64 hexadecimal digits.
    """
    values = np.ascontiguousarray(values)
    digest = hashlib.sha256(f"{values.dtype}{values.shape}".encode())
    digest.update(values.tobytes())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class TensorProof:
    """What happened to one tensor; see `Proof`.

    Args:
        layer: String, name of the layer in the target.
        target_path: String, the tensor's path when it was copied. For
            reading only: Keras gives two tensors one path, and a loaded
            network other ones.
        source_path: String or `None`, the same in the source.
        shape: Tuple of integers.
        frozen: Boolean.
        source_sha256: String or `None`, hash in the source, cast to the
            target's type if that loses nothing.
        before_sha256: String, hash before training.
        after_sha256: String or `None`, hash after training.
        stage: String or `None`, the numbered layer that it belongs to.
        place: Tuple of integers or `None`: which layer, and which tensor of
            it. Rows of older results have none and are in order.
        trains: Boolean or `None`, whether training is meant to change it.
        output_difference: Float or `None`, the largest difference between
            the layer's outputs in source and target on a probe batch, as a
            share of the largest output; `None` if not compared.
        note: String or `None`, what else a reader should know.
    """

    layer: str
    target_path: str
    source_path: str | None
    shape: tuple[int, ...]
    frozen: bool
    source_sha256: str | None
    before_sha256: str
    after_sha256: str | None = None
    stage: str | None = None
    place: tuple[int, int] | None = None
    trains: bool | None = None
    output_difference: float | None = None
    note: str | None = None

    @property
    def copied(self) -> bool:
        """Whether it has a source."""
        return self.source_path is not None

    @property
    def moved(self) -> bool:
        """Whether training changed it."""
        return self.after_sha256 not in (None, self.before_sha256)


@dataclasses.dataclass(frozen=True)
class Proof:
    """Evidence that layers were copied and that frozen ones stayed put.

    Args:
        tensors: Tuple of `TensorProof`, one for every weight of the target.
        remark: String, what `after` found out about training; may be empty.

    Example:
        >>> source, target = [
        ...     keras.Sequential([
        ...         keras.Input((8,)), keras.layers.Dense(4),
        ...         keras.layers.Dense(3)])
        ...     for _ in range(2)]
        >>> proof = kt.copy_first_layers(source, target, n=1)
        >>> target.compile("sgd", "mse")
        >>> history = target.fit(np.ones((4, 8)), np.ones((4, 3)), verbose=0)
        >>> proof.after(target).summary()
        '4 tensors: 2 copied, 2 frozen, 2 of those unchanged bit by bit'
    """

    tensors: tuple[TensorProof, ...]
    remark: str = ""

    def check(self) -> None:
        """Fails if a copied tensor differs from its source or a frozen moved.

        Raises:
            NetworkFailed: Naming the tensors.
        """
        skipped = [
            t.target_path
            for t in self.tensors
            if t.copied and t.source_sha256 != t.before_sha256
        ]
        if skipped:
            raise NetworkFailed(
                f"Copied tensors differ from their source: {skipped}."
            )
        moved = [t.target_path for t in self.tensors if t.frozen and t.moved]
        if moved:
            raise NetworkFailed(
                f"Frozen tensors changed during training: {moved}. Was "
                "`trainable` changed after `compile()`, or does the layer "
                "change itself in training mode?"
            )

    @property
    def never_moved(self) -> tuple[str, ...]:
        """Paths of copied, trainable tensors that training did not change."""
        return tuple(t.target_path for t in self._still())

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a reader should know, each once, naming the layers."""
        layers: dict[str, list[str]] = {}
        for tensor in self.tensors:
            if tensor.note:
                names = layers.setdefault(tensor.note, [])
                if tensor.layer not in names:
                    names.append(tensor.layer)
        return tuple(f"{', '.join(n)}: {note}" for note, n in layers.items())

    def after(self, target) -> "Proof":
        """Completes the proof with the weights after training.

        Args:
            target: The network that the proof was made for, also if it was
                saved and loaded since; or the list of its layers.

        Returns:
            Checked `Proof` with `after_sha256` in every tensor.

        Raises:
            NetworkFailed: If a frozen tensor changed, batch statistics
                included; if nothing of a copied layer that was to be trained
                has changed; or if the network has other tensors now.
        """
        weights = self.find_tensors(target)
        proof = Proof(
            tuple(
                dataclasses.replace(tensor, after_sha256=sha256(weight))
                for tensor, weight in zip(self.tensors, weights, strict=True)
            )
        )
        proof.check()
        return dataclasses.replace(proof, remark=proof._check_training(target))

    def verify(self, target) -> None:
        """Checks that a network is the one that a finished proof was made of.

        Args:
            target: The network, for instance loaded from the file beside the
                result that holds the proof.

        Raises:
            NetworkFailed: Naming the tensors that differ.
        """
        weights = self.find_tensors(target)
        differing = [
            tensor.target_path
            for tensor, weight in zip(self.tensors, weights, strict=True)
            if tensor.after_sha256 != sha256(weight)
        ]
        if differing:
            raise NetworkFailed(
                f"The network is not the one that was proved: {differing} "
                "differ from the hashes after training."
            )

    def find_tensors(self, target) -> list[keras.Variable]:
        """Returns the weights that the proof is about.

        Args:
            target: As of `after`.

        Returns:
            List of `keras.Variable`, one for each of `tensors`.

        Raises:
            NetworkFailed: If the network has other tensors now.
        """
        found = [(n, w) for n, x in _named(target) for w in ordered_weights(x)]
        wanted = [(t.layer, t.shape) for t in self.tensors]
        received = [(name, tuple(weight.shape)) for name, weight in found]
        if wanted != received:
            raise NetworkFailed(
                "The network's tensors changed. Expected layers and shapes: "
                f"{wanted}. Received: {received}."
            )
        return [weight for _, weight in found]

    def _check_training(self, target) -> str:
        """Fails if layers that were to be trained were not.

        Zero gradients are no fault by themselves (units that are never
        active, a bias before a normalisation), so a whole layer has to lie
        still.
        """
        planned = [t for t in self.tensors if t.trains]
        if planned and not any(t.moved for t in planned):
            if not _was_trained(target):
                return "not trained: 0 steps, nothing moved"
            still = planned
        else:
            moving = {t.stage for t in planned if t.moved}
            still = [t for t in self._still() if t.stage not in moving]
        if still:
            raise NetworkFailed(
                "Tensors that were to be trained never moved: "
                f"{[t.target_path for t in still]}. "
                f"{_why(target, {t.layer for t in still})}"
            )
        return ""

    def _still(self) -> list[TensorProof]:
        return [
            t
            for t in self.tensors
            if t.copied and t.trains and t.after_sha256 and not t.moved
        ]

    def to_rows(self) -> list[dict]:
        """Returns the tensors as JSON values."""
        return [_to_row(tensor) for tensor in self.tensors]

    @classmethod
    def from_rows(cls, rows: list[dict]) -> "Proof":
        """Rebuilds a proof from `to_rows`, of this version or an older.

        Args:
            rows: List of dicts.

        Returns:
            `Proof`.
        """
        return cls(tuple(_from_row(row) for row in rows))

    def summary(self) -> str:
        """Says in a line how many tensors were copied, frozen, unchanged."""
        frozen = [t for t in self.tensors if t.frozen]
        kept = sum(t.after_sha256 == t.before_sha256 for t in frozen)
        copied = sum(t.copied for t in self.tensors)
        text = (
            f"{len(self.tensors)} tensors: {copied} copied, {len(frozen)} "
            f"frozen, {kept} of those unchanged bit by bit"
        )
        remarks = [self.remark] if self.remark else []
        if self.never_moved and not self.remark:
            names = ", ".join(self.never_moved)
            remarks.append(f"trainable but never moved: {names}")
        return "; ".join([text, *remarks, *self.notes])


def _named(target) -> list[tuple[str, keras.layers.Layer]]:
    if isinstance(target, keras.Model):
        return leaf_layers(target)
    return [(layer.name, layer) for layer in target]


# Added later, left out where they say nothing.
_OPTIONAL = ("stage", "place", "trains", "output_difference", "note")


def _to_row(tensor: TensorProof) -> dict:
    row = {**dataclasses.asdict(tensor), "shape": list(tensor.shape)}
    if tensor.place is not None:
        row["place"] = list(tensor.place)
    empty = [name for name in _OPTIONAL if row[name] is None]
    return {key: value for key, value in row.items() if key not in empty}


def _from_row(row: dict) -> TensorProof:
    place = row.get("place")
    return TensorProof(
        **{
            **row,
            "shape": tuple(row["shape"]),
            "place": None if place is None else tuple(place),
        }
    )


def _was_trained(target) -> bool:
    history = getattr(target, "history", None)
    optimizer = getattr(target, "optimizer", None)
    # By way of NumPy: under replicas `int` refuses the variable.
    steps = 0 if optimizer is None else int(optimizer.iterations.numpy())
    return bool(steps or getattr(history, "epoch", None))


def _why(target, names: set[str]) -> str:
    """Says why layers did not train, as far as the network shows it."""
    if not getattr(target, "trainable", True):
        return (
            "The network's own `trainable` is False: set it before copying, "
            "then compile."
        )
    frozen = [n for n, x in _named(target) if n in names and not x.trainable]
    if frozen:
        return f"Layers {frozen} were frozen after copying."
    optimizer = getattr(target, "optimizer", None)
    if optimizer is not None:
        rate = optimizer.get_config().get("learning_rate")
        if isinstance(rate, (int, float)) and rate == 0:
            return "The learning rate is 0."
    return (
        "Was the network compiled before it was copied? Keras reads "
        "`trainable` at `compile`. Or all gradients were 0, or the rate too "
        "small for the weights' type."
    )
