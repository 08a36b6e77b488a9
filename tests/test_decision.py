import math

import numpy as np
import pytest

from experiments.coverage_recommend import Setting, draw, measure
from keras_transfer.errors import UserError
from keras_transfer.recommendation.decision import Candidate, decide
from keras_transfer.recommendation.reasons import reasons
from keras_transfer.recommendation.simultaneous import (
    accuracy_intervals,
    spread_of,
)
from keras_transfer.recommendation.told import tell

STAGES = [
    Candidate("fine-tune all", 0, 100.0),
    Candidate("up to conv3", 3, 50.0),
    Candidate("up to conv5", 5, 20.0),
]


def correct_shares(shares, images=1000, seeds=2):
    """Candidates right on their first images: differences are nested."""
    rows = [np.arange(images) < round(share * images) for share in shares]
    return np.repeat(np.array(rows)[:, None], seeds, axis=1)


def test_the_deepest_candidate_within_the_tolerance_is_chosen():
    found = decide(STAGES, correct_shares([0.9, 0.895, 0.7]), 0.03)
    assert (found.chosen, found.best) == ("up to conv3", "fine-tune all")
    assert found.loss.mean == pytest.approx(0.005)
    assert found.can_tell and found.images_needed is None
    assert found.tie_set == ("fine-tune all", "up to conv3")
    first, second = reasons(found)
    assert first.startswith("up to conv3 loses 0.5 points [0.0, ")
    assert second == "No deeper candidate is within 3 points of the best."


def test_another_replaces_the_incumbent_only_beyond_noise():
    # 80 of 100 images right, and the same and some more. Six more and none
    # fewer are two-sided 2 / 2^6 = 3 % by chance, five 6 %.
    def run(more, **known):
        correct = correct_shares([0.8, (80 + more) / 100], 100, 1)
        return decide(STAGES[:2], correct, 0.0, **known)

    assert run(5).chosen == run(1).chosen == "up to conv3"
    found = run(5, incumbent="fine-tune all")
    assert (found.chosen, found.best) == ("fine-tune all", "up to conv3")
    assert found.loss.mean == pytest.approx(0.05) and not found.can_tell
    assert (
        "100 images and 1 seed cannot tell which candidates lose at most 0 "
        "points: fine-tune all and up to conv3 may. So fine-tune all stands: "
        "no other is shown to lose at most 0 points against it. "
    ) in reasons(found)[1]
    found = run(6, incumbent="fine-tune all")
    assert found.chosen == "up to conv3"
    assert found.able == ("fine-tune all", "up to conv3")


def test_it_takes_images_to_show_a_loss_within_the_tolerance():
    # Equal on all images, of which two are added, one for and one against:
    # the interval reaches 1.98 sqrt(2) / 102 = 2.7 points of 100 images, and
    # 1.96 sqrt(2) / 402 = 0.7 of 400.
    def run(images, tolerance):
        correct = correct_shares([0.8, 0.8], images, 1)
        return decide(
            STAGES[:2], correct, tolerance, incumbent="fine-tune all"
        ).chosen

    assert run(100, 0.027) == run(400, 0.006) == "fine-tune all"
    assert run(100, 0.028) == run(400, 0.007) == "up to conv3"


def test_seeds_that_differ_are_noise_as_well():
    # 86 of 100 in the mean against 80: enough if each seed has them, not if
    # one has 92 and the other 80.
    first = correct_shares([0.8], 100, 2)
    for shares, chosen in (((0.86, 0.86), 1), ((0.92, 0.8), 0)):
        second = correct_shares(shares, 100, 1)[:, 0][None]
        correct = np.concatenate([first, second])
        found = decide(STAGES[:2], correct, 0.0, incumbent="fine-tune all")
        assert found.chosen == STAGES[chosen].name


def test_of_one_depth_the_cheaper_is_chosen():
    twins = [Candidate("dear", 3, 9.0), Candidate("cheap", 3, 1.0)]
    assert decide(twins, correct_shares([0.9, 0.9]), 0.01).chosen == "cheap"


def test_few_images_cannot_tell_and_more_would():
    # 20 images, 18, 17 and 10 right: the second loses 5 points, more than 3.
    correct = correct_shares([0.9, 0.85, 0.5], images=20)
    found = decide(STAGES, correct, 0.03)
    assert found.chosen == found.best == "fine-tune all"
    assert not found.can_tell
    assert "up to conv3" in found.tie_set
    assert found.images_needed > 1000
    text = " ".join(reasons(found))
    assert "20 images and 2 seeds cannot tell" in text
    assert f"About {found.images_needed:,} validation images" in text


def test_images_needed_shrink_the_interval_to_the_gap():
    # Every fourth image is a disagreement, one way twice as often.
    pattern = np.array(
        [
            [1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0],
            [0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0],
        ],
        bool,
    )
    pair = [Candidate("a", 1), Candidate("b", 0)]

    def run(repeats):
        return decide(pair, np.tile(pattern[:, None], repeats), 0.01)

    found = run(4)
    # a is better by 1 in 12; once the reach is that and the tolerance, b is
    # not better by more than the tolerance.
    assert found.chosen == "a" and not found.can_tell
    again = run(math.ceil(found.images_needed * 1.3 / 12))
    assert again.can_tell
    assert not run(int(found.images_needed * 0.5 / 12)).can_tell


def test_a_loss_at_the_tolerance_is_never_decided():
    found = decide(STAGES[:2], correct_shares([0.9, 0.875]), 0.025)
    assert found.chosen == "up to conv3" and not found.can_tell
    assert found.images_needed is None
    # 25 of 1000 images, and one for each added: 27 / 1002 - (25 / 1002)^2 =
    # 0.0263, times (1.962 / 0.025)^2 = 162, rounded up.
    assert reasons(found)[-1].endswith(
        "More than 20,000 validation images or 100 seeds would be needed to "
        "decide all, since a loss is too close to the tolerance; to tell a "
        "difference of 2.5 points takes about 170, one of 5 points about 41."
    )


def test_how_many_images_tell_a_difference_of_a_point():
    # One image of a hundred is a disagreement, in the mean of both candidates
    # alike, and two are added, one for each: 4 / 402 of 400 images.
    pattern = np.ones((2, 400), bool)
    pattern[0, :2] = pattern[1, 2:4] = False
    found = decide(STAGES[:2], pattern[:, None], 0.0)
    assert found.images_needed is None and not found.can_tell
    share, factor = 6 / 402, 1.966
    expected = share * (factor / 0.01) ** 2
    assert found.images_of_a_point == pytest.approx(expected, rel=0.05)
    assert "400 images and 1 seed cannot tell" in reasons(found)[-1]
    assert decide(STAGES[:1], pattern[:1, None], 0.0).images_of_a_point is None


def test_nobody_loses_more_than_everything():
    found = decide(STAGES[:2], correct_shares([1.0, 0.25], images=4), 0.01)
    assert found.losses[1].high == 1


def test_who_is_best_beyond_chance_is_said_to_be():
    found = decide(STAGES[:2], correct_shares([0.9, 0.3], 400), 0.01)
    assert reasons(found)[0] == (
        "fine-tune all is best on 400 validation images, 90.0 %, beyond what "
        "chance explains."
    )
    found = decide(STAGES[:2], correct_shares([0.9, 0.85], 40), 0.01)
    assert "; another could be better by at most " in reasons(found)[0]


def test_candidates_that_may_do_are_named_where_they_are_few():
    many = [Candidate(f"c{place}", place) for place in range(6)]
    found = decide(many, correct_shares([0.8] * 6, 20), 0.01)
    assert "lose at most 1 point: all 6 may. " in reasons(found)[1]
    found = decide(many, correct_shares([0.8] * 5 + [0.1], 20), 0.01)
    assert "lose at most 1 point: 5 of 6 may. " in reasons(found)[1]
    found = decide(many[:3], correct_shares([0.8, 0.8, 0.8], 20), 0.01)
    assert "1 point: c0, c1 and c2 may. " in reasons(found)[1]


def test_seeds_that_differ_ask_for_more_seeds():
    # Two seeds of the second: 85 and 82 %, of the first 90 and 90 %: more
    # images cannot say what a third seed would give.
    def run(*second):
        shares = [[0.9, 0.9], second]
        rows = [correct_shares(pair, 5000, 1)[:, 0] for pair in shares]
        return decide(STAGES[:2], np.stack(rows), 0.03)

    found = run(0.85, 0.82)
    assert found.chosen == "fine-tune all" and not found.can_tell
    assert found.images_needed is None and found.seeds_needed > 2
    assert "More images would not decide" in reasons(found)[-1]
    # Of 92 and 80 % nobody has as many seeds as that takes.
    found = run(0.92, 0.8)
    assert not found.can_tell
    assert found.images_needed is None and found.seeds_needed is None
    assert "would be needed to decide" in reasons(found)[-1]


def test_one_candidate_is_chosen_for_certain():
    found = decide(STAGES[:1], correct_shares([0.9]), 0.01)
    assert found.can_tell and found.chosen == "fine-tune all"
    assert (found.loss.low, found.loss.high) == (0, 0)


def test_the_same_again_gives_the_same_again():
    correct = correct_shares([0.9, 0.89, 0.7], 50)
    assert decide(STAGES, correct, 0.01) == decide(STAGES, correct, 0.01)


def test_spread_of_crossed_seeds_and_images():
    # Differences 1, 0, 0, -1 of one seed, with 1 and -1 added: the mean is 0,
    # the variance 4 / 6 of six images, a sixth of that of the mean.
    one = spread_of(np.array([[[1.0, 0, 0, -1]]]))
    assert one.centre == pytest.approx(0)
    assert one.of_images == pytest.approx(4 / 36)
    assert one.of_seeds == 0 and one.freedom == pytest.approx(5)
    # Two seeds, +1 and 0 on every image: no noise, seeds' variance 1/2, of
    # their mean 1/4; images' 1/2 each: (4 / 4 + 2) / 6 - (2 / 6)^2 = 7 / 18,
    # over 6. Satterthwaite: (v + s)^2 / (v^2 / 5 + s^2 / 1).
    two = spread_of(np.array([[[1.0] * 4, [0.0] * 4]]))
    v, s = 7 / 108, 1 / 4
    assert two.of_images == pytest.approx(v)
    assert two.of_seeds == pytest.approx(s)
    assert two.freedom == pytest.approx((v + s) ** 2 / (v**2 / 5 + s**2))


def test_an_accuracy_of_one_seed_has_wilsons_interval():
    # 90 of 100, with Student's t of 99 degrees of freedom, 1.98422: where the
    # share p = 0.9 is t standard errors sqrt(q (1 - q) / 100) away.
    told = tell(["a"], "a", correct_shares([0.9], 100, 1))
    assert told.accuracy == pytest.approx(0.9) and told.differences == {}
    for end in (told.low, told.high):
        away = abs(0.9 - end) / math.sqrt(end * (1 - end) / 100)
        assert away == pytest.approx(1.98422, abs=1e-4)
    # All 10 right: t^2 / (10 + t^2) of 9 degrees of freedom, 2.26216.
    told = tell(["a"], "a", correct_shares([1.0], 10, 1))
    assert told.low == pytest.approx(10 / (10 + 2.26216**2), abs=1e-4)
    assert told.high == 1


def test_seeds_that_agree_are_one_and_those_that_do_not_are_more():
    # Three seeds that err on the same 10 of 100 images tell what one does.
    alike = correct_shares([0.9], 100, 3).astype(float)
    ends = accuracy_intervals(alike)
    np.testing.assert_allclose(ends, accuracy_intervals(alike[:, :1]))
    # Each errs on 10 others: 30 images are right two times of three, whose
    # variance over images is 0.3 x 4 / 9 + 0.7 - 0.81 = 0.0233, a quarter of
    # 0.09; so it is as of 386 images, whose seeds do not spread.
    apart = np.ones((1, 3, 100))
    for seed in range(3):
        apart[0, seed, 10 * seed : 10 * seed + 10] = 0
    (low,), (high,) = accuracy_intervals(apart)
    for end in (low, high):
        away = abs(0.9 - end) / math.sqrt(end * (1 - end) * 0.0233333 / 9)
        assert away == pytest.approx(1.98422, abs=1e-3)


def test_a_test_tells_differences_to_the_others():
    names = [stage.name for stage in STAGES]
    told = tell(names, "up to conv3", correct_shares([0.9, 0.88, 0.7]))
    mean, low, high = told.differences["up to conv5"]
    assert mean == pytest.approx(0.18) and 0.1 < low < 0.18 < high < 0.26
    assert list(told.differences) == ["fine-tune all", "up to conv5"]
    # All 10 images right for both: equal, but not for certain.
    alike = tell(names[:2], names[0], correct_shares([1, 1], 10))
    mean, low, high = alike.differences[names[1]]
    assert mean == 0 and low == -high and 0.1 < high < 0.5
    assert alike.high == 1 and 0.5 < alike.low < 0.9


@pytest.mark.parametrize(
    "setting",
    [
        Setting((0.86, 0.865, 0.86, 0.85, 0.80), 200, 3, 0.05),
        Setting((0.7,) * 4, 300, 3, 0.15),
    ],
)
def test_intervals_hold_as_often_as_they_promise(setting):
    # 200 draws of a share of 95 % are within 91 and 98.5 %.
    found = measure(setting, 200)
    assert 0.91 <= found["accuracy"] <= 0.985
    assert 0.91 <= found["differences"] <= 0.985
    # From all pairs, so they may hold more often.
    assert 0.91 <= found["losses"]
    assert found["wrong"] <= 0.05


def test_simulated_accuracies_are_what_they_are_said_to_be():
    setting = Setting((0.9, 0.6), 4000, 20, 0.1)
    drawn = draw(setting, np.random.default_rng(0))
    assert drawn.mean((1, 2)) == pytest.approx([0.9, 0.6], abs=0.02)


@pytest.mark.parametrize(
    ("candidates", "correct", "tolerance", "text"),
    [
        ([], np.ones((0, 1, 2)), 0.01, "Received: none"),
        (STAGES[:1] * 2, np.ones((2, 1, 2)), 0.01, "name of its own"),
        (STAGES, np.ones((3, 5)), 0.01, r"\(candidates, seeds, images\)"),
        (STAGES, np.ones((2, 1, 5)), 0.01, "with 3 candidates"),
        (STAGES, np.full((3, 1, 5), 0.5), 0.01, "0 or 1"),
        (STAGES, np.ones((3, 1, 1)), 0.01, "2 images or more"),
        (STAGES, np.ones((3, 1, 5)), 1.5, "0.01 for one"),
    ],
)
def test_what_cannot_be_decided_ends_in_a_sentence(
    candidates, correct, tolerance, text
):
    with pytest.raises(UserError, match=text):
        decide(candidates, correct, tolerance)


def test_an_unknown_incumbent_is_told():
    with pytest.raises(UserError, match="Received: c"):
        decide(STAGES, np.ones((3, 1, 5)), 0.01, incumbent="c")


def test_an_unknown_choice_cannot_be_told():
    with pytest.raises(UserError, match="Received: c"):
        tell(["a", "b"], "c", np.ones((2, 1, 5)))
