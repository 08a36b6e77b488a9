"""The five interpretations: what decides each, and what makes it empty."""

import dataclasses
from pathlib import Path

import pytest

from keras_transfer.analysis import claims, pairs
from keras_transfer.analysis.comparisons import (
    ACCURACY,
    TRAIN_LOSS,
    TWICE,
    Comparison,
)
from keras_transfer.analysis.contrasts import OTHERS, THESE, read_observations
from keras_transfer.analysis.evidence import (
    Evidence,
    evidence_of,
    halves_against_all,
    observe,
)
from keras_transfer.specs.treatments import TREATMENTS
from tests.helpers import (
    made_up_row,
    made_up_study,
    with_long_bases,
    with_result,
)

PUBLISHED = Path(__file__).parents[1] / "logs" / "published"


def committed(name):
    """Evidence from a committed table; its second bases are the long ones."""
    outcomes = []
    for outcome in (ACCURACY, TRAIN_LOSS):
        seen, found = set(), []
        path = PUBLISHED / name / "results.csv"
        for o in read_observations(path, outcome):
            key = o.split, o.half, o.seed, o.cell, o.source
            if key in seen:
                o = dataclasses.replace(o, treatment=TWICE)
            seen.add(key)
            if o.treatment in ("base", TWICE, *TREATMENTS):
                found.append(o)
        outcomes.append(tuple(found))
    return Evidence(*outcomes, chance=0.02)


def by_number(evidence):
    return {c.number: c for c in claims.judge_claims(evidence)}


@pytest.fixture(scope="module")
def similar():
    return by_number(committed("cifar100-similar"))


def test_committed_halves_of_cifar100_decide_4_alone(similar):
    assert {n: c.verdict for n, c in similar.items()} == {
        1: "undecided",  # no network on all classes
        2: "bases not trained out",
        3: "bases not trained out",
        4: "present",
        5: "bases not trained out",
    }
    assert "n 3 to 6: -0.6 [-1.3, +0.1]" in similar[2].effect
    assert "AnB+ - BnB+, n 1 to 7: +0.0 [-0.3, +0.4] absent" in (
        similar[5].effect
    )
    assert "AnB+ - base, n 1 to 7: +2.9 [+2.2, +3.6] present" in (
        similar[5].effect
    )
    assert THESE in similar[5].why
    # No base was trained for longer: BnB+ stands in.
    assert "twice the epochs on the target, is +2.8 [" in similar[5].why
    assert "with these epochs: absent" in similar[5].why


def test_training_loss_is_beside_claim_2(similar):
    # The audit: 0.20 and 0.24 *below* the base's at n = 4 and 5.
    assert "training loss of BnB - base, n 3 to 6: -0.20" in similar[2].effect
    found = committed("cifar100-similar")
    for n, expected in ((4, -0.20), (5, -0.24)):
        loss = Comparison("BnB", "base", n, n, outcome=TRAIN_LOSS)
        assert found.estimate(loss).mean == pytest.approx(expected, abs=0.006)


def test_committed_boost_says_that_bases_are_not_trained_out():
    found = by_number(committed("cifar100-boost"))
    assert found[5].verdict == "bases not trained out"
    assert "twice the epochs add +4.6 [+3.6, +5.6] to a base" in found[5].why
    # The n of the study, not the range asked for.
    assert "AnB+ - base, n 3, 5, 7: +3.8" in found[5].effect
    # Over splits; the mixed model said absent.
    boost = "AnB+ - BnB+, n 3, 5, 7: +0.0 [-0.8, +0.7] undecided"
    assert boost in found[5].effect
    assert found[4].verdict == "undecided"
    assert found[4].effect.startswith("AnB - base not measured")


@pytest.mark.parametrize(
    "layers, words",
    [((5,), "n = 5"), ((3, 4, 5, 6), "n 3 to 6"), ((1, 5, 7), "n 1, 5, 7")],
)
def test_ranges_are_those_trained(layers, words):
    assert pairs.n_in_words(layers) == words


def test_a_range_of_one_trained_layer_says_so(tiny_spec):
    evidence = evidence_of(made_up_study(tiny_spec, layers=(5,)))
    text = evidence.describe(Comparison("AnB+", "base", 1, 7))
    assert text.startswith("AnB+ - base, n = 5: +2.0")


def test_claims_follow_the_data(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(1, 2, 5, 6, 7), splits=range(4))
    # Trained out: one schedule of twice the epochs adds nothing.
    rows = with_long_bases(rows, 0.0)
    found = {c.number: c for c in claims.judge_rows(rows)}
    assert {n: c.verdict for n, c in found.items()} == {
        1: "undecided",
        2: "present",  # 3 points lost at n = 5, none at 6
        3: "present",
        4: "present",
        5: "present",
    }
    # Specificity costs 1 point a layer.
    assert "slope of BnB - AnB, n 1, 2, 5, 6, 7: +1.0 [" in found[4].effect
    assert THESE not in found[2].why


def test_the_same_difference_is_said_once(tiny_spec):
    # Of n 3 to 6, and of n 4 to 5, the study has n = 4.
    rows = made_up_study(tiny_spec, layers=(4,), splits=range(4))
    found = claims.judge_rows(rows)[1].effect
    assert found.count("base - BnB, n = 4: ") == 1
    assert "training loss of BnB - base, n = 4: " in found


def test_a_loss_that_nobody_measured_is_not_said_to_be_none(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(2, 7), splits=range(4))
    found = {c.number: c for c in claims.judge_rows(with_long_bases(rows, 0.0))}
    assert "base - BnB not measured" in found[2].effect
    assert found[3].verdict == "undecided"
    assert "whether there is a loss is undecided" in found[3].why


def test_selffers_stand_in_for_bases_trained_longer(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(1, 2, 5, 6, 7), splits=range(4))
    # BnB+ gains a point, which is more than bases that are trained out do.
    found = {c.number: c for c in claims.judge_rows(rows)}
    assert [found[n].verdict for n in (2, 3, 5)] == [
        "bases not trained out"
    ] * 3
    assert "twice the epochs on the target, is +1.0 [" in found[2].why
    # And without them nothing tells.
    rows = [row for row in rows if row.spec.treatment != "BnB+"]
    found = {c.number: c for c in claims.judge_rows(rows)}
    assert found[2].verdict == "present"
    assert "not known whether the bases are trained out" in found[2].why


def test_bases_that_still_learn_leave_three_claims_open(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(1, 2, 5, 6, 7), splits=range(4))
    for gain, word in ((0.03, "bases not trained out"), (0.004, "present")):
        found = {
            c.number: c for c in claims.judge_rows(with_long_bases(rows, gain))
        }
        assert [found[n].verdict for n in (2, 3, 5)] == [word] * 3
        assert found[4].verdict == "present"  # is not about converged bases
        assert f"add +{100 * gain:.1f} [" in found[2].why
    assert "with these epochs" not in found[2].why


def test_a_reversed_trend_refutes_claim_4(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(1, 2, 6, 7), splits=range(4))
    # Specificity that shrinks with n: 7 points at n = 1, 1 at n = 7.
    for place, row in enumerate(rows):
        if row.spec.treatment == "AnB":
            n = row.spec.n
            accuracy = row.accuracy + 0.01 * (n - 1) - 0.01 * (8 - n)
            rows[place] = with_result(row, test_accuracy=accuracy)
    found = {c.number: c for c in claims.judge_rows(rows)}
    assert found[4].verdict == "reversed"


def all_and_halves(spec, halves, whole):
    rows = [
        made_up_row(spec, accuracy, split=split, target=target, base=None)
        for split, pair in enumerate(halves)
        for target, accuracy in zip("AB", pair, strict=True)
    ]
    return rows + [
        made_up_row(spec, accuracy, seed=seed, target="all", base=None)
        for seed, accuracy in enumerate(whole)
    ]


def test_claim_1_averages_the_halves_of_a_split(tiny_spec):
    # Halves differ by 6 points, splits by 1: means 0.63, 0.64, 0.62.
    rows = all_and_halves(
        tiny_spec,
        [(0.60, 0.66), (0.67, 0.61), (0.59, 0.65)],
        [0.55, 0.56, 0.57],
    )
    found = halves_against_all(observe(rows))
    assert found.mean == pytest.approx(0.07)
    assert (found.splits, found.scope) == (3, OTHERS)
    # Both sides vary by 0.01: error sqrt(2/3) points, 4 degrees of freedom.
    assert found.error == pytest.approx(0.01 * (2 / 3) ** 0.5)
    assert found.df == pytest.approx(4)
    assert found.low == pytest.approx(0.07 - 2.776445 * found.error, abs=1e-6)
    claim = claims.judge_rows(rows)[0]
    assert claim.verdict == "present"
    assert claim.effect == "halves - all classes: +7.0 [+4.7, +9.3] present"


def test_one_network_on_all_classes_has_no_interval(tiny_spec):
    rows = all_and_halves(tiny_spec, [(0.60, 0.66), (0.67, 0.61)], [0.55])
    claim = claims.judge_rows(rows)[0]
    assert claim.verdict == "undecided"
    assert "+8.5 (too few networks for an interval)" in claim.effect
    # Nor have two splits: an interval would be about other halves.
    two = all_and_halves(
        tiny_spec, [(0.60, 0.66), (0.67, 0.61)], [0.55, 0.56, 0.57]
    )
    found = halves_against_all(observe(two))
    assert (found.low, found.scope) == (None, THESE)
    # A split of which one half alone is trained is not compared.
    alone = [rows[0], rows[-1]]
    assert halves_against_all(observe(alone)) is None


def test_claim_1_in_as_many_steps_stands_beside(tiny_spec):
    halves = [(0.60, 0.66), (0.67, 0.61), (0.59, 0.65)]
    rows = all_and_halves(tiny_spec, halves, [0.55, 0.56, 0.57])
    epochs = tiny_spec.solver.epochs
    solver = dataclasses.replace(tiny_spec.solver, epochs=2 * epochs)
    longer = [
        dataclasses.replace(
            row, spec=dataclasses.replace(row.spec, solver=solver)
        )
        for row in rows
    ]
    # Half the epochs: 0.50, 0.51, 0.52 in place of 0.55 to 0.57.
    shorter = all_and_halves(tiny_spec, [], [0.50, 0.51, 0.52])
    claim = claims.judge_rows(longer + shorter)[0]
    assert claim.effect == (
        "halves - all classes: +7.0 [+4.7, +9.3] present; halves - all classes "
        "in as many steps: +12.0 [+9.7, +14.3] present"
    )


def test_networks_at_chance_support_nothing(tiny_spec):
    rows = [
        made_up_row(tiny_spec, 0.26, split=s, target=t, base=b, n=n)
        for s in range(3)
        for t, b, n in (("A", None, 0), ("A", "A", 4))
    ]
    found = claims.judge_rows(rows)
    assert {c.verdict for c in found} == {"undecided"}
    assert {c.why for c in found} == {claims.AT_CHANCE}


def test_no_networks_at_all():
    found = claims.judge_rows([])
    assert [c.number for c in found] == [1, 2, 3, 4, 5]
    assert {c.verdict for c in found} == {"undecided"}


def test_plan_says_what_will_be_decided():
    arguments = (range(1, 8), TREATMENTS)
    one = claims.plan_claims(1, 1, *arguments)
    assert len(one) == 7
    assert one[0].startswith("2. base - BnB, n 3 to 6: ± 0.8 points")
    assert one[0].endswith(
        "cannot show one below 0.5 absent (these halves only)"
    )
    eight = claims.plan_claims(8, 1, *arguments)
    assert "can show one below 0.5 absent" in eight[-1]
    assert eight[-1].endswith(f"({OTHERS})")
    # A quarter of the test images: twice the noise of a network.
    fewer = claims.plan_claims(1, 1, *arguments, test_images=1250)
    assert "± 1.5 points" in fewer[0]
    assert claims.plan_claims(1, 1, (5,), ("BnB+",)) == []
