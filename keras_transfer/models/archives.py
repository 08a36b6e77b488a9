"""What a `.keras` file names, looked at before Keras opens it.

Keras's safe mode refuses code that a file carries. Here everything else that
a network of ours does not have is refused as well, with a reason, before any
of it is built.
"""

import json
import zipfile
from pathlib import Path

from keras_transfer.errors import NetworkFailed

_ENTRIES = {"metadata.json", "config.json", "model.weights.h5"}
# Public modules whose classes are numbers and arithmetic.
_MODULES = (
    "keras",
    "keras.constraints",
    "keras.initializers",
    "keras.layers",
    "keras.models",
    "keras.regularizers",
)
# Classes among those that call code or models from elsewhere.
_CALLERS = (
    "FlaxLayer",
    "JaxLayer",
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
)
_OURS = "keras_transfer>"  # names that `models` registers its layers under


def check_archive(path: Path) -> None:
    """Refuses a `.keras` file that could do more than hold weights.

    Args:
        path: Path.

    Raises:
        NetworkFailed: If it has an entry or a class that networks of this
            package do not have, such as a `Lambda`, or cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise NetworkFailed(
            f"{path} is not a `.keras` file: {error}."
        ) from error
    more = sorted(set(names) - _ENTRIES)
    if more or len(set(names)) != len(names):
        raise NetworkFailed(
            f"{path} is refused: expected the entries {sorted(_ENTRIES)}, each "
            f"once. Received: {sorted(names)[:10]}."
        )
    if isinstance(config, dict):
        # Not built by `load_model(compile=False)`.
        config.pop("compile_config", None)
    for described in _objects(config):
        _check_object(path, described)


def _check_object(path: Path, described: dict) -> None:
    name = described["class_name"]
    registered = described.get("registered_name")
    module = described.get("module")
    if name in _CALLERS:
        raise NetworkFailed(
            f"{path} is refused: it has a {name}, which runs code that comes "
            "with the file. Ask for the network without it."
        )
    # Keras finds these in its registry, which no file can add to.
    ours = registered == f"{_OURS}{name}"
    builtin = module in _MODULES and registered in (None, name)
    if not (ours or builtin):
        raise NetworkFailed(
            f"{path} is refused: expected classes of Keras's own modules "
            f"{list(_MODULES)}. Received: {name!r} of module {module!r}, "
            f"registered as {registered!r}."
        )


def _objects(value):
    """Yields every dict that Keras would make an object of."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _objects(part)
