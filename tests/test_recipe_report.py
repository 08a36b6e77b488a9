"""Tables of the search for the default recipe, from rows and as committed."""

import json

import numpy as np
import pytest

from experiments import recipe_report, recipe_search


def row(name, half, accuracy, **changes):
    return {
        "name": name,
        "half": half,
        "seed": 0,
        "steps": 100,
        "val_accuracy": accuracy,
        "test_accuracy": accuracy,
        "cpu_seconds": 10.0,
        "changes": {"solver.epochs": 2},
        **changes,
    }


def as_csv(rows, folder):
    path = folder / "rows.csv"
    path.write_text(recipe_report.rows_csv(rows))
    return recipe_report.read_csv(path)


def test_gains_are_paired_and_share_a_spread(tmp_path):
    rows = [
        row("new", "A", 0.50),
        row("new", "B", 0.60),
        row("no, really", "A", 0.49),
        row("no, really", "B", 0.57),
        row("wide", "A", 0.51),
        row("wide", "B", 0.63),
        row("once", "B", 0.65),
    ]
    found = recipe_report.gains(as_csv(rows, tmp_path))
    assert [gain.name for gain in found] == ["no, really", "wide", "once"]
    means = [gain.mean for gain in found]
    np.testing.assert_allclose(means, [-0.02, 0.02, 0.05], atol=1e-9)
    # Differences -1, -3 and 1, 3 points: variance 2 twice, 2 degrees of
    # freedom, so t is 4.303.
    np.testing.assert_allclose(found[0].reach, 4.3027 * 0.01, rtol=1e-4)
    one = 4.3027 * 0.01 * np.sqrt(2)
    np.testing.assert_allclose(found[2].reach, one, rtol=1e-4)


def test_of_one_pair_each_there_is_no_interval(tmp_path):
    rows = [row("new", "A", 0.50), row("other", "A", 0.49)]
    (gain,) = recipe_report.gains(as_csv(rows, tmp_path))
    assert gain.mean == pytest.approx(-0.01) and gain.reach is None


def test_seconds_are_shares_of_the_first_in_the_same_round(tmp_path):
    comparison = as_csv(
        [
            row("old", "A", 0.60, steps=200),
            row("old", "B", 0.70, steps=200),
            row("new", "A", 0.62),
            row("new", "B", 0.70),
            row("untimed", "B", 0.70),
        ],
        tmp_path,
    )
    # The machine is twice as slow in the second round.
    timing = [
        {"round": r, "name": name, "steps": "10", "cpu_seconds": str(seconds)}
        for r, slow in (("0", 1), ("1", 2), ("2", 1))
        for name, seconds in (("old", 20 * slow), ("new", 10 * slow))
    ]
    old, new = recipe_report.points(comparison, timing)
    assert (old.accuracy, new.accuracy) == pytest.approx((0.65, 0.66))
    assert old.seconds == 200 * 2.0 and new.seconds == 100 * 1.0
    assert new.low == new.high == new.seconds
    differences = recipe_report.paired(comparison, "new", "old")
    # One seed, whose halves differ by 2 and 0 points.
    np.testing.assert_allclose(differences, [0.01], atol=1e-9)
    assert new.spread is None


def test_a_trial_is_the_earlier_default_with_changes(tmp_path, capsys):
    spec = recipe_search.trial_spec(
        {"name": "x", "optimizer": "adamw", "model.width": 24},
        "cifar100",
        "B",
        1,
    )
    assert (spec.model.width, spec.model.dropout) == (24, 0.1)
    assert (spec.solver.learning_rate, spec.data.views) == (0.1, 6)
    assert (spec.target, spec.seed) == ("B", 1)
    trials = tmp_path / "trials.json"
    arguments = ["--trials", str(trials), "--log-dir", str(tmp_path), "--plan"]
    wide = {"name": "y", "model.width": 48}
    trials.write_text(json.dumps([{"name": "x"}, wide]))
    assert recipe_search.main(arguments) == 0
    assert "4 networks to train" in capsys.readouterr().out
    trials.write_text(json.dumps([{"name": "x", "solver.width": 3}]))
    assert recipe_search.main(arguments) == 2
    assert "Received: 'solver.width'" in capsys.readouterr().err
    trials.write_text("{}")
    assert recipe_search.main(arguments) == 2
    assert "a list of trials" in capsys.readouterr().err


def test_networks_that_have_a_row_are_not_trained_again(tmp_path):
    trials = tmp_path / "trials.json"
    trials.write_text(json.dumps([{"name": "x"}, {"name": "y"}]))
    settings = recipe_search.SearchSettings(str(trials), targets=("A",))
    spec = recipe_search.trial_spec({"name": "x"}, "cifar100", "A", 0)
    rows = [{"id": spec.network_id, "optimizer": "sgd"}]
    # Both trials are the same network.
    assert recipe_search.missing_of(settings, rows) == []
    assert len(recipe_search.missing_of(settings, [])) == 1
