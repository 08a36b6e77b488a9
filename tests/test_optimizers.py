import dataclasses

import keras
import numpy as np
import pytest

from experiments.common.commands import recipe_flags
from keras_transfer.errors import UserError
from keras_transfer.reports.summary import rates_text
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.settings import SolverSpec
from keras_transfer.training.layer_rates import step_rates
from keras_transfer.training.optimizers import (
    build_optimizer,
    build_schedule,
    orthogonal,
)
from keras_transfer.transfer.first_layers import copy_first_layers


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
    solver = find_recipe("imagenet2012", "paper", None).solver
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


def dense(*names):
    """Returns a network of layers of two units, identities at the start."""
    layers = [keras.layers.Dense(2, name=name) for name in names]
    network = keras.Sequential([keras.Input((2,)), *layers])
    for layer in layers:
        layer.set_weights([np.eye(2), np.zeros(2)])
    return network


def test_copied_stages_have_rates_of_their_own():
    source, target = dense("a", "b", "c", "d"), dense("a", "b", "c", "d")
    proof = copy_first_layers(source, target, 2, mode="finetuned")
    solver = paper(copied_rate=0.5, rate_decay=0.1)
    rates = step_rates(target, target, proof, solver)
    # Of four stages the first lies three below the last, the second two.
    assert rates == pytest.approx((5e-4, 5e-4, 5e-3, 5e-3, 1, 1, 1, 1))
    assert step_rates(target, target, proof, paper()) == ()
    # Of what is frozen nothing is trained, and the rest is new.
    still = dense("a", "b", "c", "d")
    proof = copy_first_layers(source, still, 2)
    assert step_rates(still, still, proof, solver) == ()


def test_rates_of_layers_of_one_name_in_two_models():
    def network():
        parts = []
        for name in ("first", "second"):
            inputs = keras.Input((2,))
            x = keras.layers.Dense(2, name="dense")(inputs)
            parts.append(keras.Model(inputs, x, name=name))
        head = keras.layers.Dense(2, name="head")
        return keras.Sequential([keras.Input((2,)), *parts, head])

    source, target = network(), network()
    proof = copy_first_layers(source, target, 1, mode="finetuned")
    rates = step_rates(target, target, proof, paper(copied_rate=0.5))
    assert rates == (0.5, 0.5, 1, 1, 1, 1)
    proof = copy_first_layers(source, target, 2, mode="finetuned")
    solver = paper(copied_rate=0.5, rate_decay=0.1)
    # Of three stages the first lies two below the last.
    rates = step_rates(target, target, proof, solver)
    assert rates == pytest.approx((5e-3, 5e-3, 5e-2, 5e-2, 1, 1))


def steps_of(solver, rates, gradient):
    """Returns how far one step moves kernel and bias of each layer."""
    network = dense("fc7", "fc8")
    optimizer = build_optimizer(solver, 10, rates)
    optimizer.build(network.trainable_variables)
    before = network.get_weights()
    optimizer.apply([gradient * np.ones(w.shape, "float32") for w in before])
    moved = zip(before, network.get_weights(), strict=True)
    return [old - new for old, new in moved]


def test_rates_scale_steps_and_not_gradients():
    rates = (0.25, 0.25, 1.0, 1.0)
    plain = paper(momentum=0.0, weight_decay=0.0)
    # 0.1 * 3 * 0.25; biases have twice the rate.
    for step, expected in zip(
        steps_of(plain, rates, 3.0), (0.075, 0.15, 0.3, 0.6), strict=True
    ):
        np.testing.assert_allclose(step, expected, rtol=1e-5)
    # Adam's first step is the rate, however long the gradient is; a kernel's
    # diagonal of ones decays by rate * 0.5 as well.
    adamw = paper(optimizer="adamw", bias_rate=1.0)
    for gradient in (3.0, 300.0):
        kernel, bias, top, _ = steps_of(adamw, rates, gradient)
        np.testing.assert_allclose(bias, 0.025, rtol=1e-4)
        np.testing.assert_allclose(kernel[0, 1], 0.025, rtol=1e-4)
        np.testing.assert_allclose(np.diag(kernel), 0.0375, rtol=1e-4)
        np.testing.assert_allclose(np.diag(top), 0.15, rtol=1e-4)


@pytest.mark.parametrize(
    "changes", [{}, {"muon_rate": 0.5}, {"optimizer": "adamw"}]
)
def test_rates_survive_the_config_and_fit_the_weights(changes):
    optimizer = build_optimizer(paper(**changes), 10, (0.5, 1.0))
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert (again.rates, again.kernel_decay) == ((0.5, 1.0), 0.5)
    with pytest.raises(UserError, match="each of 4 trained.*Received: 2"):
        again.build(dense("a", "b").trainable_variables)


def test_rates_that_are_none_are_refused(tiny_spec):
    for changes, message in (
        ({"copied_rate": 0.0}, "`copied_rate` above 0.*Received: 0.0"),
        ({"rate_decay": 1.5}, "`rate_decay`.*at most 1.*Received: 1.5"),
        ({"optimizer": "lion"}, "`optimizer`.*'adamw'.*'lion'"),
        ({"optimizer": "adamw", "muon_rate": 1.0}, "no `muon_rate`"),
    ):
        solver = dataclasses.replace(tiny_spec.solver, **changes)
        with pytest.raises(UserError, match=message):
            dataclasses.replace(tiny_spec, solver=solver)


def test_rates_are_said_and_part_of_the_id(tiny_spec):
    solver = dataclasses.replace(
        tiny_spec.solver, copied_rate=0.2, rate_decay=0.5, optimizer="adamw"
    )
    spec = dataclasses.replace(tiny_spec, solver=solver)
    flags = " ".join(recipe_flags(spec)[0])
    for flag in ("--copied-rate 0.2", "--rate-decay 0.5", "--optimizer adamw"):
        assert flag in flags
    assert "0.2 of the learning rate, times 0.5 for each" in rates_text(solver)
    assert rates_text(tiny_spec.solver) == ""
    other = dataclasses.replace(solver, rate_decay=0.6)
    other = dataclasses.replace(spec, solver=other)
    assert len({s.network_id for s in (tiny_spec, spec, other)}) == 3


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
        optimizer = build_optimizer(muon(), 10, [rate])
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
