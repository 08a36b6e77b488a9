import dataclasses

import pytest

from keras_transfer import distance, intervals
from tests.helpers import made_up_row, made_up_study


def study(tiny_spec):
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
    _, random, drops = distance.figure3_data(study(tiny_spec))
    assert drops["random halves"][0] == (0, 0.0)
    n, drop, low, high = drops["random halves"][2]
    assert (n, drop) == (7, pytest.approx(-0.0605))
    assert low < drop < high
    assert drops["man-made / natural"][1][1] == pytest.approx(-0.061)
    (curve,) = random.values()
    assert curve[0] == (0, pytest.approx(0.65))
    assert curve[1] == (4, pytest.approx(0.65 - 0.301))


def test_sides_are_drawn_by_target(tiny_spec):
    dissimilar, _, _ = distance.figure3_data(study(tiny_spec))
    assert dissimilar["target man-made"][0] == (0, pytest.approx(0.7))
    assert dissimilar["target natural"][0] == (0, pytest.approx(0.8))


def test_claims_follow_the_numbers(tiny_spec):
    claims = distance.claims(study(tiny_spec))
    assert [claim.number for claim in claims] == ["4.2", "4.3"]
    assert [claim.verdict for claim in claims] == ["supported"] * 2
    # Mean losses over n = 4 and 7: 4.55 points similar, 9.1 dissimilar. The
    # variances of the means are 2.5e-7 and 1e-6: 1.47 degrees of freedom.
    assert "similar: +4.6 [+3.9, +5.2]" in claims[0].effect
    assert distance.claims([]) == []
    # Another seed with n = 4 alone, where losses are low: no mean of it.
    rows = study(tiny_spec)
    more = [
        dataclasses.replace(row, spec=dataclasses.replace(row.spec, seed=1))
        for row in rows
        if row.spec.n in (0, 4)
    ]
    assert distance.claims(rows + more) == claims


def test_welch_by_hand():
    # Equal spreads of 1 and 3 values each: the pooled t interval with 4
    # degrees of freedom, 2 +- 2.776 * sqrt(2 / 3).
    value = intervals.welch_difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    assert value.mean == 2.0
    assert value.t_high == pytest.approx(2 + 2.7764 * (2 / 3) ** 0.5, abs=1e-3)
    alone = intervals.welch_difference([1.0], [0.5, 0.7])
    assert alone.t_low is None and alone.mean == pytest.approx(0.4)


def test_report_names_every_network_and_what_did_not_learn(tiny_spec, tmp_path):
    rows = study(tiny_spec)
    rows[-1].result["train_accuracy"] = 0.1
    paths = distance.write_report(rows, "Title", "python -m x", tmp_path)
    assert [path.name for path in paths] == [
        "figure3.svg",
        "figure3.png",
        "results.csv",
        "summary.md",
    ]
    text = paths[-1].read_text()
    assert text.count("| kinds |") == 6 and text.count("| split0 |") == 10
    assert "optimisation failure" in text and rows[-1].spec.label in text
    # A study of similar halves alone has a figure too.
    similar = [row for row in made_up_study(tiny_spec) if row.spec.data]
    distance.write_report(similar, "Title", "python -m x", tmp_path)
