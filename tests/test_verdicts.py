"""Verdicts of four kinds, Holm's correction and the splits still to come."""

import pytest
from scipy import stats

from keras_transfer.analysis import verdicts
from keras_transfer.analysis.contrasts import OTHERS, THESE, ModelEstimate
from keras_transfer.analysis.verdicts import (
    Part,
    holm,
    judge,
    judge_one,
    more_splits,
)


def effect(mean, error, df=30.0, scope=OTHERS, splits=4):
    reach = stats.t.ppf(0.975, df) * error
    ends = mean - reach, mean + reach
    return ModelEstimate(mean, error, df, *ends, scope, splits, 8, 60)


@pytest.mark.parametrize(
    "mean, error, name, small",
    [
        (0.010, 0.004, "present", False),  # t = 2.5
        (-0.010, 0.004, "reversed", False),
        (0.000, 0.002, "absent", False),  # 2.5 errors from either margin
        (0.003, 0.001, "present", True),  # above 0, yet 2 below the margin
        (0.004, 0.004, "undecided", False),
        (0.000, 0.004, "undecided", False),  # 1.25 errors from a margin
    ],
)
def test_four_verdicts(mean, error, name, small):
    verdict = judge_one(Part(effect(mean, error)))
    assert (verdict.name, verdict.small) == (name, small)


def test_absent_is_the_interval_of_90_percent_within_the_margin():
    # The 90 % interval ends just within, and just beyond, half a point.
    reach = stats.t.ppf(0.95, 30)
    for end, name in ((0.00499, "absent"), (0.00501, "undecided")):
        found = effect(0.001, (end - 0.001) / reach)
        assert judge_one(Part(found)).name == name


def test_a_threshold_moves_zero_and_no_margin_means_never_absent():
    found = effect(-0.005, 0.002)
    assert judge_one(Part(found)).name == "reversed"
    assert judge_one(Part(found, threshold=-0.01)).name == "present"
    assert judge_one(Part(effect(0, 0.001), margin=None)).name == "undecided"


def test_p_values_by_hand():
    p = Part(effect(0.01, 0.005, df=10)).p_values()
    assert p["present"] == pytest.approx(0.07339, abs=1e-5)  # t = 2, df 10
    assert p["reversed"] == 1
    assert p["absent"] == pytest.approx(1 - 0.17045, abs=1e-5)  # t = 1


def test_holm_by_hand():
    # Sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.5: and none below the one before.
    assert holm([0.5, 0.02, 0.01, 0.03]) == pytest.approx(
        [0.5, 0.06, 0.04, 0.06]
    )
    corrected = holm([0.01, float("nan")])
    assert corrected[0] == 0.01 and corrected[1] != corrected[1]


def test_claims_pay_for_their_number():
    found = Part(effect(0.01, 0.0045))  # p = 0.034
    other = Part(effect(0.005, 0.004))
    assert judge([[found]])[0].name == "present"
    both = judge([[found], [other]])
    assert [v.name for v in both] == ["undecided", "undecided"]
    # One that was not measured is no test.
    assert judge([[found], [Part(None)]])[0].name == "present"
    assert judge([[found], [Part(None)]])[1].more_splits is None


def test_all_parts_must_hold_and_any_can_refute():
    yes, no = Part(effect(0.01, 0.002)), Part(effect(0.0, 0.001))
    less = Part(effect(-0.02, 0.003))
    assert judge([[yes, yes]])[0].name == "present"
    assert judge([[yes, no]])[0].name == "absent"
    assert judge([[yes, less]])[0].name == "reversed"
    # Two chances to refute are paid for: p 0.0312 alone, 0.0624 of two.
    close = Part(effect(-0.009, 0.004))
    assert judge([[close]])[0].name == "reversed"
    assert judge([[yes, close]])[0].name == "undecided"


def test_splits_that_would_decide():
    # 0.8 points, error 0.5 over 4 splits, df 3: variance 1 / splits. With 9
    # splits: error 1/3, df 8 > 6.75: t = 2.4 > 2.306; with 8: 2.26 < 2.365.
    part = Part(effect(0.008, 0.005, df=3.0))
    assert more_splits(part) == 5
    verdict = judge_one(part)
    assert verdict.remark == "5 more splits would decide"
    assert more_splits(Part(effect(0.05, 0.005))) == 0
    far = judge_one(Part(effect(0.004, 0.05)))
    assert far.more_splits == verdicts.MOST_SPLITS
    assert far.remark == "60 or more further splits would decide"


def test_below_three_splits_their_spread_is_added():
    part = Part(effect(0.006, 0.004, df=24.0, splits=2))
    these = Part(effect(0.006, 0.004, df=24.0, splits=2, scope=THESE))
    assert more_splits(these) > more_splits(part) > 0


def test_values_without_noise_are_judged_too():
    assert judge_one(Part(effect(0.02, 0.0))).name == "present"
    assert judge_one(Part(effect(0.0, 0.0))).name == "absent"
