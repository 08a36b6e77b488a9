"""Scores that need no held-out images: LEEP, N-LEEP, LogME, H-score, TransRate.

All take what describes the images first and their labels second, as their
papers do and as published code often does not; of all, larger is better.
"""

import math
import warnings

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.recommendation.score_inputs import (
    centred,
    check_features,
    check_labels,
    check_probabilities,
    one_hot,
    unit_scale,
)

# LogME's public code adds this to the squared residual, without which the
# evidence of a perfect fit has no bound.
RESIDUAL = 1e-5
DISTORTION = 1e-4  # TransRate's epsilon.
VARIANCE_KEPT = 0.8  # Of N-LEEP's principal components.
CLUSTERS = 5  # Of N-LEEP, a class.


def leep(probabilities, labels) -> float:
    """Log expected empirical prediction of the source's own head.

    The mean over images of `log sum_z P(y | z) theta(x)_z`, where `theta(x)`
    are the source's predictions and `P(y | z)` the share of class `y` among
    images, weighted by their prediction of source class `z`. At most 0;
    larger is better. A source class predicted for no image takes no part.

    Args:
        probabilities: Float array of shape `(images, source_classes)`, after
            softmax.
        labels: Integer or string array of shape `(images,)`.

    Returns:
        Float, in nats.

    Raises:
        UserError: Labels given first, or predictions before softmax.

    Reference:
        - [Nguyen et al., 2020](https://arxiv.org/abs/2002.12462).
    """
    theta = check_probabilities(probabilities, len(np.asarray(labels)))
    codes = check_labels(labels, len(theta))
    joint = one_hot(codes).T @ theta
    of_source = joint.sum(0)
    used = of_source > 0
    conditional = joint[:, used] / of_source[used]
    expected = (conditional[codes] * theta[:, used]).sum(1)
    # An image's own prediction keeps this above 0, save for underflow.
    return float(np.log(np.maximum(expected, np.finfo(float).tiny)).mean())


def n_leep(features, labels, seed=0) -> float:
    """LEEP with clusters of the features in place of source classes.

    Principal components that hold 80 % of the variance, then a mixture of
    Gaussians (diagonal, five a class but at least two images each). At most
    0; larger is better.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.
        seed: Integer, of the mixture's start. Defaults to `0`.

    Returns:
        Float, in nats.

    Reference:
        - [Li et al., 2021](https://arxiv.org/abs/2011.11200).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    features = check_features(features)
    codes = check_labels(labels, len(features))
    u, s, _ = np.linalg.svd(centred(unit_scale(features)), full_matrices=False)
    if not s.any():
        return leep(np.ones((len(codes), 1)), codes)
    held = np.cumsum((s / s[0]) ** 2)
    kept = int(np.searchsorted(held, VARIANCE_KEPT * held[-1])) + 1
    parts = u[:, :kept] * (s[:kept] / s[0]) * math.sqrt(len(codes))
    clusters = CLUSTERS * (int(codes.max()) + 1)
    clusters = max(
        1, min(clusters, len(codes) // 2, len(np.unique(parts, axis=0)))
    )
    mixture = GaussianMixture(
        clusters, covariance_type="diag", reg_covar=1e-4, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return leep(mixture.fit(parts).predict_proba(parts), codes)


def _singular_values(features) -> tuple[np.ndarray, np.ndarray]:
    """Returns left vectors and values of the range, without its noise."""
    u, s, _ = np.linalg.svd(features, full_matrices=False)
    noise = max(features.shape) * np.finfo(float).eps
    rank = int((s > s.max(initial=0) * noise).sum())
    return u[:, :rank], s[:rank]


def _log_evidence(ratio, spectrum, explained, unexplained, images):
    """Log evidence at the best noise for a ratio of the two precisions.

    With `y ~ N(0, (F F' / ratio + I) / b)` the best `1 / b` is the quadratic
    form over the number of images.
    """
    quadratic = unexplained + RESIDUAL
    quadratic += (explained * (ratio / (spectrum + ratio))).sum()
    determinant = np.log1p(spectrum / ratio).sum()
    scale = math.log(2 * math.pi * quadratic / images) + 1
    return -(images * scale + determinant) / 2


def logme(features, labels) -> float:
    """Log of the maximum evidence of a Bayesian linear model, an image.

    The mean over classes of `max_{a, b} log p(y | F, a, b) / N`, where `y` is
    1 for images of the class and 0 for others, `y ~ N(F w, I / b)` and
    `w ~ N(0, I / a)`. The maximum over `b` is known; that over `a / b` is
    searched, so no fixed point can fail to converge. Not changed by the
    scale of the features. Larger is better; the sign can be either.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.

    Returns:
        Float, in nats an image.

    Reference:
        - [You et al., 2021](https://arxiv.org/abs/2102.11005).
    """
    from scipy.optimize import minimize_scalar

    features = unit_scale(check_features(features))
    codes = check_labels(labels, len(features))
    left, s = _singular_values(features)
    spectrum = (s / s.max(initial=1e-300)) ** 2
    grid = np.linspace(-30, 30, 61)
    found = []
    for target in one_hot(codes).T:
        explained = (left.T @ target) ** 2
        unexplained = max(0.0, target.sum() - explained.sum())

        def loss(x, explained=explained, unexplained=unexplained):
            return -_log_evidence(
                math.exp(x), spectrum, explained, unexplained, len(codes)
            )

        start = grid[int(np.argmin([loss(x) for x in grid]))]
        best = minimize_scalar(
            loss, bounds=(start - 1, start + 1), method="bounded"
        )
        found.append(-min(float(best.fun), loss(start)) / len(codes))
    return float(np.mean(found))


def h_score(features, labels, shrunk: bool = True) -> float:
    """How much of the features' variance lies between classes.

    `tr(cov(f)^-1 cov(E[f | y]))`, at most the number of classes minus 1.
    Shrunk, the covariance of few images is regularised after Ledoit and Wolf
    with their weight `a`: `tr(cov_a(f)^-1 (1 - a) cov(E[f | y]))`. Larger is
    better.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.
        shrunk: Boolean; without, directions of no variance are left out.
            Defaults to `True`.

    Returns:
        Float, 0 or above; 0 for constant features.

    References:
        - [Bao et al., 2019](https://doi.org/10.1109/ICIP.2019.8803726).
        - [Ibrahim et al., 2021](https://arxiv.org/abs/2110.06893), shrunk.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    features = unit_scale(check_features(features))
    codes = check_labels(labels, len(features))
    # The centred values can be far smaller than the values.
    features = unit_scale(centred(features))
    if not features.any():
        return 0.0
    weight = 0.0
    if shrunk:
        weight = float(ledoit_wolf_shrinkage(features, assume_centered=True))
    left, s = _singular_values(features)
    variance = s**2 / len(codes)
    members = one_hot(codes)
    means = (members / np.sqrt(members.sum(0))).T @ left
    between = (means**2).sum(0) * variance
    floor = weight * variance.sum() / features.shape[1]
    kept = (1 - weight) * variance + floor
    return float(((1 - weight) * between / kept).sum())


def _coding_rate(features: np.ndarray, log_scale: float, distortion) -> float:
    """`logdet(I + F'F / (N eps)) / 2`, by singular values and their logs."""
    s = np.linalg.svd(features, compute_uv=False)
    with np.errstate(divide="ignore"):
        powers = 2 * (np.log(s) + log_scale)
    powers -= math.log(len(features) * distortion)
    return float(np.logaddexp(0, powers).sum() / 2)


def transrate(
    features, labels, distortion: float = DISTORTION, normalise: bool = True
) -> float:
    """Coding rate of all features minus its mean within the classes.

    `R(F) - mean_c R(F_c)` with `R(F) = logdet(I + F'F / (N eps)) / 2` of
    features centred over all images. The definition depends on the scale of
    the features, which differs between stages for no good reason; normalised
    (ours) the mean squared length of an image's features is 1. Larger is
    better.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.
        distortion: Float, the epsilon. Defaults to `1e-4`.
        normalise: Boolean. Defaults to `True`; `False` is the paper's.

    Returns:
        Float, in nats; 0 for constant features.

    Raises:
        UserError: A distortion of 0 or less.

    Reference:
        - [Huang et al., 2022](https://arxiv.org/abs/2106.09362).
    """
    features = check_features(features)
    codes = check_labels(labels, len(features))
    if not distortion > 0:
        raise UserError(
            f"Expected a positive `distortion`. Received: {distortion}."
        )
    largest = np.abs(features).max() or 1.0
    features = centred(features / largest)
    spread = np.abs(features).max() or 1.0
    features = features / spread
    if normalise:
        length = math.sqrt((features**2).sum() / len(codes)) or 1.0
        log_scale = -math.log(length)
    else:
        log_scale = math.log(largest) + math.log(spread)
    within = [
        _coding_rate(features[codes == c], log_scale, distortion)
        for c in range(int(codes.max()) + 1)
    ]
    whole = _coding_rate(features, log_scale, distortion)
    return whole - float(np.mean(within))
