import pytest

from experiments import boost as script
from keras_transfer.reports import boost
from keras_transfer.studies import grids
from tests.helpers import made_up_row, made_up_study, summary_text, with_result


def boosted_study(tiny_spec, gain=0.02):
    """Long bases gain 0.015, BnB+ 0.01 and AnB+ `gain` over the base."""
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
        with_result(row, test_accuracy=row.accuracy + gain - 0.02)
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
    rows = boosted_study(tiny_spec)
    value = boost.difference(rows, "AnB+", "BnB+", 1, 7)
    assert value.count == 8 and value.mean == pytest.approx(0.01)
    over_base = boost.difference(rows, "AnB+", "base", 3, 3)
    assert over_base.mean == pytest.approx(0.02)
    over_long = boost.difference(rows, "AnB+", grids.LONG, 5, 5)
    assert over_long.mean == pytest.approx(0.005)
    longer = boost.difference(rows, grids.LONG, "base", 1, 7)
    assert longer.mean == pytest.approx(0.015)


@pytest.mark.parametrize(
    "gain, words",
    [
        (0.05, "helps: it beats both"),
        (0.0, "does not help: a control beats it"),
        (0.005, "does not help: a control beats it"),
        (0.0152, "cannot be told from training as long"),
    ],
)
def test_verdict_follows_both_controls(tiny_spec, gain, words):
    assert words in boost.verdict(boosted_study(tiny_spec, gain))


def test_verdict_without_controls_is_open(tiny_spec):
    rows = made_up_study(tiny_spec, layers=(3,))
    assert boost.verdict(rows).startswith("Undecided")


def test_report(tiny_spec, tmp_path):
    paths = boost.write_report(
        boosted_study(tiny_spec), "Title", "python -m x", tmp_path
    )
    assert [p.suffix for p in paths] == [".svg", ".png", ".csv", ".md"]
    assert "| AnB+ - BnB+ | all | 8 | +1.00 [" in summary_text(paths)


def test_plan_counts_64_networks(capsys, tmp_path):
    arguments = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    assert script.main(arguments) == 0
    assert "64 of 64" in capsys.readouterr().out
