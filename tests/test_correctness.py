import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.storage import correctness
from keras_transfer.storage.result import Result

HITS = np.array([1, 0, 0, 0, 0, 0, 0, 1, 1, 0], bool)


def result(**changes):
    fields = {
        "network_id": "abc",
        "images": {"test": 10},
        "test_accuracy": 0.3,
        "test_correct": correctness.pack(HITS),
    }
    return Result(**{**fields, **changes})


def test_bits_come_back_in_their_order():
    # 0b10000001, 0b10000000: the first image in the highest bit.
    assert correctness.pack(HITS) == "gYA="
    np.testing.assert_array_equal(correctness.correctness(result()), HITS)


def test_older_results_have_none():
    old = Result(images={"test": 10}, test_accuracy=0.3)
    assert correctness.correctness(old) is None
    assert correctness.correctness(result(test_correct=None)) is None


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"test_accuracy": 0.4}, "3 hits of 10"),
        ({"images": {"test": 17}}, "2 bytes for 17"),
        ({"test_correct": "g*"}, "cannot be read"),
        ({"images": None}, "cannot be read"),
    ],
)
def test_bits_that_do_not_fit_are_refused(changes, received):
    with pytest.raises(UserError, match=received):
        correctness.correctness(result(**changes))
