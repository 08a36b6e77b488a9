"""Effects of treatments, by a mixed model over the networks of a recipe.

The noise of a network is one number, the same for all treatments. Estimating
it anew from the two or four pairs of one difference throws most of what is
known away; a model of all networks uses every one of them. `primary` says
which networks it is given.
"""

import dataclasses
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from keras_transfer.analysis import reml
from keras_transfer.analysis.contrasts import (
    LEVEL,
    Cell,
    ModelEstimate,
    Observation,
    Observations,
    Weights,
    t_quantile,
)
from keras_transfer.analysis.mixed_design import Design, by_half, design_of
from keras_transfer.errors import UserError


@dataclasses.dataclass(frozen=True)
class MixedModel(Design):
    """A model of one outcome of a recipe's networks; made by `fit_model`.

    Args:
        observations: `Observations`.
        values: Float array, their outcomes.
        fitted: `reml.Fit` or `None`, if there is no noise to estimate.
    """

    observations: Observations
    values: np.ndarray
    fitted: reml.Fit | None = None

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
        needed = {cell for cell, weight in weights.items() if weight}
        used = {o.pair for o in self.observations if o.cell in needed}
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
        if self.by_seeds:
            error, df = self._by_seeds(weights) or (error, df)
        reach = t_quantile((1 + LEVEL) / 2, df) * error
        return ModelEstimate(
            mean, error, df, mean - reach, mean + reach, **counts
        )

    def _by_seeds(self, weights: Weights) -> tuple[float, float] | None:
        """Returns error and freedom of a contrast whose cells differ in noise.

        A frozen transfer may vary several times as much as its base, and the
        mean of their variances is then hardly surer than the larger one.

        Reference:
            - [Welch, 1947](https://doi.org/10.1093/biomet/34.1-2.28).
        """
        groups = by_half(self.observations, self.values, weights)
        cells: dict[Cell, list[list[float]]] = {}
        for (cell, *_), seeds in groups.items():
            cells.setdefault(cell, []).append(seeds)
        whole = spread = 0.0
        for cell, halves in cells.items():
            freedom = sum(len(seeds) - 1 for seeds in halves)
            squares = sum(np.var(seeds) * len(seeds) for seeds in halves)
            # The mean of halves that count alike, whatever their seeds.
            share = sum(1 / len(seeds) for seeds in halves) / len(halves) ** 2
            part = weights[cell] ** 2 * float(squares) / freedom * share
            whole, spread = whole + part, spread + part**2 / freedom
        return (whole**0.5, whole**2 / spread) if spread else None


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
    and the noise is what seeds of a half differ by. Where none of them is
    a second copy from a base, as at one n, it may differ from cell to cell.

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
    values = np.array([o.value for o in data])
    parts = vars(design_of(data, halves))
    return MixedModel(**parts, observations=data, values=values).refit(values)


def _order(o: Observation) -> tuple:
    images = o.target_images or 0
    return o.split, o.seed, o.half, o.treatment, images, o.n, o.source
