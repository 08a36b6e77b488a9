"""Where models can be cut; worked out by hand on small graphs."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_transfer.errors import UserError
from keras_transfer.models.cuts import possible_cuts
from keras_transfer.models.layer_costs import starts_stage
from keras_transfer.models.model_graph import read_graph
from keras_transfer.models.parts import prefix, suffix
from keras_transfer.models.stages import stages
from keras_transfer.transfer import actions

IMAGES = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype("float32")


def conv(x, width, name, **more):
    return layers.Conv2D(width, 3, padding="same", name=name, **more)(x)


def residual():
    """Stem, two residual blocks (the second at half size), classifier."""
    x = inputs = keras.Input((8, 8, 3))
    x = conv(x, 4, "stem")
    x = stem = layers.BatchNormalization(name="stem_bn")(x)
    x = conv(conv(x, 4, "a1"), 4, "a2")
    x = layers.Add(name="a_add")([stem, x])
    x = entry = layers.ReLU(name="a_relu")(x)
    x = conv(conv(x, 6, "b1", strides=2), 6, "b2")
    side = layers.Conv2D(6, 1, strides=2, name="b_side")(entry)
    x = layers.Add(name="b_add")([side, x])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x), name="res")


def dense_net():
    """Two dense blocks of two layers with a transition between them."""
    x = inputs = keras.Input((8, 8, 3))
    x = conv(x, 4, "stem")
    for block in "ab":
        for i in "12":
            x = layers.Concatenate(name=f"{block}{i}_concat")(
                [x, conv(x, 2, f"{block}{i}")]
            )
        x = layers.ReLU(name=f"{block}_relu")(x)
        if block == "a":
            x = layers.Conv2D(4, 1, name="transition")(x)
            x = layers.AveragePooling2D(2, name="halved")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


def inception():
    """Stem, a block of three branches, classifier."""
    x = inputs = keras.Input((8, 8, 3))
    x = conv(x, 4, "stem")
    branches = [conv(x, 2, f"branch{i}") for i in range(3)]
    x = layers.Concatenate(name="mixed")(branches)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


def nested(backbone):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.RandomFlip(name="flip"),
            backbone,
            layers.Dropout(0.2, name="drop"),
            layers.Dense(7, name="new_head"),
        ]
    )


def last_layers(model, **more):
    return [stage.last_layer for stage in stages(model, **more)]


def largest_difference(model, images=IMAGES):
    expected = model(images, training=False)
    differences = []
    for stage in stages(model, most=None)[:-1]:
        half = prefix(model, stage)(images, training=False)
        whole = suffix(model, stage)(half, training=False)
        differences.append(np.abs(whole - expected).max())
    return max(differences)


def test_blocks_stay_whole():
    assert last_layers(residual()) == ["stem_bn", "a_relu", "pool", "head"]
    assert last_layers(inception()) == ["stem", "flat", "head"]
    # Each concatenation is a cut, yet a dense block is one stage.
    assert last_layers(dense_net()) == [
        "stem",
        "a_relu",
        "halved",
        "average",
        "head",
    ]
    every = last_layers(dense_net(), most=None)
    assert every[:4] == ["stem", "a1_concat", "a_relu", "halved"]


def test_possible_cuts_by_hand():
    graph = read_graph(residual())
    names = [call.name for call in graph.leaves()]
    found = [names[cut - 1] for cut in possible_cuts(graph)]
    # "a1", "a2", "b1", "b2" and "b_side" run beside another tensor.
    assert found == [
        *("stem", "stem_bn", "a_add", "a_relu", "b_add", "pool", "head")
    ]


def test_parameters_shapes_and_share_by_hand():
    table = stages(residual())
    # Kernels and biases: 3*3*3*4+4, and 4 tensors of batch normalisation.
    assert [s.parameters for s in table] == [
        112 + 16,
        2 * 148,
        (3 * 3 * 4 * 6 + 6) + (3 * 3 * 6 * 6 + 6) + (4 * 6 + 6),
        6 * 5 + 5,
    ]
    assert [s.trainable for s in table][0] == 112 + 8
    assert [s.output_shape for s in table] == [
        (None, 8, 8, 4),
        (None, 8, 8, 4),
        (None, 6),
        (None, 5),
    ]
    # Kernel values times positions: 64 of them, 16 after the stride.
    costs = [108 * 64, 288 * 64, (216 + 324 + 24) * 16, 30]
    assert [s.share for s in table] == pytest.approx(
        [cost / sum(costs) for cost in costs]
    )
    line = str(table).splitlines()[2]
    assert line.split()[:3] == ["2", "a_relu", "a_relu"]


def test_merging_keeps_the_end_before_the_classifier():
    assert last_layers(residual(), most=2) == ["pool", "head"]
    # The resolution changes after a_relu, not after stem_bn.
    assert last_layers(residual(), most=3) == ["a_relu", "pool", "head"]
    assert last_layers(residual(), most=1) == ["head"]


def test_prefix_and_suffix_give_the_same_output_and_share_weights():
    for model in (residual(), dense_net(), inception(), nested(residual())):
        assert largest_difference(model) < 1e-5
    model = residual()
    half = prefix(model, "a_relu")
    ids = {id(weight) for weight in model.weights}
    assert {id(w) for w in half.weights} <= ids
    rest = suffix(model, "a_relu")
    assert len(half.weights) + len(rest.weights) == len(model.weights)


def test_nested_models_are_looked_into():
    backbone = keras.Model(*residual_body())
    once = nested(backbone)
    assert last_layers(once) == ["stem_bn", "a_relu", "drop", "new_head"]
    twice = nested(keras.Sequential([keras.Input((8, 8, 3)), backbone]))
    assert last_layers(twice) == ["stem_bn", "a_relu", "drop", "new_head"]
    assert largest_difference(twice) < 1e-5
    # The part of a model that was cut keeps its name.
    assert prefix(once, 2).get_layer(backbone.name).layers[-1].name == "a_relu"
    assert "a_add" in [layer.name for layer in stages(once)[1].layers]


def residual_body():
    model = residual()
    return model.inputs, model.get_layer("pool").output


def test_equal_names_in_two_models():
    def part(channels, name):
        inputs = keras.Input((8, 8, channels))
        x = layers.Conv2D(4, 1, name="conv")(inputs)
        return keras.Model(inputs, layers.ReLU(name="relu")(x), name=name)

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            part(3, "first"),
            part(4, "second"),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )
    assert last_layers(model)[0] == "first/relu"
    assert largest_difference(model) < 1e-5
    assert last_layers(model, cuts=["second/relu"])[0] == "second/relu"
    with pytest.raises(UserError, match="Several layers are called 'relu'"):
        stages(model, cuts=["relu"])


def test_sequential_is_numbered_as_the_paper_does():
    rows = [layers.Rescaling(1 / 255)]
    for i in range(14):
        rows += [layers.Conv2D(2, 1, name=f"conv{i}"), layers.ReLU()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *rows])
    table = stages(model)
    assert [s.name for s in table] == [f"conv{i}" for i in range(14)]
    numbers = actions.number_layers(model)
    counted = [len(stage.layers) for stage in table]
    # Rescaling, number 0, travels with the first layer.
    assert counted == [3, *[numbers.count(i) for i in range(2, 15)]]


def test_followers_are_seen_through_wrappers():
    video = [
        layers.TimeDistributed(layers.Conv2D(4, 3)),
        layers.TimeDistributed(layers.BatchNormalization()),
        layers.TimeDistributed(layers.GlobalMaxPooling2D()),
        layers.LSTM(4),
        layers.RMSNormalization(),
        layers.Dense(3),
    ]
    model = keras.Sequential([keras.Input((3, 8, 8, 3)), *video])
    assert [len(s.layers) for s in stages(model)] == [3, 2, 1]
    assert not starts_stage(video[1])
    # Per step: 3*3*3*4 at 6x6 positions of 3 frames; LSTM over 3 steps.
    costs = [108 * 36 * 3, (4 * 16 + 4 * 16) * 3, 12]
    assert [s.share for s in stages(model)] == pytest.approx(
        [cost / sum(costs) for cost in costs]
    )


def test_named_cuts():
    model = residual()
    assert last_layers(model, cuts=["b_add", "stem"]) == [
        "stem",
        "b_add",
        "head",
    ]
    with pytest.raises(UserError, match="Nearest: .'a_add'"):
        stages(model, cuts=["a_ad"])
    with pytest.raises(
        UserError, match=r"Nearest possible cuts: \['stem_bn', 'a_add'\]"
    ):
        stages(model, cuts=["a1"])
    with pytest.raises(UserError, match="no stage"):
        stages(model, cuts=["a_add", "a_relu"])


def test_calls_of_a_shared_layer_stay_on_one_side():
    shared = layers.Dense(3, name="shared")
    x = inputs = keras.Input((3,))
    x = layers.Dense(3, name="first")(x)
    x = shared(x)
    x = layers.Dense(3, name="between")(x)
    x = shared(x)
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    assert last_layers(model) == ["first", "shared", "head"]
    assert sum(s.parameters for s in stages(model)) == model.count_params()
    with pytest.raises(UserError, match="called once more"):
        stages(model, cuts=["between"])


def test_several_inputs_and_outputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    x = layers.Concatenate(name="both")(
        [layers.Dense(2)(a), layers.Dense(2)(b)]
    )
    x = layers.Dense(4, name="body")(x)
    model = keras.Model([a, b], [layers.Dense(2)(x), layers.Dense(3)(x)])
    assert last_layers(model)[:2] == ["both", "body"]
    assert stages(model)[-1].output_shape == ((None, 2), (None, 3))
    given = [np.ones((2, 3), "float32"), np.full((2, 3), 2, "float32")]
    found = suffix(model, "body")(prefix(model, "body")(given))
    for one, other in zip(found, model(given), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_open_sizes_attention_and_recurrent_layers():
    inputs = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    table = stages(keras.Model(inputs, layers.Dense(2)(x)))
    # As for an image of 224: 222 positions a side.
    assert table[0].share == pytest.approx(1 - 8 / (108 * 222**2 + 8))
    inputs = keras.Input((6, 4))
    x = layers.LayerNormalization(name="norm")(layers.Dense(4)(inputs))
    y = layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    x = layers.Add(name="sum")([x, y])
    x = layers.GRU(3, name="gru")(x)
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    assert last_layers(model) == ["norm", "sum", "gru", "head"]
    values = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    assert largest_difference(model, values) < 1e-5


def test_a_mask_is_a_second_tensor():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True, name="words")(inputs)
    x = layers.LSTM(3, name="lstm")(x)
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    assert last_layers(model) == ["lstm", "head"]
    words = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 0]])
    assert largest_difference(model, words) < 1e-6


class NoGraph(keras.Model):
    def __init__(self):
        super().__init__(name="own")
        self.body = residual()

    def call(self, inputs):
        return self.body(inputs)


def test_models_without_a_graph_are_refused_by_name():
    model = NoGraph()
    model(IMAGES)
    with pytest.raises(UserError, match=r"'own'.*inside it: \['res'\]"):
        stages(model)
    with pytest.raises(UserError, match="is not built"):
        stages(keras.Sequential([layers.Dense(2)]))
    inputs = keras.Input((3,))
    with pytest.raises(UserError, match="no layer with weights"):
        stages(keras.Model(inputs, layers.ReLU()(inputs)))
    # Inside a graph it is one layer.
    inputs = keras.Input((8, 8, 3))
    outer = keras.Model(inputs, layers.Dense(2)(NoGraph()(inputs)))
    assert [s.name for s in stages(outer)][0] == "own"


def test_bad_stages():
    model = residual()
    with pytest.raises(UserError, match="between 1 and 4. Received: stage=9"):
        prefix(model, 9)
    with pytest.raises(UserError, match="Nothing follows 'head'"):
        suffix(model, 4)
    with pytest.raises(UserError, match="not one of model"):
        prefix(inception(), stages(model)[1])
    with pytest.raises(UserError, match="most=0"):
        stages(model, most=0)


TRIED = {
    "ResNet50": 64,
    "EfficientNetB0": 64,
    "MobileNetV3Small": 64,
    "DenseNet121": 64,
    "InceptionV3": 96,
    "ConvNeXtTiny": 64,
    "VGG16": 64,
    "Xception": 96,
    "NASNetMobile": 64,
}


@pytest.mark.slow(15)
@pytest.mark.parametrize("name", TRIED)
def test_published_models(name):
    size = TRIED[name]
    build = getattr(keras.applications, name)
    # Logits: after softmax, small random networks all say the same.
    model = build(
        weights=None,
        input_shape=(size, size, 3),
        classes=7,
        classifier_activation=None,
    )
    images = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3))
    images = images.astype("float32")
    expected = model(images).numpy()
    assert np.ptp(expected, axis=0).max() > 0
    table = stages(model)
    assert 3 <= len(table) <= 12
    assert table[-1].last_layer == model.layers[-1].name
    assert sum(s.parameters for s in table) == model.count_params()
    for stage in (table[0], table[len(table) // 2], table[-2]):
        found = suffix(model, stage)(prefix(model, stage)(images))
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-5 * scale)
