"""Python code that trains the recommended network, to be taken along."""

from keras_transfer.recommendation.ways import RATE_DECAY, Choice
from keras_transfer.training.candidates import MOST_MOMENTUM

_HEAD = '''"""Trains what was recommended: {order}."""

import keras
import numpy as np

import keras_transfer as kt
{imports}
{limits}size = {size}
{data}
{source}
'''
_FOLDER = """folder = ImageFolder({folder!r})
images = np.concatenate(list(folder.images("train", size)))
labels, held_out = folder.labels("train"), folder.validation_rows()
x_train, y_train = images[~held_out], labels[~held_out]
x_test = np.concatenate(list(folder.images("test", size)))
y_test = folder.labels("test")
num_classes = len(folder.class_names)"""
_DRAWN = """names = list(MAN_MADE)
x_train = np.concatenate([draw(name, 20, seed=0) for name in names])
y_train = np.repeat(np.arange(len(names)), 20)
x_test = np.concatenate([draw(name, 60, seed=1) for name in names])
y_test = np.repeat(np.arange(len(names)), 60)
num_classes = len(names)"""
_PROBE = """features = kt.prefix(source, {last!r})


def pooled(x):
    out = features.predict(x, batch_size=32, verbose=0)
    return out.mean(axis=tuple(range(1, out.ndim - 1)))


probe = fit_linear_probe(pooled(x_train), y_train)
"""
_TRUNCATED = """
x = features.outputs[0]
if len(x.shape) == 4:
    x = keras.layers.GlobalAveragePooling2D()(x)
elif len(x.shape) == 3:
    x = keras.layers.GlobalAveragePooling1D()(x)
head = keras.layers.Dense(num_classes, name="linear_head")
network = keras.models.clone_model(keras.Model(features.inputs, head(x)))
proof = kt.copy_first_layers(source, network, up_to={last!r})
network.get_layer("linear_head").set_weights([probe.weights, probe.bias])
"""
_TRAIN = """
for _, layer in leaf_layers(network):
    if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        layer.momentum = min(layer.momentum, {momentum:g})  # few steps
steps = {epochs} * max(1, len(x_train) // {batch_size})
rate = keras.optimizers.schedules.CosineDecay({rate:g}, steps)
logits = kt.head_form(network) == "logits"
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
network.compile({optimizer}, loss, jit_compile=False)
network.fit(x_train, y_train, batch_size={batch_size}, epochs={epochs})
"""
_TAIL = """{proved}
guessed = network.predict(x_test, verbose=0).argmax(1)
print(f"test accuracy {{100 * np.mean(guessed == y_test):.1f}} %")
network.save("recommended.keras")
"""


def snippet(outcome: dict, choice: Choice, rate: float) -> str:
    """Writes the code.

    Args:
        outcome: Dict of `outcome_of`.
        choice: `Choice` that was recommended.
        rate: Float, its learning rate.

    Returns:
        String, a Python script.
    """
    last_layers = [stage["last_layer"] for stage in outcome["stages"]]
    last = last_layers[(choice.stage or len(last_layers) - 1) - 1]
    folder = outcome["folder"]
    imports = []
    if folder is None:
        imports.append(
            "from keras_transfer.datasets.synthetic_shapes import "
            "MAN_MADE, draw"
        )
    else:
        imports.append(
            "from keras_transfer.datasets.image_folder import ImageFolder"
        )
    if choice.row.probe_first:
        imports.append(
            "from keras_transfer.recommendation.score_accuracy import "
            "fit_linear_probe"
        )
    if choice.row.above == "redrawn":
        imports.append(
            "from keras_transfer.models.fresh_weights import draw_anew"
        )
    if choice.row.trained:
        imports.append(
            "from keras_transfer.models.model_graph import leaf_layers"
        )
    if outcome["open_size"]:
        imports.append(
            "from keras_transfer.models.image_size import with_image_size"
        )
    if choice.row.rate_decay != 1:
        imports.append("from keras_transfer.training.rated import RatedAdam")
    if choice.row.trained and choice.row.probe_first:
        imports.append(
            "from keras_transfer.training.candidate_networks import "
            "keep_moments, set_head"
        )
    # The layers of our own networks, which a file may name.
    imports.append("import keras_transfer.models.layers  # noqa: F401")
    plain = [line for line in imports if line.startswith("import")]
    rest = sorted(line for line in imports if not line.startswith("import"))
    parts = [
        _HEAD.format(
            order=choice.order(last_layers),
            imports="\n".join([*plain, *rest, ""]),
            limits=_limits(outcome),
            size=tuple(outcome["image_size"]),
            data=_DRAWN if folder is None else _FOLDER.format(folder=folder),
            source=_source(outcome),
        )
    ]
    parts += _network(choice, last, outcome)
    if choice.row.trained:
        parts.append(
            _TRAIN.format(
                momentum=MOST_MOMENTUM,
                rate=rate,
                epochs=outcome["epochs"],
                batch_size=outcome["batch_size"],
                optimizer="RatedAdam(rate, rates=rates)"
                if choice.row.rate_decay != 1
                else "keras.optimizers.Adam(rate)",
            )
        )
    copied = choice != Choice("redrawn")
    proved = "print(proof.after(network).summary())" if copied else ""
    parts.append(_TAIL.format(proved=proved))
    return "".join(parts)


def _limits(outcome: dict) -> str:
    """Says that this trains on more than the command looked at."""
    found = [
        f"{outcome[key]:,} {what}"
        for key, what in (
            ("images_per_class", "training images of each class"),
            ("most_classes", "classes"),
        )
        if outcome[key] is not None
    ]
    if not found:
        return ""
    return (
        f"# It was chosen with at most {' and '.join(found)}.\n"
        "# This trains with all of them.\n"
    )


def _source(outcome: dict) -> str:
    path = outcome["model_path"]
    size = outcome["image_size"][0]
    lines = [f"source = kt.load_source({path!r}, {size}).model"]
    if outcome["open_size"]:
        lines = [
            f"source = kt.load_source({path!r}).model",
            "source = with_image_size(source, size)",
        ]
    scaling = outcome["scaling"]
    if scaling.startswith("keras.applications."):
        lines += [
            f"x_train, x_test = ({scaling}(x.astype(float))"
            " for x in (x_train, x_test))"
        ]
    elif scaling.startswith("pixels of "):
        words = scaling.split()
        low, high = float(words[2]), float(words[4])
        lines += [
            f"x_train, x_test = (x * {(high - low) / 255!r} + {low!r}"
            " for x in (x_train, x_test))"
        ]
    return "\n".join(lines)


def _network(choice: Choice, last: str, outcome: dict) -> list[str]:
    way, parts = choice.row, []
    cuts = [stage["last_layer"] for stage in outcome["stages"][:-1]]
    if way.probe_first:
        parts.append(_PROBE.format(last=last))
    if not way.trained:
        return [*parts, _TRUNCATED.format(last=last)]
    parts.append("network = kt.new_head(source, num_classes, seed=0)\n")
    if way.probe_first:
        parts.append("keep_moments(network)\n")
    if way.above == "redrawn":
        stop = (
            f"kt.stages(network, [{last!r}])[0].stop" if choice.stage else "0"
        )
        parts.append(f"draw_anew(network, {stop}, seed=0)\n")
    if choice.stage:
        parts.append(
            f"proof = kt.copy_first_layers(source, network, up_to={last!r})\n"
        )
    elif way.above != "redrawn":
        parts.append(
            "proof = kt.copy_first_layers(\n"
            f"    source, network, up_to={last!r}, "
            'mode="finetuned"\n)\n'
        )
    if way.name == "lp_ft":
        parts.append("set_head(network, probe, num_classes)\n")
    if way.rate_decay != 1:
        parts.append(
            f"stages = kt.stages(network, {cuts!r})\n"
            "factors = {\n"
            f"    id(weight): {RATE_DECAY:g} ** (len(stages) - stage.index)\n"
            "    for stage in stages\n"
            "    for layer in stage.layers\n"
            "    for weight in layer.weights\n"
            "}\n"
            "rates = [factors[id(v)] for v in network.trainable_variables]\n"
        )
    return parts
