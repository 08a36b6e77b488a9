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
        `low` and `high` are `None` where there are fewer than two pairs.
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
    data = {}
    for treatment, drawn in DRAWN.items():
        if drawn.is_base:
            continue
        points = [
            (n, results.paired_difference(rows, treatment, BASE, n, n))
            for n in results.layers_of(rows)
        ]
        points = [(n, value) for n, value in points if value is not None]
        if points:
            data[treatment] = points
    return data


def loss_data(rows: list[Row]) -> dict[str, list[tuple[int, Estimate]]]:
    """Returns the paired losses that the figure of losses draws.

    Args:
        rows: List of `Row`.

    Returns:
        Dict from the labels of `LOSSES` to `(n, Estimate)`; a loss without
        pairs is left out.
    """
    data = {}
    for label, first, second in LOSSES:
        points = [
            (n, results.paired_difference(rows, first, second, n, n))
            for n in results.layers_of(rows)
        ]
        points = [(n, value) for n, value in points if value is not None]
        if points:
            data[label] = points
    return data
