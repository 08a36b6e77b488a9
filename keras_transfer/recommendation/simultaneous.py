"""Simultaneous intervals of paired differences over images and seeds.

A difference of accuracies varies with the images and with the seeds, which
are crossed: every network of every seed sees every image. Its variance is the
sum of both parts; its degrees of freedom follow from them, so that two seeds
of unlike networks give wide intervals and two of like ones do not.
"""

import dataclasses

import numpy as np

from keras_transfer.errors import UserError

LEVEL = 0.95
DRAWS = 10_000


def check_correct(correct, count: int) -> np.ndarray:
    """Checks per-image correctness and returns it as floats.

    Args:
        correct: Boolean or 0/1 array of shape `(candidates, seeds, images)`,
            the same images in the same order for all.
        count: Integer, number of candidates.

    Returns:
        Float array of the same shape.

    Raises:
        UserError: Another shape, fewer than 2 images, or other values.
    """
    array = np.asarray(correct)
    shape = array.shape
    if array.ndim != 3 or shape[0] != count or shape[1] < 1 or shape[2] < 2:
        raise UserError(
            f"Expected `correct` of shape (candidates, seeds, images) with "
            f"{count} candidates, 1 seed or more and 2 images or more. "
            f"Received: shape={shape}."
        )
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise UserError(
            "Expected `correct` to hold whether each image was classified "
            "correctly, 0 or 1. Received: other values. Compare predictions "
            "with labels first."
        )
    return array.astype(float)


@dataclasses.dataclass(frozen=True)
class Spread:
    """Means of values over seeds and images, and how far they may be off.

    Args:
        centre: Float array of shape `(contrasts,)`, mean with the images
            that are added.
        of_images, of_seeds: Float arrays of that shape, parts of the
            variance of the mean.
        freedom: Float array of that shape, degrees of freedom.
    """

    centre: np.ndarray
    of_images: np.ndarray
    of_seeds: np.ndarray
    freedom: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """Variance of the mean, a float array of shape `(contrasts,)`."""
        return self.of_images + self.of_seeds

    def at(self, index: int) -> "Spread":
        """Returns the spread of one contrast.

        Args:
            index: Integer, place of the contrast in the arrays.

        Returns:
            `Spread`, of floats instead of arrays.
        """
        return Spread(
            *(
                float(getattr(self, field.name)[index])
                for field in dataclasses.fields(self)
            )
        )


def spread_of(values: np.ndarray, candidates: int = 2) -> Spread:
    """Estimates the variance of means over crossed seeds and images.

    Two images are added, one that speaks for and one against: without them,
    images that all agree would give an interval of no width.

    A few seeds tell their own spread badly, and the contrast that happens to
    show none would look certain: each has at least the mean of all.

    Args:
        values: Float array of shape `(contrasts, seeds, images)`, of
            differences of correctness.
        candidates: Integer, how many candidates the contrasts compare.
            Defaults to `2`.

    Returns:
        `Spread`.

    References:
        - [Bonett and Price, 2012](https://doi.org/10.3102/1076998610397051).
        - [Satterthwaite, 1946](https://doi.org/10.2307/3002019).
    """
    _, seeds, images = values.shape
    total = images + 2
    per_image = values.mean(1)
    centre = per_image.sum(1) / total
    of_images = (((per_image**2).sum(1) + 2) / total - centre**2) / total
    of_seeds = _of_seeds(values)
    freedom = _freedom(of_images, total, of_seeds, seeds, candidates)
    return Spread(centre, of_images, of_seeds, freedom)


def _freedom(of_images, images, of_seeds, seeds, candidates) -> np.ndarray:
    """Returns the degrees of freedom of sums of both parts."""
    seed_freedom = max(1, (seeds - 1) * (candidates - 1))
    return (of_images + of_seeds) ** 2 / (
        of_images**2 / (images - 1) + of_seeds**2 / seed_freedom
    )


def accuracy_intervals(
    correct: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Computes intervals of accuracies that hold all at once (95 %).

    Wilson's interval, which stays below 100 % and is short near it, with
    Student's factor and as many images as would give the variance over images
    and seeds by chance alone.

    Args:
        correct: Float array of shape `(candidates, seeds, images)`.
        seed: Integer, of the draws behind the level. Defaults to `0`.

    Returns:
        Pair of float arrays of shape `(candidates,)`, lower and upper ends.

    References:
        - [Wilson, 1927](https://doi.org/10.1080/01621459.1927.10502953).
        - [Franco et al., 2019](https://doi.org/10.1093/jssam/smy019), with an
          effective number of images.
    """
    count, seeds, images = correct.shape
    per_image = correct.mean(1)
    share = per_image.mean(1)
    chance = share * (1 - share)
    # Of images that are all right, or all wrong, nothing shows the variance.
    some = chance > 0
    of_images = np.where(some, per_image.var(1) / images, 1.0)
    of_seeds = np.where(some, _of_seeds(correct), 0.0)
    freedom = _freedom(of_images, images, of_seeds, seeds, max(2, count))
    spread = Spread(share, of_images, of_seeds, freedom)
    number = np.where(some, chance / spread.variance, images)
    square = with_level(spread, np.eye(count), correct, seed) ** 2 / number
    centre = (share + square / 2) / (1 + square)
    reach = np.sqrt(square * (chance + square / 4)) / (1 + square)
    return centre - reach, np.minimum(1.0, centre + reach)


def _of_seeds(values: np.ndarray) -> np.ndarray:
    """Estimates the seeds' part of the variance of each contrast's mean."""
    _, seeds, images = values.shape
    if seeds < 2:
        return np.zeros(len(values))
    per_seed, noise = values.mean(2), disagreement(values)
    # Seeds also differ because each errs on images of its own, which the
    # images' part holds already.
    own = (per_seed.var(1, ddof=1) - noise / images) / seeds
    return np.maximum(own, max(0.0, own.mean()))


def disagreement(values: np.ndarray) -> np.ndarray:
    """Estimates the variance with which seeds err on images of their own.

    Divided by the number of images, it is what chance alone lets the means of
    seeds over the same images differ by.

    Args:
        values: Float array of shape `(contrasts, seeds, images)`, 2 seeds and
            2 images or more.

    Returns:
        Float array of shape `(contrasts,)`.
    """
    _, seeds, images = values.shape
    per_image, per_seed = values.mean(1), values.mean(2)
    rest = values - per_image[:, None] - per_seed[:, :, None]
    rest += per_seed.mean(1)[:, None, None]
    return (rest**2).sum((1, 2)) / ((seeds - 1) * (images - 1))


def lowest_differences(correct: np.ndarray, other: int) -> np.ndarray:
    """Computes by how much each candidate is better than one, at least.

    Args:
        correct: Float array of shape `(candidates, seeds, images)`.
        other: Integer, the place of the one.

    Returns:
        Float array of shape `(candidates,)`, lower ends of 95 % intervals of
        the differences of accuracy, each by itself; 0 of the one.
    """
    from scipy import stats

    rest = np.delete(np.arange(len(correct)), other)
    found = np.zeros(len(correct))
    if len(rest):
        spread = spread_of(correct[rest] - correct[other], len(correct))
        reach = stats.t.isf((1 - LEVEL) / 2, spread.freedom)
        found[rest] = spread.centre - reach * np.sqrt(spread.variance)
    return found


def with_level(
    spread: Spread, contrasts: np.ndarray, correct: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Computes how many standard errors each interval reaches.

    Correlated normal draws of the candidates' means (the multiplier
    bootstrap's limit) give the smallest p-value among the contrasts; its
    quantile is the level at which each contrast's own Student's t is read.

    Args:
        spread: `Spread` of the contrasts.
        contrasts: Float array of shape `(contrasts, candidates)`, the
            weights of the candidates' accuracies.
        correct: Float array of shape `(candidates, seeds, images)`.
        seed: Integer, of the draws. Defaults to `0`.

    Returns:
        Float array of shape `(contrasts,)`, so that all intervals
        `centre +- factor * sqrt(variance)` hold at once (95 %).

    Reference:
        - [Hothorn et al., 2008](https://doi.org/10.1002/bimj.200810425).
    """
    from scipy import stats

    level = 1 - LEVEL
    if len(contrasts) > 1:
        size = _largest(contrasts, correct, seed)
        level = 2 * stats.norm.sf(np.quantile(size, LEVEL))
    return stats.t.isf(level / 2, spread.freedom)


def _largest(contrasts, correct, seed) -> np.ndarray:
    """Draws the largest standardised contrast under no difference."""
    _, seeds, images = correct.shape
    covariance = np.atleast_2d(np.cov(correct.mean(1))) / images
    if seeds > 1:
        covariance = covariance + np.cov(correct.mean(2)) / seeds
    covariance = contrasts @ covariance @ contrasts.T
    # As the images that are added: contrasts of no variance get some.
    covariance += np.eye(len(contrasts)) * 2 / (images + 2) ** 2
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal((DRAWS, len(values))) @ root.T
    return (np.abs(draws) / np.sqrt(np.diag(covariance))).max(1)
