"""The command line that trains a network again.

It is stored beside the network. Those that were trained before it was have
one that is derived from their settings.
"""

import dataclasses
import functools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath

from keras_transfer.datasets import class_kinds
from keras_transfer.datasets.sources import FOLDER
from keras_transfer.errors import UserError
from keras_transfer.reports.command_lines import Command
from keras_transfer.specs import presets, rates
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import Random
from keras_transfer.specs.presets import Recipe
from keras_transfer.storage.stored_command import StoredCommand

# Where a study's command line sets a field: part of the recipe, field, flag.
FLAGS = (
    ("model", "name", "--model"),
    ("model", "width", "--width"),
    ("model", "first_kernel", "--first-kernel"),
    ("model", "normalization", "--normalization"),
    ("model", "dropout", "--dropout"),
    ("model", "precision", "--precision"),
    ("solver", "epochs", "--epochs"),
    ("solver", "steps_per_epoch", "--steps-per-epoch"),
    ("solver", "batch_size", "--batch-size"),
    ("solver", "learning_rate", "--learning-rate"),
    ("solver", "schedule", "--schedule"),
    ("solver", "weight_decay", "--weight-decay"),
    ("solver", "optimizer", "--optimizer"),
    ("solver", "copied_rate", "--copied-rate"),
    ("solver", "rate_decay", "--rate-decay"),
    ("solver", "class_weights", "--class-weights"),
    ("solver", "replicas", "--gpus-per-network"),
    ("data", "images_per_class", "--images-per-class"),
    ("data", "classes_per_half", "--classes-per-half"),
    ("data", "views", "--views"),
    ("data", "mean", "--mean"),
    ("data", "channels", "--channels"),
)


# A log folder may be a stranger's: only a script of this repository is shown.
_OURS = re.compile(r"python -m experiments(\.[a-z0-9_]+)+")


def command_of(spec: NetworkSpec, stored: StoredCommand | None) -> Command:
    """Returns the command of a network, to be shown and run elsewhere.

    Args:
        spec: `NetworkSpec`.
        stored: `StoredCommand` or `None`, what lies beside the network.

    Returns:
        `Command`, without its log folder. `DIR` stands for the folders that
        absolute paths named, which are those of another machine.
    """
    words = None if stored is None else _shown(stored.words)
    if words is None:
        return network_command(spec)
    return Command(words, rates=_rates(spec)[0], stored=True)


@functools.lru_cache(maxsize=1024)  # a study's networks have one command
def _shown(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns what of a stored command is shown, `None` if it is not ours."""
    if not _OURS.fullmatch(shlex.join(words[:3])):
        return None
    return tuple(map(_without_place, _without_log_dir(words)))


def _without_log_dir(words: tuple[str, ...]) -> Iterator[str]:
    left = iter(words)
    for word in left:
        if word == "--log-dir":
            next(left, None)
        elif not word.startswith("--log-dir="):
            yield word


def _without_place(word: str) -> str:
    flag, equals, value = word.rpartition("=")
    path = PurePath(value)
    if not path.is_absolute():
        return word
    return f"{flag}{equals}DIR/{path.name}"


def network_command(spec: NetworkSpec) -> Command:
    """Derives the smallest command that trains a network again.

    The script is the smallest study that has such a network. A flag is given
    where the network differs from the preset; the preset is the one that
    needs the fewest.

    Args:
        spec: `NetworkSpec`.

    Returns:
        `Command`. It trains what the network needs as well, and its twins of
        the same study.
    """
    flags, unset = recipe_flags(spec)
    script, own, missing = _study_flags(spec)
    usual = _of_usual_length(spec)
    if unset and usual is not None and not recipe_flags(usual)[1]:
        flags, unset = recipe_flags(usual)
        if spec.target == "all":
            own = [*own, "--same-steps"]
        else:
            script, own = "boost", ["--splits", str(spec.data.split)]
            own += ["--layers", "1"]
    words = ["python", "-m", f"experiments.{script}"]
    words += [*_data_flags(spec.data.name, script), *flags, *own]
    words += ["--seeds", str(spec.seed)]
    file, more = _rates(spec)
    if file:
        words += ["--learning-rates", "rates.json"]
    return Command(tuple(words), (*unset, *missing, *more), file)


def _data_flags(name: str, script: str) -> list[str]:
    if not name.startswith(FOLDER):
        return ["--dataset", name]
    if script == "similar_datasets":
        return ["--images", "DIR"]
    return ["--dataset", name, "--data-dir", "DIR"]


def _study_flags(spec: NetworkSpec) -> tuple[str, list[str], list[str]]:
    """Returns the script, its own flags, and what they cannot say."""
    layers = ["--layers", str(spec.n)]
    splits = ["--splits", str(spec.data.split)]
    missing = []
    if spec.target == "all" and not spec.is_base:
        missing.append("random layers of a network on all classes")
    if spec.target_images is not None:
        flags = ["--images", str(spec.target_images)]
        if spec.target == "all":
            return "reduced_data", flags, missing
        flags = [*splits, *flags]
        # Every study of target sizes has transfers.
        flags += ["--draws", str(spec.draw), "--layers", str(spec.n or 1)]
        return "target_size", flags, missing
    origin = spec.origin
    if isinstance(origin, Random):
        flags = [*splits, *layers, "--initializations", origin.initialization]
        return "random_weights", flags, missing
    if spec.target == "all":
        return "all_classes", splits, missing
    row = spec.treatment_row
    if not (row.is_base or row.in_grid):
        flags = [*splits, *layers, "--preserved", str(spec.preserved)]
        return "preserved_layers", flags, missing
    treatments = ["--treatments"]
    if row.in_grid:
        treatments = [*layers, "--treatments", spec.treatment]
    if spec.data.halves is None:
        return "similar_datasets", [*splits, *treatments], missing
    return _kinds_flags(spec, treatments)


def _of_usual_length(spec: NetworkSpec) -> NetworkSpec | None:
    """Returns the base that a study lists again: `boost` with twice the
    epochs, `all_classes` on all classes with half of them."""
    solver = spec.solver
    whole = spec.target == "all"
    if not spec.is_base or spec.target_images is not None:
        return None
    if solver.epochs % 2 and not whole:
        return None
    epochs, every = solver.epochs, solver.step_every
    changes = (2 * epochs, 2 * every) if whole else (epochs // 2, every // 2)
    solver = dataclasses.replace(
        solver, epochs=changes[0], step_every=changes[1]
    )
    return dataclasses.replace(spec, solver=solver)


def _kinds_flags(spec, treatments) -> tuple[str, list[str], list[str]]:
    try:
        known = class_kinds.known_kinds(spec.data.name)
    except UserError:
        known = None
    script = "dissimilar_datasets"
    if spec.data.halves == known:
        return script, treatments, []
    if known is not None and spec.data.halves == class_kinds.balance(known, 0):
        return script, ["--balanced", *treatments], []
    return script, treatments, ["the classes of both sides (`--classes FILE`)"]


def _rates(spec: NetworkSpec) -> tuple[str, list[str]]:
    """Returns the file of rates that sets a network apart from its base."""
    if spec.base_solver is None:
        return "", []
    changes, unset = {}, []
    for field in dataclasses.fields(spec.solver):
        old = getattr(spec.base_solver, field.name)
        new = getattr(spec.solver, field.name)
        if old != new and field.name in rates.FIELDS and new is not None:
            changes[field.name] = new
        elif old != new:
            unset.append(f"solver.{field.name} = {new} (base: {old})")
    content = {"rates": {rates.task_of(spec): changes}}
    return json.dumps(content) if changes else "", unset


def recipe_flags(spec: NetworkSpec) -> tuple[list[str], list[str]]:
    """Says how a recipe differs from the preset that is nearest to it.

    Args:
        spec: `NetworkSpec`.

    Returns:
        Tuple `(flags, unset)`: the words of a command line, and the settings
        that no flag gives.
    """
    options = [_with_preset(spec, *known) for known in presets.KNOWN]
    return min(options, key=lambda one: (len(one[1]), len(one[0])))


def _with_preset(
    spec: NetworkSpec, name: str, regime: str
) -> tuple[list, list]:
    usual = presets.find_recipe(spec.data.name, name, None, regime)
    flags = [] if name == "default" else ["--preset", name]
    flags += [] if regime == "today" else ["--regime", regime]
    if usual.image_size != spec.data.image_size:
        flags += ["--image-size", str(spec.data.image_size)]
        usual = presets.find_recipe(
            spec.data.name, name, spec.data.image_size, regime
        )
    # What another normalisation brings with it; it has no flag of its own.
    chosen = spec.model.normalization
    model = dataclasses.replace(usual.model, normalization=chosen)
    alpha = presets.lrn_alpha(dataclasses.replace(usual, model=model))
    model = dataclasses.replace(usual.model, lrn_alpha=alpha)
    usual = dataclasses.replace(usual, model=model)
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


def _differences(spec: NetworkSpec, usual: Recipe):
    """Yields part, field, the preset's value and the network's own."""
    expected = {
        "model": usual.model,
        "solver": usual.solver,
        # Halves are the study's to say.
        "data": usual.data(
            spec.data.name, spec.data.split, halves=spec.data.halves
        ),
    }
    # A solver of a treatment's own comes from a file of rates.
    shared = dataclasses.replace(spec, solver=spec.base_solver or spec.solver)
    for part, settings in expected.items():
        found = getattr(shared, part)
        for field in dataclasses.fields(settings):
            old = getattr(settings, field.name)
            new = getattr(found, field.name)
            if old != new:
                yield part, field.name, old, new
