"""Numbers as text are the same on every processor."""

import numpy as np
import pytest

from keras_transfer.analysis.intervals import Estimate
from keras_transfer.analysis.rounding import rounded, rounded_ends


@pytest.mark.parametrize("noise", [-1e-12, 0.0, 1e-12])
def test_what_lies_between_two_numbers_goes_to_the_even_digit(noise):
    said = [rounded(value + noise) for value in (3.55, 3.45, -0.35, 0.05)]
    assert said == ["+3.6", "+3.4", "-0.4", "+0.0"]


def test_digits_and_signs():
    assert rounded(0.125, 2) == "+0.12"
    assert rounded(97.62, signed=False) == "97.6"
    assert rounded(-0.01) == "+0.0"
    assert rounded(np.float64(2.0), 0, signed=False) == "2"


def test_what_has_no_digits_after_the_point_is_written_all_the_same():
    said = [rounded(value) for value in (np.inf, -1e30, 1e25, np.nan)]
    assert said == ["+inf", "-1e+30", "+1e+25", "+nan"]


def test_what_is_farther_from_the_middle_than_noise_counts():
    assert rounded(3.55001) == "+3.6"
    assert rounded(3.54999) == "+3.5"


def test_estimates_are_written_so():
    found = Estimate(0.0355, 3, 0.0345, 0.0365 + 1e-15)
    assert found.in_points() == "+3.6 [+3.4, +3.6]"


def test_ends_that_read_alike_are_written_once():
    assert rounded_ends([3.2, -0.31, 1.0]) == "-0.3 to +3.2"
    assert rounded_ends([0.401, 0.399], 2, signed=False) == "0.40"
