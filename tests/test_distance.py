import dataclasses
import math

import pytest

from experiments.common.distances import finished_beside
from keras_transfer.analysis import primary
from keras_transfer.analysis.contrasts import (
    OTHERS,
    THESE,
    ModelEstimate,
    difference,
    subtract,
)
from keras_transfer.analysis.observed import observe_all
from keras_transfer.reports import (
    distance,
    distance_claims,
    distance_data,
    figure3,
    style,
)
from keras_transfer.specs import recipes
from keras_transfer.specs.rates import with_rates
from keras_transfer.storage.store import RunStore
from tests.helpers import made_up_row, made_up_study, summary_text, with_result

BASE = ("base", 0, None)


def study_of_distances(tiny_spec):
    """Random halves lose 0.03 at n = 4 and 0.06 at n = 7, kinds twice that.

    Random layers lose 0.3; halves and kinds differ in difficulty.
    """
    rows = []
    kinds = dataclasses.replace(
        tiny_spec.data, halves=((0, 1, 2), (3, 4, 5, 6))
    )
    for spec, factor, level in (
        (tiny_spec, 1, 0.6),
        (dataclasses.replace(tiny_spec, data=kinds), 2, 0.7),
    ):
        for target, other, ease in (("A", "B", 0.0), ("B", "A", 0.1)):
            base = level + ease
            rows.append(made_up_row(spec, base, target=target, base=None))
            for n in (4, 7):
                loss = factor * (0.01 * (n - 1) + 0.01 * ease)
                rows.append(
                    made_up_row(
                        spec, base - loss, target=target, base=other, n=n
                    )
                )
                if factor == 1:
                    rows.append(
                        made_up_row(
                            spec,
                            base - 0.3 - ease / 50,
                            target=target,
                            base="random",
                            n=n,
                            initialization="he",
                        )
                    )
    return rows


def test_drops_are_from_each_networks_own_base(tiny_spec):
    _, random, drops = distance_data.figure3_data(study_of_distances(tiny_spec))
    assert drops["random halves"][0] == (0, 0.0)
    n, drop, low, high = drops["random halves"][2]
    assert (n, drop) == (7, pytest.approx(-0.0605))
    assert low < drop < high
    assert drops["side A / side B"][1][1] == pytest.approx(-0.061)
    (curve,) = random.values()
    assert curve[0] == (0, pytest.approx(0.65))
    assert curve[1] == (4, pytest.approx(0.65 - 0.301))


def test_sides_are_drawn_by_target_and_named(tiny_spec):
    halves = ((0, 1, 2), (3, 4, 5, 6))
    dissimilar, _, drops = distance_data.figure3_data(
        study_of_distances(tiny_spec), {halves: ("cats", "dogs")}
    )
    assert dissimilar["target cats"][0] == (0, pytest.approx(0.7))
    assert dissimilar["target dogs"][0] == (0, pytest.approx(0.8))
    assert "cats / dogs" in drops
    # Not known, so no name is made up.
    dissimilar, _, _ = distance_data.figure3_data(study_of_distances(tiny_spec))
    assert list(dissimilar) == ["target side A", "target side B"]


def test_two_divisions_by_kind_are_two_curves(tiny_spec):
    rows = study_of_distances(tiny_spec)
    other = ((0, 1), (2, 3))
    for row in list(rows):
        if row.spec.data.halves is not None:
            data = dataclasses.replace(row.spec.data, halves=other)
            spec = dataclasses.replace(row.spec, data=data)
            made = made_up_row(spec, row.accuracy - 0.1 * (row.spec.n == 7))
            rows.append(made)
    dissimilar, _, drops = distance_data.figure3_data(rows)
    assert [len(curve) for curve in dissimilar.values()] == [3] * 4
    assert drops["side A / side B"][2][1] == pytest.approx(-0.121)
    assert drops["side A / side B (2 and 2 classes)"][2][1] == (
        pytest.approx(-0.221)
    )
    assert [claim.number for claim in distance_claims.claims(rows)] == (
        ["4.2", "4.3"] * 2
    )


def test_figure_3_draws_every_curve_in_a_look_of_its_own(tmp_path):
    looks = [style.series_look(index) for index in range(20)]
    assert len(set(looks)) == 20
    curves = {f"curve {i}": [(0, 0.0), (3, -0.01 * i)] for i in range(7)}
    path, _ = figure3.plot_figure3(
        {}, {}, curves, "Title", tmp_path / "figure", curves
    )
    text = path.read_text()
    assert all(f">{name}<" in text for name in curves)
    assert all(f">2014: {name}<" in text for name in curves)


def filed(store, spec, accuracy):
    made = made_up_row(spec, accuracy)
    network = store.network(spec)
    network.begin()
    network.model_path.write_bytes(b"weights")
    network.complete(made.result)
    return made


def test_only_networks_of_the_same_recipe_stand_beside(tiny_spec, tmp_path):
    store = RunStore(tmp_path, "study")
    kinds = dataclasses.replace(tiny_spec.data, halves=((0, 1), (2, 3)))
    own = [
        made_up_row(dataclasses.replace(tiny_spec, data=kinds, **changes), 0.5)
        for changes in ({}, {"base": "B", "n": 3})
    ]
    transfer = dataclasses.replace(tiny_spec, base="B", n=3)
    same = [
        tiny_spec,
        transfer,
        dataclasses.replace(tiny_spec, base="random", n=5, initialization="he"),
        dataclasses.replace(
            transfer, data=dataclasses.replace(tiny_spec.data, split=2)
        ),
    ]
    others = [
        dataclasses.replace(tiny_spec, target_images=5, draw=0),
        dataclasses.replace(transfer, target_images=5, draw=0),
        dataclasses.replace(transfer, preserved=1),
        dataclasses.replace(transfer, seed=1),
        dataclasses.replace(
            transfer,
            solver=dataclasses.replace(tiny_spec.solver, learning_rate=0.1),
            base_solver=tiny_spec.solver,
        ),
    ]
    for field, value in (
        ("scale", 1.0),
        ("mirror", False),
        ("validation_fraction", 0.2),
        ("images_per_class", 5),
        ("mean", "target"),
        ("halves", ((0, 2), (1, 3))),
    ):
        data = dataclasses.replace(tiny_spec.data, **{field: value})
        others.append(dataclasses.replace(transfer, data=data))
    for spec in same + others:
        filed(store, spec, 0.5)
    found = finished_beside(RunStore(tmp_path, "beside"), own)
    assert {row.spec for row in found} == set(same)
    # Rates of each treatment's own: networks without are not the same.
    rates = {"AnB 3": {"learning_rate": 0.1}}
    tuned = [
        dataclasses.replace(row, spec=spec)
        for row, spec in zip(
            own, with_rates([row.spec for row in own], rates), strict=True
        )
    ]
    found = finished_beside(RunStore(tmp_path, "beside"), tuned)
    assert {row.spec for row in found} == {tiny_spec, others[4]}


def test_kinds_stand_beside_random_halves_of_as_many_classes(
    tiny_spec, tmp_path
):
    def divided(**changes):
        data = dataclasses.replace(tiny_spec.data, **changes)
        return dataclasses.replace(tiny_spec, data=data)

    store = RunStore(tmp_path, "study")
    balanced = made_up_row(divided(halves=((0, 1), (2, 3))), 0.5)
    unequal = made_up_row(divided(halves=((0, 1), (2, 3, 4))), 0.5)
    filed(store, tiny_spec, 0.5)

    def beside(row):
        found = finished_beside(RunStore(tmp_path, "beside"), [row])
        return {r.spec.data.classes_per_half for r in found}

    # Whole halves, as long as there are no others.
    assert beside(balanced) == beside(unequal) == {None}
    for count in (2, 3):
        filed(store, divided(classes_per_half=count), 0.5)
    assert beside(balanced) == {2}
    assert beside(unequal) == {None}
    own = made_up_row(divided(classes_per_half=3), 0.5, split=1)
    assert beside(own) == {3}


def test_specificity_is_judged_where_selffers_were_trained(tiny_spec):
    rows = study_of_distances(tiny_spec)
    assert [c.number for c in distance_claims.claims(rows)] == ["4.2", "4.3"]
    # Selffers lose 0.01 at either n: specificity is 0.01 less than the loss.
    bases = [row for row in rows if row.spec.is_base]
    for row in bases:
        own = row.spec.target
        rows += [
            made_up_row(row.spec, row.accuracy - 0.01, base=own, n=n)
            for n in (4, 7)
        ]
    _, specificity, _ = distance_claims.claims(rows)
    assert specificity.number == "4.2"
    # Mean losses of 4.55 and 9.1 points, as above, less one point each.
    assert "BnB - AnB at n = 4, 7, dissimilar - similar: +4.6 [" in (
        specificity.effect
    )
    assert specificity.verdict == "present"
    text = distance.distance_report().text(rows, "Title", "command")
    (line,) = (
        line
        for line in text.split("Of that, specificity")[1].splitlines()
        if line.startswith("| random halves |")
    )
    # 3.05 - 1 at n = 4 and 6.05 - 1 at n = 7.
    similar = distance_data.specificity_data(rows)["random halves"]
    assert [n for n, _ in similar] == [4, 7]
    assert [v.mean for _, v in similar] == pytest.approx([0.0205, 0.0505])
    for value in (similar[0][1], similar[1][1]):
        assert f"| {value.in_points()} |" in line


def test_specificity_takes_the_panel_of_random_layers_that_are_not_there(
    tmp_path,
):
    curve = [(4, 0.02, 0.01, 0.03), (7, 0.05, 0.04, 0.06)]
    for random, shown in (({}, True), ({"he": curve}, False)):
        path, _ = figure3.plot_figure3(
            {},
            random,
            {},
            "Title",
            tmp_path / "figure",
            specificity={"cats": curve},
        )
        text = path.read_text()
        assert ("specificity: BnB - AnB" in text) == shown
        assert ("random untrained layers" in text) != shown


def test_a_recipe_is_what_is_left_when_what_varies_is_taken_away(tiny_spec):
    key = dict(recipes.recipe_key(tiny_spec, recipes.FIGURE3))
    assert {"target_images", "draw", "preserved", "data.scale"} <= set(key)
    assert not {"seed", "n", "data.halves"} & set(key)
    assert key["solver.learning_rate"] == 0.05
    with pytest.raises(ValueError, match="Received: .'colour'."):
        recipes.recipe_key(tiny_spec, ("colour",))


def test_claims_follow_the_numbers(tiny_spec):
    rows = study_of_distances(tiny_spec)
    claims = distance_claims.claims(rows)
    assert [claim.number for claim in claims] == ["4.2", "4.3"]
    assert [claim.verdict for claim in claims] == ["present"] * 2
    # Mean losses over n = 4 and 7: 4.55 points similar, 9.1 dissimilar.
    assert "similar: +4.6 [" in claims[0].effect
    # One division of each kind.
    assert f"about {THESE}" in claims[0].why
    assert distance_claims.claims([]) == []
    # By hand: the changes of each sort by the rule, and their difference.
    similar, kinds = (
        primary.estimate(
            observe_all(sort.compared),
            difference([("AnB", n, None) for n in (4, 7)], [BASE]),
        )
        for sort in list(distance_data.sorts_of(rows).values())[:2]
    )
    assert subtract(similar, kinds).in_points() in claims[0].effect


def test_effects_that_share_no_network_are_subtracted_by_hand():
    # Welch: errors 3 and 4 give 5; 5^4 / (3^4 / 2 + 4^4 / 8).
    one, other = (
        ModelEstimate(mean, error, df, mean, mean, scope, 3, 6, 9)
        for mean, error, df, scope in ((7, 3, 2, THESE), (2, 4, 8, OTHERS))
    )
    found = subtract(one, other)
    assert (found.mean, found.error, found.scope) == (5, 5, THESE)
    assert found.df == pytest.approx(625 / (81 / 2 + 256 / 8))
    bare = dataclasses.replace(other, low=None)
    assert subtract(one, bare).low is None


def test_report_names_every_network_and_what_did_not_learn(tiny_spec, tmp_path):
    rows = study_of_distances(tiny_spec)
    classes = len(rows[-1].result.classes)
    rows[-1] = with_result(rows[-1], train_accuracy=0.1)
    # Learnt a little: the loss of a guess is ln(classes).
    for place, share in ((-2, 0.96), (-3, 0.94)):
        loss = share * math.log(classes)
        rows[place] = with_result(rows[place], train_loss=loss)
    paths = distance.distance_report().write(
        rows, "Title", "python -m x", tmp_path
    )
    assert [path.name for path in paths] == [
        "figure3.svg",
        "figure3.png",
        "results.csv",
        "summary.md",
    ]
    text = summary_text(paths)
    assert text.count("| kinds |") == 6 and text.count("| split0 |") == 10
    assert f"about features: {rows[-1].spec.label}.\n" in text
    assert f"mostly one of optimisation: {rows[-2].spec.label}.\n" in text
    # A study of similar halves alone has a figure too.
    similar = [row for row in made_up_study(tiny_spec) if row.spec.data]
    distance.distance_report().write(similar, "Title", "python -m x", tmp_path)
