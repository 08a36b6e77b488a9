"""Which networks share a recipe: all settings but those that a study varies.

A key is made of every setting that is left after what varies is taken away,
so a setting that comes later keeps networks apart until somebody says that
it may vary.
"""

import dataclasses
import functools
from collections.abc import Iterator

from keras_transfer.specs.network import NetworkSpec

# What networks of one group in a report may differ in. Of copied layers and
# their solver nothing is left in an own base, which the key is taken of.
GROUP = ("data.split", "target", "seed", "draw")
# What the networks of figure 3 may differ in: which classes, which layers.
FIGURE3 = (
    "data.split",
    "data.halves",
    "data.classes_per_half",
    "target",
    "seed",
    "base",
    "n",
    "mode",
    "initialization",
)


def recipe_key(spec: NetworkSpec, varied: tuple[str, ...]) -> tuple:
    """Returns what is left of a network's settings without what varies.

    Args:
        spec: `NetworkSpec`.
        varied: Tuple of strings, names of fields such as `"seed"`, or of a
            part's such as `"data.split"`.

    Returns:
        Tuple of `(name, value)`, equal for networks of one recipe.

    Raises:
        ValueError: If a name is no setting.
    """
    settings = dict(_settings(spec))
    unknown = set(varied) - set(settings)
    if unknown:
        raise ValueError(
            f"Expected settings among {sorted(settings)}. "
            f"Received: {sorted(unknown)}."
        )
    return tuple(item for item in settings.items() if item[0] not in varied)


def _settings(spec: NetworkSpec) -> Iterator[tuple[str, object]]:
    for name in _fields(NetworkSpec):
        value = getattr(spec, name)
        if name in ("data", "model", "solver"):
            yield from _part_settings(name, value)
        else:
            yield name, value


@functools.lru_cache(maxsize=1024)  # thousands of networks share few parts
def _part_settings(name: str, part) -> tuple[tuple[str, object], ...]:
    return tuple(
        (f"{name}.{inner}", getattr(part, inner))
        for inner in _fields(type(part))
    )


@functools.cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def figure3_key(spec: NetworkSpec) -> tuple:
    """Returns what networks must share to stand in one figure 3.

    Networks with layers from elsewhere may have a solver of their own beside
    their base's, so they are told from those without.

    Args:
        spec: `NetworkSpec`.

    Returns:
        Pair of a boolean, whether it is a base network, and the tuple of
        `recipe_key` without the settings in `FIGURE3`.
    """
    return spec.is_base, recipe_key(spec, FIGURE3)


def compiled_key(spec: NetworkSpec) -> tuple:
    """Returns what networks have alike that one compiled step serves.

    Args:
        spec: `NetworkSpec`; of one study, whose halves are of one size.
    """
    frozen = spec.n if spec.mode == "frozen" else 0
    # What differs most often comes first: thousands of networks are compared.
    return frozen, spec.solver, spec.model, spec.data.crop
