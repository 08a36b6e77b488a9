"""Kernels of two networks matched one to one, and what chance would match."""

import dataclasses

import numpy as np

from keras_transfer.errors import UserError

_DRAWS_KEY = 20141110


@dataclasses.dataclass(frozen=True)
class Matching:
    """Which kernel of one network is most like which of another.

    Args:
        places: Integer array `(kernels,)`, the second network's kernel for
            each of the first's.
        signs: Float array `(kernels,)`, -1 where one is like the other's
            negative.
        cosines: Float array `(kernels,)`, absolute cosines of the pairs, 1
            for kernels that are equal up to a factor.
    """

    places: np.ndarray
    signs: np.ndarray
    cosines: np.ndarray

    @property
    def mean(self) -> float:
        """Mean absolute cosine of the pairs."""
        return float(self.cosines.mean())


def match_kernels(first: np.ndarray, second: np.ndarray) -> Matching:
    """Matches kernels one to one so that their cosines sum to the most.

    Signs are free: what a kernel and its negative compute is the same but for
    the next layer's signs. Shifts are not, so an edge a pixel aside counts as
    another kernel.

    Args:
        first, second: Float arrays `(side, side, channels, kernels)`.

    Returns:
        `Matching`.

    Raises:
        UserError: If the shapes differ.

    References:
        - [Kuhn, 1955](https://doi.org/10.1002/nav.3800020109): the Hungarian
          method.
        - [Li et al., 2016](https://arxiv.org/abs/1511.07543): features of two
          networks matched one to one, and subspaces beside.
    """
    from scipy import optimize

    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 4:
        raise UserError(
            "Expected kernels of two networks of one shape `(side, side, "
            f"channels, kernels)`. Received: {first.shape}, {second.shape}."
        )
    cosines = _rows(first) @ _rows(second).T
    lines, places = optimize.linear_sum_assignment(
        np.abs(cosines), maximize=True
    )
    chosen = cosines[lines, places]
    return Matching(places, np.where(chosen < 0, -1.0, 1.0), np.abs(chosen))


def match_mixtures(
    first: np.ndarray, second: np.ndarray, draws: int = 50
) -> float:
    """Matches kernels with random mixtures of another network's kernels.

    A random rotation makes of the second network's kernels, each at norm 1,
    as many others with the same span and the same second moments: what is
    matched beyond these is particular kernels, and not that both networks
    have smooth kernels of the same colours.

    Args:
        first, second: Float arrays `(side, side, channels, kernels)`.
        draws: Integer, rotations. Defaults to `50`.

    Returns:
        Float, mean absolute cosine of the pairs, over rotations; the same in
        every call.

    Raises:
        UserError: If the shapes differ.
    """
    rows = _rows(np.asarray(second))
    generator = np.random.default_rng(_DRAWS_KEY)
    found = []
    for _ in range(draws):
        normal = generator.normal(size=(len(rows), len(rows)))
        rotation, triangle = np.linalg.qr(normal)
        # Signs of the diagonal make it uniform over all rotations.
        mixed = (rotation * np.sign(np.diag(triangle))) @ rows
        mixed = mixed.T.reshape(second.shape)
        found.append(match_kernels(first, mixed).mean)
    return float(np.mean(found))


def _rows(kernels: np.ndarray) -> np.ndarray:
    """Returns a row of norm 1 for each kernel; one that is all 0 stays so."""
    rows = kernels.reshape(-1, kernels.shape[-1]).T.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
