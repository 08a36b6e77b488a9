"""A model as a study keeps it: its file, stages, size and scaling."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.models.registering import register_model
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.image_shapes import parse_size, scaled_size
from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.specs.registered import AskedModel
from keras_transfer.specs.settings import DataSpec, ModelSpec, SolverSpec
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.studies.source_models import prepare_model


@pytest.fixture
def models(tmp_path):
    return RegisteredModels(tmp_path / ".cache")


def save(path, size=(None, None), seed=0):
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((*size, 3))
    for name in ("one", "two"):
        x = layers.Conv2D(4, 3, padding="same", name=name)(x)
    x = layers.Dense(5)(layers.GlobalAveragePooling2D()(x))
    keras.Model(inputs, x, name="plain").save(path)
    return str(path)


def test_sizes_are_read_and_scaled():
    assert parse_size("64") == parse_size("64x64") == 64
    assert parse_size(" 48x96 ") == (48, 96)
    assert scaled_size(64, 256 / 224) == 73
    assert scaled_size((48, 96), 1.25) == (60, 120)


def test_a_network_of_ours_at_its_random_start(models):
    found = register_model(AskedModel("cnn8@random", None, 12), models)
    assert (found.name, found.image_size) == ("cnn8", 32)
    assert found.scaling.startswith("in the model")
    # All but the last of its eight layers with weights end a stage.
    assert len(found.cuts) == 7
    kept = keras.saving.load_model(models.model_path(found.content))
    assert kept.layers[0].name == "rescaling"
    # Drawn alike whenever it is registered.
    again = register_model(AskedModel("cnn8@random", None, 12), models)
    assert again.content == found.content


@pytest.mark.parametrize(
    "text, size, message",
    [
        ("cnn8", None, "cnn8 comes without trained weights. .*cnn8@random"),
        ("cnn8@random", (32, 48), "square images. Received: .*32x48"),
        ("caffenet@random", 32, "at least 67 px. Received: 32 px"),
        ("cnn9@random", None, "one of FILE.keras, .*cnn8@random.*cnn9"),
    ],
)
def test_networks_of_ours_that_cannot_be_had(models, text, size, message):
    with pytest.raises(UserError, match=message):
        register_model(AskedModel(text, size, 12), models)
    assert not list(models.folder.glob("*.keras"))


def test_images_that_are_no_squares(models, tmp_path):
    path = save(tmp_path / "open.keras")
    found = register_model(AskedModel(path, (8, 12), 12), models)
    assert found.image_size == (8, 12)
    # Of 4 channels each, 8 x 12 positions.
    assert [cost.outputs for cost in found.costs] == [4 * 96, 4]
    # As a later process finds it.
    content = found.content
    assert models.find(content, (8, 12), 12) == found
    assert models.find(content, (12, 8), 12) is None
    path = save(tmp_path / "own.keras", (8, 12))
    assert register_model(AskedModel(path, None, 12), models).image_size == (
        *(8, 12),
    )
    with pytest.raises(UserError, match="8 x 12 px. Received: image_size=12x8"):
        register_model(AskedModel(path, (12, 8), 12), models)


def test_settings_of_other_shapes_are_read_back():
    data = DataSpec("any", 0, (9, 14), (8, 12), mean="model")
    model = ModelSpec("plain", content="0" * 64, cuts=("one",))
    spec = NetworkSpec(data, model, SolverSpec(0.1), target="all")
    values = json.loads(json.dumps(to_dict(spec)))
    assert from_dict(values) == spec
    with pytest.raises(UserError, match="takes square images"):
        NetworkSpec(
            DataSpec("any", 0, (9, 14), (8, 12)),
            ModelSpec("cnn8"),
            SolverSpec(0.1),
            target="A",
        )


def test_a_range_of_pixels_is_put_into_the_model(models, tmp_path):
    path = save(tmp_path / "own.keras")
    asked = AskedModel(path, 8, 12, (-1.0, 1.0))
    found = register_model(asked, models)
    assert found.scaling == "pixels of -1 to 1, put into the model"
    plain = keras.saving.load_model(path)
    kept = keras.saving.load_model(models.model_path(found.content))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3))
    np.testing.assert_allclose(
        kept(pixels), plain(pixels / 127.5 - 1), rtol=1e-5, atol=1e-5
    )
    # It is another model than the file alone, and found without Keras.
    assert (
        found.content != register_model(AskedModel(path, 8, 12), models).content
    )
    assert prepare_model(asked, models) == found
    # Another file of that name is another model.
    assert models.content_of(asked) == found.content
    save(path, seed=1)
    assert models.content_of(asked) is None
