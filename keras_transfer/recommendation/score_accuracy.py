"""Scores that are accuracies: simple classifiers on the output of a stage.

Each is told on `validation`, if given, else by stratified cross-validation
on the training images, with the same folds for all.
"""

import dataclasses
import warnings
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from keras_transfer.errors import UserError
from keras_transfer.recommendation.score_inputs import (
    check_features,
    check_labels,
    one_hot,
    unit_scale,
)

# Inverse strengths of the probe's L2 penalty, weakest last.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS = 5
NEIGHBOURS = 5


@dataclasses.dataclass(frozen=True)
class Probe:
    """A linear probe, fitted.

    Args:
        weights: Float array of shape `(features, classes)`, for features as
            they are: the standardisation is folded in.
        bias: Float array of shape `(classes,)`.
        classes: Array of shape `(classes,)`, the labels in their order.
        strength: Float, the inverse penalty that was chosen.
        accuracy: Float, cross-validated at that penalty; `nan` if no class
            has two images. The best of a few, so slightly too high.
    """

    weights: np.ndarray
    bias: np.ndarray
    classes: np.ndarray
    strength: float
    accuracy: float

    def predict(self, features) -> np.ndarray:
        """Predicts the label of each image, the class of largest logit.

        Args:
            features: Float array of shape `(images, features)`, as the stage
                gives them, of as many features as the probe was fitted on.

        Returns:
            Array of shape `(images,)`, values of `classes`.

        Raises:
            UserError: Features of another shape, or not finite.
        """
        logits = check_features(features) @ self.weights + self.bias
        return self.classes[logits.argmax(1)]


def folds_of(codes: np.ndarray, seed: int) -> list[tuple]:
    """Divides images so that every class is spread over all folds.

    Args:
        codes: Integer array of shape `(images,)`, classes from 0.
        seed: Integer, of the division.

    Returns:
        List of pairs of index arrays `(train, held_out)`, at most 5; empty
        if every class has one image, since nothing can be held out then.
    """
    from sklearn.model_selection import StratifiedKFold

    count = min(FOLDS, int(np.bincount(codes).max()))
    if count < 2:
        return []
    division = StratifiedKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer images than folds is absent from some of them.
        warnings.simplefilter("ignore", UserWarning)
        return list(division.split(codes, codes))


def standardisation(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the mean and deviation that features are standardised by.

    Args:
        train: Float array of shape `(images, features)`, training images
            alone, so that nothing of the held-out ones leaks in.

    Returns:
        Pair of float arrays of shape `(features,)`: means, and standard
        deviations (divided by the number of images), 1 for a feature that is
        constant.
    """
    deviation = train.std(0)
    constant = (train == train[:1]).all(0) | (deviation == 0)
    return train.mean(0), np.where(constant, 1.0, deviation)


def _checked(features, labels, validation):
    features = check_features(features)
    codes = check_labels(labels, len(features))
    if validation is None:
        return unit_scale(features), codes, None
    held_out = check_features(validation[0], "validation features")
    if held_out.shape[1] != features.shape[1]:
        raise UserError(
            f"Expected {features.shape[1]} validation features an image. "
            f"Received: {held_out.shape[1]}. Take both from one stage."
        )
    wanted = np.asarray(validation[1])
    if wanted.shape != (len(held_out),):
        raise UserError(
            f"Expected {len(held_out)} validation labels. Received: shape="
            f"{wanted.shape}."
        )
    classes = np.unique(np.asarray(labels))
    # A class that is not trained counts as an error, whatever is predicted.
    told = np.searchsorted(classes, wanted).clip(0, len(classes) - 1)
    told = np.where(classes[told] == wanted, told, -1)
    scale = np.abs(features).max() or 1.0
    return features / scale, codes, (held_out / scale, told)


def _accuracy(classify: Callable, features, labels, seed, validation) -> float:
    """Tells `classify(train, codes, held_out) -> codes` on held-out images."""
    features, codes, held_out = _checked(features, labels, validation)
    if held_out is not None:
        mean, deviation = standardisation(features)
        guessed = classify(
            (features - mean) / deviation,
            codes,
            (held_out[0] - mean) / deviation,
        )
        return float(np.mean(guessed == held_out[1]))
    right = np.zeros(len(codes), bool)
    folds = folds_of(codes, seed)
    for train, rest in folds:
        mean, deviation = standardisation(features[train])
        standard = (features - mean) / deviation
        guessed = classify(standard[train], codes[train], standard[rest])
        right[rest] = guessed == codes[rest]
    return float(right.mean()) if folds else float("nan")


def _to_class_means(train, codes, held_out):
    from scipy.spatial.distance import cdist

    present = np.unique(codes)
    members = one_hot(codes)[:, present]
    means = (members / members.sum(0)).T @ train
    return present[cdist(held_out, means).argmin(1)]


def _to_neighbours(train, codes, held_out):
    from sklearn.neighbors import KNeighborsClassifier

    # More neighbours than a class has images would always outvote it.
    typical = int(np.median(np.bincount(codes)[np.unique(codes)]))
    count = max(1, min(NEIGHBOURS, typical))
    # An odd number, since two classes would tie with an even one.
    classifier = KNeighborsClassifier(count - 1 + count % 2)
    return classifier.fit(train, codes).predict(held_out)


def nearest_class_mean(features, labels, seed=0, validation=None) -> float:
    """Accuracy of choosing the class whose mean feature is nearest.

    Euclidean distance of standardised features. Larger is better.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.
        seed: Integer, of the folds. Defaults to `0`.
        validation: Pair `(features, labels)` that accuracy is told on, or
            `None` for cross-validation. Defaults to `None`.

    Returns:
        Float between 0 and 1; `nan` if nothing can be held out.

    Reference:
        - [Mensink et al., 2013](https://doi.org/10.1109/TPAMI.2013.83).
    """
    return _accuracy(_to_class_means, features, labels, seed, validation)


def nearest_neighbours(features, labels, seed=0, validation=None) -> float:
    """Accuracy of the vote of the 5 nearest images (kNN).

    Euclidean distance of standardised features; fewer neighbours if a
    typical class has fewer images, and an odd number of them. Larger is
    better.

    Args:
        features, labels, seed, validation: As of `nearest_class_mean`.

    Returns:
        Float between 0 and 1; `nan` if nothing can be held out.

    Raises:
        UserError: As of `nearest_class_mean`.

    Reference:
        - [Cover and Hart, 1967](https://doi.org/10.1109/TIT.1967.1053964).
    """
    return _accuracy(_to_neighbours, features, labels, seed, validation)


def _rotated(standard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Writes images in as many numbers as there are images, at most.

    An L2 penalty does not see a rotation, so the probe is the same and 50
    images with 2000 features cost as much as with 50.
    """
    if standard.shape[1] <= len(standard):
        return standard, np.eye(standard.shape[1])
    u, s, v = np.linalg.svd(standard, full_matrices=False)
    return u * s, v.T


def _fit_path(train, codes, strengths, tol=1e-2):
    """Yields `(weights, bias)` a penalty, each begun at the one before."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rotated, back = _rotated(train)
    model = LogisticRegression(max_iter=1000, tol=tol, warm_start=True)
    for strength in strengths:
        # The penalty is on the mean loss: the best one then depends less on
        # the number of images.
        model.set_params(C=strength * 1000 / len(codes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rotated, codes)
        weights, bias = back @ model.coef_.T, model.intercept_
        if len(bias) == 1:  # Two classes share one column.
            weights = np.hstack([-weights / 2, weights / 2])
            bias = np.array([-bias[0] / 2, bias[0] / 2])
        yield weights, bias


def _choose_strength(features, codes, seed) -> tuple[float, float]:
    right = np.zeros(len(STRENGTHS))
    folds = folds_of(codes, seed)
    for train, rest in folds:
        mean, deviation = standardisation(features[train])
        present, own = np.unique(codes[train], return_inverse=True)
        path = _fit_path((features[train] - mean) / deviation, own, STRENGTHS)
        held_out = (features[rest] - mean) / deviation
        for i, (weights, bias) in enumerate(path):
            guessed = present[(held_out @ weights + bias).argmax(1)]
            right[i] += np.sum(guessed == codes[rest])
    if not folds:
        return STRENGTHS[len(STRENGTHS) // 2], float("nan")
    # Of equals the strongest penalty.
    best = int(right.argmax())
    return STRENGTHS[best], float(right[best] / len(codes))


# Its products are small: threads that wait for each other take several times
# as long as one does, above all on a busy machine.
@threadpool_limits.wrap(limits=1, user_api="blas")
def fit_linear_probe(features, labels, seed=0) -> Probe:
    """Fits a linear probe and chooses its penalty by cross-validation.

    Multinomial logistic regression on standardised features.

    Args:
        features: Float array of shape `(images, features)`.
        labels: Integer or string array of shape `(images,)`.
        seed: Integer, of the folds. Defaults to `0`.

    Returns:
        `Probe`.

    Reference:
        - [Alain and Bengio, 2016](https://arxiv.org/abs/1610.01644).
    """
    features, labels = check_features(features), np.asarray(labels)
    codes = check_labels(labels, len(features))
    scale = np.abs(features).max() or 1.0
    strength, accuracy = _choose_strength(features / scale, codes, seed)
    mean, deviation = standardisation(features / scale)
    standard = (features / scale - mean) / deviation
    weights, bias = next(_fit_path(standard, codes, [strength], tol=1e-4))
    weights = weights / deviation[:, None]
    bias = bias - mean @ weights
    return Probe(weights / scale, bias, np.unique(labels), strength, accuracy)


def linear_probe(features, labels, seed=0, validation=None) -> float:
    """Accuracy of a linear probe, of `fit_linear_probe`. Larger is better.

    Without `validation` it is the best of the penalties' cross-validated
    accuracies, so slightly too high.

    Args:
        features, labels, seed, validation: As of `nearest_class_mean`.

    Returns:
        Float between 0 and 1; `nan` if nothing can be held out.

    Raises:
        UserError: As of `nearest_class_mean`.
    """
    if validation is None:
        return fit_linear_probe(features, labels, seed).accuracy
    _, _, held_out = _checked(features, labels, validation)
    probe = fit_linear_probe(features, labels, seed)
    guessed = probe.predict(validation[0])
    return float(np.mean(guessed == np.asarray(validation[1])))
