"""Restricted maximum likelihood for a linear mixed model of nested groups.

`y = X b + sum_k Z_k u_k + e`, with `u_k ~ N(0, s_k)` and `e ~ N(0, s)`. All
random effects lie within a group (here a split of the classes, or a base with
what copies from it), so the covariance is block-diagonal, and groups of one
pattern share its inverse.

Statsmodels' MixedLM handles crossed effects within a group as well, but takes
seconds for a fit of a hundred networks and gives no small-sample degrees of
freedom; the tests compare both.
"""

import dataclasses
from functools import cached_property

import numpy as np

_LEAST = 1e-9  # of a standard deviation, for made-up values without noise
_ZERO = 1e-4  # a component below this share of the residual counts as none


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Groups whose networks have the same settings.

    Args:
        x: Float array `(m, p)`, fixed effects of one group.
        grams: Float array `(k + 1, m, m)`, `Z Z'` of each random effect, the
            identity (the residual) last.
        y: Float array `(m, groups)`.
    """

    x: np.ndarray
    grams: np.ndarray
    y: np.ndarray


@dataclasses.dataclass(frozen=True)
class _State:
    """What the variances determine; see `_evaluate`."""

    deviance: float
    gradient: np.ndarray
    coefficients: np.ndarray
    covariance: np.ndarray
    inverses: list


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted model.

    Args:
        patterns: Tuple of `Pattern`.
        variances: Float array `(k + 1,)`, of the random effects and, last,
            of the residual.
        coefficients: Float array `(p,)`.
        covariance: Float array `(p, p)`, of the coefficients.
        deviance: Float, -2 times the restricted log-likelihood, without its
            constant.
    """

    patterns: tuple[Pattern, ...]
    variances: np.ndarray
    coefficients: np.ndarray
    covariance: np.ndarray
    deviance: float

    def contrast(self, weights: np.ndarray) -> tuple[float, float, float]:
        """Estimates a linear combination of the coefficients.

        Args:
            weights: Float array `(p,)`.

        Returns:
            Tuple of its value, its standard error and its degrees of freedom
            by Satterthwaite's approximation, `2 f^2 / (g' C g)`: `f` is the
            squared standard error, `g` its gradient with respect to the
            variances and `C` their asymptotic covariance. Variances at zero
            are taken as known.

        Reference:
            - [Giesbrecht and Burns, 1985](https://doi.org/10.2307/2530872).
        """
        square = float(weights @ self.covariance @ weights)
        single, uncertainty = self._information
        moved = self.covariance @ weights
        gradient = np.einsum("i,kij,j->k", moved, single, moved)
        spread = 2 * gradient @ uncertainty @ gradient
        value = float(weights @ self.coefficients)
        freedom = 2 * square**2 / spread if spread > 0 else np.inf
        return value, square**0.5, float(freedom)

    @cached_property
    def _information(self) -> tuple[np.ndarray, np.ndarray]:
        """What every contrast needs: see `_information`; it is inverted."""
        kept = self.variances > _ZERO * self.variances[-1]
        single, information = _information(self, kept)
        return single, np.linalg.pinv(information)


def fit(patterns: list[Pattern]) -> Fit:
    """Finds the variances of largest restricted likelihood.

    Standard deviations are sought, not variances: a variance of zero is then
    a smooth minimum instead of the edge of a region.

    Args:
        patterns: List of `Pattern`; all `x` together have full column rank,
            and there are more values than columns.

    Returns:
        `Fit`.

    Reference:
        - [Patterson and Thompson, 1971](https://doi.org/10.2307/2334389).
    """
    from scipy.optimize import minimize

    unit = max(_least_squares_variance(patterns) ** 0.5, _LEAST)
    scaled = [dataclasses.replace(part, y=part.y / unit) for part in patterns]
    count = len(patterns[0].grams)

    def objective(deviations):
        state = _evaluate(scaled, deviations**2 + _floor(count))
        return state.deviance, 2 * deviations * state.gradient

    start = np.full(count, 0.6)
    if count > 1:
        found = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"ftol": 1e-10, "gtol": 1e-4, "maxiter": 300},
        )
        variances = found.x**2 + _floor(count)
    else:  # ordinary least squares: known in closed form
        variances = np.ones(1)
    variances[:-1][variances[:-1] < _ZERO * variances[-1]] = 0
    return fit_known(patterns, variances * unit**2)


def fit_known(patterns: list[Pattern], variances: np.ndarray) -> Fit:
    """Estimates the fixed effects with variances that are given.

    Args:
        patterns: List of `Pattern`.
        variances: Float array `(k + 1,)`, the residual's last.

    Returns:
        `Fit`.
    """
    state = _evaluate(patterns, variances)
    return Fit(
        tuple(patterns),
        variances,
        state.coefficients,
        state.covariance,
        state.deviance,
    )


def _floor(count: int) -> np.ndarray:
    """Keeps the covariance invertible while the residual is sought."""
    return np.array([0.0] * (count - 1) + [1e-8])


def _least_squares_variance(patterns: list[Pattern]) -> float:
    x = np.concatenate([np.tile(p.x, (p.y.shape[1], 1)) for p in patterns])
    y = np.concatenate([p.y.T.ravel() for p in patterns])
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(rest @ rest) / (len(y) - x.shape[1])


def _evaluate(patterns, variances: np.ndarray) -> _State:
    """Computes the deviance, its gradient and the generalised estimates."""
    columns = patterns[0].x.shape[1]
    cross = np.zeros((columns, columns))
    moment = np.zeros(columns)
    logarithm, inverses = 0.0, []
    for part in patterns:
        groups = part.y.shape[1]
        matrix = np.tensordot(variances, part.grams, 1)
        inverse = np.linalg.inv(matrix)
        inverses.append(inverse)
        logarithm += groups * np.linalg.slogdet(matrix)[1]
        cross += groups * (part.x.T @ inverse @ part.x)
        moment += part.x.T @ inverse @ part.y.sum(1)
    covariance = np.linalg.inv(cross)
    coefficients = covariance @ moment
    deviance = logarithm + np.linalg.slogdet(cross)[1]
    gradient = np.zeros(len(variances))
    for part, inverse in zip(patterns, inverses, strict=True):
        groups = part.y.shape[1]
        rest = part.y - (part.x @ coefficients)[:, None]
        weighted = inverse @ rest
        deviance += float((rest * weighted).sum())
        fixed = inverse @ part.x
        slope = groups * (inverse - fixed @ covariance @ fixed.T)
        slope -= weighted @ weighted.T
        gradient += np.tensordot(part.grams, slope, 2)
    return _State(deviance, gradient, coefficients, covariance, inverses)


def _information(model: Fit, kept: np.ndarray):
    """Returns X' V^-1 G V^-1 X of each component, and tr(P G P G').

    `P = V^-1 - V^-1 X C X' V^-1` of all groups at once, term by term, so that
    no matrix is larger than a group.
    """
    state = _evaluate(model.patterns, model.variances)
    covariance, places = state.covariance, np.flatnonzero(kept)
    count, columns = len(places), len(covariance)
    trace = np.zeros((count, count))
    single = np.zeros((count, columns, columns))
    double = np.zeros((count, count, columns, columns))
    for part, inverse in zip(model.patterns, state.inverses, strict=True):
        groups, grams = part.y.shape[1], part.grams[places]
        fixed = inverse @ part.x
        spread = inverse @ grams
        carried = grams @ fixed
        trace += groups * np.einsum("kij,lji->kl", spread, spread)
        single += groups * (fixed.T @ carried)
        for k in range(count):
            double[k] += groups * (carried[k].T @ inverse @ carried)
    shared = covariance @ single
    information = trace + np.einsum("kij,lji->kl", shared, shared)
    information -= 2 * np.einsum("ij,klji->kl", covariance, double)
    return single, information
