"""What TensorBoard is told of a network while it is trained."""

import dataclasses

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from keras_transfer.models import saving
from keras_transfer.storage.store import RunStore
from keras_transfer.training import trainer
from keras_transfer.training.observation import filter_picture
from keras_transfer.training.options import Options
from tests.trained import Stop, assert_same_bits, stop_in_epoch

STATISTICS = (
    "weight_norm",
    "weight_distance",
    "weight_relative_distance",
    "weight_angle",
    "weight_gradient_norm",
    "weight_relative_gradient_norm",
    "weight_update_ratio",
)
OUTPUTS = (
    "layer_activation_mean",
    "layer_activation_sd",
    "layer_zeros",
    "layer_dead_units",
)


def read(network, run):
    events = EventAccumulator(
        str(network.events_dir(run)),
        size_guidance={"images": 0, "histograms": 0, "scalars": 0},
    )
    events.Reload()
    return events


def series(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def trained(tmp_path, name, pool, spec, level="default", report=None):
    network = RunStore(tmp_path / name, "study").network(spec)
    result = trainer.train_network(
        network, pool, None, Options(observe=level), report
    )
    return network, result


@pytest.mark.slow
def test_bits_do_not_depend_on_observation(tmp_path, tiny_pool, tiny_spec):
    # Dropout and batch statistics are what watching could disturb.
    spec = dataclasses.replace(
        tiny_spec, model=dataclasses.replace(tiny_spec.model, dropout=0.5)
    )
    found = [
        trained(tmp_path, level, tiny_pool, spec, level=level)
        for level in ("off", "default", "full")
    ]
    for network, result in found[1:]:
        assert_same_bits(found[0][0], network)
        assert result.test_loss == found[0][1].test_loss
        assert result.layers == found[0][1].layers
    tags = [read(network, "train").Tags() for network, _ in found]
    assert tags[0]["scalars"] == ["epoch_accuracy", "epoch_loss"]
    assert not tags[0]["images"] and not tags[0]["histograms"]
    kernel, bias = "cnn8/conv1/kernel", "cnn8/fc8/bias"
    assert f"weight_norm/{kernel}" in tags[1]["scalars"]
    assert f"weight_norm/{bias}" not in tags[1]["scalars"]
    assert f"weight_norm/{bias}" in tags[2]["scalars"]
    assert f"weight/{bias}" in tags[2]["histograms"]
    assert len(tags[1]["histograms"]) == 8
    sizes = [
        sum(
            f.stat().st_size
            for run in ("train", "validation")
            for f in n.events_dir(run).iterdir()
        )
        for n, _ in found
    ]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[1] < 100_000


def test_values_are_those_of_the_weights(tiny_spec, base):
    result = base.read_result()
    events = read(base, "train")
    model = saving.load_model(base)
    last = tiny_spec.solver.epochs - 1
    for row in result.layers:
        name = row["layer"]
        kernel = model.get_layer(name).kernel
        values = {
            tag: dict(series(events, f"{tag}/cnn8/{name}/kernel"))
            for tag in STATISTICS
        }
        norm = np.linalg.norm(kernel.numpy())
        assert values["weight_norm"][last] == pytest.approx(norm, rel=1e-5)
        for tag, key in (
            ("weight_distance", "distance"),
            ("weight_relative_distance", "relative_distance"),
            ("weight_angle", "angle"),
        ):
            assert values[tag][last] == pytest.approx(row[key], rel=1e-5)
        ratio = values["weight_gradient_norm"][last] / norm
        assert values["weight_relative_gradient_norm"][last] == pytest.approx(
            ratio, rel=1e-5
        )
        assert values["weight_update_ratio"][last] > 0
        for tag in OUTPUTS:
            (*_, (step, value)) = series(events, f"{tag}/{name}")
            expected = row[tag.removeprefix("layer_")]
            assert (step, value) == (last, pytest.approx(expected, rel=1e-5))
    rows = [(e, a) for e, a in series(events, "epoch_accuracy")]
    assert rows[-1] == (last, pytest.approx(result.train_accuracy))
    seen = series(read(base, "validation"), "epoch_accuracy")
    assert seen[-1] == (last, pytest.approx(result.val_accuracy))


def test_frozen_layers_show_zeros(transfers):
    events = read(transfers["frozen"], "train")
    for tag in STATISTICS[1:]:
        frozen = series(events, f"{tag}/cnn8/conv2/kernel")
        assert frozen == [(0, 0), (1, 0), (2, 0)]
        above = series(events, f"{tag}/cnn8/conv4/kernel")
        assert all(value > 0 for _, value in above)
    drift = series(events, "layer_mean_drift/conv2")
    assert drift == [(0, 0), (1, 0), (2, 0)]
    histograms = events.Tags()["histograms"]
    assert "weight/cnn8/conv2/kernel" not in histograms
    assert "weight/cnn8/conv4/kernel" in histograms


@pytest.mark.slow(25)
@pytest.mark.parametrize("level", ["default", "full"])
def test_a_resumed_network_has_each_value_once(
    tmp_path, tiny_pool, tiny_spec, base, level
):
    whole = base  # which was seen by default
    if level != "default":
        whole, _ = trained(tmp_path, "whole", tiny_pool, tiny_spec, level=level)

    with pytest.raises(Stop):
        trained(
            tmp_path,
            "broken",
            tiny_pool,
            tiny_spec,
            report=stop_in_epoch(1),
            level=level,
        )
    broken, result = trained(
        tmp_path, "broken", tiny_pool, tiny_spec, level=level
    )
    assert result.resumed_at_epoch == [1]
    expected, found = read(whole, "train"), read(broken, "train")
    assert found.Tags() == expected.Tags()
    for tag in expected.Tags()["scalars"]:
        values = series(expected, tag)
        assert [step for step, _ in values] == [0, 1, 2]
        assert series(found, tag) == values
    for tag in expected.Tags()["histograms"]:
        steps = [event.step for event in expected.Histograms(tag)]
        assert [event.step for event in found.Histograms(tag)] == steps
    for tag, steps in (("start", [0]), ("trained", [0, 1, 2])):
        shown = [
            [
                (image.step, image.encoded_image_string)
                for image in events.Images(f"first_layer_filters/{tag}")
            ]
            for events in (expected, found)
        ]
        assert [step for step, _ in shown[0]] == steps
        assert shown[0] == shown[1]


def test_filters_share_a_scale_and_zero_is_grey():
    kernel = np.zeros((2, 2, 3, 3), np.float32)
    kernel[0, 0, :, 0] = 2.0  # the largest weight is white
    kernel[0, 0, 0, 1] = -2.0  # and its negative lacks that colour
    picture = filter_picture(kernel)
    # Two pixels a side are drawn 16 times as large, with a line between.
    assert picture.shape == (1 + 33, 1 + 8 * 33, 3)
    assert picture[1, 1].tolist() == [255, 255, 255]
    assert picture[1, 34].tolist() == [0, 128, 128]
    assert picture[1, 67].tolist() == [128, 128, 128]
    assert picture[0].min() == 255


def test_filters_of_many_channels_are_averaged():
    kernel = np.ones((1, 1, 4, 1), np.float32)
    kernel[..., 0, 0] = -3.0  # the mean is 0
    assert filter_picture(kernel)[1, 1].tolist() == [128, 128, 128]
