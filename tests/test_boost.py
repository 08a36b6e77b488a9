import pytest

from experiments import boost as script
from keras_transfer.analysis.differences import estimate_difference
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.reports import boost
from keras_transfer.specs.treatments import TWICE
from keras_transfer.studies import grids
from tests.helpers import made_up_row, made_up_study, summary_text, with_result


def boosted_study(tiny_spec, gain=0.02, spread=0.0):
    """Long bases gain 0.015, BnB+ 0.01 and AnB+ `gain` over the base.

    AnB+ has `spread` more in two of the four splits and as much less in two.
    """
    rows = [
        row
        for row in made_up_study(tiny_spec, layers=(3, 5), splits=(0, 1, 2, 3))
        if row.spec.n == 0 or row.spec.mode == "finetuned"
    ]
    bases = [row for row in rows if row.spec.base is None]
    (longer, *_) = grids.long_bases([tiny_spec])
    for row in bases:
        rows.append(
            made_up_row(
                longer,
                row.accuracy + 0.015,
                split=row.spec.data.split,
                target=row.spec.target,
                base=None,
            )
        )
    return [
        with_result(
            row,
            test_accuracy=row.accuracy
            + (gain - 0.02)
            + (spread if row.spec.data.split % 2 else -spread),
        )
        if row.spec.treatment == "AnB+"
        else row
        for row in rows
    ]


def test_long_bases_take_twice_the_steps(tiny_spec):
    (longer,) = grids.long_bases([tiny_spec])
    assert longer.solver.epochs == 2 * tiny_spec.solver.epochs
    assert longer.network_id != tiny_spec.network_id
    assert longer.treatment == "base"


def test_differences_are_paired(tiny_spec):
    evidence = evidence_of(boosted_study(tiny_spec))

    def gap(*names_and_range):
        return estimate_difference(evidence, *names_and_range)

    value = gap("AnB+", "BnB+", 1, 7)
    assert (value.splits, value.count) == (4, 8)
    assert value.mean == pytest.approx(0.01)
    assert gap("AnB+", "base", 3, 3).mean == pytest.approx(0.02)
    assert gap("AnB+", TWICE, 5, 5).mean == pytest.approx(0.005)
    assert gap(TWICE, "base", 1, 7).mean == pytest.approx(0.015)


@pytest.mark.parametrize(
    "gain, spread, signs",
    [
        # Against the long base (0.015), BnB+ (0.01) and the base (0). The
        # interval reaches 3.18 * 1.155 / 2 = 1.84 spreads.
        (0.05, 0.01, ("ahead", "ahead", "ahead")),
        (-0.02, 0.01, ("behind", "behind", "behind")),
        (0.03, 0.01, ("undecided", "undecided", "ahead")),
        # By itself 0.02 would be ahead of the base: p is 0.04, of three 0.12.
        (0.02, 0.01, ("undecided", "undecided", "undecided")),
        (0.0145, 0.001, ("level within half a point", "ahead", "ahead")),
        # Losing to one control leaves standing what another says.
        (0.005, 0.001, ("behind", "behind", "ahead")),
    ],
)
def test_each_control_has_a_sign_of_its_own(tiny_spec, gain, spread, signs):
    rows = boosted_study(tiny_spec, gain, spread)
    lines = boost.control_verdicts(evidence_of(rows))
    order = (TWICE, "BnB+", "base")
    for line, control, sign in zip(lines, order, signs, strict=True):
        assert line.startswith(f"AnB+ - {control}: ")
        assert f" points, {sign} for random halves" in line


def test_a_control_without_networks_is_not_measured(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(3,))
    *_, last = boost.control_verdicts(evidence_of(rows))
    assert last == "AnB+ - base, twice as long: not measured."


def test_report(tiny_spec, tmp_path):
    rows = boosted_study(tiny_spec)
    paths = boost.write_report(rows, "Title", "python -m x", tmp_path)
    assert [p.suffix for p in paths] == [".svg", ".png", ".csv", ".md"]
    text = summary_text(paths)
    assert "| AnB+ - BnB+ | all | 8 | +1.00 [" in text
    assert "1. AnB+ - base, twice as long: +0.50 [" in text


def test_networks_on_all_classes_are_no_split(tiny_spec, tmp_path):
    rows = boosted_study(tiny_spec)
    rows.append(made_up_row(tiny_spec, 0.5, target="all"))
    picture, *_ = boost.write_report(rows, "Title", "python -m x", tmp_path)
    assert "95 % interval (4 splits)" in picture.read_text()


def test_plan_counts_64_networks(capsys, tmp_path):
    arguments = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    assert script.main([*arguments, "--guess"]) == 0
    assert "64 of 64" in capsys.readouterr().out
