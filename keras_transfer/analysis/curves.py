"""What the figures draw, as numbers, and how treatments are told apart."""

from keras_transfer.analysis import results
from keras_transfer.analysis.intervals import Estimate
from keras_transfer.analysis.results import Row
from keras_transfer.specs.treatments import BASE, DRAWN, QUESTIONS

# Label, and the two treatments whose paired difference it is.
LOSSES = tuple(
    (f"{one.loss}: {one.first} - {one.second}", one.first, one.second)
    for one in QUESTIONS
    if one.loss
)


def figure_data(rows: list[Row]) -> dict[str, list[tuple]]:
    """Returns the means and 95 % intervals that figure 2 draws.

    Args:
        rows: List of `Row`.

    Returns:
        Dict from treatment to `(n, mean, low, high)`, accuracies in 0..1;
        `low` and `high` are `None` where there are fewer than two pairs, of
        the base with fewer than three splits.
    """
    layers = results.layers_of(rows)
    data = {}
    for treatment, drawn in DRAWN.items():
        points = []
        for n in [0] if drawn.is_base else layers:
            value = results.mean_accuracy(rows, treatment, n)
            if value is not None:
                points.append((n, value.mean, value.t_low, value.t_high))
        if points:
            data[treatment] = points
    return data


def change_data(rows: list[Row]) -> dict[str, list[tuple[int, Estimate]]]:
    """Returns the paired change from the own base, by treatment.

    Args:
        rows: List of `Row`.

    Returns:
        Dict from treatment to `(n, Estimate)`; a treatment without pairs is
        left out.
    """
    wanted = [
        (name, name, BASE) for name, row in DRAWN.items() if not row.is_base
    ]
    return _paired(rows, wanted)


def loss_data(rows: list[Row]) -> dict[str, list[tuple[int, Estimate]]]:
    """Returns the paired losses that the figure of losses draws.

    Args:
        rows: List of `Row`.

    Returns:
        Dict from the labels of `LOSSES` to `(n, Estimate)`; a loss without
        pairs is left out.
    """
    return _paired(rows, LOSSES)


def changes(rows: list[Row], first: str, second: str) -> list[tuple]:
    """Returns the paired difference of two treatments at each `n`.

    Args:
        rows: List of `Row`.
        first, second: Strings, treatments; `second` may be `"base"`.

    Returns:
        List of `(n, Estimate)`, of the `n` that have pairs.
    """
    found = [
        (n, results.paired_difference(rows, first, second, n, n))
        for n in results.layers_of(rows)
    ]
    return [(n, value) for n, value in found if value is not None]


def _paired(rows: list[Row], wanted) -> dict[str, list[tuple]]:
    found = {
        label: changes(rows, first, second) for label, first, second in wanted
    }
    return {label: points for label, points in found.items() if points}
