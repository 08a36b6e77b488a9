"""The budget of `recommend` is of everything, its end too."""

import json
import re
import time
from types import SimpleNamespace

import pytest

from experiments.recommend.clock import Clock, check_budget, looking
from experiments.recommend.race import Runner, plan_of
from experiments.recommend.settings import Options, use_of_time
from experiments.recommend.sharing import share
from experiments.recommend.telling import twins_in
from experiments.recommend.trials import Trials, trial_of
from keras_transfer.errors import UserError
from keras_transfer.recommendation.entrants import Entrant
from keras_transfer.recommendation.ways import Choice


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


def test_what_was_decided_holds_for_the_same_rates_and_seeds_alone(tmp_path):
    settings = [
        Options(),
        Options(rates=(1e-3,)),
        Options(seeds=2),
        Options(tolerance=3.0),
    ]
    found = []
    for options in settings:
        clock = Clock(90.0, 0.0, use_of_time(options))
        clock.go_on(tmp_path / "budget.json")
        found.append(clock.known("training"))
        clock.decide("training", 50.0)
    # The tolerance decides about the choice, and uses no time.
    assert found == [None, None, None, 50.0]


def test_trainings_of_another_run_are_there_and_cost_this_one_nothing(
    tmp_path,
):
    def filed(run, *seconds):
        trials = Trials(tmp_path, 2, run)
        for seed, each in enumerate(seconds):
            trials.add(trial_of(f"by {run}", 0.1, seed, 9, each, [1, 0]))
        return Trials(tmp_path, 2, run)

    assert filed("1200 s", (700.0, 50.0), (400.0, 0.0)).earlier() == 1150
    again = filed("600 s", (20.0, 1.0))
    assert again.earlier() == 21 and len(again.found) == 3
    # What a plan solved for on its way was no training of a run.
    assert filed("", (3.0, 0.0)).earlier() == 0


@pytest.mark.parametrize(
    "damaged",
    [
        *("[1]", "7", "", "null", '{"90 s": 3}'),
        *('{"90 s": {"final": "x"}}', '{"90 s": {"final": NaN}}'),
        *('{"90 s": {"final": true}}', '{"90 s": {"final": -Infinity}}'),
    ],
)
def test_what_is_damaged_was_not_decided(tmp_path, damaged):
    path = tmp_path / "budget.json"
    path.write_text(damaged)
    clock = Clock(90.0, 0.0)
    clock.go_on(path)
    assert clock.known("final") is None
    assert clock.decide("final", 4.0) == 4.0 == clock.known("final")
    assert json.loads(path.read_text()) == {"90 s": {"final": 4.0}}


class StubWorkshop:
    """A workshop whose network takes given seconds a step."""

    def __init__(self, task, step):
        self.task, self.step, self.asked = task, step, []

    def candidate(self, choice):
        self.asked.append(choice.name)
        return SimpleNamespace(step_seconds=lambda: self.step)


def shared(
    tmp_path, monkeypatch, seconds=200.0, step=1.0, may_grow=False, **settings
):
    """Shares a budget between two runners of 100 and 40 s in 10 epochs."""
    runners = [
        Runner(Choice("finetuned"), 0.1, seconds=10.0, start=0.0),
        Runner(Choice("kept", 1), 0.1, seconds=4.0, start=0.0),
    ]
    monkeypatch.setattr(
        "experiments.recommend.race.runners_of", lambda *_: runners
    )
    # Ten steps an epoch: as expected for fine-tuning, if one takes a second.
    task = SimpleNamespace(epochs=10, steps=10)
    options = Options(**settings)
    prepared = SimpleNamespace(task=task, options=options, order=[])
    workshop = StubWorkshop(task, step)
    use = use_of_time(options)
    clock = Clock(seconds, time.perf_counter(), use, may_grow)
    clock.go_on(tmp_path / "budget.json")
    found, shares = share(prepared, workshop, clock, (10.0, 1.0))
    # Whatever is shared, a race can be planned of it.
    assert plan_of(found, [], shares[0], 10).steps
    return found, shares, clock, workshop.asked


def test_what_is_left_is_shared_at_the_speed_measured(tmp_path, monkeypatch):
    runners, shares, clock, asked = shared(tmp_path, monkeypatch, 590, step=2.0)
    assert [runner.seconds for runner in runners] == [20.0, 8.0]
    assert asked == ["finetuned"] and clock.known("speed") == 2.0
    # Of 580 s 50 parts of 85, and 35.
    assert shares == (pytest.approx(341.2, abs=1), pytest.approx(238.8, abs=1))
    # Started again, nothing is measured, and the same is shared.
    again = shared(tmp_path, monkeypatch, 590, step=5.0)
    assert (again[1], again[3]) == (shares, [])


@pytest.mark.parametrize("step", [0.0, float("nan"), float("inf"), -1.0])
def test_a_measurement_that_says_nothing_breaks_no_run(
    tmp_path, monkeypatch, step
):
    for _ in range(2):
        runners, shares, clock, _ = shared(tmp_path, monkeypatch, step=step)
        assert [runner.seconds for runner in runners] == [10.0, 4.0]
        assert clock.known("speed") == 1.0 and shares[0] > 100


def test_a_speed_that_is_no_speed_is_measured_again(tmp_path, monkeypatch):
    run = f"200 s, {use_of_time(Options())}"
    path = tmp_path / "budget.json"
    path.write_text(json.dumps({run: {"speed": 0.0, "training": 190.0}}))
    runners, *_ = shared(tmp_path, monkeypatch, step=0.5)
    assert [runner.seconds for runner in runners] == [5.0, 2.0]


def test_where_fine_tuning_does_not_fit_the_cheapest_has_what_it_needs(
    tmp_path, monkeypatch
):
    # 50 s are left, of which a race has 29 s.
    _, (race, final), _, asked = shared(tmp_path, monkeypatch, 60, step=0.4)
    assert asked == ["kept@1"]
    assert race == 40 and final == pytest.approx(10, abs=0.5)


def test_the_budget_that_is_asked_for_does(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="kept@1 at 0.1, needs about 40") as no:
        shared(tmp_path, monkeypatch, 45, step=0.4)
    asked = int(re.search(r"`budget` of (\d+)s or more", str(no.value))[1])
    assert 55 <= asked <= 60
    _, (race, final), *_ = shared(tmp_path, monkeypatch, asked, step=0.4)
    assert race == 40 and final == pytest.approx(asked - 50, abs=1)


def test_a_budget_that_nobody_asked_for_grows_on_a_slow_machine(
    tmp_path, monkeypatch
):
    _, shares, clock, _ = shared(tmp_path, monkeypatch, 45, 0.4, may_grow=True)
    # Twelve trainings of 40 s, and 10 s for the end.
    assert clock.seconds == pytest.approx(490, abs=1)
    assert sum(shares) == pytest.approx(480, abs=1)
    # Started again it has what it had, and shares it alike.
    again = shared(tmp_path, monkeypatch, 45, step=9.0, may_grow=True)
    assert again[1] == shares and again[2].seconds == clock.seconds
    # One that suffices stays as it is.
    _, _, clock, _ = shared(tmp_path, monkeypatch, 60, 0.4, may_grow=True)
    assert clock.seconds == 60


def test_a_plan_decides_nothing(tmp_path, monkeypatch):
    shared(tmp_path, monkeypatch, plan=True)
    assert not (tmp_path / "budget.json").exists()


def test_twins_are_as_many_as_there_is_time_for_but_not_one_alone():
    assert [twins_in(r, 3.0, 3) for r in (10, 9, 6, 5.9, 3, 0)] == [
        *(3, 3, 2, 0, 0, 0)
    ]


def test_a_budget_too_small_for_looking_is_told_while_looking():
    display = SimpleNamespace(show=lambda *_: None)
    clock = SimpleNamespace(seconds=60.0, spent=10.0, may_grow=False)
    looked = looking(display, clock)
    looked(100, 1000)
    clock.spent = 14.0  # too early to tell
    looked(120, 1000)
    # 6 s for 100 images, so 48 s for the other 800: 64 s in all.
    clock.spent = 16.0
    with pytest.raises(
        UserError, match="1,000 images takes.*Give a `budget` well above 64s"
    ):
        looked(200, 1000)
    # Where it may grow nothing is refused.
    clock.may_grow = True
    looked(200, 1000)
    # Twice as fast it goes on.
    clock = SimpleNamespace(seconds=60.0, spent=10.0, may_grow=False)
    looked = looking(display, clock)
    looked(100, 1000)
    clock.spent = 16.0
    looked(300, 1000)


def test_a_budget_is_refused_with_what_candidate_and_end_take():
    runner = SimpleNamespace(
        entrant=Entrant("kept@1 at 0.1", 2.0, 1.0, build=3.0)
    )
    clock = SimpleNamespace(
        seconds=60.0, spent=20.0, left=lambda kept: 34.0, may_grow=False
    )
    # 3 s to build, 1 s to start and 15 epochs of 2 s.
    check_budget([runner], clock, (6.0, 1.0), epochs=15)
    with pytest.raises(UserError, match="kept@1 at 0.1, needs about 36 s"):
        check_budget([runner], clock, (6.0, 1.0), epochs=16)
    # A fifth of it is going to be gone before training.
    with pytest.raises(UserError, match="Give a `budget` of 86s or more"):
        check_budget([runner], clock, (6.0, 1.0), epochs=16, ahead=0.2)
    # 20 s gone, 36 s and 6 s, and a tenth more.
    with pytest.raises(UserError, match="Give a `budget` of 69s or more"):
        check_budget([runner], clock, (6.0, 1.0), epochs=16)
