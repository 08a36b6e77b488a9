"""Measures and weights for classes of unequal numbers of images."""

import numpy as np

from keras_transfer.errors import UserError


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the mean over classes of the share that is recognised.

    A network that always names the largest class has the accuracy of its
    share, but a balanced accuracy of one over the number of classes.

    Args:
        labels: Integer array `(n,)`, true classes.
        predictions: Integer array `(n,)`, predicted classes.

    Returns:
        Float in 0..1. Classes without an image do not count, as in
        `sklearn.metrics.balanced_accuracy_score`.

    Raises:
        UserError: If the shapes differ or there is no image.

    Reference:
        - [Brodersen et al., 2010](https://doi.org/10.1109/ICPR.2010.764)
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise UserError(
            "Expected `labels` and `predictions` of one shape `(n,)`, n of at "
            f"least 1. Received: {labels.shape} and {predictions.shape}."
        )
    totals = np.bincount(labels)
    right = np.bincount(labels[labels == predictions], minlength=len(totals))
    present = totals > 0
    return float(np.mean(right[present] / totals[present]))


def class_weights(counts: np.ndarray) -> dict[int, float]:
    """Returns weights under which every class weighs the same in the loss.

    A class of `n_c` of `n` images in `k` classes gets `n / (k n_c)`, so that
    the mean weight of an image is 1 and learning rates keep their meaning.
    The result is what Keras's `fit(class_weight=...)` takes.

    Args:
        counts: Integer array `(k,)`, training images of each class.

    Returns:
        Dict from class to weight; a class without an image is absent and
        does not count as one of the `k`.

    Raises:
        UserError: If no class has an image.
    """
    counts = np.asarray(counts)
    present = np.flatnonzero(counts > 0)
    if not len(present):
        raise UserError(
            "Expected `counts` with an image in some class. "
            f"Received: {counts.tolist()}."
        )
    total = counts[present].sum()
    weights = total / (len(present) * counts[present])
    return dict(zip(present.tolist(), weights.tolist(), strict=True))
