"""The design of a mixed model: all of it that does not depend on outcomes."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    OTHERS,
    THESE,
    Cell,
    Observation,
    Weights,
)


class _Network(NamedTuple):
    """What a design knows of a network: cells and kinds are numbers in it."""

    split: int | str
    half: str
    seed: int
    source: str
    cell: int
    kind: int  # the treatment and target images of its cell


# Random effects: what the networks of one level share.
_SPREAD: dict[str, Callable[[_Network], tuple]] = {
    "split": lambda o: (o.split,),
    "half": lambda o: (o.split, o.half),
    "split x treatment": lambda o: (o.split, o.kind),
    "half x treatment": lambda o: (o.split, o.half, o.kind),
    "source base": lambda o: (o.split, o.seed, o.source) if o.source else (),
}
_TINY = 1e-8  # of a norm: rounding, no dimension of its own


@dataclasses.dataclass(frozen=True)
class Design:
    """Fixed and random effects of networks; made by `design_of`.

    Args:
        cells: Tuple of `Cell`, the first coefficients, in order.
        effects: Tuple of strings, the random effects.
        scope: String, `THESE` or `OTHERS`.
        x: Float array `(networks, coefficients)`, fixed effects.
        slim: Float array, the columns of `x` that span all.
        frames: Tuple, groups of networks by pattern; see `_frames`.
        inverse: Float array, the pseudo-inverse of `x`.
        by_seeds: Boolean, whether seeds of a half alone tell the noise, and
            each network is independent of the others.
    """

    cells: tuple[Cell, ...]
    effects: tuple[str, ...]
    scope: str
    x: np.ndarray
    slim: np.ndarray
    frames: tuple[tuple, ...]
    inverse: np.ndarray
    by_seeds: bool


def design_of(observations: Iterable[Observation], halves: str) -> Design:
    """Returns the design of networks, once for all of their outcomes.

    Args:
        observations: Iterable of `Observation`, in order.
        halves: String, as of `mixed_model.fit_model`.

    Returns:
        `Design`.
    """
    data = list(observations)
    cells = tuple(sorted({o.cell for o in data}, key=str))
    kinds = sorted({_kind(cell) for cell in cells}, key=str)
    numbers = {
        cell: (number, kinds.index(_kind(cell)))
        for number, cell in enumerate(cells)
    }
    networks = tuple(
        (o.split, o.half, o.seed, o.source, *numbers[o.cell]) for o in data
    )
    # Contrasts at another n are often of networks that stand alike.
    return dataclasses.replace(_design(networks, halves), cells=cells)


def _kind(cell: Cell) -> tuple:
    return cell[0], cell[2]


@lru_cache(maxsize=32)
def _design(networks: tuple[tuple, ...], halves: str) -> Design:
    data = tuple(map(_Network._make, networks))
    cells = sorted({o.cell for o in data})
    few = len({o.split for o in data}) < FEWEST_SPLITS
    x = _fixed(data, cells, few, few or halves == "fixed")
    kept = () if few else tuple(_SPREAD)[0 if halves == "random" else 2 : 4]
    bases = ("source base",) if _several_of_one_base(data) else ()
    effects = _estimable(data, x, (*kept, *bases))
    scope = THESE if few else OTHERS
    slim = x[:, _independent(x)]
    frames = _frames(data, slim, effects)
    halves_of_cells = len({(o.split, o.half) for o in data}) * len(cells)
    by_seeds = few and not bases and replicated(data, halves_of_cells)
    inverse = np.linalg.pinv(x)
    return Design((), effects, scope, x, slim, frames, inverse, by_seeds)


def _several_of_one_base(data) -> bool:
    """Tells whether a base gave several networks of one treatment.

    If it gave one of each, as where one n is compared, what they share is
    noise of that treatment, or cancels between two. As an effect of its own
    it would be told from very few networks: of one split and two seeds,
    intervals of 95 % were too short by it (92.3 to 93.5 % of 2,000 studies in
    `experiments.coverage`; without it 94.5 to 95.1).
    """
    copies = Counter(
        (o.split, o.seed, o.source, o.kind) for o in data if o.source
    )
    return any(count > 1 for count in copies.values())


def _fixed(data, cells, by_treatment: bool, by_half: bool) -> np.ndarray:
    """Returns the columns of fixed effects, cells first.

    Halves are coded so that they sum to zero: a cell's coefficient is its
    mean over halves that count alike.
    """
    own = [o.cell for o in data]
    places = [(o.split, o.half) for o in data]
    halves = sorted(set(places))
    kinds = own
    if not replicated(data, len(halves) * len(cells)):
        kinds = [o.kind for o in data]
    groups = sorted(set(kinds))
    columns = _indicators(own, cells)
    if by_half:
        code = _indicators(places, halves)
        code = code[:-1] - code[-1]
        whole = set(zip(places, kinds, strict=True))
        if by_treatment and len(whole) == len(halves) * len(groups):
            code = code[:, None] * _indicators(kinds, groups)
        columns = np.vstack([columns, code.reshape(-1, len(data))])
    return columns.astype(float).T


def _indicators(values: list, levels: Sequence) -> np.ndarray:
    """Returns which value is of which level, an integer array, a row each."""
    numbers = {level: number for number, level in enumerate(levels)}
    found = np.array([numbers[value] for value in values])
    return (np.arange(len(levels))[:, None] == found).astype(int)


def replicated(data: Iterable[Observation], places: int) -> bool:
    """Tells whether seeds alone say how much networks vary.

    Args:
        data: Iterable of `Observation`.
        places: Integer, how many pairs of half and cell there should be.

    Returns:
        Boolean: whether there are so many, each with two networks or more.
    """
    counts = Counter((o.split, o.half, o.cell) for o in data)
    return len(counts) == places > 0 and min(counts.values()) > 1


def by_half(
    data: Iterable[Observation], values: Iterable[float], weights: Weights
) -> dict[tuple, list[float]]:
    """Groups the values of seeds of a half, of cells that have a weight.

    Args:
        data: Iterable of `Observation`.
        values: Iterable of floats, one of each.
        weights: Dict from `Cell` to number.

    Returns:
        Dict from cell, split and half to a list.
    """
    groups: dict[tuple, list[float]] = {}
    for o, value in zip(data, values, strict=True):
        if weights.get(o.cell):
            place = o.cell, o.split, o.half
            groups.setdefault(place, []).append(float(value))
    return groups


def _levels(data, effect: str) -> np.ndarray:
    """Returns the number of each network's level of a random effect, or -1."""
    numbers: dict[tuple, int] = {}
    keys = map(_SPREAD[effect], data)
    return np.array(
        [numbers.setdefault(key, len(numbers)) if key else -1 for key in keys]
    )


def _shared(levels: np.ndarray) -> np.ndarray:
    """Returns which two networks of a group share a level: `Z Z'`."""
    same = levels[..., None] == levels[..., None, :]
    return same & (levels >= 0)[..., None, :]


def _estimable(data, x: np.ndarray, names: tuple[str, ...]) -> tuple[str, ...]:
    """Drops random effects that these networks cannot tell from others."""
    kept, known = [], [np.arange(len(data))]
    rank = np.linalg.matrix_rank(x)
    for name in names:
        levels = _levels(data, name)
        count = levels.max() + 1
        if not count:
            continue
        # The rank of `[x z]`: each level's column, and what they leave of x.
        within = x - _level_means(x, levels)
        left = np.linalg.matrix_rank(within, tol=_TINY * np.linalg.norm(x))
        added = count + left - rank
        firsts = _firsts(levels)
        same = any(np.array_equal(firsts, other) for other in known)
        if added >= 2 and len(data) - rank - added >= 1 and not same:
            kept.append(name)
            known.append(firsts)
    return tuple(kept)


def _level_means(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Returns the mean of each network's level; 0 for one without a level."""
    sums = np.zeros((levels.max() + 2, x.shape[1]))
    np.add.at(sums, levels, x)
    sums[-1] = 0  # where level -1 is found
    counts = np.bincount(levels + 1, minlength=len(sums))
    counts = np.roll(counts, -1)
    return (sums / np.maximum(counts, 1)[:, None])[levels]


def _firsts(levels: np.ndarray) -> np.ndarray:
    """Returns the first network of each one's level, -1 without a level."""
    _, firsts, places = np.unique(
        levels, return_index=True, return_inverse=True
    )
    return np.where(levels < 0, -1, firsts[places])


def _independent(x: np.ndarray) -> list[int]:
    """Returns the places of columns that span all, the first ones first."""
    kept: list[int] = []
    rest = x.copy()
    for place in range(x.shape[1]):
        column = rest[:, place]
        length = np.linalg.norm(column)
        if length > 1e-8 * max(np.linalg.norm(x[:, place]), 1):
            kept.append(place)
            rest = rest - np.outer(column, column @ rest) / length**2
    return kept


def _frames(data, x: np.ndarray, effects) -> tuple[tuple, ...]:
    """Divides networks into groups that share no random effect.

    A group is a split, or less: where only bases are random, a base and what
    copies from it. Groups whose networks have the same settings stand
    together. So no matrix is as large as a study.

    Returns:
        Tuple of `(x, grams, places)` as in `reml.Pattern`; `places` are the
        networks of each group, an integer array `(m, groups)`.
    """
    levels = [_levels(data, name) for name in effects]
    apart = _apart(levels, len(data))
    groups: dict[bytes, list] = {}
    for places, key in zip(apart, _patterns(levels, x, apart), strict=True):
        groups.setdefault(key, []).append(places)
    frames = []
    for alike in groups.values():
        first = alike[0]
        grams = [_shared(each[first]).astype(float) for each in levels]
        frames.append(
            (
                x[first],
                np.array([*grams, np.eye(len(first))]),
                np.array(alike).T,
            )
        )
    return tuple(frames)


def _patterns(levels: list, x: np.ndarray, apart: list) -> list[bytes]:
    """Returns what is the same of groups whose networks have one pattern."""
    found = [b""] * len(apart)
    sizes = np.array([len(places) for places in apart])
    # Those of a size at once: a study has hundreds of small groups.
    for size in set(sizes.tolist()):
        which = np.flatnonzero(sizes == size)
        places = np.array([apart[group] for group in which])
        parts = [x[places], *(_shared(each[places]) for each in levels)]
        for group, *own in zip(which, *parts, strict=True):
            found[group] = b"".join(part.tobytes() for part in own)
    return found


def _apart(levels: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Returns the places of networks that no level links, group by group."""
    group, before = np.arange(count), None
    while before is None or not np.array_equal(group, before):
        before = group.copy()
        for each in levels:
            linked = each >= 0
            least = np.full(each.max() + 1, count)
            np.minimum.at(least, each[linked], group[linked])
            group[linked] = least[each[linked]]
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
