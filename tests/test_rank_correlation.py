import math

import numpy as np
import pytest

from keras_transfer.analysis.rank_correlation import rank_correlation
from keras_transfer.errors import UserError


def test_kendall_and_spearman_of_five_stages():
    # Orders 1 2 3 4 5 and 1 2 3 5 4: 9 pairs agree, 1 does not: tau 0.8;
    # rho = 1 - 6 x 2 / (5 x 24) = 0.9. As likely by chance, exactly: 5 orders
    # of 120 have at most one exchange, both ways 10 / 120.
    scores, accuracies = [1, 2, 3, 4, 5], [0.1, 0.2, 0.3, 0.5, 0.4]
    tau = rank_correlation(scores, accuracies)
    assert tau.value == pytest.approx(0.8) and tau.count == 5
    assert tau.p_value == pytest.approx(10 / 120)
    # atanh(0.8) = 1.098612, 1.959964 x sqrt(0.437) = 1.295654.
    assert tau.low == pytest.approx(math.tanh(-0.197042), abs=1e-5)
    assert tau.high == pytest.approx(math.tanh(2.394266), abs=1e-5)
    rho = rank_correlation(scores, accuracies, "spearman")
    assert rho.value == pytest.approx(0.9)
    reach = 1.959964 * math.sqrt((1 + 0.405) / 2)
    assert rho.low == pytest.approx(math.tanh(math.atanh(0.9) - reach))


def test_full_agreement_keeps_an_interval_of_some_width():
    # As wide as with one pair exchanged, and up to 1.
    found = rank_correlation([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert found.value == found.high == 1
    assert found.low == pytest.approx(math.tanh(-0.197042), abs=1e-5)
    turned = rank_correlation([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert turned.value == turned.low == -1
    assert turned.high == pytest.approx(-found.low)


def test_ties_are_tau_b_and_a_constant_side_is_not_told():
    # Pairs: (1,1) tied in x; 1-2, 1-2 agree: 2 / sqrt(2 x 3).
    found = rank_correlation([1, 1, 2], [1, 2, 3])
    assert found.value == pytest.approx(2 / math.sqrt(6))
    assert found.low is None and found.high is None
    assert math.isnan(rank_correlation([1, 1, 1, 1, 1], range(5)).value)


@pytest.mark.parametrize("method", ["kendall", "spearman"])
def test_intervals_hold_about_as_often_as_they_promise(method):
    # Normal pairs of correlation 0.6: tau = 2 asin(0.6) / pi, rho =
    # 6 asin(0.3) / pi, for eleven stages.
    truth = {
        "kendall": 2 / math.pi * math.asin(0.6),
        "spearman": 6 / math.pi * math.asin(0.3),
    }[method]
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        x, noise = rng.standard_normal((2, 11))
        found = rank_correlation(x, 0.6 * x + 0.8 * noise, method)
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 300 <= 0.985


@pytest.mark.parametrize(
    ("scores", "accuracies", "method", "text"),
    [
        ([1.0], [1.0], "kendall", "two stages or more"),
        ([1.0, 2.0], [1.0], "kendall", "one accuracy a stage"),
        ([1.0, math.nan], [1.0, 2.0], "kendall", "Leave those stages out"),
        ([1.0, 2.0], [1.0, 2.0], "pearson", "Received: pearson"),
    ],
)
def test_what_cannot_be_compared_ends_in_a_sentence(
    scores, accuracies, method, text
):
    with pytest.raises(UserError, match=text):
        rank_correlation(scores, accuracies, method)
