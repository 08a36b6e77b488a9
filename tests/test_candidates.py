"""Networks of every way, on a network and images that a person can follow."""

import types

import keras
import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.models.fresh_weights import draw_anew
from keras_transfer.models.heads import new_head
from keras_transfer.models.image_size import with_image_size
from keras_transfer.models.parts import prefix
from keras_transfer.models.stages import stages
from keras_transfer.recommendation.score_accuracy import fit_linear_probe
from keras_transfer.recommendation.ways import Choice
from keras_transfer.training.candidate_networks import (
    Task,
    head_of,
    probe_network,
    takes_probe,
)
from keras_transfer.training.candidates import Candidate
from keras_transfer.training.rated import RatedAdam
from keras_transfer.transfer import stage_outputs
from keras_transfer.transfer.stage_outputs import Request, find_or_compute

SIZE, CLASSES = 8, 3


def small_network(seed=0):
    # No unit can be dead: all that is trained moves.
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255, name="rescaling"),
            layers.Conv2D(4, 3, name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.Conv2D(5, 3, name="conv2"),
            layers.Activation("elu", name="elu2"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(6, activation="elu", name="dense"),
            layers.Dropout(0.2, seed=1, name="dropout"),
            layers.Dense(10, name="logits"),
        ]
    )


def plain_images():
    """Images of one grey each: class 0 dark, 1 middle, 2 bright."""
    rng = np.random.default_rng(0)
    images, labels = {}, {}
    for part, count in (("train", 24), ("validation", 12), ("test", 12)):
        labels[part] = np.arange(count) % CLASSES
        grey = 40 + 80 * labels[part] + rng.integers(-20, 21, count)
        shape = count, SIZE, SIZE, 3
        images[part] = np.broadcast_to(grey[:, None, None, None], shape).astype(
            np.uint8
        )
    return images, labels


def same(images):
    return images


def request_of(model, images, most_bytes=10**9):
    return Request(
        model, stages(model), images, same, "key", most_bytes=most_bytes
    )


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    model = new_head(small_network(), CLASSES, seed=0)
    images, labels = plain_images()
    request = request_of(model, images)
    folder = tmp_path_factory.mktemp("outputs")
    outputs = find_or_compute(request, folder)
    return Task(
        model, request.stages, images, labels, same, outputs, 8, epochs=4
    )


def test_the_pass_stores_what_each_stage_puts_out(task):
    ends = [stage.last_layer for stage in task.stages]
    assert ends == ["relu1", "pool", "dropout", "logits"]
    pooled = task.outputs.pooled["test"]
    assert [a.shape for a in pooled] == [(12, 4), (12, 5), (12, 6)]
    first = prefix(task.model, 1)
    whole = np.asarray(first(task.images["test"].astype(np.float32)))
    np.testing.assert_allclose(pooled[0], whole.mean((1, 2)), atol=1e-6)
    # Above the last stage nothing is trained but a head.
    assert sorted(task.outputs.whole) == [1, 2]
    stored = task.outputs.whole[1]
    assert sorted(stored) == ["train", "validation"]
    assert stored["train"].shape == (24, 6, 6, 4)
    assert len(task.outputs.seconds) == 3


def test_deep_stages_are_stored_first_within_the_budget(task):
    # Stage 2 is 5 floats an image, stage 1 is 6 x 6 x 4.
    chosen = stage_outputs.stages_to_store
    assert chosen(task.stages, 10, 10 * (5 + 144) * 4) == (2, 1)
    assert chosen(task.stages, 10, 10 * (5 + 144) * 4 - 1) == (2,)
    assert chosen(task.stages, 10, 0) == ()


def test_outputs_are_found_again_unless_damaged_or_of_other_weights(tmp_path):
    model = new_head(small_network(), CLASSES, seed=0)
    images, _ = plain_images()
    request = request_of(model, images)
    first = find_or_compute(request, tmp_path)
    seen = []
    again = find_or_compute(request, tmp_path, lambda *x: seen.append(x))
    assert not seen and again.seconds == first.seconds
    path = tmp_path / request.name() / "pooled-1-train.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    mended = find_or_compute(request, tmp_path, lambda *x: seen.append(x))
    assert seen[-1] == (48, 48)
    np.testing.assert_array_equal(
        mended.pooled["train"][0], first.pooled["train"][0]
    )
    name = request.name()
    model.get_layer("conv1").bias.assign_add(np.ones(4))
    assert request.name() != name


def test_layers_are_drawn_anew_from_a_place_on():
    network = small_network()
    before = {w.path: np.array(w) for w in network.weights}
    network.get_layer("norm1").moving_mean.assign(np.full(4, 7.0))
    place = stages(network)[0].stop
    draw_anew(network, place, seed=1)
    assert network.get_layer("norm1").moving_mean.numpy()[0] == 7
    moved = {p for p, v in before.items() if "kernel" in p}
    now = {w.path: np.array(w) for w in network.weights}
    moved = {p for p in moved if not np.array_equal(now[p], before[p])}
    assert {p.split("/")[-2] for p in moved} == {"conv2", "dense", "logits"}
    other = small_network(seed=5)
    draw_anew(other, 0, seed=1)
    draw_anew(network, 0, seed=1)
    for one, two in zip(network.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert network.get_layer("norm1").moving_mean.numpy()[0] == 0
    draw_anew(other, 0, seed=2)
    assert not np.array_equal(
        other.get_layer("conv1").kernel.numpy(),
        network.get_layer("conv1").kernel.numpy(),
    )


def kernels(model):
    return {
        layer.name: np.array(layer.kernel)
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


@pytest.mark.parametrize(
    "name, still, copied",
    [
        ("kept@1", {"conv1"}, {"conv1", "conv2", "dense"}),
        ("redrawn@1", {"conv1"}, {"conv1"}),
        ("finetuned", set(), {"conv1", "conv2", "dense"}),
    ],
)
def test_a_way_copies_and_freezes_what_it_says(task, name, still, copied):
    candidate = Candidate(task, Choice.named(name))
    candidate.reset(3)
    source, start = kernels(task.model), kernels(candidate.target)
    alike = {n for n in start if np.array_equal(start[n], source[n])}
    assert alike == copied
    candidate.fit(0.01, 3, 0, 2)
    after = kernels(candidate.target)
    unmoved = {n for n in after if np.array_equal(after[n], start[n])}
    assert unmoved == still
    proof = candidate.proof.after(candidate.target)
    assert len([t for t in proof.tensors if t.frozen]) == 6 * len(still)
    norm = candidate.target.get_layer("norm1")
    assert norm.momentum == (0.99 if still else 0.8)


def test_one_network_keeps_layers_and_draws_them_anew(task):
    shared = Candidate(task, Choice("kept", 1))
    own = Candidate(task, Choice("redrawn", 1))
    shared.turn_to(Choice("redrawn", 1))
    for candidate in (shared, own):
        candidate.reset(5)
        candidate.fit(0.01, 5, 0, 1)
    for one, two in zip(shared.part.weights, own.part.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    # What copies nothing has no proof, whatever its network can do.
    whole = Candidate(task, Choice("finetuned"))
    assert whole.proof is not None
    whole.turn_to(Choice("redrawn"))
    assert whole.proof is None


def test_the_rate_is_zero_at_the_end_of_a_short_training(task):
    candidate = Candidate(task, Choice("kept", 1))
    candidate.reset(0)
    candidate.fit(0.01, 0, 0, 1, 1)
    steps = task.steps
    left = 0.01 * 0.5 * (1 + np.cos(np.pi * (steps - 1) / steps))
    rate = float(candidate.part.optimizer.learning_rate)
    assert rate == pytest.approx(left, rel=1e-5)


def test_a_pause_of_the_machine_hardly_moves_the_seconds_of_a_step(
    task, monkeypatch
):
    ends = iter(np.cumsum([9.0, 1, 1, 70, 1, 1, 1]))
    clock = types.SimpleNamespace(perf_counter=lambda: next(ends))
    monkeypatch.setattr("keras_transfer.training.candidates.time", clock)
    assert Candidate(task, Choice("kept", 1)).step_seconds(7) == 1.0


def test_adam_in_one_operation_is_keras_adam():
    ends = []
    for kind in (keras.optimizers.Adam, RatedAdam):
        variable = keras.Variable([1.0, -2.0, 3.0])
        optimizer = kind(learning_rate=0.1)
        for gradient in ([1.0, 0.0, -2.0], [0.5, 3.0, -2.0], [0, 0, 1.0]):
            gradient = keras.ops.convert_to_tensor(gradient, "float32")
            optimizer.apply([gradient], [variable])
        ends.append(np.array(variable))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)
    with pytest.raises(UserError, match="amsgrad=True. Use `AdamW`"):
        RatedAdam(amsgrad=True)
    with pytest.raises(UserError, match="kernel_decay=0.1"):
        RatedAdam(kernel_decay=0.1)


def test_nothing_is_copied_at_stage_none_and_rates_fall_by_stage(task):
    scratch = Candidate(task, Choice("redrawn"))
    assert scratch.proof is None
    scratch.reset(0)
    source = kernels(task.model)
    assert not np.array_equal(kernels(scratch.target)["conv1"], source["conv1"])
    decayed = Candidate(task, Choice("decayed"))
    trained = decayed.part.trainable_variables
    rates = {
        variable.path.split("/")[-2]: rate
        for variable, rate in zip(
            trained, decayed.part.optimizer.rates, strict=True
        )
    }
    assert scratch.part.optimizer.rates == ()
    assert rates == pytest.approx(
        {
            "conv1": 0.343,
            "norm1": 0.343,
            "conv2": 0.49,
            "dense": 0.7,
            "logits": 1.0,
        }
    )


def test_stored_outputs_train_as_the_whole_network_does(task, monkeypatch):
    nothing = stage_outputs.StageOutputs(
        task.outputs.pooled, {}, task.outputs.seconds, 0
    )
    import dataclasses

    plain = dataclasses.replace(task, outputs=nothing)
    ends = []
    for one in (task, plain):
        candidate = Candidate(one, Choice("kept", 2))
        assert bool(candidate.stored) == (one is task)
        candidate.reset(1)
        candidate.fit(0.01, 1, 0, 3)
        ends.append([np.array(w) for w in candidate.target.weights])
        told = candidate.right("validation"), candidate.right("test")
        ends[-1] += [np.asarray(part) for part in told]
    for one, two in zip(*ends, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_training_goes_on_as_if_it_had_not_stopped(task):
    candidate = Candidate(task, Choice("finetuned"))
    candidate.trace()
    candidate.reset(2)
    candidate.fit(0.01, 2, 0, 4)
    whole = candidate.state()
    candidate.reset(2)
    candidate.fit(0.01, 2, 0, 2)
    half = candidate.state()
    other = Candidate(task, Choice("finetuned"))
    other.trace()
    other.reset(2)
    other.restore(half)
    other.fit(0.01, 2, 2, 4)
    again = other.state()
    assert whole.keys() == again.keys()
    for key, value in whole.items():
        np.testing.assert_array_equal(value, again[key])


def test_a_linear_head_is_the_probe_of_its_stage(task):
    features = task.outputs.pooled
    probe = fit_linear_probe(features["train"][0], task.labels["train"])
    network, proof = probe_network(task, Choice("truncated", 1), probe)
    assert [layer.name for layer in network.layers][-2:] == [
        "head_pool",
        "linear_head",
    ]
    guessed = np.asarray(network(task.images["test"].astype(np.float32)))
    expected = probe.predict(features["test"][0])
    assert guessed.argmax(1).tolist() == expected.tolist()
    assert np.mean(expected == task.labels["test"]) > 0.9
    assert proof.after(network).summary().startswith("8 tensors: 6 copied, 6 ")


def test_a_head_that_starts_as_a_probe_predicts_as_it_does(task):
    assert takes_probe(task)
    features = task.outputs.pooled
    probe = fit_linear_probe(features["train"][-1], task.labels["train"])
    candidate = Candidate(task, Choice("lp_ft"), probe)
    candidate.reset(0)
    expected = probe.predict(features["validation"][-1])
    right = expected == task.labels["validation"]
    assert candidate.right().tolist() == right.tolist()
    # The head was fitted to the moments of inference, which stay.
    candidate.fit(0.01, 0, 0, 1)
    mean = candidate.target.get_layer("norm1").moving_mean.numpy()
    assert not mean.any()
    assert head_of(candidate.target).name == "logits"


def test_a_model_of_any_size_gets_one_and_grey_is_refused():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 3)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    fixed = with_image_size(model, (8, 9))
    assert fixed.input_shape == (None, 8, 9, 3)
    assert fixed.layers[1] is model.layers[1]
    grey = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    with pytest.raises(UserError, match="Expected 3 channels"):
        with_image_size(grey, (8, 8))
