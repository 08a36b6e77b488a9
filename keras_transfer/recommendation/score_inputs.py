"""Checks of the features and labels that scores are computed from."""

import numpy as np

from keras_transfer.errors import UserError


def check_features(features, name: str = "features") -> np.ndarray:
    """Checks the output of a stage and returns it as 64-bit numbers.

    Args:
        features: Array of numbers of shape `(images, features)`, of any
            floating or integer type; 16-bit sums would overflow, hence the
            conversion.
        name: String, what an error calls them. Defaults to `"features"`.

    Returns:
        Float64 array of shape `(images, features)`.

    Raises:
        UserError: Another shape, no image, no feature, or values that are
            not finite.
    """
    array = np.asarray(features)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiub":
        raise UserError(
            f"Expected `{name}` to be numbers of shape (images, features). "
            f"Received: shape={array.shape}, dtype={array.dtype}. Average a "
            "stage's output over its height and width first."
        )
    array = array.astype(np.float64)
    bad = int((~np.isfinite(array)).any(1).sum())
    if bad:
        raise UserError(
            f"Expected finite `{name}`. Received: {bad} of {len(array)} "
            "images with NaN or infinite values. Compute the features with "
            "32-bit numbers, and check the images' range."
        )
    return array


def check_labels(labels, images: int) -> np.ndarray:
    """Checks labels and numbers their classes from 0.

    Args:
        labels: Integer or string array of shape `(images,)`.
        images: Integer, number of images they belong to.

    Returns:
        Integer array of shape `(images,)`, with values from 0 to the number
        of classes minus 1, each of which occurs.

    Raises:
        UserError: Another shape, scores instead of classes, or one class.
    """
    array = np.asarray(labels)
    if array.shape != (images,) or array.dtype.kind not in "iubUS":
        raise UserError(
            f"Expected `labels` to be {images} classes, one an image, whole "
            f"numbers or names. Received: shape={array.shape}, "
            f"dtype={array.dtype}. The order is `(features, labels)`."
        )
    classes, codes = np.unique(array, return_inverse=True)
    if len(classes) < 2:
        raise UserError(
            "Expected at least 2 classes, since one cannot be told from "
            f"another otherwise. Received: {len(classes)}, "
            f"{classes[0]}, for {images} images."
        )
    return codes


def check_probabilities(probabilities, images: int) -> np.ndarray:
    """Checks the predictions of the source's own head.

    Args:
        probabilities: Float array of shape `(images, source_classes)`, rows
            of which sum to 1.
        images: Integer, number of images.

    Returns:
        Float64 array of that shape, rows summing to 1 exactly.

    Raises:
        UserError: Another shape, negative values or other sums.
    """
    if np.ndim(probabilities) != 2:
        raise UserError(
            "Expected `probabilities` of shape (images, source_classes). "
            f"Received: shape={np.shape(probabilities)}. The order is "
            "`(probabilities, labels)`."
        )
    array = check_features(probabilities, "probabilities")
    sums = array.sum(1)
    # 16-bit softmax outputs sum to 1 within a percent.
    if len(array) != images or array.min() < 0 or abs(sums - 1).max() > 0.02:
        raise UserError(
            f"Expected `probabilities` of {images} images whose rows sum to "
            f"1. Received: shape={array.shape}, smallest value "
            f"{array.min():.3g}, sums from {sums.min():.3g} to "
            f"{sums.max():.3g}. Apply softmax to the head's output; the "
            "order is `(probabilities, labels)`."
        )
    return array / sums[:, None]


def unit_scale(features: np.ndarray) -> np.ndarray:
    """Divides by the largest magnitude, so that no square overflows.

    Args:
        features: Float array of any shape.

    Returns:
        Float array of that shape, values from -1 to 1; `features` themselves
        if all are 0.
    """
    largest = np.abs(features).max()
    return features / largest if largest > 0 else features


def centred(features: np.ndarray) -> np.ndarray:
    """Subtracts each feature's mean; a constant feature becomes exactly 0.

    Args:
        features: Float array of shape `(images, features)`.

    Returns:
        Float array of that shape.
    """
    constant = (features == features[:1]).all(0)
    return np.where(constant, 0.0, features - features.mean(0))


def one_hot(codes: np.ndarray) -> np.ndarray:
    """Writes labels as indicators of their classes.

    Args:
        codes: Integer array of shape `(images,)`, classes from 0; the largest
            tells how many there are.

    Returns:
        Float array of shape `(images, classes)`, 1 at the class of each
        image and 0 elsewhere.
    """
    return np.eye(int(codes.max()) + 1)[codes]
