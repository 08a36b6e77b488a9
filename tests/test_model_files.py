"""Models from files, keras.applications and KerasHub, and what is refused."""

import json
import sys
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.models.heads import head_form, new_head
from keras_transfer.models.parts import prefix, suffix
from keras_transfer.models.sources import load_source
from keras_transfer.models.stages import stages
from tests.example_layers import Scale


def save(path, *more):
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255)(x)
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3)])
    x = inner(x)
    for layer in more:
        x = layer(x)
    x = layers.Dense(2)(layers.Flatten()(keras.ops.relu(x) + 1))
    model = keras.Model(inputs, x)
    model.save(path)
    return model


def change_config(path, old, new):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = parts["config.json"].decode()
    assert old in text
    parts["config.json"] = text.replace(old, new).encode()
    json.loads(parts["config.json"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in parts.items():
            archive.writestr(name, value)


def test_file_with_a_registered_layer_nested_model_and_operations(tmp_path):
    path = tmp_path / "own.keras"
    model = save(path, Scale(name="scale"))
    source = load_source(str(path))
    for old, new in zip(model.weights, source.model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    assert source.image_size == (8, 8)
    assert source.preprocessing.startswith("in the model")
    assert [s.name for s in stages(source.model, most=None)][1] == "scale"
    drawn = load_source(f"{path}@random").model
    assert not np.array_equal(drawn.weights[0], model.weights[0])
    with pytest.raises(UserError, match="needs images of 8 x 8 px"):
        load_source(str(path), image_size=9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("example_layers>Scale", "elsewhere>Scale", "'elsewhere>Scale'"),
        ('"class_name": "Flatten"', '"class_name": "Lambda"', "has a Lambda"),
        ('"module": "keras.layers"', '"module": "os"', "of module 'os'"),
        ('"module": "keras.layers"', '"module": "keras.utils"', "keras.utils"),
    ],
)
def test_classes_that_are_refused(tmp_path, old, new, message):
    path = tmp_path / "own.keras"
    save(path, Scale(name="scale"))
    change_config(path, old, new)
    with pytest.raises(UserError, match=message):
        load_source(str(path))


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_source(str(tmp_path / "no.keras"))
    (tmp_path / "text.keras").write_text("text")
    with pytest.raises(UserError, match="is not a `.keras` file"):
        load_source(str(tmp_path / "text.keras"))
    path = tmp_path / "more.keras"
    save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("code.py", "")
    with pytest.raises(UserError, match="code.py"):
        load_source(str(path))
    with pytest.raises(UserError, match="Expected one of FILE.keras"):
        load_source("resnet")


def test_applications(monkeypatch, tmp_path):
    source = load_source("applications:MobileNet@random", image_size=32)
    assert source.image_size == (32, 32)
    assert source.preprocessing.endswith("mobilenet.preprocess_input")
    path = tmp_path / "mobile.weights.h5"
    source.model.save_weights(path)
    again = load_source(f"applications:MobileNet@{path}", image_size=32)
    for old, new in zip(source.model.weights, again.model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(UserError, match="Nearest: .'ResNet50'"):
        load_source("applications:ResNet5@random")
    with pytest.raises(UserError, match="at least 32x32"):
        load_source("applications:VGG16@random", image_size=16)
    with pytest.raises(UserError, match="no.h5 does not exist"):
        load_source("applications:VGG16@no.h5")
    # No network: a port nobody listens at stands for it.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match="cannot be fetched.*@random"):
        load_source("applications:MobileNetV2")


def test_keras_hub_backbone_from_a_folder(hub_backbone, tmp_path):
    hub_backbone.save_to_preset(str(tmp_path / "preset"))
    source = load_source(f"hub:{tmp_path / 'preset'}@random", image_size=32)
    model = source.model
    images = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3))
    images = images.astype("float32")
    table = stages(model)
    assert len(table) == 5
    for stage in table[:-1]:
        found = suffix(model, stage)(prefix(model, stage)(images))
        np.testing.assert_allclose(found, model(images), atol=1e-5)
    with pytest.raises(UserError, match="KerasHub cannot load"):
        load_source(f"hub:{tmp_path / 'none'}")


def test_keras_hub_that_is_absent(monkeypatch):
    # As an import of a package that is not installed.
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UserError, match=r"needs KerasHub.*pip install"):
        load_source("hub:resnet")


def test_published_weights(shared_data):
    path = shared_data / "data" / "efficientnet_lite0.keras"
    if not path.is_file():
        pytest.skip(
            "needs data/efficientnet_lite0.keras in KERAS_TRANSFER_SHARED"
        )
    source = load_source(str(path))
    assert source.image_size is None
    assert source.preprocessing.startswith("in the model")
    table = stages(source.model)
    assert [s.last_layer for s in table][:3] == [
        *("block2b_add", "block3b_add", "block4c_add")
    ]
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3))
    images = images.astype("float32")
    expected = source.model(images).numpy()
    assert np.abs(expected[0] - expected[1]).max() > 1e-4
    found = suffix(source.model, table[4])(
        prefix(source.model, table[4])(images)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    made = new_head(source.model, 5)
    assert made.output_shape == (None, 5)
    assert head_form(made) == "softmax"
    assert [layer.name for layer in made.layers[-2:]] == [
        *("top_dropout", "predictions")
    ]
