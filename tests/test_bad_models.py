"""Models that no study can use: each is named in one line, with the reason.

`tests/README.md` has a row for each case, and a test compares them.
"""

import pickle
import re
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.models.registering import register_model
from keras_transfer.specs.registered import AskedModel
from keras_transfer.storage.registered_models import RegisteredModels
from tests.example_layers import Scale

PAGE = (Path(__file__).parent / "README.md").read_text()
TABLE = PAGE.split("## Models that are refused")[1].split("\n## ")[0]


def plain(shape=(8, 8, 3), last=None):
    x = inputs = keras.Input(shape)
    x = Scale(name="scale")(layers.Conv2D(4, 3, name="conv")(x))
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x), name="own")


def residual():
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="stem")(x)
    y = layers.Conv2D(3, 3, padding="same", name="inner")(x)
    x = layers.Add(name="sum")([x, y])
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x), name="own")


def two_outputs():
    model = plain()
    return keras.Model(
        model.input, [model.output, layers.Dense(3)(model.output)], name="own"
    )


def two_inputs():
    ends = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    x = layers.Flatten()(layers.Conv2D(2, 3)(layers.Add()(ends)))
    return keras.Model(ends, layers.Dense(2)(x), name="own")


def words():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(inputs))
    return keras.Model(inputs, layers.Dense(2)(x), name="own")


def head_alone():
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, layers.Dense(2)(x), name="own")


def no_weights():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.MaxPooling2D()(inputs), name="own")


def strided():
    x = inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 7, name="wide")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2)(x), name="own")


@keras.saving.register_keras_serializable("test_bad_models")
class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def subclassed():
    model = Subclassed(name="own")
    model(np.zeros((1, 8, 8, 3), "float32"))
    return model


def saved(build, change=None):
    """Returns a function that writes a model's file, changed afterwards."""

    def write(folder):
        path = folder / "own.keras"
        build().save(path)
        if change is not None:
            change(path)
        return path

    return write


def rewritten(**parts):
    """Replaces or, with `None`, drops entries of an archive."""

    def change(path):
        with zipfile.ZipFile(path) as archive:
            entries = {n: archive.read(n) for n in archive.namelist()}
        for name, value in parts.items():
            name = name.replace("__", ".")
            old = entries.pop(name, b"")
            if value is not None:
                entries[name] = value(old)
        with zipfile.ZipFile(path, "w") as archive:
            for name, value in entries.items():
                archive.writestr(name, value)

    return change


def renamed(old, new):
    def change(text):
        assert old.encode() in text
        return text.replace(old.encode(), new.encode())

    return rewritten(config__json=change)


def content(name, data):
    def write(folder):
        (folder / name).write_bytes(data)
        return folder / name

    return write


def legacy(folder):
    plain().save(folder / "own.h5")
    return folder / "own.h5"


def legacy_renamed(folder):
    return legacy(folder).rename(folder / "own.keras")


def weights_alone(folder):
    plain().save_weights(folder / "own.weights.h5")
    return folder / "own.weights.h5"


def exported(folder):
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").write_bytes(b"")
    return folder / "saved"


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-300])


def other_weights(path):
    wider = path.with_name("wider.keras")
    plain((9, 9, 3)).save(wider)
    with zipfile.ZipFile(wider) as archive:
        weights = archive.read("model.weights.h5")
    rewritten(model__weights__h5=lambda _: weights)(path)


FORMS = "Expected one of FILE.keras"
# What is given; how, with the size or cuts asked for; what is said.
CASES = {
    "an empty file": (content("own.keras", b""), {}, "is not a `.keras` file"),
    "a text called `.keras`": (
        content("own.keras", b"text"),
        {},
        "is not a `.keras` file",
    ),
    "a pickle called `.keras`": (
        content("own.keras", pickle.dumps({"a": 1})),
        {},
        "is not a `.keras` file",
    ),
    "a `.keras` file cut off": (
        saved(plain, cut_off),
        {},
        "is not a `.keras` file",
    ),
    "another archive called `.keras`": (
        saved(plain, rewritten(config__json=None)),
        {},
        "is not a `.keras` file",
    ),
    "HDF5 called `.keras`": (legacy_renamed, {}, "is not a `.keras` file"),
    "HDF5 of Keras 2": (legacy, {}, "Load it with Keras and save it as"),
    "weights alone": (weights_alone, {}, "holds weights without a model"),
    "a SavedModel": (exported, {}, "is a folder"),
    "a pickle or a PyTorch file": (
        content("own.pt", pickle.dumps({"a": 1})),
        {},
        FORMS,
    ),
    "without its weights": (
        saved(plain, rewritten(model__weights__h5=None)),
        {},
        "cannot be loaded: Expected a model.weights.h5",
    ),
    "with weights of another shape": (
        saved(plain, other_weights),
        {},
        "cannot be loaded: .*Dense name=head.* must match",
    ),
    "a file beside the model": (
        saved(plain, rewritten(code__py=lambda _: b"")),
        {},
        "is refused: expected the entries",
    ),
    "a `Lambda`": (
        saved(
            plain, renamed('"class_name": "Flatten"', '"class_name": "Lambda"')
        ),
        {},
        "has a Lambda, which runs code",
    ),
    "a class of another module": (
        saved(plain, renamed('"module": "keras.layers"', '"module": "os"')),
        {},
        "of module 'os' is not known",
    ),
    "a layer that nobody registered": (
        saved(plain, renamed("example_layers>Scale", "elsewhere>Scale")),
        {},
        "'elsewhere>Scale' of module .* Import the module that defines it",
    ),
    "a subclassed model": (saved(subclassed), {}, "has no graph: which layers"),
    "two outputs": (saved(two_outputs), {}, "'own' has 2 outputs"),
    "two inputs": (saved(two_inputs), {}, "expected one input"),
    "a model of words": (saved(words), {}, "does not take images"),
    "grey images": (
        saved(lambda: plain((8, 8, 1))),
        {},
        r"shape \(8, 8, 1\). Expected 3 channels",
    ),
    "four channels": (
        saved(lambda: plain((8, 8, 4))),
        {},
        r"shape \(8, 8, 4\). Expected 3 channels",
    ),
    "a head alone": (saved(head_alone), {}, "has a single stage"),
    "no layer with weights": (saved(no_weights), {}, "no layer with weights"),
    "images of another size than the model's": (
        saved(plain),
        {"image_size": 9},
        "needs images of 8 x 8 px. Received: image_size=9",
    ),
    "images that are too small": (
        saved(strided),
        {"image_size": 4},
        "does not take images of 4 x 4 px: .*another `image_size`",
    ),
    "a cut at a layer that is not there": (
        saved(residual),
        {"wanted": ("stm",)},
        "No layer is called 'stm'; .* Nearest: .'stem'",
    ),
    "a cut inside a block": (
        saved(residual),
        {"wanted": ("inner",)},
        "cannot be cut after 'inner'",
    ),
    "cuts without weights between them": (
        saved(residual),
        {"wanted": ("sum", "flat")},
        "No layer between 'sum' and 'flat' has weights",
    ),
}


def refusal(write, options, tmp_path):
    text = str(write(tmp_path))
    asked = {"image_size": None, "wanted": 12} | options
    models = RegisteredModels(tmp_path / ".cache")
    with pytest.raises(UserError) as error:
        register_model(AskedModel(text, **asked), models)
    return str(error.value)


@pytest.mark.parametrize("name", CASES)
def test_a_model_that_cannot_serve_is_named_in_one_line(name, tmp_path):
    write, options, said = CASES[name]
    message = refusal(write, options, tmp_path)
    assert re.search(said, message), message
    assert len(message.splitlines()) == 1 and len(message) < 500
    # Nothing of it is kept as a model that could be used.
    assert not list((tmp_path / ".cache").rglob("*-*.json"))
    # The table says what is said; paths and what Keras adds are left out.
    (row,) = [x for x in TABLE.splitlines() if x.startswith(f"| {name} |")]
    told = row.split(" | ")[1].replace("`...`", "...").strip(".")
    parts = [part.strip(" .") for part in told.split("...")]
    assert all(part in message for part in parts), (parts, message)
    assert sum(map(len, parts)) > 20
