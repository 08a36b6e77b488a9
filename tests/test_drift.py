"""How far layers moved: means that a person can check, figure and table."""

import dataclasses
import re

import pytest

from keras_transfer.analysis import layer_movement
from keras_transfer.reports import boost, summary
from keras_transfer.reports.html import layers
from keras_transfer.specs.network import LAYER_NAMES
from keras_transfer.studies import grids
from tests.helpers import made_up_study, with_result


@pytest.fixture
def rows(tiny_spec):
    """Layer k turns by k degrees, by k + 1 in split 1 and 90 in a base."""

    def turned(row):
        return [
            {
                "layer": name,
                "number": number,
                "copied": number <= row.spec.n,
                "angle": (
                    number + row.spec.data.split if row.spec.base else 90.0
                ),
            }
            for number, name in enumerate(LAYER_NAMES, 1)
        ]

    rows = made_up_study(tiny_spec)
    return [with_result(row, layers=turned(row)) for row in rows]


def test_means_and_intervals(rows):
    data = layer_movement.drift_data(rows)
    assert list(data) == ["base", "BnB+", "AnB+"]
    assert data["base"]["conv3"] == [(0, 90.0, 90.0, 90.0, False)]
    points = data["AnB+"]["conv5"]
    assert [(n, mean) for n, mean, *_ in points] == [
        (1, 5.5),
        (5, 5.5),
        (7, 5.5),
    ]
    assert [copied for *_, copied in points] == [False, True, True]
    # Four networks: 5, 5, 6, 6. The error of their mean is 1 / (2 sqrt(3)),
    # Student's factor at 3 degrees of freedom 3.182.
    _, _, low, high, _ = points[0]
    assert (low, high) == pytest.approx((5.5 - 0.9187, 5.5 + 0.9187), abs=1e-3)


def test_networks_without_a_table_are_left_out(rows, tmp_path):
    rows = [with_result(row, layers=[]) for row in rows]
    assert layer_movement.drift_data(rows) == {}
    assert layer_movement.drift_cells(rows)[1] == []
    paths = summary.write_report(rows, "Title", "command", tmp_path)
    assert "layers.svg" not in [path.name for path in paths]
    assert "How far" not in (tmp_path / "summary.md").read_text()


def test_only_some_networks_have_a_table(rows):
    rows = [
        with_result(row, layers=[]) if row.spec.data.split == 1 else row
        for row in rows
    ]
    _, mean, *_ = layer_movement.drift_data(rows)["BnB+"]["fc6"][0]
    assert mean == 6.0


@pytest.mark.parametrize("module", [summary, boost])
def test_reports_hold_figure_and_table(rows, tmp_path, module):
    paths = module.write_report(rows, "Title", "command", tmp_path)
    written = {path.name for path in paths}
    assert {"layers.svg", "layers.png"} <= written
    figure = (tmp_path / "layers.svg").read_text()
    assert all(name in figure for name in (*LAYER_NAMES, "AnB+, layer new"))
    text = (tmp_path / "summary.md").read_text()
    assert "| conv5 of AnB+ | 5.5 | 5.5 | 5.5 | 90.0 |" in text


def test_long_bases_do_not_count_as_bases(rows):
    bases = [row.spec for row in rows if row.spec.base is None]
    (longer, *_) = grids.long_bases(bases)
    row = next(row for row in rows if row.spec == bases[0])
    table = [{**layer, "angle": 10.0} for layer in row.result.layers]
    rows.append(
        dataclasses.replace(with_result(row, layers=table), spec=longer)
    )
    assert layer_movement.drift_data(rows)["base"]["fc8"] == [
        (0, 90.0, 90.0, 90.0, False)
    ]


def test_layers_of_a_network_on_the_page():
    layer = {
        "layer": "<conv1>",
        "copied": True,
        "frozen": True,
        "weight_norm": 7.125,
        "relative_distance": 0.0,
        "angle": 0.0,
        "start_relative_gradient_norm": None,
        "dead_units": 0.0625,
        "zeros": 0.5,
        "activation_mean": 1.0,
        "activation_sd": 1e-9,
    }
    table = layers.layer_table([layer])
    cells = re.findall("<td[^>]*>(.*?)</td>", table)
    assert cells[:3] == ["&lt;conv1&gt;", "copied", "frozen"]
    # An exact zero is written without digits, a small number with them.
    assert cells[3:] == ["7.12", "0", "0", "", "6.2", "50.0", "1.00", "0.00"]
    assert layers.layer_table(None) == ""
