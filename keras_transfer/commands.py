"""The command line that trains a network again, derived from its settings."""

import dataclasses
import shlex

from keras_transfer import presets
from keras_transfer.presets import Preset
from keras_transfer.specs import NetworkSpec

# Where a study's command line sets a field: part of the recipe, field, flag.
FLAGS = (
    ("model", "name", "--model"),
    ("model", "width", "--width"),
    ("model", "normalization", "--normalization"),
    ("model", "precision", "--precision"),
    ("solver", "epochs", "--epochs"),
    ("solver", "steps_per_epoch", "--steps-per-epoch"),
    ("solver", "batch_size", "--batch-size"),
    ("solver", "learning_rate", "--learning-rate"),
    ("data", "images_per_class", "--images-per-class"),
    ("data", "views", "--views"),
    ("data", "mean", "--mean"),
)


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, and what it cannot set.

    Args:
        words: Tuple of strings.
        unset: Tuple of strings such as `"solver.momentum = 0.8"`, settings of
            the network that no flag gives; empty if the command trains
            exactly this network.
    """

    words: tuple[str, ...]
    unset: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shlex.join(self.words)


def network_command(
    spec: NetworkSpec, script: str = "similar_datasets"
) -> Command:
    """Derives the smallest command that trains a network again.

    A flag is given where the network differs from the preset; the preset is
    the one that needs the fewest.

    Args:
        spec: `NetworkSpec`.
        script: String, name of the experiment.

    Returns:
        `Command`. It trains both directions of the network and the bases
        they come from.
    """
    flags, unset = recipe_flags(spec)
    words = ["python", "-m", f"experiments.{script}"]
    words += ["--dataset", spec.data.name, *flags]
    words += ["--splits", str(spec.data.split), "--seeds", str(spec.seed)]
    if spec.base is None:
        words.append("--treatments")
    else:
        words += ["--layers", str(spec.n), "--treatments", spec.treatment]
    return Command(tuple(words), tuple(unset))


def recipe_flags(spec: NetworkSpec) -> tuple[list[str], list[str]]:
    """Says how a recipe differs from the preset that is nearest to it.

    Args:
        spec: `NetworkSpec`.

    Returns:
        Tuple `(flags, unset)`: the words of a command line, and the settings
        that no flag gives.
    """
    options = [_with_preset(spec, name) for name in presets.PRESETS]
    return min(options, key=lambda one: (len(one[1]), len(one[0])))


def _with_preset(spec: NetworkSpec, name: str) -> tuple[list, list]:
    usual = presets.find_preset(spec.data.name, name, None)
    flags = [] if name == "default" else ["--preset", name]
    if usual.image_size != spec.data.image_size:
        flags += ["--image-size", str(spec.data.image_size)]
        usual = presets.find_preset(spec.data.name, name, spec.data.image_size)
    given = {(part, field): flag for part, field, flag in FLAGS}
    unset = []
    for part, field, expected, value in _differences(spec, usual):
        flag = given.get((part, field))
        # A flag that is not given means the preset's value, so nothing on
        # the command line can ask for `None`.
        if flag is None or value is None:
            unset.append(f"{part}.{field} = {value} (preset: {expected})")
        else:
            flags += [flag, str(value)]
    return flags, unset


def _differences(spec: NetworkSpec, usual: Preset):
    """Yields part, field, the preset's value and the network's own."""
    expected = {
        "model": usual.model,
        "solver": usual.solver,
        "data": usual.data(spec.data.name, spec.data.split),
    }
    for part, settings in expected.items():
        found = getattr(spec, part)
        for field in dataclasses.fields(settings):
            old = getattr(settings, field.name)
            new = getattr(found, field.name)
            if old != new:
                yield part, field.name, old, new
