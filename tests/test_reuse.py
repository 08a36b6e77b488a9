import dataclasses

import pytest

from keras_transfer.specs import costs, presets
from keras_transfer.specs.network import NetworkSpec


@pytest.fixture
def spec():
    preset = presets.find_recipe("cifar100", "earlier", None)
    data = dataclasses.replace(preset.data("cifar100", 0), views=4)
    return NetworkSpec(data, preset.model, preset.solver, "B", "A", 5)


def weigh(spec, **changes):
    counts = costs.count_images(spec, 22_500, 2_500, 5_000)
    return costs.weigh_reuse(dataclasses.replace(spec, **changes), 50, counts)


def test_bytes_are_counted_by_hand(spec):
    # conv5 hands on 4 x 4 x 64 values of 4 bytes; 4 views and validation.
    found = weigh(spec)
    assert found.layers == 5
    assert found.bytes == 4 * 4 * 4 * 64 * (4 * 22_500 + 2_500)
    assert found.saves()


def test_dropout_ends_what_can_be_stored(spec):
    # It follows fc6, whose 256 values are the last to be stored.
    assert weigh(spec, n=6).layers == weigh(spec, n=7).layers == 6
    assert weigh(spec, n=7).bytes == 4 * 256 * (4 * 22_500 + 2_500)
    model = dataclasses.replace(spec.model, dropout=0.0)
    assert weigh(spec, n=7, model=model).layers == 7


def test_images_that_are_seen(spec):
    counts = costs.count_images(spec, 22_500, 2_500, 5_000)
    assert counts.seen == 12 * 175 * 128  # 175 whole batches in 22,500
    assert counts.looks == 12
    few = costs.count_images(spec, 50, 5, 5)
    assert few.seen == 12 * 50


def test_nothing_is_stored_where_it_cannot_or_does_not_pay(spec):
    endless = dataclasses.replace(spec.data, views=None)
    assert not weigh(spec, data=endless).saves()
    assert not weigh(spec, mode="finetuned").saves()
    assert not weigh(spec, base=None, n=0).saves()
    # More views than passes over the images: computing them costs more.
    every = dataclasses.replace(spec.data, views=24)
    assert not weigh(spec, data=every).saves()


def test_small_networks_store_what_saves_a_second():
    # The main job: 4 views of 2,688 images, 20 passes over them.
    preset = presets.find_recipe("synthetic_shapes", "default", None)
    spec = NetworkSpec(
        preset.data("synthetic_shapes", 0),
        preset.model,
        preset.solver,
        "B",
        "A",
        7,
    )
    counts = costs.count_images(spec, 2_688, 300, 10_000)
    assert costs.weigh_reuse(spec, 10, counts).saves()
    first = dataclasses.replace(spec, n=1)  # much output, few operations
    assert not costs.weigh_reuse(first, 10, counts).saves()
    assert not costs.weigh_reuse(spec, 10, counts).saves(least_seconds=2.0)
