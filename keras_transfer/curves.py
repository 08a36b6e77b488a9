"""What the figures draw, as numbers, and how treatments are told apart."""

from keras_transfer import results
from keras_transfer.intervals import Estimate
from keras_transfer.results import Row

# Marker, colour, filled, horizontal shift: told apart by shape and filling
# alone, so that figures are legible in grey.
STYLES = {
    "base": ("o", "#222222", False, 0.0),
    "BnB": ("o", "#1f5fa8", True, -0.21),
    "BnB+": ("s", "#6fa8dc", False, -0.07),
    "AnB": ("D", "#b03030", True, 0.07),
    "AnB+": ("^", "#e08a6a", False, 0.21),
}
MEANINGS = {
    "base": "base: trained on the target alone",
    "BnB": "BnB: frozen selffer",
    "BnB+": "BnB+: fine-tuned selffer",
    "AnB": "AnB: frozen transfer",
    "AnB+": "AnB+: fine-tuned transfer",
}
# Label, and the two treatments whose paired difference it is.
LOSSES = (
    ("co-adaptation loss: base - BnB", "base", "BnB"),
    ("specificity loss: BnB - AnB", "BnB", "AnB"),
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
    for treatment in STYLES:
        points = []
        for n in [0] if treatment == "base" else layers:
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
    for treatment in STYLES:
        if treatment == "base":
            continue
        points = [
            (n, results.paired_difference(rows, treatment, "base", n, n))
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
