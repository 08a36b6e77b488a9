"""A network's identity: a hash of all settings that determine its result."""

import dataclasses
import functools
import hashlib
import json

# Raised by one whenever the same settings would give other weights, so that
# results of two versions of the computation never mix. Sums that are rounded
# otherwise are no other computation: processors and threads differ in them.
COMPUTATION = 3

# Settings that came after networks were filed: `None` stands for what was
# always done, and leaves the ids of those as they are.
_CAME_LATER = (
    ("data", "images_per_class"),
    ("data", "halves"),
    ("data", "channels"),
    ("data", "classes_per_half"),
    ("data", "labels"),
    ("model", "norm_momentum"),
    ("model", "content"),
    ("model", "cuts"),
    ("model", "lrn_alpha"),
    ("model", "first_kernel"),
    (None, "initialization"),
    (None, "target_images"),
    (None, "draw"),
    (None, "preserved"),
    ("solver", "copied_rate"),
    ("solver", "replicas"),
    ("solver", "label_smoothing"),
    ("base_solver", "replicas"),
    ("base_solver", "label_smoothing"),
    ("solver", "muon_rate"),
    ("base_solver", "muon_rate"),
    ("solver", "class_weights"),
    ("base_solver", "class_weights"),
    ("solver", "rate_decay"),
    ("base_solver", "rate_decay"),
    ("solver", "optimizer"),
    ("base_solver", "optimizer"),
    (None, "base_solver"),
    (None, "moments"),
)


_PLAIN = frozenset({str, int, float, bool, tuple, type(None)})


def to_dict(spec) -> dict:
    """Turns a spec into nested dicts of JSON values.

    Args:
        spec: `NetworkSpec` or one of its parts.

    Returns:
        Dict.
    """
    # As `dataclasses.asdict`, which also copies what cannot change.
    values = {}
    for name in _names(type(spec)):
        value = getattr(spec, name)
        # Most are plain, and thousands of networks have dozens each.
        part = type(value) not in _PLAIN and dataclasses.is_dataclass(value)
        values[name] = to_dict(value) if part else value
    return values


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def hash_network(values: dict) -> str:
    """Hashes everything that determines a network's result.

    Args:
        values: Dict of `to_dict(spec)`; it is left as it is.

    Returns:
        String of 10 hex digits.
    """
    kept = {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in values.items()
    }
    for part, field in _CAME_LATER:
        fields = kept if part is None else kept[part]
        if fields is not None and fields[field] is None:
            del fields[field]
    return spec_hash({"computation": _computation(values), **kept})


def _computation(values: dict) -> int:
    # Until 3, "he" left caffenet's own start, which is a Gaussian filler.
    he = values.get("initialization") == "he"
    if he and values["model"]["name"] == "caffenet":
        return 4
    return COMPUTATION


def spec_hash(values: dict) -> str:
    """Hashes JSON values, whatever the order of the keys.

    Args:
        values: Dict of what JSON can hold. A tuple counts as the list of its
            items; `1` and `1.0` differ.

    Returns:
        String of 10 hex digits, the first of the SHA-256.

    Raises:
        TypeError: If JSON cannot hold a value.
    """
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]
