"""How far each layer moved from its start, against n.

A fine-tuned layer's start is what was copied, a new layer's its random
weights. Networks that were filed before layers were measured are left out.
"""

import numpy as np

from keras_transfer.analysis import results
from keras_transfer.analysis.intervals import t_interval
from keras_transfer.analysis.remembered import Rows, of_rows
from keras_transfer.analysis.results import Row
from keras_transfer.specs.treatments import BASE, FINETUNED

MEANING = (
    "The angle between a layer's weights after training and at its start: of "
    "a copied layer (number up to n) what was copied, of a new one and of a "
    "base network its random weights. Means over networks."
)
Cells = tuple[list[str], list[list[str]]]  # the header and the lines below


@of_rows
def drift_data(
    rows: list[Row], statistic: str = "angle"
) -> dict[str, dict[str, list[tuple]]]:
    """Averages how far each layer moved, over the networks of a treatment.

    Args:
        rows: List of `Row`.
        statistic: String, key of the layers' table in `result.json`.
            Defaults to `"angle"`, in degrees.

    Returns:
        Dict from treatment (`"BnB+"`, `"AnB+"`, and `"base"` at n = 0 for
        their own bases) to a dict from layer to `(n, mean, low, high,
        copied)`: the 95 % t interval over networks, `None` for fewer than
        two, and whether the layer was copied.
    """
    chosen = [
        row
        for treatment in FINETUNED
        for row in results.select(rows, treatment)
        if row.result.layers
    ]
    bases = {row.spec.own_base for row in chosen}
    chosen += [row for row in rows if row.spec in bases and row.result.layers]
    data: dict[str, dict[str, list[tuple]]] = {}
    chosen = Rows(chosen)
    for treatment in (BASE, *FINETUNED):
        own = results.select(chosen, treatment)
        for n in sorted({row.spec.n for row in own}):
            same = results.select(own, treatment, n, n)
            tables = [row.result.layers for row in same]
            for layers in zip(*tables, strict=True):
                points = data.setdefault(treatment, {}).setdefault(
                    layers[0]["layer"], []
                )
                known = (layer.get(statistic) for layer in layers)
                values = np.array(
                    [value for value in known if value is not None]
                )
                if not len(values):
                    continue
                low, high = t_interval(values) or (None, None)
                mean = float(np.mean(values))
                points.append((n, mean, low, high, layers[0]["copied"]))
    return data


def drift_cells(rows: list[Row]) -> Cells:
    """Returns header and body of the table of angles, in degrees.

    Args:
        rows: List of `Row`.

    Returns:
        Tuple of the header and of a line for each treatment and layer; no
        lines if no fine-tuned network has a table of its layers.
    """
    data = drift_data(rows)
    layers = results.layers_of(rows)
    body = []
    for treatment in FINETUNED:
        for layer, points in data.get(treatment, {}).items():
            base = data.get(BASE, {}).get(layer, [])
            found = {n: f"{mean:.1f}" for n, mean, *_ in points}
            level = f"{base[0][1]:.1f}" if base else ""
            cells = [found.get(n, "") for n in layers]
            body.append([f"{layer} of {treatment}", *cells, level])
    return ["layer", *(f"n = {n}" for n in layers), BASE], body
