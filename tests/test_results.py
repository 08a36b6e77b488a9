import csv
import dataclasses
import io

import numpy as np
import pytest

from keras_transfer.analysis import curves, intervals, inventory, results
from keras_transfer.analysis.differences import estimate_difference
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.analysis.remembered import Rows
from keras_transfer.analysis.results_table import results_csv
from keras_transfer.errors import UserError
from keras_transfer.reports import figure2, figure2_data, summary, tables
from keras_transfer.specs.treatments import TWICE
from tests.helpers import (
    made_up_row,
    made_up_study,
    summary_text,
    with_long_bases,
    with_result,
)


def test_t_interval_by_hand():
    # mean 2, standard error 1/sqrt(3), t(0.975; 2) = 4.30265
    low, high = intervals.t_interval(np.array([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx(
        (2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-5
    )
    assert intervals.t_interval(np.array([1.0])) is None


def test_one_pair_says_so():
    value = intervals.estimate([0.012])
    assert value.t_low is None
    assert value.in_points() == "+1.2 (one pair, no interval)"
    assert intervals.estimate([]) is None


def test_pairing_removes_the_difficulty_of_a_half(tiny_spec):
    # Transfer was run on the easy half only: pooled it seems to help by 6
    # points, against its own base by 1.
    rows = [
        made_up_row(tiny_spec, 0.60, target="A", base=None),
        made_up_row(tiny_spec, 0.70, target="B", base=None),
        made_up_row(
            tiny_spec, 0.71, target="B", base="A", n=3, mode="finetuned"
        ),
    ]
    arguments = (rows, "AnB+", "base", 1, 7)
    assert results.pooled_difference(*arguments) == pytest.approx(0.06)
    assert results.paired_difference(*arguments).mean == pytest.approx(0.01)


def test_losses_are_those_put_in(tiny_spec):
    rows = made_up_study(tiny_spec)
    coadaptation = results.paired_difference(rows, "base", "BnB", 5, 5)
    assert coadaptation.mean == pytest.approx(0.03)
    assert coadaptation.count == 4
    assert coadaptation.t_low < 0.03 < coadaptation.t_high
    specificity = results.paired_difference(rows, "BnB", "AnB", 7, 7)
    assert specificity.mean == pytest.approx(0.06)
    same = results.paired_difference(rows, "base", "base", 0, 7)
    assert same.mean == 0
    ranged = results.paired_difference(rows, "base", "BnB", 1, 7)
    assert ranged.mean == pytest.approx(0.01)  # (0 + 0.03 + 0) / 3
    assert ranged.count == 4  # a pair counts once, not once for each n
    assert results.paired_difference(rows, "AnB", "BnB", 2, 2) is None
    assert results.pooled_difference(rows, "AnB", "BnB", 2, 2) is None


def test_what_was_found_of_rows_is_found_once_and_of_a_list_each_time(
    tiny_spec,
):
    study = made_up_study(tiny_spec, layers=(1, 5))
    rows = Rows(study)
    assert evidence_of(rows) is evidence_of(rows)
    assert results.select(rows, "AnB", 5, 5) is results.select(
        rows, "AnB", 5, 5
    )
    for low, high in ((0, 7), (1, 1), (5, 5), (2, 4), (1, 5)):
        for name in ("base", "AnB", "BnB+"):
            whole = [
                row
                for row in study
                if row.spec.treatment == name
                and (not row.spec.n or low <= row.spec.n <= high)
            ]
            assert list(results.select(rows, name, low, high)) == whole
            assert list(results.select(study, name, low, high)) == whole
    # A list may change, so nothing of it is kept.
    before = results.layers_of(study)
    study.append(made_up_row(tiny_spec, 0.5, base="A", target="B", n=7))
    assert before == [1, 5] and results.layers_of(study) == [1, 5, 7]
    assert results.layers_of(rows) == [1, 5]


def boost_lines(rows):
    return tables.boost_cells(rows, evidence_of(rows))[1]


def test_table_1_of_made_up_results(tiny_spec):
    lines = boost_lines(made_up_study(tiny_spec))
    # Ranges are named by the n that were trained: 3-7 and 5-7 are the same.
    assert [line[:2] for line in lines] == [
        ["base", "1, 5, 7"],
        ["base", "5, 7"],
        ["BnB+", "1, 5, 7"],
        ["BnB+", "5, 7"],
    ]
    assert lines[0][2].startswith("+2.0 [")
    assert lines[2][2].startswith("+1.0 [")
    whole = boost_lines(made_up_study(tiny_spec, range(1, 8)))
    assert [line[1] for line in whole] == ["1-7", "3-7", "5-7"] * 2
    one = boost_lines(made_up_study(tiny_spec, (5,)))
    assert {line[1] for line in one} == {"5"}


def test_intervals_are_over_splits_or_of_these_halves_only(tiny_spec):
    # Losses differ by 1 point a split: 3, 2 and 4, as are both of
    # its halves, so pairs are not independent.
    shift = {0: 0.0, 1: 0.01, 2: -0.01}
    rows = made_up_study(tiny_spec, layers=(1, 5), splits=(0, 1, 2))
    levels = {row.spec: row.accuracy - 0.03 for row in rows}
    rows = [
        with_result(
            row,
            test_accuracy=levels[row.spec.own_base]
            + shift[row.spec.data.split],
        )
        if row.spec.treatment == "BnB"
        else row
        for row in rows
    ]
    found = estimate_difference(evidence_of(rows), "base", "BnB", 5, 5)
    # Student's quantile of 2 degrees of freedom is 4.303.
    reach = 4.303 * 0.01 / 3**0.5
    assert (found.mean, found.low) == pytest.approx((0.03, 0.03 - reach), 1e-3)
    assert (found.splits, found.count) == (3, 6)
    assert found.scope == "random halves of these classes"
    two = [row for row in rows if row.spec.data.split < 2]
    _, body = tables.difference_cells(two, evidence_of(two))
    assert body[0][:2] == ["co-adaptation loss (base - BnB)", "1"]
    assert body[0][2].startswith("+2.5 [")
    assert body[0][3] == "these halves only"


def test_differences_of_training_loss_stand_beside_those_of_accuracy(
    tiny_spec,
):
    # BnB fits worse by 0.1, 0.2 and 0.3 in the splits; Student's quantile of
    # 2 degrees of freedom is 4.303.
    rows = [
        with_result(row, train_loss=0.4 + 0.1 * row.spec.data.split)
        if row.spec.treatment == "BnB"
        else row
        for row in made_up_study(tiny_spec, layers=(5,), splits=(0, 1, 2))
    ]
    header, body = tables.difference_cells(rows, evidence_of(rows))
    assert header[-1] == "training loss, nats"
    reach = 4.303 * 0.1 / 3**0.5
    assert body[0][0] == "co-adaptation loss (base - BnB)"
    assert body[0][-1] == f"-0.20 [{-0.2 - reach:.2f}, {-0.2 + reach:+.2f}]"
    # Results of 2014's figures and the like may not tell it.
    silent = [with_result(row, train_loss=None) for row in rows]
    header, body = tables.difference_cells(silent, evidence_of(silent))
    assert header[-1] == "pooled" and len(body[0]) == len(header)


def test_two_networks_of_one_key_are_named_not_the_last_taken(tiny_spec):
    faster = dataclasses.replace(
        tiny_spec,
        solver=dataclasses.replace(tiny_spec.solver, learning_rate=0.1),
        base="B",
        n=3,
        base_solver=tiny_spec.solver,
    )
    rows = [
        made_up_row(tiny_spec, 0.6, base=None),
        made_up_row(tiny_spec, 0.5, base="B", n=3),
        made_up_row(faster, 0.4),
    ]
    ids = [row.spec.network_id for row in rows[1:]]
    with pytest.raises(UserError, match=f"{ids[0]}.* and .*{ids[1]}"):
        results.paired_difference(rows, "AnB", "base", 3, 3)
    # The report keeps them apart, each beside the base of both.
    groups = inventory.group_rows(rows)
    found = [
        results.paired_difference(group.compared, "AnB", "base", 3, 3).mean
        for group in groups
    ]
    assert found == pytest.approx([-0.1, -0.2])
    fastest = dataclasses.replace(
        faster, solver=dataclasses.replace(faster.solver, learning_rate=0.2)
    )
    groups = inventory.group_rows([*rows, made_up_row(fastest, 0.3)])
    found = [
        results.paired_difference(group.compared, "AnB", "base", 3, 3).mean
        for group in groups
    ]
    assert found == pytest.approx([-0.1, -0.2, -0.3])


def test_draws_and_divisions_are_pairs_of_their_own(tiny_spec):
    kinds = dataclasses.replace(tiny_spec.data, halves=((0, 1), (2, 3)))
    rows = []
    for index, changes in enumerate(
        (
            {},
            {"target_images": 5, "draw": 0},
            {"target_images": 5, "draw": 1},
            {"target_images": 9, "draw": 0},
            {"data": kinds},
        )
    ):
        spec = dataclasses.replace(tiny_spec, **changes)
        rows.append(made_up_row(spec, 0.5 + 0.01 * index))
        rows.append(made_up_row(spec, 0.4, base="B", n=3))
    found = results.paired_values(rows, "AnB", "base", 3, 3)
    assert sorted(found.values()) == pytest.approx(
        [-0.14, -0.13, -0.12, -0.11, -0.1]
    )


def test_a_missing_interval_says_why(tiny_spec):
    alone = results.mean_accuracy([made_up_row(tiny_spec, 0.6)], "base", 0)
    assert alone.in_points() == "+60.0 (fewer than 3 splits, no interval)"


def test_a_base_has_an_interval_over_splits_from_three_on(tiny_spec):
    def base(split, target, accuracy):
        return made_up_row(tiny_spec, accuracy, split=split, target=target)

    rows = [base(s, t, 0.5 + 0.1 * s) for s in range(2) for t in "AB"]
    two = results.mean_accuracy(rows, "base", 0)
    # Four networks, yet two splits.
    assert two.mean == pytest.approx(0.55) and two.count == 4
    assert two.t_low is two.t_high is None
    rows += [base(2, "A", 0.6), base(2, "B", 0.8)]
    three = results.mean_accuracy(rows, "base", 0)
    # Splits of 50, 60 and 70 %: 4.303 x 10 / sqrt(3) points.
    assert three.mean == pytest.approx(0.6)
    assert three.t_low == pytest.approx(0.6 - 0.2484, abs=1e-4)
    assert three.t_high == pytest.approx(0.6 + 0.2484, abs=1e-4)


def test_csv_has_a_line_a_network_and_its_own_difference(tiny_spec):
    rows = made_up_study(tiny_spec)
    table = list(csv.DictReader(io.StringIO(results_csv(rows))))
    assert len(table) == len(rows) == 2 * 2 * 13
    line = next(r for r in table if r["label"] == "A7B" and r["split"] == "1")
    assert line["minus_own_base"] == "-0.0530"  # 0.06 specificity, + wobble
    assert table[0]["minus_own_base"] == "+0.0000"


def test_figure_draws_the_means_of_the_table(tiny_spec):
    rows = made_up_study(tiny_spec)
    data = curves.figure_data(rows)
    assert data["base"][0][:2] == (0, pytest.approx(0.66))
    curve = {n: (mean, low, high) for n, mean, low, high in data["AnB"]}
    assert curve[7][0] == pytest.approx(0.66 - 0.06)
    mean, low, high = curve[7]
    # The table's interval of the difference, around the mean.
    found = estimate_difference(evidence_of(rows), "AnB", "base", 7, 7)
    ends = found.low - found.mean, found.high - found.mean
    assert (low - mean, high - mean) == pytest.approx(ends)


def test_figures_are_written_and_reproducible(tiny_spec, tmp_path):
    rows = made_up_study(tiny_spec)
    for name in ("one", "two"):
        paths = figure2.plot_figure2(rows, "Title", tmp_path / name)
        paths += figure2.plot_losses(rows, "Title", tmp_path / f"{name}l")
        assert all(path.stat().st_size > 5_000 for path in paths)
    one, two = (
        (tmp_path / f"{name}.svg").read_bytes() for name in ("one", "two")
    )
    assert one == two
    text = one.decode()
    for words in ("top-1 accuracy", "AnB+: fine-tuned transfer", "copied"):
        assert words in text


def test_study_of_bases_alone_is_reported(tiny_spec, tmp_path):
    rows = [made_up_row(tiny_spec, 0.6, base=None)]
    paths = summary.similar_report().write(rows, "Title", "command", tmp_path)
    assert tmp_path / "figure2.svg" in paths
    assert "60.0 %" in (tmp_path / "summary.md").read_text()


def test_summary_warns_of_few_pairs_and_stuck_networks(tiny_spec):
    rows = made_up_study(tiny_spec, splits=(0,))
    rows[0] = with_result(rows[0], train_accuracy=0.26)
    text = summary.similar_report().text(rows, "Title", "python -m x")
    assert "only 1 split: intervals are about these halves only" in text
    assert "one seed only" in text
    assert "1 networks did not learn at all" in text
    assert "    python -m x" in text
    assert "were unchanged after" in text


def test_bases_of_twice_the_epochs_have_a_vote_and_no_place(
    tiny_spec, tmp_path
):
    rows = made_up_study(tiny_spec, splits=(0,))
    longer = with_long_bases(rows, 0.03)
    assert list(results.of_usual_length(longer)) == rows
    texts = []
    for name, found in (("usual", rows), ("longer", longer)):
        paths = summary.similar_report().write(
            found, "Title", "command", tmp_path / name
        )
        texts.append(summary_text(paths))
        table = (tmp_path / name / "results.csv").read_text()
        assert len(table.splitlines()) == 1 + len(found)
    figures = [tmp_path / name / "figure2.svg" for name in ("usual", "longer")]
    assert figures[0].read_bytes() == figures[1].read_bytes()
    usual, text = texts
    assert "epochs each (2 base networks twice as many);" in text
    assert "twice the epochs add +3.0" in text and "add +3.0" not in usual
    # Tables of accuracy and of differences are those without them.
    tables = [each.split("## ")[1:4] for each in texts]
    assert tables[0] == tables[1]


def test_networks_on_all_classes_belong_to_no_division(tiny_spec):
    halves = [made_up_row(tiny_spec, 0.5, split=split) for split in (0, 2)]
    whole = made_up_row(tiny_spec, 0.5, target="all")
    assert results.divisions_of([*halves, whole]) == {"split0", "split2"}
    assert results.divisions_of([whole]) == {"whole"}


def test_the_table_tells_bases_of_twice_the_epochs(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(3,), splits=(0,))
    rows = with_long_bases(rows, 0.01)
    table = list(csv.DictReader(io.StringIO(results_csv(rows))))
    named = [line["treatment"] for line in table if not line["base"]]
    assert named == ["base", "base", TWICE, TWICE]


def test_bars_are_in_sight_unless_they_are_longer_than_all_means_differ():
    def limits(low, high):
        point = figure2_data.Point(7, 76.0, "", low, high)
        curve = figure2_data.Curve("AnB", (point,), "")
        return figure2_data.with_bars([curve], (72.0, 92.0))

    assert limits(None, None) == (72.0, 92.0)
    assert limits(75.0, 77.0) == (72.0, 92.0)
    low, high = limits(70.0, 82.0)
    assert low == pytest.approx(70.0 - 0.02 * 22) and high == 92.0
    # Of two pairs: 40 points each way would leave no mean told from another.
    assert limits(36.0, 116.0) == (62.0, 102.0)
