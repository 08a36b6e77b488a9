"""Pairs: which two networks are compared, and their differences.

One place says what a pair shares, so that no table and no figure compares
networks of different halves, divisions, draws or numbers of images, and none
takes the last of several networks in silence.
"""

from collections.abc import Callable, Iterable

from keras_transfer.analysis.remembered import of_rows
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec


def pair_key(spec: NetworkSpec) -> tuple[tuple, tuple, str]:
    """Returns what two networks must share to be compared.

    Args:
        spec: `NetworkSpec`.

    Returns:
        Tuple of the division of the classes, the run (seed, number of target
        images, draw) and the target; keys can be sorted.
    """
    data = spec.data
    run = spec.seed, spec.target_images or 0, spec.draw or 0
    return (data.halves or (), data.split), run, spec.target


def copied_layers(row) -> int | None:
    """Returns a network's `n`; `None` from scratch, which has every `n`.

    Args:
        row: `Row`.
    """
    return row.spec.n or None


def by_pair(rows: Iterable, vary: Callable = copied_layers) -> dict:
    """Orders the networks of one treatment by pair.

    Args:
        rows: Iterable of `Row`.
        vary: Callable of a `Row` that returns what else tells networks apart
            within a pair; `None` stands beside every value. Defaults to
            `copied_layers`.

    Returns:
        Dict from `pair_key` to a dict from that value to the `Row`.

    Raises:
        UserError: If two networks cannot be told apart, naming them: either
            could stand for the pair.
    """
    return _by_layers(rows) if vary is copied_layers else _by(rows, vary)


@of_rows
def _by_layers(rows: Iterable) -> dict:
    return _by(rows, copied_layers)


def _by(rows: Iterable, vary: Callable) -> dict:
    found: dict[tuple, dict] = {}
    for row in rows:
        own = found.setdefault(pair_key(row.spec), {})
        twin = own.setdefault(vary(row), row)
        if twin.spec != row.spec:
            raise UserError(
                "Expected one network of each treatment, n, split, seed and "
                f"target. Received: {twin.spec.name} "
                f"({twin.spec.network_id}) and {row.spec.name} "
                f"({row.spec.network_id}), which differ in their recipe. "
                "Compare the networks of one recipe at a time."
            )
    return found


def differences(
    first: Iterable, second: Iterable, vary: Callable = copied_layers
) -> dict[tuple, dict]:
    """Subtracts accuracies within pairs.

    Args:
        first, second: Iterables of `Row`, each of one treatment.
        vary: As of `by_pair`.

    Returns:
        Dict from `pair_key`, in order, to a dict from the value of `vary`, in
        order, to the first's accuracy minus the second's; pairs and values
        that one of them lacks are left out.

    Raises:
        UserError: As of `by_pair`.
    """
    ones, others = by_pair(first, vary), by_pair(second, vary)
    found = {}
    for pair in sorted(ones.keys() & others.keys()):
        one, other = ones[pair], others[pair]
        values = {}
        for at in sorted({*one, *other}, key=lambda v: (v is not None, v or 0)):
            left, right = (
                one.get(at, one.get(None)),
                other.get(at, other.get(None)),
            )
            if left is not None and right is not None:
                values[at] = left.accuracy - right.accuracy
        if values:
            found[pair] = values
    return found


@of_rows
def own_gains(rows: Iterable) -> dict[NetworkSpec, float]:
    """Subtracts from each network's accuracy that of its own base.

    Args:
        rows: Iterable of `Row`, bases among them.

    Returns:
        Dict from `NetworkSpec` to the difference, 0 for a base; networks
        whose own base is not among the rows are left out.
    """
    accuracy = {row.spec: row.accuracy for row in rows}
    return {
        spec: value - accuracy[spec.own_base]
        for spec, value in accuracy.items()
        if spec.own_base in accuracy
    }


def layers_in_words(
    layers: Iterable[int], low: int, high: int, to: str = "-"
) -> str:
    """Names the `n` of a range that were trained: `1-7`, `5` or `1, 5, 7`.

    Args:
        layers: Iterable of integers, the `n` that were trained.
        low, high: Integers, range of `n`, both included.
        to: String, between the ends of a range. Defaults to `"-"`.
    """
    found = sorted({n for n in layers if low <= n <= high})
    if len(found) > 1 and found == list(range(low, high + 1)):
        return f"{low}{to}{high}"
    return ", ".join(map(str, found))


def n_in_words(layers: Iterable[int]) -> str:
    """Returns `n = 5`, `n 3 to 6` or `n 3, 5, 7`: the n that there are.

    Args:
        layers: Iterable of at least one integer.
    """
    found = sorted(set(layers))
    text = layers_in_words(found, found[0], found[-1], " to ")
    return f"n = {text}" if len(found) == 1 else f"n {text}"
