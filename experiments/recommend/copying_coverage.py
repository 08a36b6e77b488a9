"""How often the interval of what copying is worth holds the truth.

The copied network is drawn like those drawn anew, so copying is worth nothing.
"""

import dataclasses
import math

import numpy as np

from experiments.recommend.simulated import (
    DIFFICULTY,
    OWN_DIFFICULTY,
    Setting,
    draw,
    probit,
)
from keras_transfer.recommendation.copying import compare_with_fresh
from keras_transfer.reports import markdown

# Of a network; the spread of seeds, on the probit scale, is 1.5 points there.
_ACCURACY, _SEED_SPREAD = 0.8, 0.1
_SEEDS = 2
HEADINGS = {
    "covers": "covers",
    "helps": "said to help",
    "seems": "said to seem so",
    "width": "median width, points",
}


@dataclasses.dataclass(frozen=True)
class World:
    """One row of the table.

    Args:
        draws: Integer, networks drawn anew.
        times: Float, deviation of a draw over that of a seed, 1 or more.
        images: Integer, test images.
        validation: Integer, images that the finalists are right on.
        finalists: Integer, networks trained with 2 seeds. Defaults to `3`.
    """

    draws: int
    times: float
    images: int
    validation: int
    finalists: int = 3


SETTINGS = tuple(
    World(draws, times, images, validation)
    for draws in (3, 2)
    for images, validation in ((2000, 2000), (2000, 200), (200, 200))
    for times in (1, 2, 4)
)


def measure(world: World, repetitions: int, seed: int = 0) -> dict:
    """Counts how often the interval holds the truth, which is 0.

    Args:
        world: `World`.
        repetitions: Integer.
        seed: Integer. Defaults to `0`.

    Returns:
        Dict of shares: `covers`; `helps` and `seems`, how often copying is
        said to help or to seem to, wrongly; and `width`, median of the
        interval's, as a share.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(repetitions):
        copied, fresh, like = _draw(world, rng)
        found.append(compare_with_fresh(copied, fresh, like))
    return {
        "covers": float(np.mean([c.low <= 0 <= c.high for c in found])),
        "helps": float(np.mean([c.helps for c in found])),
        "seems": float(np.mean([c.seems and not c.helps for c in found])),
        "width": float(np.median([c.high - c.low for c in found])),
    }


def _draw(world: World, rng: np.random.Generator):
    """Draws correctness of the copied network, of draws and of finalists."""
    weights = _SEED_SPREAD * math.sqrt(world.times**2 - 1)
    total = 1 + DIFFICULTY**2 + OWN_DIFFICULTY**2 + _SEED_SPREAD**2
    levels = weights * rng.standard_normal(1 + world.draws) / math.sqrt(total)
    accuracies = _share(probit(_ACCURACY) + levels)
    networks = draw(
        Setting(tuple(accuracies), world.images, _SEEDS, _SEED_SPREAD), rng
    )
    finalists = (_ACCURACY,) * world.finalists
    like = draw(Setting(finalists, world.validation, _SEEDS, _SEED_SPREAD), rng)
    return networks[0], networks[1:, 0], like


def _share(quantiles: np.ndarray) -> np.ndarray:
    from scipy import stats

    return stats.norm.cdf(quantiles)


def table(rows: list[tuple[World, dict]], repetitions: int) -> str:
    """Returns what was measured as Markdown, in percent and points.

    Args:
        rows: List of tuples of a `World` and what `measure` found of it.
        repetitions: Integer, comparisons that were drawn a row.
    """
    heads = ["draws", "spread of a draw / of a seed", "test images"]
    heads += ["validation images", *HEADINGS.values()]
    body = [
        [*_cells(world), *(f"{100 * found[name]:.1f}" for name in HEADINGS)]
        for world, found in rows
    ]
    lines = [
        "## What copying is worth",
        "",
        f"Shares of {repetitions} simulated comparisons, in percent; nominal "
        f"95. Networks of {100 * _ACCURACY:.0f} %, whose copied one is drawn "
        "like those drawn anew: copying is worth nothing, so each is wrong "
        "that is said to help or to seem to. The copied network and "
        f"{rows[0][0].finalists} finalists have {_SEEDS} seeds, which spread "
        "by 1.5 points. Where draws spread no more than that, the interval "
        "is wider than it need be, since two or three draws cannot show it.",
        "",
        *markdown.table(heads, body),
    ]
    return markdown.document(lines)


def _cells(world: World) -> list[str]:
    cells = [str(world.draws), f"{world.times:g}", str(world.images)]
    return [*cells, str(world.validation)]


def csv_text(rows: list[tuple[World, dict]]) -> str:
    """Returns what was measured as comma-separated values.

    Args:
        rows: List of tuples of a `World` and what `measure` found of it.
    """
    lines = ["draws,times,images,validation," + ",".join(HEADINGS)]
    for world, found in rows:
        numbers = [f"{found[name]:.4f}" for name in HEADINGS]
        lines.append(",".join([*_cells(world), *numbers]))
    return "\n".join(lines) + "\n"
