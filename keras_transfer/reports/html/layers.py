"""The table of a network's layers for the HTML report."""

from html import escape

# Heading, its meaning on hover, key in `result.json`, factor, digits.
_COLUMNS = (
    ("norm", "norm of the weights", "weight_norm", 1, 2),
    (
        "moved, %",
        "distance from the start over the norm at the start",
        "relative_distance",
        100,
        1,
    ),
    ("angle", "degrees between the weights and their start", "angle", 1, 1),
    (
        "gradient",
        "norm of the gradient over that of the weights, at the start",
        "start_relative_gradient_norm",
        1,
        3,
    ),
    ("dead, %", "units that are zero for every image", "dead_units", 100, 1),
    ("zeros, %", "zeros among the outputs", "zeros", 100, 1),
    ("mean", "mean of the outputs", "activation_mean", 1, 2),
    ("sd", "standard deviation of the outputs", "activation_sd", 1, 2),
)


def layer_table(layers: list[dict] | None) -> str:
    """Lays out the layers of a network.

    Args:
        layers: List of dicts, `layers` of a `result.json`, or `None` for a
            network that was filed before its layers were measured.

    Returns:
        String of HTML; empty without layers.
    """
    if not layers:
        return ""
    header = "".join(
        f'<th class="r" title="{meaning}">{name}</th>'
        for name, meaning, *_ in _COLUMNS
    )
    lines = "".join(f"<tr>{_cells(layer)}</tr>" for layer in layers)
    return (
        '<div class="wide"><table class="proof"><thead><tr><th>layer</th>'
        f"<th>start</th><th>then</th>{header}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cells(layer: dict) -> str:
    start = "copied" if layer.get("copied") else "new"
    then = "frozen" if layer.get("frozen") else "trained"
    names = (escape(str(layer.get("layer"))), start, then)
    values = "".join(
        f'<td class="r">{_number(layer.get(key), factor, digits)}</td>'
        for _, _, key, factor, digits in _COLUMNS
    )
    return "".join(f"<td>{name}</td>" for name in names) + values


def _number(value, factor: int, digits: int) -> str:
    if not isinstance(value, (int, float)):
        return ""
    # An exact zero is what a frozen layer shows; a small number is not one.
    return "0" if value == 0 else f"{factor * value:.{digits}f}"
