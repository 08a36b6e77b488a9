"""Which networks share a recipe: all settings but those that a study varies.

A key is made of every setting that is left after what varies is taken away,
so a setting that comes later keeps networks apart until somebody says that
it may vary.
"""

import dataclasses

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


def _settings(spec: NetworkSpec):
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if field.name in ("data", "model", "solver"):
            for inner in dataclasses.fields(value):
                name = f"{field.name}.{inner.name}"
                yield name, getattr(value, inner.name)
        else:
            yield field.name, value


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
