import math

import pytest

from keras_transfer.errors import UserError
from keras_transfer.recommendation.entrants import Entrant, Result, Step
from keras_transfer.recommendation.halving import (
    noise,
    plan_race,
    rungs_of,
    worst_cost,
)

NINE = [Entrant(f"c{i}", 1.0) for i in range(9)]


def train(plan, accuracy, seconds=1.0):
    """Results of a plan's steps, with an accuracy by name."""
    return [
        Result(
            step.name,
            step.epochs,
            accuracy(step.name),
            seconds * step.epochs,
        )
        for step in plan.steps
    ]


def number(name):
    return int(name[1:]) / 10


def test_rungs_and_their_cost():
    assert rungs_of(9, 27) == (3, 9, 27)
    assert rungs_of(1, 27) == (27,)
    assert rungs_of(100, 2) == (1, 2)
    # No training is so short that it says nothing.
    assert rungs_of(9, 27, least=5) == (5, 9, 27)
    assert rungs_of(100, 27, least=9) == (9, 27)
    # 9 for 3 epochs, 3 for 9, 1 for 27.
    assert worst_cost(NINE, (3, 9, 27)) == 81
    # The dearest goes on: 3 x (1 + 5 + 1) + 9 x 5.
    three = [Entrant("a", 1.0), Entrant("b", 5.0), Entrant("c", 1.0)]
    assert worst_cost(three, (3, 9)) == 66


def test_a_network_is_built_once_for_all_that_share_it():
    shared = [
        Entrant("kept", 1.0, network="n", build=20.0),
        Entrant("drawn", 1.0, network="n", build=20.0),
        Entrant("other", 1.0, network="m", build=5.0),
    ]
    # 3 x 3 + 9 s of training, 25 s of building.
    assert worst_cost(shared, (3, 9)) == 43
    plan = plan_race(shared, [], budget=43, epochs=9)
    assert len(plan.steps) == 3 and plan.rungs == (3, 9)
    # What a network took to build is spent, and not expected again.
    results = [Result(name, 3, 0.5, 3.0) for name in ("drawn", "other")]
    results.append(Result("kept", 3, 0.6, 3.0, build=25.0))
    plan = plan_race(shared, results, budget=43, epochs=9)
    assert plan.steps == (Step("kept", 9),)
    assert plan.seconds_left == 43 - 9 - 25
    # One alone needs 29 s with its network.
    with pytest.raises(UserError, match="kept, takes about 29 s"):
        plan_race(shared[:2], [], budget=28, epochs=9)


def test_what_a_step_costs_beside_its_epochs_counts_at_every_rung():
    # Three for 3 epochs and 10 s each, one for 9 and 10 s again.
    slow = [Entrant(name, 1.0, start=10.0) for name in "abc"]
    assert worst_cost(slow, (3, 9)) == 3 * 13 + 19
    # It took half of what was expected, 13 s, so 8 s are left for the rest.
    results = [Result(name, 3, 0.5, 6.5) for name in "abc"]
    wide = plan_race(slow, results, budget=60, epochs=9)
    assert [step.epochs for step in wide.steps] == [9]
    assert wide.seconds_left == 60 - 3 * 6.5
    # Had it taken twice as long, nobody could go on.
    late = [Result(name, 3, 0.5, 26.0) for name in "abc"]
    assert plan_race(slow, late, budget=60, epochs=9).steps == ()


def test_a_race_of_nine_takes_three_rungs_within_its_budget():
    results, seen = [], []
    while True:
        plan = plan_race(NINE, results, budget=81, epochs=27)
        seen.append([step.name for step in plan.steps])
        if not plan.steps:
            break
        results += train(plan, number)
    assert seen == [[f"c{i}" for i in range(9)], ["c6", "c7", "c8"], ["c8"], []]
    assert plan.ranking[:4] == ("c8", "c7", "c6", "c5")
    assert plan.seconds_left == 0 and plan.left_out == ()


def test_every_step_of_a_killed_race_goes_on_as_if_it_had_not_been():
    whole = []
    while steps := plan_race(NINE, whole, 81, 27).steps:
        whole += train(plan_race(NINE, whole, 81, 27), number)
    for count in range(len(whole)):
        plan = plan_race(NINE, whole[:count][::-1], 81, 27)
        following = whole[count]
        step = plan.steps[0]
        assert (step.name, step.epochs) == (following.name, following.epochs)
    assert steps == ()


def test_every_rung_trains_from_the_start():
    first = plan_race(NINE[:3], [], 1000, 9)
    assert first.steps[0] == Step("c0", 3)
    second = plan_race(NINE[:3], train(first, number), 1000, 9)
    assert second.steps == (Step("c2", 9),)


def test_a_small_budget_starts_fewer_in_the_order_given():
    # With one winner: three take 3 x 3 + 9 = 18 s; four have 3 rungs, of 1,
    # 3 and 9 epochs: 4 + 3 + 9 = 16 s; five take a second more.
    plan = plan_race(NINE, [], budget=16, epochs=9)
    assert [step.name for step in plan.steps] == ["c0", "c1", "c2", "c3"]
    assert plan.rungs == (1, 3, 9)
    assert plan.left_out == ("c4", "c5", "c6", "c7", "c8")
    # One that is too dear alone is passed over.
    field = [Entrant("dear", 99.0), *NINE[:1]]
    plan = plan_race(field, [], budget=9, epochs=9)
    assert plan.steps == (Step("c0", 9),) and plan.left_out == ("dear",)


def test_slower_than_expected_fewer_go_on():
    # Three times slower: 27 s for the first rung of 1 epoch, 54 s are left;
    # three would need 3 x 3 x 3 + 9 x 3 = 54 s, so they just fit.
    plan = plan_race(NINE, [], 81, 9)
    results = train(plan, number, seconds=3.0)
    assert len(plan_race(NINE, results, 81, 9).steps) == 3
    # A second less: two, which need 2 x 3 x 3 + 9 x 3 = 45 s.
    steps = plan_race(NINE, results, 80, 9).steps
    assert [step.name for step in steps] == ["c7", "c8"]
    # Nothing fits any more: the race ends, ranked by what there is.
    results = train(plan, number, seconds=9.0)
    plan = plan_race(NINE, results, 81, 9)
    assert plan.steps == () and plan.ranking[0] == "c8"


def test_if_the_first_take_longer_fewer_begin_and_else_more():
    def left(results, budget):
        plan = plan_race(NINE[:4], results, budget, 9, least=9)
        return [step.name for step in plan.steps]

    assert left([], 36) == ["c0", "c1", "c2", "c3"]
    # 12 s instead of 9: three more need 36 s, and two fit 24 s.
    assert left([Result("c0", 9, 0.5, 12.0)], 36) == ["c1", "c2"]
    plan = plan_race(NINE[:4], [Result("c0", 9, 0.5, 12.0)], 36, 9, least=9)
    assert plan.left_out == ("c3",)
    # 5 s instead of 9: four more fit 22 s.
    assert left([], 27) == ["c0", "c1", "c2"]
    sooner = plan_race(NINE, [Result("c0", 9, 0.5, 5.0)], 27, 9, least=9)
    assert [step.name for step in sooner.steps] == ["c1", "c2", "c3", "c4"]
    assert sooner.left_out == ("c5", "c6", "c7", "c8")
    # Building took twice as long too, and need not be paid again.
    shared = [
        Entrant(name, 1.0, network=network, build=9.0)
        for name, network in (("a", "n"), ("b", "n"), ("c", "m"))
    ]
    slow = [Result("a", 9, 0.5, 18.0, build=18.0)]
    plan = plan_race(shared, slow, 54, 9, least=9)
    assert [step.name for step in plan.steps] == ["b"]
    assert plan.left_out == ("c",)
    # 6 s instead of 3 in the first rung: a second takes 6 s more, and the
    # winner 18 s afterwards.
    late = [Result("c0", 3, 0.5, 6.0)]
    plan = plan_race(NINE[:3], late, 30, 9)
    assert plan.rungs == (3, 9)
    assert [step.name for step in plan.steps] == ["c1"]


def test_failures_do_not_go_on_and_equals_do_in_the_order_given():
    def accuracy(name):
        return math.nan if name in ("c0", "c8") else 0.5

    results = train(plan_race(NINE, [], 81, 27), accuracy)
    plan = plan_race(NINE, results, 81, 27)
    assert [step.name for step in plan.steps] == ["c1", "c2", "c3"]
    assert plan.ranking[-2:] == ("c0", "c8")
    all_failed = train(plan_race(NINE, [], 81, 27), lambda name: math.nan)
    assert plan_race(NINE, all_failed, 81, 27).steps == ()


def test_nobody_is_dropped_who_is_behind_by_noise_alone():
    # Two standard errors of 0.9 - 0.6 on 100 images: 2 x sqrt(0.0033).
    assert noise(0.9, 0.6, 100) == pytest.approx(0.1149, abs=1e-4)
    # On 18 images that of 0.8 (c8) and 0.5 is 0.30, of 0.8 and 0.4 as well.
    results = train(plan_race(NINE, [], 1000, 27), number)
    strict = plan_race(NINE, results, 1000, 27)
    assert [step.name for step in strict.steps] == ["c6", "c7", "c8"]
    few = plan_race(NINE, results, 1000, 27, images=18)
    assert [step.name for step in few.steps] == ["c5", "c6", "c7", "c8"]
    # With many images the best third goes on as before.
    many = plan_race(NINE, results, 1000, 27, images=100_000)
    assert many == strict
    # What the budget has no room for does not: 27 s are spent; four need
    # 4 x 9 + 2 x 27 = 90 s, three 3 x 9 + 27 = 54 s.
    dear = plan_race(NINE, results, 116, 27, images=18)
    assert [step.name for step in dear.steps] == ["c6", "c7", "c8"]
    fits = plan_race(NINE, results, 117, 27, images=18)
    assert [step.name for step in fits.steps] == ["c5", "c6", "c7", "c8"]


@pytest.mark.parametrize(
    ("entrants", "results", "budget", "epochs", "text"),
    [
        (NINE, [], 26, 27, "takes about 27 s for 27 epochs. Received: 26 s"),
        (NINE, [Result("x", 1, 0.5, 1.0)], 63, 27, "Received: x"),
        ([], [], 63, 27, "Received: none"),
        (NINE[:1] * 2, [], 63, 27, "name of its own"),
        (NINE, [], 63, 0, "epochs=0"),
        ([Entrant("a", 0.0)], [], 63, 27, "positive seconds"),
        (NINE, [], math.nan, 27, "at least one candidate"),
    ],
)
def test_what_cannot_be_run_ends_in_a_sentence(
    entrants, results, budget, epochs, text
):
    with pytest.raises(UserError, match=text):
        plan_race(entrants, results, budget, epochs)
