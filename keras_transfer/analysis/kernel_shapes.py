"""How much of a first-layer kernel is a Gabor function or a colour blob.

A fit with ten numbers explains a part of any kernel, of noise too: a share
says something only beside that of kernels that were never trained.
"""

import dataclasses
import functools
import itertools

import numpy as np

from keras_transfer.errors import UserError

_STARTS = 4  # of a fit, each at another angle
_CLOSE = 1e-5  # tolerance of a fit: shares are told to a thousandth
_NARROWEST = 0.5  # standard deviation in pixels: no single pixel is a shape
_FASTEST = 0.5  # cycles a pixel: beyond, a wave looks like a slower one


@dataclasses.dataclass(frozen=True)
class Shape:
    """How well two kinds of shape fit a kernel.

    Args:
        gabor: Float, share of the kernel's energy (sum of squares) that the
            best Gabor function explains, 0 to 1.
        blob: Float, share that the best colour blob explains, 0 to 1.
    """

    gabor: float
    blob: float

    @property
    def explained(self) -> float:
        """Share that the better of both explains."""
        return max(self.gabor, self.blob)


def fit_shapes(kernel: np.ndarray) -> Shape:
    """Fits a Gabor function and a colour blob to a kernel.

    A Gabor function is a wave below a Gaussian bell, in one colour::

        K[y, x, c] = colour[c] * exp(-u^2 / 2 a^2 - v^2 / 2 b^2)
                               * cos(2 pi f u + phase)

    where `u` runs along the wave and `v` across it, from a centre within the
    kernel, with half a cycle over the kernel's side or more. A colour blob is
    the bell alone, `f = 0`. The colour, of any sign, is solved for; the other
    numbers by least squares from the best of a grid. Both may be as wide as
    the kernel, so a uniform kernel is a blob.

    Args:
        kernel: Float array `(side, side, channels)`, not all zero.

    Returns:
        `Shape`.

    Raises:
        UserError: If it is no such array.

    References:
        - Jones and Palmer, 1987, An evaluation of the two-dimensional Gabor
          filter model of simple receptive fields in cat striate cortex:
          the function, and least squares to fit it.
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792): first
          layers learn Gabor filters and colour blobs whatever the data.
    """
    kernel = np.asarray(kernel, np.float64)
    if (
        kernel.ndim != 3
        or kernel.shape[0] != kernel.shape[1]
        or kernel.shape[0] < 2
        or not (kernel.any() and np.isfinite(kernel).all())
    ):
        raise UserError(
            "Expected a kernel of shape `(side, side, channels)`, of finite "
            f"numbers that are not all 0. Received: shape {kernel.shape}."
        )
    side = len(kernel)
    values = kernel.reshape(side * side, -1) / np.linalg.norm(kernel)
    return Shape(*(_best(values, side, wave) for wave in (True, False)))


def _best(values: np.ndarray, side: int, wave: bool) -> float:
    from scipy import optimize

    numbers, atoms = _grid(side, wave)
    found = ((atoms @ values) ** 2).sum(1)
    # The best at each angle, so that starts differ.
    angles = numbers[:, 4]
    tops = [
        np.flatnonzero(angles == angle)[found[angles == angle].argmax()]
        for angle in np.unique(angles)
    ]
    tops.sort(key=lambda place: -found[place])
    low, high = _bounds(side, wave)

    def residual(own):
        shape = _bell(own, side)
        size = shape @ shape
        # The colour that fits best, and what it leaves.
        return (values - np.outer(shape, shape @ values / size)).ravel()

    fits = [
        optimize.least_squares(
            residual,
            numbers[top],
            bounds=(low, high),
            ftol=_CLOSE,
            xtol=_CLOSE,
            gtol=_CLOSE,
        )
        for top in tops[:_STARTS]
    ]
    return float(1 - 2 * min(fit.cost for fit in fits))


def _bounds(side: int, wave: bool) -> tuple[list[float], list[float]]:
    # Centre, logarithms of both widths, angle; then frequency and phase.
    wide = np.log(side)
    low = [-0.5, -0.5, np.log(_NARROWEST), np.log(_NARROWEST), -np.inf]
    high = [side - 0.5, side - 0.5, wide, wide, np.inf]
    if wave:
        low += [_slowest(side), -np.inf]
        high += [_FASTEST, np.inf]
    return low, high


def _slowest(side: int) -> float:
    return 0.5 / side


@functools.cache
def _grid(side: int, wave: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns numbers to begin a fit from, and their shapes at norm 1."""
    middle = (side - 1) / 2
    places = (middle / 2, middle, 1.5 * middle)
    widths = np.log([side / 8, side / 4, side / 2]).clip(np.log(_NARROWEST))
    angles = np.arange(8) * np.pi / 8
    waves = ()
    if wave:
        # Inside the bounds, which a fit must begin in.
        slow = 1.01 * _slowest(side)
        waves = (
            np.geomspace(slow, 0.8 * _FASTEST, 4),
            np.arange(4) * np.pi / 4,
        )
    axes = (places, places, widths, widths, angles, *waves)
    numbers = np.array(list(itertools.product(*axes)))
    atoms = np.array([_bell(own, side) for own in numbers])
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return numbers, atoms


def _bell(own: np.ndarray, side: int) -> np.ndarray:
    """Returns a shape without its colour, at each pixel in turn."""
    y, x = np.divmod(np.arange(side * side), side)
    cosine, sine = np.cos(own[4]), np.sin(own[4])
    u = (x - own[0]) * cosine + (y - own[1]) * sine
    v = (y - own[1]) * cosine - (x - own[0]) * sine
    first, second = np.exp(-2 * own[2:4])
    shape = np.exp(-(u * u * first + v * v * second) / 2)
    if len(own) > 5:
        shape = shape * np.cos(2 * np.pi * own[5] * u + own[6])
    return shape
