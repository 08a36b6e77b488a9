"""Ways, the race's order and final, trials, settings: plain numbers."""

import dataclasses
import math
import types

import numpy as np
import pytest

from experiments.recommend import copying_coverage
from experiments.recommend.copying_coverage import World
from experiments.recommend.race import (
    Runner,
    choose_final,
    least_epochs,
    plan_of,
    shares_of,
)
from experiments.recommend.settings import Options, epochs_of
from experiments.recommend.trials import States, Trial, Trials, trial_of
from keras_transfer.errors import UserError
from keras_transfer.recommendation.copying import compare_with_fresh
from keras_transfer.recommendation.decision import Candidate, decide
from keras_transfer.recommendation.sentence import (
    copying_text,
    final_sentence,
)
from keras_transfer.recommendation.told import tell
from keras_transfer.recommendation.ways import (
    Choice,
    backbone,
    choices,
    network_of,
    rates_of,
    starting_order,
)
from keras_transfer.reports.recommendation import pareto_front

LAYERS = ["conv1", "conv2", "head"]


def names(found):
    return [choice.name for choice in found]


def test_every_way_at_every_stage_it_is_possible_at():
    assert names(choices(3)) == [
        "truncated@1",
        "truncated@2",
        "kept@1",
        "redrawn@0",
        "redrawn@1",
        "finetuned",
        "lp_ft",
        "decayed",
    ]
    assert all(Choice.named(c.name) == c for c in choices(12))
    with pytest.raises(UserError, match="nothing to freeze"):
        choices(1)
    with pytest.raises(UserError, match="Received: 'half@2'"):
        Choice.named("half@2")


def test_what_to_do_is_said_with_the_layer():
    text = Choice("kept", 2).order(LAYERS)
    assert text == "Freeze up to `conv2` (stage 2 of 3) and train the rest"
    assert Choice("redrawn").order(LAYERS).startswith("Copy nothing")
    assert backbone(3) == Choice("truncated", 2)


def test_the_race_starts_with_fine_tuning_then_the_middle_then_the_scores():
    order = starting_order(choices(6), [0.1, 0.3, 0.2, 0.9, 0.5])
    assert names(order) == [
        "finetuned",
        "kept@3",
        "redrawn@3",
        "lp_ft",
        "kept@4",
        "redrawn@4",
        "kept@2",
        "redrawn@2",
        "kept@1",
        "redrawn@1",
        "decayed",
        "redrawn@0",
    ]
    # Of two stages only everything can be trained; of three the middle one.
    two = starting_order(choices(2), [0.5])
    assert names(two) == ["finetuned", "lp_ft", "decayed", "redrawn@0"]
    three = names(starting_order(choices(3), [0.1, 0.2]))
    assert three[:3] == ["finetuned", "kept@1", "redrawn@1"]
    # What starts as a linear head is to stay near it.
    assert rates_of(Choice("lp_ft"), (0.1, 0.3)) == [0.1, 0.3]
    assert rates_of(Choice("kept", 1), (0.1, 0.3)) == [0.3, 0.1]


def test_kept_and_redrawn_layers_are_one_network():
    assert network_of(Choice("redrawn", 2)) == Choice("kept", 2)
    assert network_of(Choice("redrawn")) == Choice("finetuned")
    for name in ("kept@2", "finetuned", "lp_ft", "decayed"):
        assert network_of(Choice.named(name)) == Choice.named(name)


RUNNERS = [
    Runner(Choice("finetuned"), 0.1, seconds=2.0, start=0.0),
    Runner(Choice("kept", 1), 0.1, seconds=1.0, start=0.0),
    Runner(Choice("kept", 1), 0.2, seconds=1.0, start=0.0),
    Runner(Choice("kept", 2), 0.1, seconds=1.0, start=0.0),
]


@pytest.mark.parametrize(
    "steps, epochs, least",
    # Trainings of fewer than 400 steps are whole; of 400, half at least.
    [
        (6, 15, 15),
        (12, 15, 15),
        (20, 10, 10),
        (6, 40, 40),
        (10, 40, 20),
        (100, 10, 2),
    ],
)
def test_no_training_of_the_race_is_shorter_than_200_steps(
    steps, epochs, least
):
    task = types.SimpleNamespace(steps=steps, epochs=epochs)
    assert least_epochs(task) == least


def test_a_small_budget_trains_whole_networks_in_the_order_given():
    plan = plan_of(RUNNERS, [], 30.0, 9, least=9)
    assert plan.rungs == (9,)
    # 18 s of fine-tuning and 9 s of the next.
    names = [step.name for step in plan.steps]
    assert names == ["finetuned at 0.1", "kept@1 at 0.1"]


def test_fine_tuning_gets_what_it_needs_of_the_final():
    # It takes 18 s; 85 % of a budget are for race and final.
    assert shares_of(RUNNERS, 100.0, 9) == (50, pytest.approx(35))
    assert shares_of(RUNNERS, 30.0, 9) == (18, pytest.approx(7.5))
    assert shares_of(RUNNERS, 20.0, 9) == (10, pytest.approx(7))
    # Where it does not fit, the cheapest, of 9 s, gets what it needs.
    assert shares_of(RUNNERS, 12.0, 9) == (9, pytest.approx(1.2))
    assert shares_of(RUNNERS, 10.0, 9) == (5, pytest.approx(3.5))
    (step,) = plan_of(RUNNERS, [], 18.0, 9, least=9).steps
    assert step.name == "finetuned at 0.1"


def test_the_race_knows_how_many_images_its_accuracies_are_of():
    trials = raced([0.5, 0.9, 0.8, 0.7], 3)
    plan = plan_of(RUNNERS, trials, 1000.0, 9, least=3)
    assert [step.name for step in plan.steps] == [
        "kept@1 at 0.1",
        "kept@1 at 0.2",
    ]
    # Of 20 images 0.9 - 0.7 is two standard errors: 2 x sqrt(0.3 / 20).
    plan = plan_of(RUNNERS, trials, 1000.0, 9, least=3, images=20)
    assert [step.name for step in plan.steps] == [
        "kept@1 at 0.1",
        "kept@1 at 0.2",
        "kept@2 at 0.1",
    ]


def raced(accuracies, epochs):
    return [
        Trial(
            r.choice.name,
            r.rate,
            0,
            epochs,
            a,
            epochs * r.seconds,
            "1" * 4,
        )
        for r, a in zip(RUNNERS, accuracies, strict=True)
    ]


def test_the_final_has_the_winner_and_fine_tuning_within_the_budget():
    trials = raced([0.5, 0.9, 0.8, 0.7], 1)
    trials += raced([0.5, 0.9, 0.8, 0.7], 3)[1:3]
    plan = plan_of(RUNNERS, trials, 100.0, 9)
    assert plan.rungs == (1, 3, 9)
    assert plan.ranking[0] == "kept@1 at 0.1"
    # A whole training of the final is no step of the race.
    trials += raced([0.5, 0.9, 0.8, 0.7], 9)[1:2]
    plan = plan_of(RUNNERS, trials, 100.0, 9)
    whole = raced([1.0, 1.0, 1.0, 1.0], 9)
    others = [whole[0], *whole[2:]]
    assert plan_of(RUNNERS, trials + others, 100.0, 9) == plan
    # 2 more seeds of 9 s, 3 of fine-tuning's 18 s, 3 of its twins, 3 of 9 s.
    args = RUNNERS, plan
    final = choose_final(*args, 153.0, 3, 9)
    chosen = [(r.choice.name, r.rate) for r in final.runners]
    assert chosen == [("kept@1", 0.1), ("finetuned", 0.1), ("kept@2", 0.1)]
    assert (final.seeds, final.left_out) == (3, ())
    less = choose_final(*args, 152.0, 3, 9)
    assert (less.seeds, less.left_out) == (3, ("kept@2",))
    # 54 s of twins and 27 s a seed of both, one of 9 s done: two in 99 s.
    assert choose_final(*args, 99.0, 3, 9).seeds == 2
    assert choose_final(*args, 98.0, 3, 9).seeds == 1
    # What a second seed takes beside trainings counts too.
    assert choose_final(*args, 101.0, 3, 9, each=2.0).seeds == 2
    assert choose_final(*args, 100.0, 3, 9, each=2.0).seeds == 1
    assert final.twins == 3
    # Fine-tuning once takes 18 s, and comes before its twins.
    little = choose_final(*args, 18.0, 3, 9)
    assert [r.choice.name for r in little.runners] == ["kept@1", "finetuned"]
    assert (little.seeds, little.twins) == (1, 2)
    assert "finetuned" in choose_final(*args, 17.0, 3, 9).left_out


def test_what_is_trained_already_is_in_the_final_whatever_its_twins_cost():
    plan = plan_of(RUNNERS, raced([0.9, 0.8, 0.7, 0.6], 9), 100.0, 9, least=9)
    assert plan.rungs == (9,)

    def final(budget):
        found = choose_final(RUNNERS, plan, budget, 3, 9)
        names = [runner.entrant.name for runner in found.runners]
        return names, found.seeds, found.twins

    all_of_them = ["finetuned at 0.1", "kept@1 at 0.1", "kept@2 at 0.1"]
    # Two more seeds and three twins of fine-tuning are 90 s, of others 18 s.
    assert final(126.0) == (all_of_them, 3, 3)
    assert final(90.0) == (all_of_them[:1], 3, 3)
    # One seed of all is there; a twin of fine-tuning takes 18 s.
    assert final(71.0) == (all_of_them, 1, 3)
    assert final(53.0) == (all_of_them, 1, 2)
    # No fewer than two, which show a spread.
    assert final(0.0) == (all_of_them, 1, 2)
    assert final(-9.0) == (all_of_them, 1, 2)


def test_a_training_that_failed_is_not_in_the_final():
    trials = raced([math.nan, 0.9, 0.8, 0.7], 1)
    plan = plan_of(RUNNERS, trials, 100.0, 9)
    final = choose_final(RUNNERS, plan, 1000.0, 2, 9)
    assert "finetuned" not in [r.choice.name for r in final.runners]


def test_trials_are_found_again_and_damaged_ones_are_not(tmp_path):
    trials = Trials(tmp_path, images=4)
    right = np.array([True, False, True, True])
    trials.add(trial_of("kept@1", 0.1, 0, 3, (1.5, 0.0), right))
    trials.add(trial_of("kept@1", 0.1, 0, 9, (1.5, 0.5), None))
    again = Trials(tmp_path, images=4)
    assert again.get("kept@1", 0.1, 0, 3).accuracy == 0.75
    assert again.get("kept@1", 0.1, 0, 3).correct().tolist() == right.tolist()
    failed = again.get("kept@1", 0.1, 0, 9)
    assert math.isnan(failed.accuracy) and failed.build == 0.5
    assert Trials(tmp_path, images=5).get("kept@1", 0.1, 0, 3) is None
    for path in tmp_path.glob("*003.json"):
        path.write_text(path.read_text()[:40])
    assert Trials(tmp_path, images=4).get("kept@1", 0.1, 0, 3) is None


def test_a_state_is_of_its_epochs_and_others_can_be_dropped(tmp_path):
    states = States(tmp_path)
    for name in ("a", "b"):
        states.save(name, 0, 3, {"v0": np.arange(3.0)})
    assert states.load("a", 0, 3)["v0"].tolist() == [0, 1, 2]
    assert states.load("a", 0, 2) is None
    assert states.load("a", 1, 3) is None
    states.keep(["b"])
    assert states.load("a", 0, 3) is None
    assert states.load("b", 0, 3) is not None


def shares(rates, images=200):
    return np.array([np.arange(images) < round(r * images) for r in rates])


def test_copying_helps_beyond_the_spread_of_draws():
    found = compare_with_fresh(shares([0.9, 0.9]), shares([0.5, 0.52, 0.48]))
    assert found.helps
    assert found.mean == pytest.approx(0.4)
    # Draws of 50, 60 and 70 % spread by 10 points: one more draw may well
    # reach 75 %.
    found = compare_with_fresh(shares([0.75, 0.75]), shares([0.5, 0.6, 0.7]))
    assert found.mean == pytest.approx(0.15) and not found.helps
    assert not compare_with_fresh(shares([0.9]), shares([0.5])).helps
    # Two draws of 40 and 60 % do not prove 95 % to be another thing.
    found = compare_with_fresh(shares([0.95]), shares([0.4, 0.6]))
    assert found.seems and not found.helps
    one = decide([Candidate("finetuned", 0)], shares([0.9])[:, None], 0.01)
    assert copying_text(one, found) == (
        "Copying seems to be worth +45.0 points (too few draws for an "
        "interval), which is not proven: 2 networks with weights drawn anew, "
        "trained alike, reach 50.0 %."
    )
    # One alone shows no spread.
    alone = compare_with_fresh(shares([0.5]), shares([0.5]))
    text = copying_text(one, alone)
    assert "helps: 1 network with weights drawn anew, trained alike, " in text
    assert "reaches 50.0 %, copied weights +0.0 points (too few draws" in text
    # Three do, of two degrees.
    found = compare_with_fresh(shares([0.95]), shares([0.4, 0.5, 0.6]))
    assert "points [" in copying_text(one, found) and found.freedom >= 2


def test_networks_of_several_seeds_help_few_draws_to_tell_the_spread():
    copied, drawn = shares([0.75, 0.75]), shares([0.5, 0.6, 0.55])
    alone = compare_with_fresh(copied, drawn)
    # 33 squared points of draws, 25 (1 + 1/3) of two degrees, and 7 of images.
    assert alone.freedom == pytest.approx(2.98, abs=0.01)
    like = [shares([0.7, 0.8]), shares([0.6, 0.5, 0.55])]
    pooled = compare_with_fresh(copied, drawn, like)
    # (2 x 25 + 50 + 2 x 25) / 5 = 30 squared points, of 5 degrees.
    assert 5 < pooled.freedom < 8
    assert pooled.high - pooled.low < 0.8 * (alone.high - alone.low)
    # Draws that spread by more than seeds are not pooled with them: 25 squared
    # points beside (50 + 12.5 + 12.5) / 4 = 19.
    still = [shares([0.7, 0.75]), shares([0.6, 0.55])]
    assert compare_with_fresh(copied, drawn, still) == alone
    # Seeds raise what two draws show, but not their one degree of freedom.
    two = compare_with_fresh(copied, drawn[1:], like)
    alone = compare_with_fresh(copied, drawn[1:])
    assert two.error > alone.error and two.freedom < 2
    # One shows no spread, whatever seeds show.
    one = compare_with_fresh(copied, drawn[:1], like)
    assert (one.draws, one.low, one.high) == (1, -1, 1) and not one.sized


def test_accuracies_of_few_images_do_not_tell_the_spread_of_many():
    # Seeds that spread by chance alone: 1.1 squared points over 200 images,
    # a tenth over 2,000.
    rng = np.random.default_rng(0)
    copied, drawn = rng.random((2, 2000)) < 0.8, rng.random((3, 2000)) < 0.8
    few = compare_with_fresh(copied, drawn, rng.random((40, 2, 200)) < 0.8)
    many = compare_with_fresh(copied, drawn, rng.random((40, 2, 2000)) < 0.8)
    assert few.high - few.low == pytest.approx(many.high - many.low, rel=0.5)


@pytest.mark.parametrize("times", [1, 4])
def test_intervals_of_copying_hold_as_often_as_they_promise(times):
    # 400 of a share of 95 % are above 92.8.
    found = copying_coverage.measure(World(3, times, 2000, 2000), 400)
    assert found["covers"] >= 0.928
    assert found["helps"] <= 0.05


def test_one_more_random_draw_is_rarely_said_to_help():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        rates = rng.normal(0.6, 0.05, 4)
        drawn = rng.random((4, 300)) < rates[:, None]
        copied = np.repeat(drawn[:1], 2, axis=0)
        wrong += compare_with_fresh(copied, drawn[1:]).helps
    assert wrong / 400 <= 0.05  # one side of 95 %


@pytest.mark.parametrize("of_weights, of_seeds", [(0.0, 0.05), (0.04, 0.04)])
def test_nor_with_the_spread_of_seeds_beside_it(of_weights, of_seeds):
    # A draw spreads by its weights and by its training, a seed by training.
    rng = np.random.default_rng(0)
    wrong, reaches, alone = np.zeros(2), [], []
    for _ in range(400):
        level = 0.6 + rng.normal(0, of_weights, 4)
        own = level[0] + rng.normal(0, of_seeds, 2)
        others = level[1:] + rng.normal(0, of_seeds, 3)
        finals = rng.normal(0.7, of_seeds, (3, 2, 1))
        like = rng.random((3, 2, 300)) < finals
        copied = rng.random((2, 300)) < own[:, None]
        drawn = rng.random((3, 300)) < others[:, None]
        both = compare_with_fresh(copied, drawn, like)
        one = compare_with_fresh(copied, drawn)
        wrong += both.helps, one.helps
        reaches.append(both.high - both.low)
        alone.append(one.high - one.low)
    assert wrong[0] < wrong[1] and wrong[0] / 400 <= 0.05
    # Fewer intervals are short by luck, at little cost.
    assert np.median(reaches) < 1.1 * np.median(alone)


def test_the_sentence_has_accuracy_rules_price_and_doubt():
    parts = [Candidate("finetuned", 0, 9.0), Candidate("kept@1", 1, 3.0)]
    correct = shares([0.9, 0.895], 1000)[:, None]
    found = decide(parts, correct, 0.05)
    told = tell(
        ["kept@1", "finetuned", "truncated@2"],
        "kept@1",
        shares([0.9, 0.92, 0.8], 1000)[:, None],
    )
    accuracies = {"kept@1": 0.9, "finetuned": 0.92, "truncated@2": 0.8}
    copying = compare_with_fresh(shares([0.9]), shares([0.5, 0.5]))
    text = final_sentence(found, told, accuracies, copying, LAYERS, 1 / 3)
    assert text.startswith(
        "Freeze up to `conv1` (stage 1 of 3) and train the rest: 90.0 % [88."
    )
    assert "fine-tuning everything 92.0 %, the rule 'freeze the backbone' " in (
        text
    )
    assert "training costs 33 % of fine-tuning everything" in text
    assert "opying" not in text  # has a line of its own
    assert copying_text(found, copying) == (
        "Copying is worth +40.0 points "
        f"[{100 * copying.low:.1f}, {100 * copying.high:.1f}]: 2 networks "
        "with weights drawn anew, trained alike, reach 50.0 %."
    )
    assert "cannot tell" not in text and "to the end" not in text
    del accuracies["finetuned"]
    text = final_sentence(found, told, accuracies, copying, LAYERS, None)
    assert (
        "; fine-tuning everything, which may be better, was not trained to "
        "the end."
    ) in text
    # 20 images, and copies far below draws.
    found = decide(parts, shares([0.9, 0.9], 20)[:, None], 0.01)
    worse = compare_with_fresh(shares([0.5]), shares([0.8, 0.81, 0.8]))
    text = final_sentence(found, told, accuracies, worse, LAYERS, None)
    assert worse.high < 0
    assert text.startswith(
        "Copying does not help: weights drawn anew do better. If you"
    )
    assert ". If you use it all the same: freeze up to" in text
    assert "20 validation images cannot tell whether that is best" in text


@pytest.mark.parametrize("gain", [0.0, 0.05])
def test_copying_is_not_said_not_to_help_where_draws_cannot_tell(gain):
    parts = [Candidate("finetuned", 0, 9.0), Candidate("kept@1", 1, 3.0)]
    found = decide(parts, shares([0.9, 0.895], 1000)[:, None], 0.05)
    told = tell(["kept@1"], "kept@1", shares([0.9], 1000)[:, None])
    drawn = shares([0.82, 0.85, 0.88])
    copying = compare_with_fresh(shares([0.85 + gain]), drawn)
    assert copying.low < 0 and copying.high > 0.05
    args = (found, told, {"kept@1": 0.9}, copying, LAYERS, None)
    text = final_sentence(*args)
    assert "not help" not in text and "all the same" not in text
    assert text.startswith("Freeze up to `conv1`")
    text = copying_text(found, copying)
    assert text.startswith("These draws cannot tell whether copying helps: 3 ")
    assert f"copied weights {100 * gain:+.1f} points [" in text
    # Within a tolerance that nobody minds, it does not.
    wide = dataclasses.replace(found, tolerance=copying.high)
    text = final_sentence(wide, *args[1:])
    assert text.startswith(
        "Copying does not help: it gains at most "
        f"{100 * copying.high:.1f} points over weights drawn anew. If you "
    )
    text = copying_text(wide, copying)
    assert text.startswith("Copying does not help: 3 networks with weights ")


def test_a_network_from_nothing_is_chosen_without_more_than_is_known():
    parts = [Candidate("finetuned", 0, 9.0), Candidate("redrawn@0", 0, 3.0)]
    told = tell(["redrawn@0"], "redrawn@0", shares([0.9], 1000)[:, None])
    args = (told, {"redrawn@0": 0.9}, None, LAYERS, None)
    found = decide(parts, shares([0.9, 0.9], 20)[:, None], 0.01)
    text = copying_text(found, None)
    assert "These validation images cannot tell whether copying helps" in text
    assert f"up to {100 * found.loss.high:.1f} points above" in text
    text = final_sentence(found, *args)
    assert "not help" not in text and "all the same" not in text
    found = decide(parts, shares([0.5, 0.9], 1000)[:, None], 0.01)
    text = final_sentence(found, *args)
    assert text.startswith(
        "Copying does not help: the network trained from nothing loses at "
        "most 0.0 points against the best. "
    )
    assert "all the same" not in text
    assert copying_text(found, None) == ""  # said already


def test_the_front_is_what_nothing_beats():
    assert pareto_front([(1, 0.5), (2, 0.4), (3, 0.9), (1, 0.6)]) == [3, 2]


@pytest.mark.parametrize(
    "change, text",
    [
        ({"budget": "soon"}, "Expected `budget` as a time such as 90s"),
        ({"budget": "0m"}, "Expected `budget` as a time"),
        ({"tolerance": -1.0}, "Expected `tolerance` in points from 0 to 100"),
        ({"seeds": 0}, "Expected `seeds` of at least 1"),
        ({"images_per_class": 1}, "`images_per_class` of at least 2"),
        ({"rates": (0.1, 0.1)}, "`rates` that are positive and distinct"),
        ({"rates": ()}, "`rates` that are positive and distinct"),
        ({"store_gigabytes": math.nan}, "`store_gigabytes` of 0 or more"),
    ],
)
def test_settings_that_no_run_can_have(change, text):
    with pytest.raises(UserError, match=text):
        Options(**change).check()


def test_budgets_have_units_and_epochs_follow_from_steps():
    assert Options(budget="90").seconds() == 90
    assert Options(budget="1.5h").seconds() == 5400
    assert epochs_of(Options(), 12) == 34  # 34 x 12 = 408 steps
    assert epochs_of(Options(), 1000) == 10
    assert epochs_of(Options(epochs=3), 12) == 3
