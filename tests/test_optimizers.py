import keras
import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.specs.network import SolverSpec
from keras_transfer.specs.presets import find_preset
from keras_transfer.training.optimizers import (
    build_optimizer,
    build_schedule,
    orthogonal,
)


def step(solver, weight, gradient, name="kernel", times=1):
    optimizer = build_optimizer(solver, 100)
    variable = keras.Variable([weight], name=name)
    optimizer.build([variable])
    for _ in range(times):
        optimizer.apply([np.array([gradient], "float32")])
    return float(variable.numpy()[0])


def paper(**changes):
    settings = {
        "schedule": "step",
        "nesterov": False,
        "weight_decay": 0.5,
        "momentum": 0.9,
    }
    return SolverSpec(0.1, **{**settings, **changes})


def test_decay_is_inside_the_gradient_and_so_in_the_momentum():
    # v1 = -0.1 * (1 + 0.5 * 2) = -0.2, w1 = 1.8
    # v2 = 0.9 * -0.2 - 0.1 * (1 + 0.5 * 1.8) = -0.37, w2 = 1.43
    assert step(paper(), 2.0, 1.0) == pytest.approx(1.8)
    assert step(paper(), 2.0, 1.0, times=2) == pytest.approx(1.43)


def test_biases_learn_twice_as_fast_and_do_not_decay():
    assert step(paper(), 2.0, 1.0, "bias") == pytest.approx(1.8)
    assert step(paper(bias_rate=1.0), 2.0, 1.0, "bias") == pytest.approx(1.9)


def test_batch_normalisation_weights_do_not_decay():
    assert step(paper(), 2.0, 1.0, "gamma") == pytest.approx(1.9)


def test_papers_schedule_drops_tenfold_every_100_000_steps():
    solver = find_preset("imagenet2012", "paper", None).solver
    schedule = build_schedule(solver, 450_000)
    rates = [float(schedule(s)) for s in (0, 99_999, 100_000, 449_999)]
    np.testing.assert_allclose(rates, [1e-2, 1e-2, 1e-3, 1e-6], rtol=1e-5)
    assert solver.epochs * solver.steps_per_epoch == 450_000


def test_cosine_rises_then_falls_to_zero():
    schedule = build_schedule(SolverSpec(0.4, warmup=0.25), 100)
    rates = [float(schedule(s)) for s in (0, 25, 62.5, 100)]
    np.testing.assert_allclose(rates, [0, 0.4, 0.2, 0], atol=1e-6)


def test_linear_rises_from_zero_and_falls_back_to_it():
    solver = SolverSpec(0.4, schedule="linear", warmup=0.2)
    schedule = build_schedule(solver, 100)
    rates = [float(schedule(s)) for s in (0, 10, 20, 60, 100, 101)]
    np.testing.assert_allclose(rates, [0, 0.2, 0.4, 0.2, 0, 0], atol=1e-6)
    again = type(schedule).from_config(schedule.get_config())
    assert float(again(10)) == pytest.approx(0.2)
    cold = build_schedule(SolverSpec(0.4, schedule="linear", warmup=0), 100)
    assert float(cold(0)) == pytest.approx(0.4)
    assert float(cold(99)) == pytest.approx(0.004)


def test_unknown_schedule_is_refused():
    with pytest.raises(UserError, match="'cosine', 'linear', 'step'.*'exp'"):
        build_schedule(SolverSpec(0.4, schedule="exp"), 100)


def test_optimizer_survives_its_config():
    optimizer = build_optimizer(paper(), 10)
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert (again.kernel_decay, again.bias_rate) == (0.5, 2.0)


def test_copied_layers_have_their_own_rate():
    from keras_transfer.models.cnn import build_network
    from keras_transfer.specs.network import ModelSpec

    solver = SolverSpec(
        0.1,
        schedule="step",
        momentum=0.0,
        nesterov=False,
        weight_decay=0.0,
        copied_rate=0.25,
    )
    network = build_network(ModelSpec("cnn8", width=4), 18, 3)
    optimizer = build_optimizer(solver, 10, ["conv1", "conv1_norm"])
    optimizer.build(network.trainable_variables)
    before = [v.numpy() for v in network.trainable_variables]
    optimizer.apply(
        [keras.ops.ones_like(v) for v in network.trainable_variables]
    )
    for variable, start in zip(
        network.trainable_variables, before, strict=True
    ):
        layer, weight = variable.path.split("/")[-2:]
        rate = 0.1 * (2 if weight == "bias" else 1)
        if layer in ("conv1", "conv1_norm"):
            rate *= 0.25
        np.testing.assert_allclose(start - variable.numpy(), rate, rtol=1e-4)


def muon(**changes):
    settings = {"schedule": "step", "nesterov": False, "muon_rate": 0.5}
    return SolverSpec(0.1, **{**settings, **changes})


def quintic(x):
    for _ in range(3):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    return x


def test_orthogonal_keeps_directions_and_evens_their_lengths():
    # Norm 5: singular values 0.8 and 0.6 go in.
    matrix = np.array([[0, 4], [3, 0], [0, 0]], "float32")
    found = np.array(orthogonal(matrix))
    expected = [[0, quintic(0.8)], [quintic(0.6), 0], [0, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(np.array(orthogonal(matrix.T)), found.T)


def test_muon_steps_evenly_and_keeps_the_norm_of_hidden_kernels():
    layers = [keras.layers.Dense(2, name=name) for name in ("fc7", "fc8")]
    network = keras.Sequential([keras.Input((2,)), *layers])
    for layer in layers:
        layer.set_weights([np.eye(2) * 3, np.ones(2)])
    optimizer = build_optimizer(muon(weight_decay=0.5), 10)
    optimizer.build(network.trainable_variables)
    ones = np.array([1.0, 1.0], "float32")
    step = np.diag([4.0, 3.0]).astype("float32")
    optimizer.apply([step, ones, step, ones])
    # Rate 0.1 * 0.5, singular values 0.8 and 0.6; then the norm of 3 * eye.
    moved = np.array([3 - 0.05 * quintic(0.8), 3 - 0.05 * quintic(0.6)])
    kernel, bias = layers[0].get_weights()
    scaled = moved * np.sqrt(18) / np.linalg.norm(moved)
    np.testing.assert_allclose(np.diag(kernel), scaled, rtol=1e-5)
    np.testing.assert_allclose(bias, 1 - 0.2, rtol=1e-6)
    # fc8 as without: 3 - 0.1 * (gradient + 0.5 * 3).
    kernel, _ = layers[1].get_weights()
    np.testing.assert_allclose(np.diag(kernel), [2.45, 2.55], rtol=1e-6)
    assert optimizer.last_step(layers[0].kernel) is None
    np.testing.assert_allclose(
        np.diag(optimizer.last_step(layers[1].kernel)),
        [-0.55, -0.45],
        rtol=1e-6,
    )


def test_copied_kernels_step_by_their_own_rate():
    moved = []
    for rate in (1.0, 0.5):
        layer = keras.layers.Dense(2, name="fc7", use_bias=False)
        keras.Sequential([keras.Input((2,)), layer])
        layer.set_weights([np.eye(2)])
        optimizer = build_optimizer(muon(copied_rate=rate), 10, ["fc7"])
        optimizer.build([layer.kernel])
        optimizer.apply([np.array([[0, 1], [0, 0]], "float32")])
        kernel = layer.get_weights()[0]
        moved.append(kernel[0, 1] / kernel[0, 0])
    assert moved[0] == pytest.approx(-0.05 * quintic(1.0), rel=1e-4)
    assert moved[1] == pytest.approx(-0.025 * quintic(1.0), rel=1e-4)


def test_muon_is_built_by_the_first_step_as_well():
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    network.compile(build_optimizer(muon(), 10), "mse")
    start = np.linalg.norm(network.get_weights()[0])
    network.fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)
    kernel = network.get_weights()[0]
    assert np.linalg.norm(kernel) == pytest.approx(start, rel=1e-5)
