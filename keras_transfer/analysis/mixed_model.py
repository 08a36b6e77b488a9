"""Effects of treatments, by a mixed model over the networks of a recipe.

The noise of a network is one number, the same for all treatments. Estimating
it anew from the two or four pairs of one difference throws most of what is
known away; a model of all networks uses every one of them. `primary` says
which networks it is given.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from operator import attrgetter

import numpy as np

from keras_transfer.analysis import reml
from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    LEVEL,
    OTHERS,
    THESE,
    Cell,
    ModelEstimate,
    Observation,
    Observations,
    Weights,
    t_quantile,
)
from keras_transfer.errors import UserError

# Random effects: what the networks of one level share.
_SPREAD: dict[str, Callable[[Observation], tuple]] = {
    "split": lambda o: (o.split,),
    "half": lambda o: (o.split, o.half),
    "split x treatment": lambda o: (o.split, o.treatment, o.target_images),
    "half x treatment": lambda o: (
        o.split,
        o.half,
        o.treatment,
        o.target_images,
    ),
    "source base": lambda o: (o.split, o.seed, o.source) if o.source else (),
}


_CELL = attrgetter("cell")
_TINY = 1e-8  # of a norm: rounding, no dimension of its own


@dataclasses.dataclass(frozen=True)
class MixedModel:
    """A model of one outcome of a recipe's networks; made by `fit_model`.

    Args:
        observations: `Observations`.
        values: Float array, their outcomes.
        cells: Tuple of `Cell`, the first coefficients, in order.
        effects: Tuple of strings, the random effects.
        scope: String, `THESE` or `OTHERS`.
        fitted: `reml.Fit` or `None`, if there is no noise to estimate.
        x: Float array `(networks, coefficients)`, fixed effects.
        slim: Float array, the columns of `x` that span all.
        frames: Tuple, groups of networks by pattern; see `_frames`.
        inverse: Float array, the pseudo-inverse of `x`.
    """

    observations: Observations
    values: np.ndarray
    cells: tuple[Cell, ...]
    effects: tuple[str, ...]
    scope: str
    fitted: reml.Fit | None
    x: np.ndarray
    slim: np.ndarray
    frames: tuple[tuple, ...]
    inverse: np.ndarray

    @property
    def has_residual(self) -> bool:
        """Whether networks are left to estimate the noise from."""
        return self.slim.shape[1] < len(self.observations)

    @property
    def components(self) -> dict[str, float]:
        """Standard deviation of each random effect and of the residual."""
        if self.fitted is None:
            return {}
        deviations = np.sqrt(self.fitted.variances)
        names = (*self.effects, "residual")
        return dict(zip(names, map(float, deviations), strict=True))

    @cached_property
    def _spanned(self) -> np.ndarray:
        """Projects coefficients on what these networks can tell."""
        return self.inverse @ self.x

    def refit(self, values: np.ndarray) -> "MixedModel":
        """Fits other values of the same networks.

        Args:
            values: Float array, in the order of `observations`.

        Returns:
            `MixedModel`.
        """
        patterns = [reml.Pattern(x, g, values[p]) for x, g, p in self.frames]
        fitted = reml.fit(patterns) if self.has_residual else None
        return dataclasses.replace(self, values=values, fitted=fitted)

    def estimate(self, weights: Weights) -> ModelEstimate | None:
        """Estimates a linear contrast of means of treatments and n.

        Args:
            weights: Dict from `Cell` to number; see `difference` and
                `trend`.

        Returns:
            `ModelEstimate`, or `None` if a cell has no network, or nothing
            links the halves of one treatment to those of the other.
        """
        if not weights or not set(weights) <= set(self.cells):
            return None
        vector = np.zeros(self.x.shape[1])
        for cell, weight in weights.items():
            vector[self.cells.index(cell)] = weight
        inverse = self.inverse
        if not np.allclose(vector @ self._spanned, vector, atol=1e-6):
            return None
        places = self.observations.places
        needed = (places[cell] for cell, weight in weights.items() if weight)
        used = frozenset().union(*needed)
        counts = {
            "scope": self.scope,
            "splits": len({split for split, *_ in used}),
            "count": len(used),
            "networks": len(self.observations),
        }
        if self.fitted is None:
            mean = float(vector @ inverse @ self.values)
            return ModelEstimate(mean, None, None, None, None, **counts)
        mean, error, df = self.fitted.contrast(vector @ inverse @ self.slim)
        reach = t_quantile((1 + LEVEL) / 2, df) * error
        return ModelEstimate(
            mean, error, df, mean - reach, mean + reach, **counts
        )


def fit_model(
    observations: Iterable[Observation], halves: str = "random"
) -> MixedModel:
    """Fits the mixed model.

    Fixed are the means of treatment and n. Random are split, half within
    split, both of them by treatment (an effect may differ from half to
    half), the base network that gave the layers, and the residual.

    With fewer than three splits their spread cannot be told: halves and
    their effects are then fixed, each counting alike, and the interval is
    about these halves only. An effect of a half is one of a treatment; with
    two networks or more in each half of each treatment and n, one of both,
    and the noise is what seeds of a half differ by.

    Args:
        observations: Iterable of `Observation`, of one recipe and outcome.
        halves: String, `"random"` or `"fixed"`: whether the difficulty of a
            half is drawn from a normal distribution, or is a number of its
            own, as it has to be if treatments do not share halves. Defaults
            to `"random"`.

    Returns:
        `MixedModel`.

    Raises:
        UserError: Without observations, or if `halves` is of another value.
    """
    data = Observations(sorted(observations, key=_order))
    if not data:
        raise UserError("Expected networks to model. Received: none.")
    if halves not in ("random", "fixed"):
        raise UserError(
            f"Expected `halves` as 'random' or 'fixed'. Received: {halves!r}."
        )
    # Test accuracy and training loss are of the same networks.
    networks = tuple(dataclasses.replace(o, value=0.0) for o in data)
    model = dataclasses.replace(_design(networks, halves), observations=data)
    return model.refit(np.array([o.value for o in data]))


@lru_cache(maxsize=16)
def _design(networks: tuple[Observation, ...], halves: str) -> MixedModel:
    """Builds all of a model that does not depend on outcomes."""
    data = Observations(networks)
    cells = tuple(sorted({o.cell for o in data}, key=str))
    few = len({o.split for o in data}) < FEWEST_SPLITS
    x = _fixed(data, cells, few, few or halves == "fixed")
    kept = () if few else tuple(_SPREAD)[0 if halves == "random" else 2 : 4]
    effects = _estimable(data, x, (*kept, "source base"))
    scope = THESE if few else OTHERS
    slim = x[:, _independent(x)]
    frames = _frames(data, slim, effects)
    return MixedModel(
        data,
        np.zeros(len(data)),
        cells,
        effects,
        scope,
        None,
        x,
        slim,
        frames,
        np.linalg.pinv(x),
    )


def _order(o: Observation) -> tuple:
    images = o.target_images or 0
    return o.split, o.seed, o.half, o.treatment, images, o.n, o.source


def _fixed(data, cells, by_treatment: bool, by_half: bool) -> np.ndarray:
    """Returns the columns of fixed effects, cells first.

    Halves are coded so that they sum to zero: a cell's coefficient is its
    mean over halves that count alike.
    """
    columns = [[o.cell == cell for o in data] for cell in cells]
    halves = sorted({(o.split, o.half) for o in data})
    kind = _CELL if replicated(data, len(halves) * len(cells)) else _kind
    groups = sorted({kind(o) for o in data}, key=str)
    whole = {(o.split, o.half, kind(o)) for o in data}
    crossed = by_treatment and len(whole) == len(halves) * len(groups)
    for half in halves[:-1] if by_half else []:
        code = [
            ((o.split, o.half) == half) - ((o.split, o.half) == halves[-1])
            for o in data
        ]
        for group in groups if crossed else [None]:
            columns.append(
                [
                    c * (group is None or kind(o) == group)
                    for c, o in zip(code, data, strict=True)
                ]
            )
    return np.array(columns, float).T


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


def _kind(o: Observation) -> tuple:
    return o.treatment, o.target_images


def _levels(data, effect: str) -> np.ndarray:
    """Returns the number of each network's level of a random effect, or -1."""
    keys = [_SPREAD[effect](o) for o in data]
    levels = sorted({key for key in keys if key}, key=str)
    numbers = {key: number for number, key in enumerate(levels)}
    return np.array([numbers.get(key, -1) for key in keys])


def _shared(levels: np.ndarray) -> np.ndarray:
    """Returns which two networks share a level, 1 or 0: `Z Z'`."""
    same = levels[:, None] == levels
    return (same & (levels >= 0)).astype(float)


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
    groups: dict[bytes, list] = {}
    for places in _apart(levels, len(data)):
        grams = [_shared(each[places]) for each in levels]
        parts = x[places], np.array([*grams, np.eye(len(places))])
        key = b"".join(part.tobytes() for part in parts)
        groups.setdefault(key, [*parts, []])[2].append(places)
    return tuple((one, g, np.array(p).T) for one, g, p in groups.values())


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
