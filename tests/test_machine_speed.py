import dataclasses
import json

import pytest

from experiments import similar_datasets
from keras_transfer.datasets.batches import steps_per_pass
from keras_transfer.specs.costs import network_costs
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.speed import Speed, forward_work, trained_work
from keras_transfer.specs.treatments import TREATMENTS
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.studies import grids, machine_speed, planning
from keras_transfer.studies.dataset_facts import KNOWN_FACTS
from keras_transfer.studies.machine_speed import FILE, Setting

MEASURED = Speed(
    flop=2e-11,
    output=3e-9,
    step=2e-4,
    forward=0.8,
    network=0.5,
    copied=0.25,
    epoch=0.125,
    program=1.5,
    process=2.0,
    start=5.0,
)
FACTS = KNOWN_FACTS["cifar100"]


def study(layers=(5,)):
    recipe = find_recipe("cifar100", "default", None)
    grid = grids.Grid(
        splits=(0,), seeds=(0,), layers=layers, treatments=TREATMENTS
    )
    return grids.similar_networks("cifar100", recipe, grid)


@pytest.fixture
def measured(monkeypatch):
    asked = []

    def measure(spec, setting):
        asked.append((spec, setting))
        return MEASURED

    monkeypatch.setattr(machine_speed, "_measure", measure)
    return asked


def test_a_plan_measures_once_and_says_so(tmp_path, capsys, measured):
    arguments = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    for count in (1, 1):
        assert similar_datasets.main(arguments) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "(measured on this machine)" in said
        assert len(measured) == count
    assert similar_datasets.main([*arguments, "--width", "8"]) == 0
    assert "cnn8 of width 8 in float32" in capsys.readouterr().out
    assert len(measured) == 2


def test_a_guess_measures_nothing(tmp_path, capsys, measured):
    arguments = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    assert similar_datasets.main([*arguments, "--guess"]) == 0
    assert "(a guess)" in " ".join(capsys.readouterr().out.split())
    assert not measured and not list(tmp_path.iterdir())


def test_what_cannot_be_measured_is_told_and_guessed(
    tmp_path, capsys, monkeypatch
):
    def fail(spec, setting):
        raise OSError("no processes left")

    monkeypatch.setattr(machine_speed, "_measure", fail)
    arguments = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    assert similar_datasets.main(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "could not be measured (no processes left)" in said
    assert "(a guess)" in said


def test_seconds_of_a_base_and_of_a_copy_by_hand(tmp_path, measured):
    specs, store = study(), LogFolder(tmp_path)
    setting = Setting(1, 1)
    machine_speed.measure_missing(store, specs, setting, lambda text: None)
    plan = planning.make_plan(specs, store, FACTS, setting)
    assert plan.basis == planning.MEASURED
    base = plan.networks[0]
    costs = network_costs(base.spec, 50)
    solver, train, validation, test = base.spec.solver, 22_500, 2_500, 5_000
    steps = solver.epochs * steps_per_pass(train, solver.batch_size)
    images = steps * solver.batch_size
    expected = (
        MEASURED.network
        + MEASURED.program  # the first of its process
        + MEASURED.epoch * solver.epochs
        + MEASURED.step * steps
        + MEASURED.of(trained_work(costs)) * images
        + MEASURED.forward
        * MEASURED.of(forward_work(costs))
        * (solver.epochs * validation + test)
    )
    assert base.seconds == pytest.approx(expected)
    again = plan.networks[1]
    assert again.seconds == pytest.approx(expected - MEASURED.program)
    frozen = next(n for n in plan.networks if n.spec.mode == "frozen")
    if frozen.spec.is_base:
        frozen = next(n for n in plan.networks if n.spec.n == 5)
    saved = MEASURED.of(trained_work(costs)) - MEASURED.of(
        trained_work(costs, 5)
    )
    difference = MEASURED.copied + MEASURED.program - saved * images
    assert frozen.seconds == pytest.approx(again.seconds + difference)
    assert plan.start_seconds == MEASURED.start + MEASURED.process


def test_another_setting_or_a_damaged_file_is_not_trusted(tmp_path, measured):
    specs, store = study(), LogFolder(tmp_path)
    path = store.cache_dir / FILE
    machine_speed.measure_missing(
        store, specs, Setting(1, 1), lambda text: None
    )
    for other in (Setting(2, 1), Setting(1, 2), Setting(1, 1, "full")):
        assert not machine_speed.find_speeds(store, specs, other)
    assert machine_speed.find_speeds(store, specs, Setting(1, 1))
    whole = json.loads(path.read_text())
    (kind,) = whole
    for damage in (
        "{",
        "[]",
        json.dumps({kind: {**whole[kind], "flop": -1.0}}),
        json.dumps({kind: {**whole[kind], "flop": "fast"}}),
        json.dumps({kind: {**whole[kind], "unknown": 1.0}}),
        json.dumps({kind: None}),
    ):
        path.write_text(damage)
        assert not machine_speed.find_speeds(store, specs, Setting(1, 1))
    path.write_text("{")
    machine_speed.measure_missing(
        store, specs, Setting(1, 1), lambda text: None
    )
    assert machine_speed.find_speeds(store, specs, Setting(1, 1))


def test_what_a_slower_edition_measured_is_measured_again(
    tmp_path, measured, monkeypatch
):
    store, specs = LogFolder(tmp_path), study()
    for edition in (1, 2):
        monkeypatch.setattr(machine_speed, "EDITION", edition)
        machine_speed.measure_missing(
            store, specs, Setting(1, 1), lambda text: None
        )
        assert len(measured) == edition


def test_networks_of_several_gpus_are_not_measured(tmp_path, measured):
    specs = [
        dataclasses.replace(s, solver=dataclasses.replace(s.solver, replicas=2))
        for s in study()
    ]
    store = LogFolder(tmp_path)
    machine_speed.measure_missing(
        store, specs, Setting(1, 1), lambda text: None
    )
    assert not measured


def test_times_are_taken_apart(tiny_spec):
    from keras_transfer.training import measuring

    recipe = find_recipe("cifar100", "default", None)
    spec = dataclasses.replace(
        tiny_spec,
        data=recipe.data("cifar100", 0),
        model=recipe.model,
        solver=recipe.solver,
    )
    base = measuring._made_up(spec)
    costs = network_costs(base, 10)
    size = base.solver.batch_size
    works = (
        trained_work(costs),
        trained_work(costs, 4),
        trained_work(costs, 7, 7),
    )
    steps = [MEASURED.of(w) * size + MEASURED.step for w in works]
    forward = MEASURED.forward * MEASURED.of(forward_work(costs))

    class Half:
        num_classes = 10
        train, validation, test = range(1000), range(100), range(20)

    def timed(step, more):
        epoch = MEASURED.epoch + 4 * step + 100 * forward
        whole = MEASURED.network + more + 2 * epoch + 20 * forward
        return measuring._Timed(whole, epoch)

    new = MEASURED.copied + MEASURED.program
    whole = [
        timed(steps[0], MEASURED.process + MEASURED.program),
        timed(steps[0], 0),
        timed(steps[1], new),
        timed(steps[1], MEASURED.copied),
    ]
    found = measuring._solve(base, Half, whole, steps, forward)
    for name, value in dataclasses.asdict(MEASURED).items():
        if name != "start":
            assert getattr(found, name) == pytest.approx(value, rel=1e-6), name


@pytest.mark.slow(40)
def test_this_machine_is_measured(tmp_path):
    recipe = find_recipe("synthetic_shapes", "smoke", None)
    grid = grids.Grid(splits=(0,), seeds=(0,), layers=(1,), treatments=())
    specs = grids.similar_networks("synthetic_shapes", recipe, grid)
    store, told = LogFolder(tmp_path), []
    setting = Setting(2, 1)
    machine_speed.measure_missing(store, specs, setting, told.append)
    assert len(told) == 1 and "how fast this machine trains cnn8" in told[0]
    (speed,) = machine_speed.find_speeds(store, specs, setting).values()
    costs = network_costs(specs[0], 10)
    assert 1e-13 < speed.of(trained_work(costs)) / trained_work(costs).flops
    assert speed.network > 0 and speed.program > 0 and speed.start > 0
