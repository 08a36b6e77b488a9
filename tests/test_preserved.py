import dataclasses

import numpy as np
import pytest

from experiments.common import commands
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.errors import UserError
from keras_transfer.models import cnn
from keras_transfer.reports import preserved_layers, tables
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import from_dict
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.specs.treatments import TREATMENTS
from keras_transfer.studies import grids
from keras_transfer.transfer import actions
from tests.helpers import made_up_row, summary_text


def test_layers_above_the_cut_are_copied_and_stay_trainable():
    model = ModelSpec("cnn8", width=4)
    source = cnn.build_network(model, 18, 4, seed=1)
    target = cnn.build_network(model, 18, 4, seed=2)
    start = target.get_layer("conv5").get_weights()
    plan = actions.plan_transfer(target, source, 3, "frozen", preserved=1)
    actions.apply_plan(target, source, plan)
    for name, copied, trainable in (
        ("conv3", True, False),
        ("conv4", True, True),
        ("conv5", False, True),
    ):
        layer = target.get_layer(name)
        same = np.array_equal(layer.kernel, source.get_layer(name).kernel)
        assert (same, layer.trainable) == (copied, trainable)
    for a, b in zip(
        target.get_layer("conv5").get_weights(), start, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(UserError, match="at most 7 together.*preserved=2"):
        actions.plan_transfer(target, source, 6, "frozen", preserved=2)


def test_networks_and_their_names(tiny_spec):
    found = grids.preserved_networks([tiny_spec], (3, 7), (0, 1))
    assert [spec.label for spec in found] == [
        "A3A",
        "B3A",
        "A3A-keep1",
        "B3A-keep1",
        "A7A",
        "B7A",
    ]
    assert found[2].treatment == "BnB, 1 kept"
    assert found[2].source == tiny_spec == found[2].own_base
    # None kept is the plain network, which other studies have too.
    plain = dataclasses.replace(tiny_spec, base="A", n=3)
    assert found[0].network_id == plain.network_id


def test_report_says_what_keeping_mends(tiny_spec, tmp_path):
    rows = []
    for split in (0, 1, 2):
        base = 0.6 + split / 100
        rows.append(made_up_row(tiny_spec, base, split=split))
        for count, loss in ((None, 0.05), (1, 0.02)):
            rows.append(
                made_up_row(
                    tiny_spec,
                    base - loss - split / 500,
                    split=split,
                    base="A",
                    n=4,
                    preserved=count,
                )
            )
    paths = preserved_layers.write_report(
        rows, "Title", "python -m x", tmp_path
    )
    text = summary_text(paths)
    assert "| BnB | 0 | 4 | -5.2 [" in text
    assert "| BnB | 1 | 4 | -2.2 [" in text and "| +3.0 [" in text


def test_all_layers_above_the_cut_are_kept(tiny_spec):
    spec = dataclasses.replace(tiny_spec, base="B", n=3, preserved="all")
    assert (spec.label, spec.treatment) == ("B3A-keep", "AnB-keep")
    own = dataclasses.replace(spec, base="A")
    assert (own.label, own.treatment) == ("A3A-keep", "BnB-keep")
    assert own.source == own.own_base == tiny_spec
    assert from_dict(to_dict(spec)) == spec
    # Another network than the same with as many kept by number.
    some = dataclasses.replace(spec, preserved=4)
    assert len({spec.network_id, some.network_id}) == 2
    source = cnn.build_network(spec.model, 18, 4, seed=1)
    target = cnn.build_network(spec.model, 18, 4, seed=2)
    plan = actions.plan_network(spec, target, source)
    copied = {action.number for action in plan if action.copy}
    assert copied == {1, 2, 3, 4, 5, 6, 7}
    frozen = {action.number for action in plan if not action.trainable}
    assert frozen == {1, 2, 3}


def test_the_grid_keeps_all_layers_above():
    recipe = find_recipe("cifar100", "smoke", None)
    specs = grids.similar_networks(
        "cifar100", recipe, grids.Grid((0,), (0,), (3, 7), ("BnB", "BnB-keep"))
    )
    # There is nothing to keep above n = 7.
    labels = ["A3A", "A3A-keep", "A7A", "B3B", "B3B-keep", "B7B"]
    assert [spec.label for spec in specs[2:]] == labels
    assert "BnB-keep" not in TREATMENTS and "AnB-keep" not in TREATMENTS


def test_tables_and_commands_have_the_kept_ones(tiny_spec):
    rows = [
        made_up_row(tiny_spec, 0.60),
        made_up_row(tiny_spec, 0.55, base="A", n=3),
        made_up_row(tiny_spec, 0.58, base="A", n=3, preserved="all"),
    ]
    assert ["BnB-keep", "58.0"] in tables.accuracy_cells(rows)[1]
    cells = {
        row[0]: row[2]
        for row in tables.difference_cells(rows, evidence_of(rows))[1]
    }
    assert cells["BnB-keep - BnB"].startswith("+3.0")
    assert cells["BnB-keep - base"].startswith("-2.0")
    command = str(commands.network_command(rows[2].spec))
    assert "similar_datasets" in command
    assert "--layers 3 --treatments BnB-keep" in command
