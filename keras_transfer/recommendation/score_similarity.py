"""Linear CKA: how alike two stages are, and a stage and the labels."""

import math

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.recommendation.score_inputs import (
    centred,
    check_features,
    check_labels,
    one_hot,
    unit_scale,
)


def _prepared(features, name: str) -> np.ndarray:
    return unit_scale(centred(unit_scale(check_features(features, name))))


def _biased(first, second) -> float:
    """`||Y'X||^2`, or the same through the images if those are fewer."""
    if first.shape[1] * second.shape[1] <= len(first) ** 2:
        return float(((second.T @ first) ** 2).sum())
    return float(((first @ first.T) * (second @ second.T)).sum())


def _hollow(features) -> np.ndarray:
    """The linear kernel without its diagonal."""
    kernel = features @ features.T
    np.fill_diagonal(kernel, 0)
    return kernel


def _unbiased(k, other) -> float:
    """Song et al.'s unbiased HSIC of two hollow kernels, times n (n - 3)."""
    n = len(k)
    total = (k * other).sum()
    total += k.sum() * other.sum() / ((n - 1) * (n - 2))
    return float(total - 2 * (k.sum(0) @ other.sum(0)) / (n - 2))


def _check_images(first: int, second: int, debiased: bool) -> None:
    if first != second:
        raise UserError(
            "Expected the same images at both stages, in the same order. "
            f"Received: {first} and {second} images."
        )
    if debiased and first < 4:
        raise UserError(
            "Expected at least 4 images for a debiased CKA. Received: "
            f"{first}. Give more images, or `debiased=False`."
        )


def linear_cka(first, second, debiased: bool = False) -> float:
    """Similarity of two stages' outputs for the same images.

    `||Y'X||^2 / (||X'X|| ||Y'Y||)` with centred columns: 1 for the same
    features up to rotation and scale. Symmetric in its arguments. With more
    features than images the plain value is near 1 even for noise; debiased,
    it is near 0 then, and may be below 0.

    Args:
        first, second: Float arrays of shape `(images, features)`, whose
            numbers of features may differ.
        debiased: Boolean; needs 4 images. Defaults to `False`.

    Returns:
        Float, at most 1; 0 if either side is constant.

    Raises:
        UserError: Different images, or fewer than 4 if debiased.

    References:
        - [Kornblith et al., 2019](https://arxiv.org/abs/1905.00414).
        - [Song et al., 2012](https://jmlr.org/papers/v13/song12a.html) and
          [Nguyen et al., 2021](https://arxiv.org/abs/2010.15327), debiased.
    """
    first, second = _prepared(first, "first"), _prepared(second, "second")
    _check_images(len(first), len(second), debiased)
    if debiased:
        return _cosine(_unbiased, _hollow(first), _hollow(second))
    return _cosine(_biased, first, second)


def _cosine(inner, first, second) -> float:
    own, other = inner(first, first), inner(second, second)
    # A debiased norm is an estimate, which can fall to 0 or below.
    if min(own, other) <= 0:
        return 0.0
    return inner(first, second) / (math.sqrt(own) * math.sqrt(other))


def cka_with_labels(features, labels) -> float:
    """Linear CKA between features and one-hot labels. Larger is better.

    Debiased where there are 4 images or more, since stages differ in their
    number of features and the bias grows with that.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.

    Returns:
        Float, at most 1; 0 for constant features.
    """
    features = check_features(features)
    codes = check_labels(labels, len(features))
    return linear_cka(features, one_hot(codes), debiased=len(codes) >= 4)


def cka_between_stages(stages: list) -> np.ndarray:
    """Computes the debiased linear CKA of every pair of stages.

    Args:
        stages: List of float arrays of shape `(images, features)`, each the
            output of a stage for the same images, 4 or more.

    Returns:
        Float array of shape `(stages, stages)`, symmetric; 1 on the diagonal
        unless a stage is constant. See `linear_cka`.

    Raises:
        UserError: Different images, or fewer than 4.
    """
    for stage in stages:
        _check_images(len(stages[0]), len(stage), debiased=True)
    kernels = [_hollow(_prepared(stage, "stage")) for stage in stages]
    table = np.zeros((len(stages), len(stages)))
    for i, first in enumerate(kernels):
        for j in range(i + 1):
            value = _cosine(_unbiased, first, kernels[j])
            table[i, j] = table[j, i] = value
    return table
