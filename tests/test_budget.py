"""The budget of `recommend` is of everything, its end too."""

import time
from types import SimpleNamespace

import pytest

from experiments.recommend.clock import (
    Clock,
    check_budget,
    check_looking,
    looking,
)
from experiments.recommend.telling import twins_in
from keras_transfer.errors import UserError
from keras_transfer.recommendation.entrants import Entrant


def test_what_is_left_knows_the_end_and_an_earlier_process(tmp_path):
    clock = Clock(100.0, time.perf_counter() - 40)
    assert clock.left() == pytest.approx(60, abs=1)
    assert clock.left(kept=15) == pytest.approx(45, abs=1)
    clock.go_on(tmp_path / "budget.json", earlier=20.0)
    assert clock.left(kept=15) == pytest.approx(25, abs=1)


def test_started_again_the_same_is_decided_but_not_with_another_budget(
    tmp_path,
):
    first, again, other = (Clock(s, 0.0) for s in (90.0, 90.0, 91.0))
    for clock in (first, again, other):
        clock.go_on(tmp_path / "budget.json", 0.0)
    assert first.known("final") is None
    assert first.decide("final", 12.5) == 12.5
    assert again.known("final") == 12.5 == again.decide("final", 3.0)
    assert other.decide("final", 3.0) == 3.0
    assert (first.known("final"), first.known("speed")) == (12.5, None)


def test_twins_are_as_many_as_there_is_time_for_but_not_one_alone():
    assert [twins_in(r, 3.0, 3) for r in (10, 9, 6, 5.9, 3, 0)] == [
        *(3, 3, 2, 0, 0, 0)
    ]


def test_a_budget_too_small_for_looking_is_told_whilelooking():
    display = SimpleNamespace(show=lambda *_: None)
    clock = SimpleNamespace(seconds=60.0, spent=10.0)
    looked = looking(display, clock)
    looked(100, 1000)
    clock.spent = 14.0  # too early to tell
    looked(120, 1000)
    # 6 s for 100 images, so 48 s for the other 800: 64 s in all.
    clock.spent = 16.0
    with pytest.raises(UserError, match="looking once at 1,000 images takes"):
        looked(200, 1000)
    # Twice as fast it goes on.
    clock = SimpleNamespace(seconds=60.0, spent=10.0)
    looked = looking(display, clock)
    looked(100, 1000)
    clock.spent = 16.0
    looked(300, 1000)
    late = Clock(60.0, time.perf_counter() - 61)
    with pytest.raises(UserError, match="took longer.*Give a `budget` of 135s"):
        check_looking(late)


def test_a_budget_is_refused_with_what_candidate_and_end_take():
    runner = SimpleNamespace(
        entrant=Entrant("kept@1 at 0.1", 2.0, 1.0, build=3.0)
    )
    clock = SimpleNamespace(seconds=60.0, spent=20.0, left=lambda kept: 34.0)
    # 3 s to build, 1 s to start and 15 epochs of 2 s.
    check_budget([runner], clock, (6.0, 1.0), epochs=15)
    with pytest.raises(UserError, match="kept@1 at 0.1, needs about 36 s"):
        check_budget([runner], clock, (6.0, 1.0), epochs=16)
    # 20 s gone, 36 s and 6 s, and a tenth more.
    with pytest.raises(UserError, match="Give a `budget` of 69s or more"):
        check_budget([runner], clock, (6.0, 1.0), epochs=16)
