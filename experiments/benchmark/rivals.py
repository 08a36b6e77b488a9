"""Training throughput: ours against PyTorch and plain Keras `fit`."""

import dataclasses

from experiments.benchmark.race import Entrant
from experiments.benchmark.targets import ALIKE, EACH
from keras_transfer.specs.presets import Recipe

_KERAS = "experiments.benchmark.keras_entrants"
_OURS = f"{_KERAS}:our_training"
_PLAIN = f"{_KERAS}:plain_fit"
_STORED = f"{_KERAS}:stored_features"
_TORCH = "experiments.benchmark.torch_entrants:training"
# A network is one `fit`: of few steps its beginning would be timed.
_STEPS = {"cnn8": 64, "caffenet": 3}
FROZEN = (3, 5, 6, 7)  # layers, of a trial of a learning rate


def entrants(recipe: Recipe) -> list[Entrant]:
    """Lists who trains a network, with all cores and with one.

    Args:
        recipe: `Recipe`, of `cnn8` or `caffenet`.

    Returns:
        List of `Entrant`.
    """
    name = recipe.model.name
    steps, each = _STEPS[name], name == "cnn8"  # as a study does on a CPU
    found = []
    for precision in ("float32", "bfloat16"):
        mine = {"steps": steps, "recipe": _in(precision, recipe)}
        theirs = {
            "steps": steps,
            "recipe": recipe,
            "precision": precision,
            "compiled": False,
        }
        ours, eager = f"ours {precision}", f"PyTorch eager {precision}"
        compiled = f"PyTorch compiled {precision}"
        found += [
            Entrant(ours, _OURS, mine),
            Entrant(eager, _TORCH, theirs),
            Entrant(compiled, _TORCH, {**theirs, "compiled": True}),
        ]
        if each:
            found += [
                Entrant(f"{ours}, {EACH}", _OURS, mine, True),
                Entrant(f"{eager}, {EACH}", _TORCH, theirs, True),
            ]
    for source in ("numpy", "tf.data"):
        plain = {"steps": steps, "recipe": recipe, "source": source}
        found.append(Entrant(f"plain fit, {source}", _PLAIN, plain))
    if each:
        text = "plain fit, tf.data"
        alike = {**plain, "our_optimizer": True}
        found += [
            Entrant(f"{text}, {EACH}", _PLAIN, plain, True),
            Entrant(f"{text}, {ALIKE}", _PLAIN, alike),
            Entrant(f"{text}, {ALIKE}, {EACH}", _PLAIN, alike, True),
        ]
    return found


def compare(speeds: dict) -> dict:
    """Compares each with ours in float32, round by round.

    Args:
        speeds: Dict from a name to `race.Speed`, what `race` returned.

    Returns:
        Dict from a name to a dict of JSON values.
    """
    named = {name.removesuffix(": training"): s for name, s in speeds.items()}
    ours = named["ours float32"]
    return {
        name: {**speed.to_json(), "over_ours_float32": speed.over(ours)}
        for name, speed in named.items()
    }


def trial_entrants(recipe: Recipe, frozen: int) -> list[Entrant]:
    """Lists who trains above frozen layers in a trial of a learning rate.

    Ours as a search runs them, a network a core; the plain one has all cores
    for itself.

    Args:
        recipe: `Recipe`.
        frozen: Integer, layers.

    Returns:
        List of `Entrant`.
    """
    common = {"steps": 320, "frozen": frozen}
    plain = {"steps": 50, "recipe": recipe, "source": "numpy"}
    halved = _in("bfloat16", recipe)
    return [
        Entrant("plain", _PLAIN, {**plain, "frozen": frozen}),
        Entrant("float32", _STORED, {**common, "recipe": recipe}, True),
        Entrant("bfloat16", _STORED, {**common, "recipe": halved}, True),
    ]


def compare_trials(speeds: dict) -> dict:
    """Compares trials with those of plain `fit`, round by round.

    Args:
        speeds: Dict from a name to `race.Speed`, what `race` returned.

    Returns:
        Dict from a name to a dict of JSON values.
    """
    plain = speeds["plain: training"]
    return {
        name.removesuffix(": training"): {
            **speed.to_json(),
            "over_plain": speed.over(plain),
        }
        for name, speed in speeds.items()
    }


def _in(precision: str, recipe: Recipe) -> Recipe:
    model = dataclasses.replace(recipe.model, precision=precision)
    return dataclasses.replace(recipe, model=model)
