import math

import keras
import numpy as np
import pytest

from keras_transfer.training.losses import (
    ReportPlainLoss,
    SmoothedCrossentropy,
    training_loss,
    training_metrics,
)

# Probabilities 0.5, 0.25, 0.25 of three outputs, up to a constant.
LOGITS = np.log(np.array([[0.5, 0.25, 0.25]], "float32")) + 7


def test_smoothing_spreads_a_share_over_all_outputs():
    # H = ln 2, ln 4, ln 4; their mean is 5/3 ln 2.
    loss = SmoothedCrossentropy(0.3)
    first, last = (float(loss(np.array([k]), LOGITS)) for k in (0, 2))
    assert first == pytest.approx((0.7 + 0.3 * 5 / 3) * math.log(2), rel=1e-5)
    assert last == pytest.approx((1.4 + 0.3 * 5 / 3) * math.log(2), rel=1e-5)


def test_without_smoothing_it_is_keras_own():
    labels = np.array([[0], [2]])  # Keras's own accepts a column as well
    logits = np.repeat(LOGITS, 2, axis=0)
    own = training_loss(None)
    assert isinstance(own, keras.losses.SparseCategoricalCrossentropy)
    expected = float(own(labels, logits))
    assert expected == pytest.approx(1.5 * math.log(2), rel=1e-5)
    ours = float(SmoothedCrossentropy(0.0)(labels, logits))
    assert ours == pytest.approx(expected, rel=1e-6)
    assert [m.name for m in training_metrics(True)] == ["accuracy"]
    names = [m.name for m in training_metrics(False)]
    assert names == ["accuracy", "cross_entropy"]


def test_smoothing_out_of_range_is_refused():
    with pytest.raises(ValueError, match="from 0 to below 1"):
        SmoothedCrossentropy(1.0)


def test_rows_hold_the_plain_loss_and_what_was_trained():
    logs = {
        "loss": 3.0,
        "cross_entropy": 2.0,
        "val_loss": 3.5,
        "val_cross_entropy": 2.5,
    }
    ReportPlainLoss().on_epoch_end(0, logs)
    assert logs == {
        "loss": 2.0,
        "smoothed_loss": 3.0,
        "val_loss": 2.5,
        "val_smoothed_loss": 3.5,
    }
    logs = {"loss": 3.0, "cross_entropy": 2.0}
    ReportPlainLoss("weighted_loss").on_epoch_end(0, logs)
    assert logs == {"loss": 2.0, "weighted_loss": 3.0}
    plain = {"loss": 2.0, "accuracy": 0.5}
    ReportPlainLoss().on_epoch_end(0, plain)
    assert plain == {"loss": 2.0, "accuracy": 0.5}
