"""A model as a study keeps it: its file, stages, size and scaling."""

import json
import shutil

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.models.kept_settings import find_difference
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


def test_two_ranges_of_pixels_are_two_models(models, tmp_path):
    path = save(tmp_path / "own.keras")
    ranges = [(0.0, 1.0), (-1.0, 1.0), None]
    found = [register_model(AskedModel(path, 8, 2, r), models) for r in ranges]
    assert len({model.content for model in found}) == 3
    # Each is kept with its own scaling, and found again by its range.
    for pixel_range, model in zip(ranges[:2], found, strict=False):
        kept = keras.saving.load_model(models.model_path(model.content))
        assert kept.get_layer("scaling").offset == pixel_range[0]
        asked = AskedModel(path, 8, 2, pixel_range)
        assert models.content_of(asked) == model.content
        assert register_model(asked, models) == model


def test_a_model_of_the_same_weights_and_other_settings(models, tmp_path):
    def ask(stride, path=tmp_path / "own.keras"):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3, strides=stride, name="one")(inputs)
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(5, name="out")(x)
        keras.Model(inputs, x, name="strided").save(path)
        return AskedModel(f"{path}@random", None, 2)

    first = register_model(ask(1), models)
    assert register_model(ask(1), models) == first
    with pytest.raises(
        UserError, match=r"layer one, strides=\[2, 2\] and \[1, 1\].*log folder"
    ):
        register_model(ask(2), models)
    # A file as it is has an id of all that is in it.
    text = ask(2).text.removesuffix("@random")
    found = register_model(AskedModel(text, None, 2), models)
    assert found.costs != first.costs


def test_layers_of_the_same_weights_that_are_wired_otherwise(tmp_path):
    def build(swapped):
        inputs = keras.Input((4,))
        a = layers.Dense(4, name="a")(inputs)
        b = layers.Dense(4, name="b")(inputs)
        pair = [b, a] if swapped else [a, b]
        x = layers.Subtract(name="minus")(pair) * 2.0
        return keras.Model(inputs, x)

    path = tmp_path / "kept.keras"
    build(False).save(path)
    kept = keras.saving.load_model(path)
    assert find_difference(build(False), kept) is None
    assert "layer minus, arguments" in find_difference(build(True), kept)


@pytest.mark.parametrize(
    "form",
    ["applications:MobileNet@{}", "{}@random", "hub:{}", "hub:{}@random"],
)
def test_what_a_text_names_may_change(models, tmp_path, form):
    place = tmp_path / "weights.keras"
    if form.startswith("hub"):
        (place / "inner").mkdir(parents=True)
        file = place / "inner" / "model.weights.h5"
    else:
        file = place
    file.write_text("first")
    asked = AskedModel(form.format(place), 32, 2)
    content = "0" * 64
    models.folder.mkdir(parents=True)
    models.model_path(content).touch()
    models.keep_text(asked, content)
    assert models.content_of(asked) == content
    file.write_text("other")
    assert models.content_of(asked) is None
    file.write_text("first")
    assert models.content_of(asked) == content
    if form.startswith("hub"):
        file.rename(place / "model.weights.h5")
        assert models.content_of(asked) is None
        shutil.rmtree(place)
    file.unlink(missing_ok=True)
    assert models.content_of(asked) is None


def test_a_text_that_names_no_file_is_found_as_before(models):
    models.folder.mkdir(parents=True)
    models.model_path("0" * 64).touch()
    (models.folder / "texts.json").write_text(
        json.dumps({"applications:MobileNet at 32 px": "0" * 64})
    )
    asked = AskedModel("applications:MobileNet", 32, 2)
    assert models.content_of(asked) == "0" * 64
