"""The first stages of any Keras model, copied, frozen, trained and proved."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import keras_transfer as kt
from tests.example_layers import Scale

X = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
Y = np.array([0, 1, 2, 0])


@pytest.fixture(autouse=True)
def same_start():
    keras.utils.set_random_seed(0)


def conv(width, name, **more):
    return layers.Conv2D(width, 3, padding="same", name=name, **more)


def backbone(skip=True, inner=4):
    """Stem of a convolution and its normalisation, then two blocks."""
    x = inputs = keras.Input((8, 8, 3))
    x = layers.BatchNormalization(name="stem_bn")(conv(4, "stem")(x))
    for block in "ab":
        y = conv(inner, f"{block}1", activation="relu")(x)
        y = conv(4, f"{block}2")(y)
        x = layers.Add(name=f"{block}_add")([x if skip else y, y])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, x, name="backbone")


def source():
    body = backbone()
    outputs = layers.Dense(5, name="old_head")(body.output)
    return keras.Model(body.input, outputs)


def nested():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.RandomFlip(name="flip"),
            layers.Rescaling(0.5, name="scale"),
            backbone(),
            layers.Dropout(0.2, name="drop"),
            layers.Dense(3, name="head"),
        ]
    )


def fit(model, images=X, labels=Y):
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(images, labels, verbose=0)


def names(proof, chosen):
    return sorted({t.layer for t in proof.tensors if chosen(t)})


def test_part_of_a_backbone_inside_another_model():
    base, model = source(), nested()
    base.get_layer("stem_bn").moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    assert [s.last_layer for s in kt.stages(model)] == [
        *("stem_bn", "a_add", "drop", "head")
    ]
    proof = kt.copy_first_layers(base, model, n=2)
    inner = model.get_layer("backbone")
    # Leaf layers are frozen; the model that holds others too is not.
    flags = {x.name: x.trainable for x in inner.layers if x.weights}
    assert flags == {
        **{"stem": False, "stem_bn": False, "a1": False, "a2": False},
        **{"b1": True, "b2": True},
    }
    assert inner.trainable
    # Kernel and bias of six layers, four tensors of the normalisation.
    copied = [t for t in proof.tensors if t.copied]
    assert (len(proof.tensors), len(copied)) == (16, 10)
    assert {t.output_difference for t in copied} == {0.0}
    assert {t.stage for t in copied} == {"1", "2"}
    assert "in the target only: flip, scale" in proof.summary()
    fit(model)
    after = proof.after(model)
    assert "10 frozen, 10 of those unchanged" in after.summary()
    np.testing.assert_array_equal(
        inner.get_layer("stem_bn").moving_mean, [1, 2, 3, 4]
    )
    assert names(after, lambda t: t.moved) == [
        *("backbone/b1", "backbone/b2", "head")
    ]
    # Without `training=False` Keras's augmentation acts.
    np.testing.assert_allclose(
        kt.prefix(base, "a_add")(0.5 * X, training=False),
        kt.prefix(model, 2)(X, training=False),
        rtol=1e-5,
        atol=1e-5,
    )


def test_all_of_a_backbone_freezes_it_as_a_whole():
    model = nested()
    kt.copy_first_layers(source(), model, n=3)
    assert not model.get_layer("backbone").trainable
    assert kt.trainable_summary(model).frozen == (
        *("backbone/stem", "backbone/stem_bn", "backbone/a1"),
        *("backbone/a2", "backbone/b1", "backbone/b2"),
    )
    # Finetuned, it wakes up again.
    kt.copy_first_layers(source(), model, n=3, mode="finetuned")
    assert model.get_layer("backbone").trainable
    assert kt.trainable_summary(model).frozen == ()


def test_up_to_a_layer_and_own_cuts():
    model = nested()
    proof = kt.copy_first_layers(source(), model, up_to="backbone/stem")
    assert names(proof, lambda t: t.frozen) == ["backbone/stem"]
    proof = kt.copy_first_layers(source(), nested(), 1, cuts=["b_add"])
    assert sum(t.copied for t in proof.tensors) == 14


def test_a_layer_thawed_after_compile_is_caught():
    model = nested()
    proof = kt.copy_first_layers(source(), model, n=2)
    model.get_layer("backbone").get_layer("a1").trainable = True
    fit(model)
    with pytest.raises(kt.NetworkFailed, match="Frozen tensors.*a1/kernel"):
        proof.after(model)


def test_a_saved_model_can_be_checked_against_its_proof(tmp_path):
    model = nested()
    rows = kt.copy_first_layers(source(), model, n=2).to_rows()
    fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    after = kt.Proof.from_rows(rows).after(again)
    assert "10 frozen, 10 of those unchanged" in after.summary()
    after.verify(model)


def two_inputs():
    first, second = keras.Input((4,)), keras.Input((4,))
    twin = layers.Dense(4, name="twin")  # called twice: one layer
    x = layers.Subtract(name="minus")([twin(first), twin(second)])
    x = layers.Dense(4, name="above")(x)
    return keras.Model([first, second], layers.Dense(3, name="head")(x))


def attention():
    x = inputs = keras.Input((5, 4))
    x = layers.Dense(4, name="embed")(x)
    y = layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add(name="add")([x, y]))
    x = layers.LSTM(4, name="recurrent")(x)
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def two_outputs():
    x = inputs = keras.Input((4,))
    x = layers.Dense(4, name="shared")(x)
    heads = [layers.Dense(3, name=f"head{i}")(x) for i in "12"]
    return keras.Model(inputs, heads)


@pytest.mark.parametrize(
    "build, up_to, copied",
    [
        (two_inputs, "minus", 2),
        # Four kernels with biases of attention, scale and shift.
        (attention, "norm", 2 + 8 + 2),
        (attention, "recurrent", 2 + 8 + 2 + 3),
        (two_outputs, "shared", 2),
    ],
)
def test_graphs_of_other_kinds(build, up_to, copied):
    base, model = build(), build()
    proof = kt.copy_first_layers(base, model, up_to=up_to)
    found = [t for t in proof.tensors if t.copied]
    assert len(found) == copied == sum(t.frozen for t in proof.tensors)
    assert {t.output_difference for t in found} == {0.0}


class Hidden(keras.Model):
    def __init__(self):
        super().__init__(name="hidden")
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def no_graph():
    model = Hidden()
    model(X)
    return model


@pytest.mark.parametrize(
    "base, model, more, message",
    [
        (no_graph, nested, {"n": 1}, "'hidden' .* has no graph.*Functional"),
        (source, no_graph, {"n": 1}, "'hidden' .* has no graph"),
        (source, nested, {"n": 4}, "at most 3: the last of 4.*n=4"),
        (source, nested, {}, "either `n` or `up_to`.*n=None"),
        (source, nested, {"n": 1, "up_to": "stem"}, "either `n` or `up_to`"),
        (source, nested, {"up_to": "a1"}, "cannot be cut after 'a1'.*stem_bn"),
        (source, nested, {"up_to": "stm"}, "No layer is called 'stm'.*Near"),
        (source, nested, {"up_to": "head"}, "and weights after it"),
        (source, nested, {"up_to": "flip"}, "a layer with weights before"),
        (source, nested, {"n": 1, "mode": "cold"}, "`mode`.*'cold'"),
        (
            lambda: backbone(skip=False),
            nested,
            {"n": 2},
            "'backbone/a_add' .*takes other tensors.*up to 'backbone/a2'",
        ),
        (
            lambda: backbone(inner=6),
            nested,
            {"n": 2},
            r"Cannot copy layer 'a1' to 'a1': expected weight shapes",
        ),
        (attention, nested, {"n": 1}, "stem.*Received: 'embed' .Dense"),
        (lambda: kt.prefix(source(), 1), nested, {"n": 2}, "ends before it"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    base, model, more, message
):
    target = model()
    before = [w.numpy() for w in target.weights]
    with pytest.raises(kt.UserError, match=message):
        kt.copy_first_layers(base(), target, **more)
    for old, weight in zip(before, target.weights, strict=True):
        np.testing.assert_array_equal(old, weight)
    assert all(layer.trainable for layer in target.layers)


def test_models_that_share_layers_are_refused():
    base = source()
    model = keras.Model(
        base.input, layers.Dense(2)(base.get_layer("pool").output)
    )
    with pytest.raises(kt.UserError, match="share .*clone_model"):
        kt.copy_first_layers(base, model, n=1)


class Counts(layers.Layer):
    """Changes its own weight in training mode, frozen or not."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), trainable=False)

    def call(self, inputs, training=False):
        if training:
            self.count.assign_add(1.0)
        return inputs


def test_a_fault_found_late_puts_every_flag_back():
    def build():
        x = inputs = keras.Input((4,))
        inner = keras.Sequential(
            [keras.Input((4,)), layers.Dense(4), Counts()], name="inner"
        )
        y = inner(x)
        x = layers.Add()([x, y])
        return keras.Model(inputs, layers.Dense(3)(x))

    model = build()
    model.get_layer("inner").layers[0].trainable = False
    with pytest.raises(kt.UserError, match="Counts.* changes its own"):
        kt.copy_first_layers(build(), model, n=1)
    inner = model.get_layer("inner")
    assert inner.trainable
    assert [x.trainable for x in inner.layers] == [False, True]


# Their layers' names go on from model to model: the number depends on what the
# process built before.
NUMBERED = ("ConvNeXtTiny", "Xception")
APPLICATIONS = {
    "ResNet50": 32,
    "EfficientNetB0": 32,
    "MobileNetV3Small": 32,
    "DenseNet121": 32,
    "InceptionV3": 75,
    "ConvNeXtTiny": 32,
    "VGG16": 32,
    "Xception": 71,
    "NASNetMobile": 32,
}
# Of these a graph costs far more than the one step that is taken in it.
EAGER = (
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "InceptionV3",
    "NASNetMobile",
    "Xception",
)


def application(name, _, __):
    text = f"applications:{name}@random"
    return kt.load_source(text, image_size=APPLICATIONS[name]).model


def own_file(_, __, folder):
    x = inputs = keras.Input((32, 32, 3))
    for i in range(3):
        y = Scale(name=f"scale{i}")(conv(3, f"conv{i}")(x))
        x = layers.Add(name=f"add{i}")([x, y])
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    keras.Model(inputs, x).save(folder / "own.keras")
    return kt.load_source(str(folder / "own.keras")).model


def hub(_, request, __):
    return request.getfixturevalue("hub_backbone")


def published(_, request, __):
    shared = request.getfixturevalue("shared_data")
    path = shared / "data" / "efficientnet_lite0.keras"
    if not path.is_file():
        pytest.skip("needs ../shared/data/efficientnet_lite0.keras")
    return kt.load_source(str(path)).model


def inside(_, request, folder):
    body = application("MobileNetV3Small", request, folder)
    return keras.Sequential(
        [keras.Input((32, 32, 3)), layers.RandomFlip(), body]
    )


MODELS = {
    **dict.fromkeys(APPLICATIONS, application),
    "MobileNetV3Small inside a `Sequential`": inside,
    "a ResNet of KerasHub": hub,
    "a `.keras` file with a registered layer": own_file,
    "EfficientNet-Lite0 with ImageNet weights, from a `.keras` file": published,
}
PAGE = (Path(__file__).parent / "README.md").read_text()
TRIED = PAGE.split("## Models tried")[1].split("\n## ")[0]


def table_row(name):
    """Returns the cells of a model's row, without the marks of footnotes."""
    (row,) = [x for x in TRIED.splitlines() if x.startswith(f"| {name} |")]
    return [x.strip() for x in row.replace(" [1]", "").strip("|").split(" | ")]


def test_every_model_has_a_row():
    rows = [x for x in TRIED.splitlines() if x.startswith("| ")]
    assert len(rows) == 1 + len(MODELS)
    for name in MODELS:
        assert len(table_row(name)) == 5


@pytest.mark.slow(8)
@pytest.mark.parametrize("name", MODELS)
def test_models_of_the_field(name, request, tmp_path):
    base = MODELS[name](name, request, tmp_path)
    model = kt.new_head(base, 3, seed=0)
    table = kt.stages(model)
    n = len(table) // 2
    # Its body has the source's weights already: draw them anew.
    body = [w for stage in table[:-1] for x in stage.layers for w in x.weights]
    rng = np.random.default_rng(0)
    for weight in body:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(0, 0.05, weight.shape))
    proof = kt.copy_first_layers(base, model, n)
    copied = [t for t in proof.tensors if t.copied]
    assert {t.output_difference for t in copied} == {0.0}
    side = APPLICATIONS.get(name, 32)
    images = rng.uniform(0, 1, (4, side, side, 3)).astype("float32")
    np.testing.assert_array_equal(
        kt.prefix(model, n)(images, training=False),
        kt.prefix(base, table[n - 1].last_layer)(images, training=False),
    )
    form = kt.head_form(model)
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(form == "logits"),
        jit_compile=False,
        run_eagerly=name in EAGER,
    )
    model.train_on_batch(images, Y)
    after = proof.after(model)
    frozen = [t for t in after.tensors if t.frozen]
    assert (
        len(frozen)
        == len(copied)
        == sum(len(stage_weights(stage)) for stage in table[:n])
    )
    cells = [
        name,
        str(len(table)),
        f"{n}, `{table[n - 1].last_layer}`",
        f"{len(copied)} of {len(after.tensors)}",
        str(sum(t.moved for t in after.tensors)),
    ]
    print(f"| {' | '.join(cells)} |")
    # A gradient may be zero on another processor, so what moved may differ.
    found, told = cells[:4], table_row(name)[:4]
    if name in NUMBERED:
        found[2], told[2] = (re.sub(r"_\d+", "", x[2]) for x in (found, told))
    assert found == told


def stage_weights(stage):
    return {id(w) for layer in stage.layers for w in layer.weights}
