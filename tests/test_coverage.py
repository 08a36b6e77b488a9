"""Intervals labelled 95 % cover about 95 %; the committed table says so."""

import csv
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from experiments import coverage
from experiments.common import made_up_studies
from experiments.common.made_up_studies import (
    APART,
    AT_ONE_N,
    BASES,
    COLUMNS,
    EACH_N,
    EFFECTS,
    EVERY,
    MODEL,
    ONE,
    OVER_SPLITS,
    SCENARIOS,
    Case,
    Simulation,
)
from keras_transfer.analysis import primary
from keras_transfer.analysis.contrasts import OTHERS, THESE

COMMITTED = Path(__file__).parents[1] / "logs/published/coverage"


@pytest.mark.parametrize(
    "case, about",
    [
        (Case(1, 1, 0.5), THESE),
        (Case(1, 2, 4.0, APART), THESE),
        (Case(3, 1, 0.5, ONE), OTHERS),
        (Case(4, 3, 0.5, BASES), OTHERS),
        (Case(1, 2, 0.5, at_one_n=True), THESE),
        (Case(3, 1, 0.5, EACH_N, at_one_n=True), OTHERS),
    ],
)
def test_kinds_of_study_are_covered(case, about):
    for line in made_up_studies.simulate(case, 200, seed=1):
        studies = 200 if about == THESE else 1000
        assert line["studies"] == studies
        four_errors = 4 * coverage.error(studies)
        assert float(line["judged_by"]) == pytest.approx(95, abs=four_errors)
        assert line["about"] == about
        assert line["method"] == (MODEL if about == THESE else OVER_SPLITS)


@pytest.mark.parametrize(
    "case",
    [
        Case(3, 2, 0.5),
        Case(4, 1, 0.5, BASES),
        Case(3, 2, 0.5, EACH_N, at_one_n=True),
    ],
)
def test_what_is_simulated_is_what_studies_do(case):
    data = tuple(made_up_studies.networks(case))
    values, varied = Simulation(case, data).draw(np.random.default_rng(0), 5)
    assert varied.shape == values.shape == (5, len(data))
    for weights in case.effects.values():
        pairs = values @ made_up_studies.pair_weights(data, weights).T
        splits = pairs.reshape(5, case.splits, -1).mean(2)
        widths = made_up_studies.over(splits, 0.0)[:, 1]
        for one, width in zip(values, widths, strict=True):
            study = [
                dataclasses.replace(o, value=float(value))
                for o, value in zip(data, one, strict=True)
            ]
            low, high = primary.estimate(study, weights).interval()
            assert high - low == pytest.approx(width)


def test_committed_table_covers_what_it_says():
    text = (COMMITTED / "coverage.csv").read_text()
    lines = list(csv.DictReader(text.splitlines()))
    assert tuple(lines[0]) == COLUMNS
    assert {line["splits"] for line in lines} == set("12348")
    alike = [line for line in lines if line["scenario"] == EVERY]
    assert {line["seeds"] for line in alike} == set("1234")
    assert {line["scenario"] for line in lines} == set(SCENARIOS)
    at_one_n = [line for line in lines if line["effect"] in AT_ONE_N]
    assert {(e["splits"], e["seeds"]) for e in at_one_n} == set(
        itertools.product("12348", "1234")
    )
    assert {float(line["tau"]) for line in at_one_n} == {0.5}
    assert {line["effect"] for line in lines} == {*EFFECTS, *AT_ONE_N}
    for line in lines:
        most = 100 if coverage.too_wide(line) else 97
        # What a line of so many studies is known to.
        slack = 2 * coverage.error(int(line["studies"]))
        assert 93 - slack <= float(line["judged_by"]) <= most + slack, line
        few = int(line["splits"]) < 3
        assert line["method"] == (MODEL if few else OVER_SPLITS)
        assert int(line["studies"]) >= 2000
    # What is not used does not: one variance, and a treatment of its own.
    alone = [
        float(line["model"])
        for line in lines
        if line["scenario"] == ONE and line["method"] == OVER_SPLITS
    ]
    assert max(alone) < 93
    assert coverage.table_text(lines) == text


def test_mistakes_are_told(tmp_path, capsys):
    arguments = ["--repetitions", "0", "--log-dir", str(tmp_path)]
    assert coverage.main(arguments) == 2
    assert "`--repetitions` of at least 1" in capsys.readouterr().err
