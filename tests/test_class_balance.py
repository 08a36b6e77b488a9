import numpy as np
import pytest

from keras_transfer.datasets.class_balance import (
    balanced_accuracy,
    class_weights,
)
from keras_transfer.errors import UserError


def test_every_class_counts_alike():
    labels = np.array([0] * 8 + [1] * 2)
    always = np.zeros(10, int)
    assert balanced_accuracy(labels, always) == 0.5  # accuracy is 0.8
    found = np.array([0] * 8 + [0, 1])
    assert balanced_accuracy(labels, found) == 0.75
    # A class without an image does not count, as in scikit-learn.
    from sklearn.metrics import balanced_accuracy_score

    labels, found = np.array([0, 0, 2, 3, 3]), np.array([0, 3, 2, 3, 2])
    assert balanced_accuracy(labels, found) == pytest.approx(2 / 3)
    expected = balanced_accuracy_score(labels, found)
    assert balanced_accuracy(labels, found) == pytest.approx(expected)


def test_weights_make_classes_weigh_alike():
    weights = class_weights(np.array([10, 0, 30]))
    assert weights == {0: 2.0, 2: pytest.approx(2 / 3)}
    assert 10 * weights[0] + 30 * weights[2] == pytest.approx(40)


def test_what_cannot_be_weighed_is_named():
    with pytest.raises(UserError, match=r"Received: \(2,\) and \(3,\)"):
        balanced_accuracy(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(UserError, match=r"Received: \(0,\) and \(0,\)"):
        balanced_accuracy(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(UserError, match=r"in some class. Received: \[0, 0\]"):
        class_weights(np.array([0, 0]))
