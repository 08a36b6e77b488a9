"""Training with oneDNN's kernels, against TensorFlow's without them.

By itself TensorFlow takes oneDNN on a processor that has instructions for
neural networks, and leaves it out on others; `process_settings` tells it to
take it on every x86-64, and this says what for.
"""

from experiments.benchmark.race import Entrant
from keras_transfer.specs.presets import REGIMES, find_recipe

_PRODUCER = "experiments.benchmark.keras_entrants:our_training"
# Of one `fit`, whose start counts: of more steps kernels would be worth more.
_STEPS = 24
# What TensorFlow is told, by the name of the one that is told it.
_TOLD = {"oneDNN": "1", "without": "0"}


def entrants() -> list[Entrant]:
    """Lists what is timed: each recipe with and without, one process a core.

    Returns:
        List of `Entrant`.
    """
    return [
        Entrant(
            f"{name}, {kernels}",
            _PRODUCER,
            {"recipe": recipe, "steps": _STEPS},
            one_a_core=True,
            environment={"TF_ENABLE_ONEDNN_OPTS": told},
        )
        for name, recipe in _recipes().items()
        for kernels, told in _TOLD.items()
    ]


def _recipes() -> dict:
    recipes = [
        find_recipe("cifar100", "default", None, regime) for regime in REGIMES
    ]
    return {recipe.model.name: recipe for recipe in recipes}


def compare(speeds: dict) -> list[dict]:
    """Compares both kinds of kernels, round by round.

    Args:
        speeds: Dict from a name to `race.Speed`, what `race` returned.

    Returns:
        List of dicts: network, median images a second of all cores with and
        without oneDNN, and the ratio of both.
    """
    rows = []
    for name in _recipes():
        pair = [speeds.get(f"{name}, {kernels}: training") for kernels in _TOLD]
        if None in pair:
            continue  # one of them could not start
        with_it, without = pair
        rows.append(
            {
                "model": name,
                "onednn": with_it.median,
                "without": without.median,
                "ratio": with_it.over(without),
            }
        )
    return rows
