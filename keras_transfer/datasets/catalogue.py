"""Names of TFDS data sets, read from its files: a plan needs no TensorFlow.

TFDS's own list imports every data set, which takes ten seconds.
"""

import difflib
import functools
import importlib.util
import re
import sys
from pathlib import Path

from keras_transfer.errors import UserError

# Sets that we draw ourselves, and their versions.
OWN_VERSIONS = {"synthetic_shapes": "4.0.0"}
_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)
# Classes beside the data sets, and files that hold none.
_HELPERS = ("_config", "_info", "_builder", "_task", "_error", "_parser")
_NO_SETS = ("core", "testing", "scripts", "datasets")


@functools.cache
def known_names() -> frozenset[str]:
    """Returns the names of all data sets that TFDS and we define.

    A few names of other classes are among them: a name that is absent is
    unknown, one that is there may still not open.
    """
    names = set(OWN_VERSIONS)
    for root in _tfds_roots():
        folders = (root / "datasets").glob("*/")
        names |= {folder.name for folder in folders}
        for path in root.rglob("*.py"):
            if path.relative_to(root).parts[0] not in _NO_SETS:
                text = path.read_text(encoding="utf-8", errors="replace")
                names |= {_snake(found) for found in _CLASS.findall(text)}
    return frozenset(n for n in names if not n.endswith(_HELPERS))


def check_known(name: str) -> None:
    """Refuses a name that TFDS cannot know.

    Args:
        name: String, such as `"cifar100"`, `"cifar100:3.0.2"` or
            `"imagenet_resized/8x8"`. A name with a namespace
            (`"huggingface:mnist"`) is left to TFDS.

    Raises:
        UserError: With the nearest names.
    """
    first = name.split("/")[0]
    plain, _, version = first.partition(":")
    if version and not version[0].isdigit():
        return
    if plain not in known_names() and plain not in _registered():
        raise UserError(unknown_name(name))


def _registered() -> set[str]:
    """Returns the sets that this process has defined or opened itself."""
    tfds = sys.modules.get("tensorflow_datasets")
    found = [tfds.core.DatasetBuilder] if tfds else []
    for kind in found:  # which grows
        found += kind.__subclasses__()
    return {getattr(kind, "name", "") for kind in found}


def unknown_name(name: str) -> str:
    """Returns the words for a data set that nobody knows.

    Args:
        name: String, as the user gave it.

    Returns:
        String that names up to three data sets of similar names.
    """
    plain = name.split("/")[0].split(":")[0]
    near = difflib.get_close_matches(plain, sorted(known_names()), 3, 0.7)
    cure = "see the TFDS catalogue."
    if near:
        cure = f"did you mean {' or '.join(map(repr, near))}?"
    return (
        f"Unknown data set {name!r}: expected a TFDS name such as "
        f"'cifar100', or 'synthetic_shapes'; {cure}"
    )


def _tfds_roots() -> list[Path]:
    # The package is found but not imported.
    found = importlib.util.find_spec("tensorflow_datasets")
    places = found.submodule_search_locations if found else []
    return [Path(place) for place in places]


def _snake(name: str) -> str:
    # As TFDS does: `RoboAiUR5e` is `robo_ai_u_r5e`.
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
