import dataclasses
import json
import pickle

import pytest

from experiments import similar_datasets
from experiments.common import commands
from experiments.common.study_settings import GridSettings
from keras_transfer.errors import UserError
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.settings import ModelSpec, SolverSpec
from keras_transfer.studies import grids
from tests.helpers import EARLIER_SETTINGS


@pytest.mark.parametrize(
    "base, target, n, mode, label, treatment",
    [
        (None, "A", 0, "frozen", "baseA", "base"),
        ("A", "B", 3, "frozen", "A3B", "AnB"),
        ("B", "A", 3, "frozen", "B3A", "AnB"),
        ("B", "B", 5, "frozen", "B5B", "BnB"),
        ("A", "A", 5, "finetuned", "A5A+", "BnB+"),
        ("A", "B", 7, "finetuned", "A7B+", "AnB+"),
    ],
)
def test_labels_are_the_papers(
    tiny_spec, base, target, n, mode, label, treatment
):
    spec = dataclasses.replace(
        tiny_spec, base=base, target=target, n=n, mode=mode
    )
    assert spec.label == label
    assert spec.treatment == treatment
    assert spec.name == f"tiny_colours/split0/{label}/seed0"


def test_source_and_own_base_are_base_networks(tiny_spec):
    spec = dataclasses.replace(
        tiny_spec, base="A", target="B", n=3, mode="finetuned"
    )
    assert spec.source == tiny_spec
    assert spec.own_base == dataclasses.replace(tiny_spec, target="B")
    assert tiny_spec.source is None


def test_every_setting_is_part_of_the_identity(tiny_spec):
    ids = {tiny_spec.network_id}
    changes = [
        {"seed": 1},
        {"target": "B"},
        {"data": dataclasses.replace(tiny_spec.data, mean="target")},
        {"model": dataclasses.replace(tiny_spec.model, dropout=0.2)},
        {"solver": dataclasses.replace(tiny_spec.solver, momentum=0.8)},
    ]
    for change in changes:
        ids.add(dataclasses.replace(tiny_spec, **change).network_id)
    assert len(ids) == len(changes) + 1


def test_a_setting_that_came_later_leaves_older_ids_alone(tiny_spec):
    # The id under which it was filed before these settings existed.
    assert tiny_spec.network_id == "5ce8aa0a01"
    tuned = dataclasses.replace(
        tiny_spec, base="B", n=5, base_solver=SolverSpec(0.1)
    )
    assert tuned.network_id == "accdbfff24"
    data = dataclasses.replace(tiny_spec.data, images_per_class=5)
    few = dataclasses.replace(tiny_spec, data=data)
    assert few.network_id != tiny_spec.network_id
    solver = dataclasses.replace(tiny_spec.solver, replicas=2)
    mirrored = dataclasses.replace(tiny_spec, solver=solver)
    assert mirrored.network_id != tiny_spec.network_id
    for part, change in (
        ("solver", {"label_smoothing": 0.1}),
        ("solver", {"muon_rate": 0.2}),
        ("model", {"norm_momentum": 0.8}),
        ("base_solver", {"label_smoothing": 0.1}),
    ):
        old = tuned if part == "base_solver" else tiny_spec
        changed = dataclasses.replace(getattr(old, part), **change)
        new = dataclasses.replace(old, **{part: changed})
        assert new.network_id != old.network_id


@pytest.mark.parametrize(
    "changes, label, treatment, division",
    [
        ({"target": "all"}, "baseAll", "baseAll", "whole"),
        (
            {"base": "random", "n": 3, "initialization": "he"},
            "random3A-he",
            "random (he)",
            "split0",
        ),
    ],
)
def test_labels_beyond_the_halves(
    tiny_spec, changes, label, treatment, division
):
    spec = dataclasses.replace(tiny_spec, **changes)
    assert (spec.label, spec.treatment) == (label, treatment)
    assert spec.division == division


def test_random_layers_need_a_base_only_for_its_statistics(tiny_spec):
    random = dataclasses.replace(
        tiny_spec, base="random", n=3, initialization="he"
    )
    assert random.source is None and random.own_base == tiny_spec
    for name in ("permuted", "mean-var"):
        like = dataclasses.replace(random, initialization=name)
        assert like.source == tiny_spec


@pytest.mark.parametrize(
    "name, treatment, earlier, now",
    [
        # What "he" drew on caffenet was not He's filler; all else stays.
        ("cnn8", "random", "fb285112cf", "fb285112cf"),
        ("caffenet", "random", "52994f12e0", "3eb30b5744"),
        ("cnn8", "lrn", "03813b47fd", "03813b47fd"),
        ("caffenet", "lrn", "c039f95ebd", "c039f95ebd"),
    ],
)
def test_only_he_on_caffenet_has_another_id(name, treatment, earlier, now):
    recipe = find_recipe("cifar100", "earlier", None)
    model = dataclasses.replace(recipe.model, name=name)
    spec = NetworkSpec(recipe.data("cifar100", 0), model, recipe.solver, "A")
    if treatment == "lrn":
        model = dataclasses.replace(model, normalization="lrn")
        spec = dataclasses.replace(spec, model=model)
    else:
        spec = dataclasses.replace(
            spec, base="random", n=3, initialization="he"
        )
    assert spec.network_id == now
    assert (earlier == now) == (treatment == "lrn" or name == "cnn8")


def test_the_command_of_an_lrn_of_old_says_that_it_has_another_constant():
    recipe = find_recipe("cifar100", "default", None)
    model = dataclasses.replace(recipe.model, normalization="lrn")
    spec = NetworkSpec(recipe.data("cifar100", 0), model, recipe.solver, "A")
    unset = commands.network_command(spec).unset
    assert unset == ("model.lrn_alpha = None (preset: 0.4096)",)
    model = dataclasses.replace(model, lrn_alpha=0.4096)
    assert not commands.network_command(
        dataclasses.replace(spec, model=model)
    ).unset


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"target": "C"}, "`target` of a network among"),
        ({"base": "../x", "n": 1}, "`base` of a network among"),
        ({"base": "B", "n": 3, "mode": "thawed"}, "`mode` of a network among"),
        ({"base": "B", "n": 99}, "`n` from 1 to 7 .*n=99"),
        ({"base": "B"}, "`n` from 1 to 7 .*n=0"),
        ({"n": 3}, "`n` of 0 .*without `base`.*n=3"),
        ({"mode": "finetuned"}, "default `mode`.*mode='finetuned'"),
        ({"seed": -1}, "`seed` .*0 or more. Received: -1"),
        ({"seed": True}, "`seed` .*integer"),
        ({"base": "random", "n": 3}, "an `initialization`, .*'random'"),
        (
            {"base": "B", "n": 3, "initialization": "he"},
            "an `initialization` only of `base` 'random'",
        ),
        ({"initialization": "he"}, "no `initialization`"),
        ({"preserved": 1}, "no `initialization`, `preserved`"),
        (
            {"base": "B", "n": 6, "preserved": 2},
            "`preserved` layers.*at most 7 together.*n=6.*preserved=2",
        ),
        (
            {"base": "B", "n": 3, "mode": "finetuned", "preserved": 1},
            "above frozen ones",
        ),
        ({"base": "A", "n": 3, "target": "all"}, "`target` 'A' or 'B'"),
        ({"draw": 1}, "a `draw` only beside `target_images`"),
        ({"target_images": 0}, "`target_images` .* 1 or more. Received: 0"),
        ({"base_solver": SolverSpec(0.1)}, "or `base_solver`"),
    ],
)
def test_networks_that_cannot_be_are_refused(tiny_spec, changes, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(tiny_spec, **changes)
    # The same of settings that were read from a file.
    values = to_dict(tiny_spec)
    values |= {
        key: dataclasses.asdict(value) if key == "base_solver" else value
        for key, value in changes.items()
    }
    with pytest.raises(UserError, match=message):
        from_dict(values)


def test_the_authors_selffers_are_on_a_halves(tiny_spec):
    specs = []
    for target in ("A", "B"):
        base = dataclasses.replace(tiny_spec, target=target)
        specs += [base, dataclasses.replace(base, base=target, n=3)]
    kept = grids.published_networks(specs)
    assert [spec.label for spec in kept] == ["baseA", "A3A", "baseB"]


def test_settings_survive_json(tiny_spec):
    data = dataclasses.replace(tiny_spec.data, halves=((0, 2), (1, 3, 5)))
    spec = dataclasses.replace(tiny_spec, base="B", n=2, data=data)
    assert from_dict(json.loads(json.dumps(to_dict(spec)))) == spec
    assert spec.division == "kinds"
    with pytest.raises(UserError, match="settings of a network"):
        from_dict({"data": {}, "model": {}, "solver": {}, "colour": 1})


def test_networks_share_equal_parts_but_not_those_of_another_id(tiny_spec):
    values = json.loads(json.dumps(to_dict(tiny_spec)))
    one, again = from_dict(values), from_dict(values)
    assert one.solver is again.solver and one.data is again.data
    # Equal in Python, but another id: 8 and 8.0 are not to be mixed up.
    values["model"]["width"] = float(values["model"]["width"])
    other = from_dict(values)
    assert other == one and other.network_id != one.network_id
    assert from_dict(to_dict(one)).network_id == tiny_spec.network_id


def test_own_bases_are_one_object_but_those_of_another_id(tiny_spec):
    def copied(solver):
        return dataclasses.replace(
            tiny_spec, solver=solver, base="A", n=3, target="B"
        )

    solver = dataclasses.replace(tiny_spec.solver, learning_rate=1.0)
    first, second = copied(solver), copied(solver)
    assert first.own_base is second.own_base
    assert first.source is dataclasses.replace(first, target="A").own_base
    whole = copied(dataclasses.replace(solver, learning_rate=1))
    assert whole.own_base == first.own_base  # 1 == 1.0
    assert whole.own_base.network_id != first.own_base.network_id


def test_no_hash_goes_to_another_process(tiny_spec):
    hash(tiny_spec)  # remembered, of texts that have others there
    again = pickle.loads(pickle.dumps(tiny_spec))  # noqa: S301
    assert "_hash" not in vars(again)
    assert again == tiny_spec and hash(again) == hash(tiny_spec)


def test_the_earlier_recipe_keeps_its_id_and_its_command():
    spec = from_dict(EARLIER_SETTINGS)
    assert spec.network_id == "70fc776ae8"
    command = commands.network_command(spec)
    assert command.unset == ()
    assert "--preset earlier" in str(command)
    recipe = find_recipe("cifar100", "default", None)
    new = NetworkSpec(
        recipe.data("cifar100", 0), recipe.model, recipe.solver, "A"
    )
    assert new.network_id != spec.network_id
    assert "--preset" not in str(commands.network_command(new))


def test_first_kernels_of_another_size_have_an_id_and_a_command():
    def base(**kernels):
        settings = GridSettings("cifar100", treatments=(), **kernels)
        return similar_datasets.study(settings).specs[0]

    usual, large = base(), base(first_kernel=7)
    assert base(first_kernel=3) == usual
    # The id that the default recipe had before there was a choice.
    assert usual.network_id == "3dd8b503e7"
    assert large.network_id != usual.network_id
    assert from_dict(json.loads(json.dumps(to_dict(large)))) == large
    command = commands.network_command(large)
    assert "--first-kernel 7" in str(command) and not command.unset
    with pytest.raises(UserError, match="`first_kernel` of at least 1"):
        layer_rows(ModelSpec("caffenet", first_kernel=7), 10)


def test_shuffled_labels_make_another_network_of_another_name(tiny_spec):
    data = dataclasses.replace(tiny_spec.data, labels="shuffled")
    spec = dataclasses.replace(tiny_spec, data=data)
    assert spec.network_id != tiny_spec.network_id
    assert spec.name == f"{tiny_spec.name}, shuffled labels"
    with pytest.raises(UserError, match="`labels` .*'shuffled'.*'true'"):
        dataclasses.replace(spec, data=dataclasses.replace(data, labels="true"))


def test_the_embedded_data_set_keeps_its_recipe():
    recipe = find_recipe("synthetic_shapes", "default", None)
    assert (recipe.model.width, recipe.solver.epochs) == (8, 20)
    assert (recipe.image_size, recipe.crop) == (20, 18)
    assert (recipe.splits, recipe.seeds) == ((0,), (0, 1, 2)) and recipe.twice
    data = recipe.data("synthetic_shapes", 0)
    spec = NetworkSpec(data, recipe.model, recipe.solver, "A")
    assert spec.network_id == "a3ca01f326"
    # Those of the recipe before have a command: `--image-size 32 --epochs 14`.
    before = find_recipe("synthetic_shapes", "default", 32)
    solver = dataclasses.replace(before.solver, epochs=14)
    data = before.data("synthetic_shapes", 0)
    spec = NetworkSpec(data, before.model, solver, "A")
    assert spec.network_id == "b9591b6633"
