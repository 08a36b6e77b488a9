"""What a `.keras` file names, looked at before Keras opens it.

Keras's safe mode refuses code that a file carries. Here every other entry and
class that is not expected is refused as well, with a reason, before any of it
is built.
"""

import dataclasses
import json
import zipfile
from pathlib import Path

import keras

# Keras finds the layers that our own files name once they are imported.
import keras_transfer.models.layers  # noqa: F401
from keras_transfer.errors import NetworkFailed, UserError

_ENTRIES = {"metadata.json", "config.json", "model.weights.h5"}
# Classes that call code or models from elsewhere.
_CALLERS = (
    "FlaxLayer",
    "JaxLayer",
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "__lambda__",
)
# Values rather than objects.
_VALUES = (
    "__bytes__",
    "__ellipsis__",
    "__keras_tensor__",
    "__numpy__",
    "__slice__",
    "__tensor__",
)
_OURS = "keras_transfer>"  # names that `models` registers its layers under


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a file may hold.

    Args:
        modules: Tuple of strings, modules whose classes are numbers and
            arithmetic.
        inside: Boolean, whether modules below those are as good, and values
            and assets may come with them.
        registered: Boolean, whether any registered class may come; else only
            this package's own.
        error: Class of the exception.
        cure: String, what to do about a class that is not known.
    """

    modules: tuple[str, ...]
    inside: bool
    registered: bool
    error: type[Exception]
    cure: str


OWN_NETWORK = Rules(
    modules=(
        "keras",
        "keras.constraints",
        "keras.initializers",
        "keras.layers",
        "keras.models",
        "keras.regularizers",
    ),
    inside=False,
    registered=False,
    error=NetworkFailed,
    cure="It is no network of this package.",
)
ANY_MODEL = Rules(
    modules=(
        "keras.constraints",
        "keras.initializers",
        "keras.layers",
        "keras.models",
        "keras.regularizers",
        "keras.src.applications",
        "keras.src.layers",
        "keras.src.models",
        "keras.src.ops",
        "keras_hub",
    ),
    inside=True,
    registered=True,
    error=UserError,
    cure="Import the module that defines it first, with "
    "`@keras.saving.register_keras_serializable()` on the class.",
)


def check_archive(path: Path, rules: Rules = OWN_NETWORK) -> None:
    """Refuses a `.keras` file that could do more than hold a model.

    Args:
        path: Path.
        rules: `Rules`. Defaults to those for networks of this package.

    Raises:
        Exception: Of the rules' class, if the file cannot be read or has an
            entry or a class that is not expected, such as a `Lambda`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = f"{error}".strip("\"'.")
        raise rules.error(
            f"{path} is not a `.keras` file: {reason}. Expected what "
            "`model.save('FILE.keras')` of Keras 3 writes."
        ) from error
    strange = [
        name
        for name in names
        if name not in _ENTRIES
        and not (rules.inside and name.startswith("assets/"))
    ]
    if strange or len(set(names)) != len(names):
        raise rules.error(
            f"{path} is refused: expected the entries {sorted(_ENTRIES)}, each "
            f"once. Received: {sorted(names)[:10]}."
        )
    if isinstance(config, dict):
        # Not built by `load_model(compile=False)`.
        config.pop("compile_config", None)
    for described in _objects(config):
        _check_object(path, described, rules)


def _check_object(path: Path, described: dict, rules: Rules) -> None:
    name = described["class_name"]
    registered = described.get("registered_name")
    module = described.get("module") or ""
    if name in _CALLERS:
        raise rules.error(
            f"{path} is refused: it has a {name}, which runs code that comes "
            "with the file. Ask for the model with a registered layer instead."
        )
    known = name if name != "function" else described.get("config")
    if rules.inside:
        passes = name in _VALUES or _is_inside(module, name, rules)
    else:
        passes = module in rules.modules and registered in (None, name)
    if rules.registered:
        found = keras.saving.get_registered_object(registered or str(known))
        passes = passes or found is not None
    else:
        # Keras finds these in its registry, which no file can add to.
        passes = passes or registered == f"{_OURS}{name}"
    if not passes:
        raise rules.error(
            f"{path} is refused: the class {registered or known!r} of module "
            f"{module!r} is not known. {rules.cure}"
        )


def _is_inside(module: str, name: str, rules: Rules) -> bool:
    below = any(
        module == own or module.startswith(f"{own}.") for own in rules.modules
    )
    return name != "function" and (module == "keras" or below)


def _objects(value):
    """Yields every dict that Keras would make an object of."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _objects(part)
