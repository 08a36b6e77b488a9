"""Dose-response: the regime of 2014, the pieces, and what is said of rows."""

import dataclasses

import pytest

from experiments import dose_response as script
from keras_transfer.errors import UserError
from keras_transfer.specs import presets
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.studies.commands import recipe_flags


def settings(**changes):
    return script.DoseSettings(dataset="cifar100", **changes)


def test_the_network_of_2014_is_cnn8_with_the_groups_of_caffenet():
    model = presets.find_recipe("cifar100", "default", None, "2014").model
    assert (model.normalization, model.dropout) == ("none", 0.1)
    rows = layer_rows(model, 50)
    assert [row.groups for row in rows] == [1, 2, 1, 2, 2, 1, 1, 1]
    plain = layer_rows(dataclasses.replace(model, name="cnn8"), 50)
    assert plain == tuple(dataclasses.replace(r, groups=1) for r in rows)
    with pytest.raises(UserError, match="even `width`.*Received: 7"):
        layer_rows(ModelSpec("cnn8-2014", width=7), 50)


def test_a_regime_is_a_row_of_presets_and_a_flag():
    recipe = presets.find_recipe("cifar100", "default", None, "2014")
    today = presets.find_recipe("cifar100", "default", None)
    assert dataclasses.replace(
        recipe, model=today.model, solver=today.solver
    ) == presets.find_recipe("cifar100", "default", None, "today")
    solver = recipe.solver
    assert (solver.momentum, solver.nesterov, solver.muon_rate) == (
        0.9,
        False,
        None,
    )
    with pytest.raises(UserError, match="Received: preset='paper'"):
        presets.find_recipe("cifar100", "paper", None, "2014")


def test_pieces_hold_each_base_and_name_their_regime():
    found = script.pieces(settings(splits=(3,), epochs=(12,)))
    names = [name for name, _ in found]
    assert names[0] == "12 epochs, split 3: BnB BnB-keep n (4, 5)"
    specs = found[0][1]
    # Two regimes, two halves: a base and two treatments at two n each.
    assert len(specs) == 2 * 2 * (1 + 4)
    assert [script.regime_of(s) for s in specs[::10]] == ["2014", "today"]
    assert {s.solver.learning_rate for s in specs} == set(script.RATES.values())
    assert {s.data.images_per_class for s in specs} == {100}
    flags, unset = recipe_flags(specs[0])
    assert flags[:2] == ["--regime", "2014"] and not unset


def test_a_dose_that_is_not_planned_is_refused():
    with pytest.raises(UserError, match=r"`epochs` among \[6, 12, 24"):
        script.pieces(settings(epochs=(7,)))
