"""Several networks trained in one compiled step, against one at a time.

A step of a small network is short, so what a call costs beside it could
matter; networks that share a frozen prefix, target and seed see the same
stored output in the same order, so one stream can feed them all.
"""

from experiments.benchmark.race import Entrant
from keras_transfer.specs.presets import Recipe

_TOGETHER = (1, 2, 4, 8)
_FROZEN = (7, 5, 0)  # layers; above them all, above some, and a whole network
_PRODUCER = "experiments.benchmark.keras_entrants:side_by_side"


def entrants(recipe: Recipe) -> list[Entrant]:
    """Lists what is timed: 1 to 8 networks in a step, one process a core.

    Args:
        recipe: `Recipe`.

    Returns:
        List of `Entrant`.
    """
    return [
        Entrant(
            name(frozen, networks),
            _PRODUCER,
            {
                "recipe": recipe,
                "steps": 320 // networks if frozen else 32,
                "frozen": frozen,
                "networks": networks,
            },
            one_a_core=True,
        )
        for frozen in _FROZEN
        for networks in (_TOGETHER if frozen else _TOGETHER[:2])
    ]


def name(frozen: int, networks: int) -> str:
    """Names what is timed.

    Args:
        frozen: Integer, layers.
        networks: Integer, in one step.
    """
    above = f"n = {frozen} frozen" if frozen else "whole networks"
    return f"{above}, {networks} in a step"


def compare(speeds: dict) -> list[dict]:
    """Compares each with one network a step, round by round.

    Args:
        speeds: Dict from a name to `race.Speed`, what `race` returned.

    Returns:
        List of dicts: frozen layers, networks in a step, median images a
        second of all cores, and their ratio to one network in a step.
    """
    rows = []
    for frozen in _FROZEN:
        alone = speeds[f"{name(frozen, 1)}: training"]
        for networks in _TOGETHER:
            speed = speeds.get(f"{name(frozen, networks)}: training")
            if speed is not None:
                rows.append(
                    {
                        "frozen": frozen,
                        "networks": networks,
                        "median": speed.median,
                        "over_one": speed.over(alone),
                    }
                )
    return rows
