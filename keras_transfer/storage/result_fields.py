"""What a result has to hold before it is reported.

A checksum says that nobody cut a `result.json` short, not who wrote it: one
that a stranger sends may lack anything.
"""

from numbers import Real

from keras_transfer.specs.network import LAYER_NAMES

# Looks at the validation images from which on `val_best10` is a peak.
LEAST_LOOKS = 100

_TEXT, _NONE = (str,), type(None)
_FIELDS = {
    "test_accuracy": (Real,),
    "test_loss": (Real,),
    "val_accuracy": (Real,),
    "val_best10": (Real, type(None)),
    "train_accuracy": (Real,),
    "train_loss": (Real,),
    "seconds": (Real,),
    "data_version": _TEXT,
    "data_fingerprint": _TEXT,
}
_LISTS = {"classes": str, "resumed_at_epoch": int, "proof": dict}
_TENSOR = {
    "target_path": _TEXT,
    "source_path": (str, _NONE),
    "shape": (list,),
    "frozen": (bool,),
    "source_sha256": (str, _NONE),
    "before_sha256": _TEXT,
    "after_sha256": (str, _NONE),
}
_LAYER = {"layer": _TEXT, "copied": (bool,)}


def can_be_reported(result: dict) -> bool:
    """Says whether a result holds every field that reports read.

    Args:
        result: Dict, content of `result.json`.

    Returns:
        Boolean; false as well if a field is of another type.
    """
    layers = result.get("layers", [])  # older results have none
    return (
        _has(result, _FIELDS)
        and all(_is_list(result.get(k), t) for k, t in _LISTS.items())
        and bool(result["classes"])
        and all(_has(tensor, _TENSOR) for tensor in result["proof"])
        and _is_list(layers, dict)
        and len(layers) in (0, len(LAYER_NAMES))
        and all(map(_is_layer, layers))
        and isinstance(result.get("environment", {}), dict)
        and isinstance(result.get("data_parts", ""), str)
    )


def _is_layer(row: dict) -> bool:
    statistics = (value for name, value in row.items() if name != "layer")
    return _has(row, _LAYER) and all(
        isinstance(value, (Real, _NONE)) for value in statistics
    )


def _has(content: dict, fields: dict) -> bool:
    return all(
        name in content and isinstance(content[name], kinds)
        for name, kinds in fields.items()
    )


def _is_list(value, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(x, kind) for x in value)
