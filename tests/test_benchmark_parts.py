"""The parts of the benchmark that need no racing: tables, figures, clocks."""

import json
import os
import subprocess
import sys
import time
import types

import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import (
    figures,
    gpu,
    growth,
    kernels,
    made_up,
    network_tables,
    one_step,
    predicted,
    race,
    study,
    tables,
    targets,
    timeline,
)
from experiments.common.settings import parse
from experiments.common.study_settings import GridSettings
from keras_transfer.errors import UserError
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import layer_costs
from keras_transfer.specs.presets import find_recipe
from keras_transfer.storage import locks
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.store import RunStore
from tests.helpers import made_up_study

FOUND = {
    "machines": {"network": {"threads": 2}, "growth": {"threads": 3}},
    "network": {
        "images": 5376,
        "image_size": 32,
        "networks": {
            timeline.FIRST: {
                timeline.START: 4.0,
                timeline.COMPILING: 3.0,
                "training steps": 2.0,
                "the rest": 0.25,
            },
            timeline.NEXT: {
                "training steps": 2.0,
                "evaluation": 0.5,
                "images": 0.25,
                "the rest": 0.5,
            },
        },
    },
    "growth": [
        {
            "case": f"{n} networks, 2 workers",
            "workers": 2,
            "networks": n,
            "seconds": 2.0 * n,
            "core_seconds": 3.0 * n,
            "mb": 100.0,
            "mb_first_5": 80.0,
        }
        for n in (10, 26)
    ],
    "made_up": [
        {
            "networks": n,
            "plan": n / 1e3,
            "study that trains nothing": n / 500,
            "report": n / 2e3,
        }
        for n in (58, 10_034)
    ],
    "plan": {
        name: {
            "command": f"boost --seeds {name}",
            "load": 0.5,
            "networks": 8,
            "planned": 30.0,
            "seconds": seconds,
            "ratio": 30.0 / seconds,
        }
        for name, seconds in (("1", 40.0), ("2", 25.0))
    },
    "gpu": {
        "device": gpu.NO_GPU,
        "rivals": {
            "cnn8, ours float32": {
                "median": 1234.0,
                "rounds": [1234.0],
                "absent": "",
            },
            "cnn8, PyTorch": {"rounds": [], "absent": "no torch"},
        },
    },
}


def test_a_part_inside_another_is_not_counted_twice():
    watch = timeline.Stopwatch()
    calls = types.SimpleNamespace(
        outer=lambda: (time.sleep(0.02), calls.inner()),
        inner=lambda: time.sleep(0.05),
    )
    plain = calls.outer
    watched = [(calls, "outer", "out"), (calls, "inner", "in")]
    with watch.watching(watched):
        calls.outer()
        calls.inner()
    assert calls.outer is plain
    assert 0.1 <= watch.seconds["in"] < 0.2
    assert 0.02 <= watch.seconds["out"] < 0.045


def test_what_was_inherited_is_inherited_again():
    class Above:
        def work(self):
            return 7

    class Below(Above):
        pass

    watch = timeline.Stopwatch()
    with watch.watching([(Below, "work", "part")]):
        assert Below().work() == 7 and "work" in vars(Below)
    assert "work" not in vars(Below) and set(watch.seconds) == {"part"}


def test_tables_tell_parts_growth_and_machines():
    text = tables.to_markdown(FOUND)
    assert "network: threads 2." in text and "growth: threads 3." in text
    assert "| a network beside its steps and looks, s | at most 1 |" in text
    assert "| 0.75 | met |" in text
    assert "10,000 results: report, core-s | at most 10 | 5.02 | met |" in text
    assert "results: study that trains nothing, core-s" in text
    assert "| 20.07 | missed |" in text
    assert gpu.NO_GPU in text and "absent: no torch" in text
    assert "1,234 images/s" in text


def test_a_share_of_peak_never_mixes_machines():
    found = {
        "training": {"cnn8": {"ours float32": {"median": 1e3, "rounds": [1]}}},
        "roofline": {"float32": {"microseconds_an_image": 500.0}},
        "machines": {"training": {"threads": 2}, "peak": {"threads": 2}},
    }
    assert targets.roofline_share(found) == pytest.approx(0.5)
    found["machines"]["peak"] = {"threads": 4}
    assert targets.roofline_share(found) is None


def test_numbers_of_an_earlier_file_keep_their_machine():
    found = {"machine": {"threads": 2}, "training": {}, "roofline": None}
    benchmark.keep_machines(found)
    assert found["machines"] == {"training": {"threads": 2}}
    benchmark.keep_machines(found)
    assert found["machines"] == {"training": {"threads": 2}}


def test_figures_show_each_part(tmp_path):
    paths = figures.write_figures(FOUND, tmp_path)
    assert [path.name for path in paths] == [
        "parts.svg",
        "parts.png",
        "growth.svg",
        "growth.png",
    ]
    text = (tmp_path / "parts.svg").read_text()
    for name in (timeline.COMPILING, *timeline.PARTS, timeline.NEXT):
        assert name in text
    assert "report" in (tmp_path / "growth.svg").read_text()
    assert figures.write_figures({"startup": {}}, tmp_path) == []


@pytest.mark.parametrize("missing", ["growth", "made_up"])
def test_a_part_that_was_not_measured_has_no_panel(missing, tmp_path):
    """A panel of a log scale without a value ended in a traceback."""
    found = {missing: [], **{k: v for k, v in FOUND.items() if k != missing}}
    figures.write_figures(found, tmp_path)
    drawn = (tmp_path / "growth.svg").read_text()
    trained, made = "Smoke studies" in drawn, "made up" in drawn
    assert (trained, made) == (missing != "growth", missing != "made_up")


def test_growth_of_an_earlier_file_has_no_core_seconds(tmp_path):
    case = {**FOUND["growth"][0]}
    del case["core_seconds"]
    assert figures.write_figures({"growth": [case]}, tmp_path) == []
    line = "| 10 networks, 2 workers | 20 s |  |  | 80 MB | 100 MB |"
    assert line in tables.to_markdown({"growth": [case]})


def test_a_plan_is_compared_with_what_training_took():
    text = tables.to_markdown(FOUND)
    line = "| `boost --seeds 1` | 8 | 30 s | 40 s | 0.75 | 0.5 |"
    assert line in text
    name = "time of --plan, worst of 3 studies, % from the real one"
    found = {target.name: target for target in targets.targets(FOUND)}
    assert found[name].value == pytest.approx(25.0)
    assert (found[name].aim, found[name].at_most) == (20.0, True)
    absent = {target.name: target for target in targets.targets({})}
    assert absent[name].value is None


def test_what_storing_can_give_follows_from_the_operations():
    found = {target.name: target for target in targets.targets({})}
    five = found["trial of a frozen network, n = 5, over plain fit"]
    recipe = find_recipe("cifar100", "default", None)
    costs = layer_costs(layer_rows(recipe.model, 50), recipe.crop)
    frozen = sum(cost.flops for cost in costs[:5])
    # fc6 needs no gradient of its input.
    upper = 2 * costs[5].flops + 3 * (costs[6].flops + costs[7].flops)
    assert five.operations == pytest.approx((frozen + upper) / upper)
    assert 19 < five.operations < 20
    name = "frozen half of a study over a plain loop"
    assert found[name].operations is None  # of no study
    settings = {"dataset": "cifar100", "layers": [5]}
    found = {
        target.name: target
        for target in targets.targets({"study": {"settings": settings}})
    }
    assert found[name].operations == five.operations


def test_studies_of_the_plan_part_exist():
    for experiment, flags in predicted.STUDIES.values():
        words = ["--dataset", "cifar100", *flags.split()]
        settings = parse("x", "", words, experiment.settings)
        assert len(experiment.study(settings).specs) >= 8


def test_without_a_gpu_that_is_said_and_little_is_run(monkeypatch):
    monkeypatch.setattr(gpu, "visible_gpus", lambda: [])
    assert gpu.describe_device() == gpu.NO_GPU
    recipe = find_recipe("cifar100", "default", None)
    few = gpu.entrants({"cnn8": recipe})
    assert not any("side by side" in one.name for one in few)
    monkeypatch.setattr(gpu, "visible_gpus", lambda: ["0"])
    many = gpu.entrants({"cnn8": recipe})
    assert {one.copies for one in many} == {1, 2, 4, 8}
    assert any("PyTorch compiled bfloat16" in one.name for one in many)


def test_made_up_results_are_read_as_real_ones(tiny_spec, tmp_path):
    store = RunStore(tmp_path / "real", "study")
    for row in made_up_study(tiny_spec, layers=(1,), splits=(0,)):
        network = store.network(row.spec)
        network.begin()
        network.model_path.write_bytes(b"weights")
        network.complete(row.result)
    samples = LogFolder(store.log_dir)
    count = made_up.write_results(tmp_path / "made", 1, samples)
    found = LogFolder(tmp_path / "made").finished()
    assert count == len(found) == made_up.NETWORKS_A_SEED
    treatments = {"base", "BnB", "AnB", "BnB+", "AnB+"}
    assert {result.treatment for result in found} == treatments
    assert len({result.network_id for result in found}) == count


# Trains as a study does, but in no time: a result for each seed it is told.
STUDY = """
import sys, time
from pathlib import Path
words = sys.argv
logs = Path(words[words.index("--log-dir") + 1])
seeds = words[words.index("--seeds") + 1 : words.index("--log-dir")]
for seed in seeds:
    folder = logs / "study" / "set" / "split0" / "baseA" / f"seed{seed}-id"
    if not (folder / "result.json").exists():
        folder.mkdir(parents=True)
        sum(range(10**6))
        (folder / "result.json").write_text("{}")
        time.sleep(0.1)
"""


def test_growth_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    script = (sys.executable, "-c", STUDY)
    monkeypatch.setattr(growth, "_SCRIPT", script)
    monkeypatch.setattr(growth, "_LOOK_SECONDS", 0.02)
    sleep, looks, told = time.sleep, [], []

    def stop_at_the_second_network(seconds):
        sleep(seconds)
        if len(list(tmp_path.rglob("result.json"))) == 3:  # and a first base
            raise KeyboardInterrupt

    def measured(machine):
        looks.clear()
        return growth.measure([((1,), 8)], tmp_path, machine, told.append)

    monkeypatch.setattr(growth.time, "sleep", stop_at_the_second_network)
    with pytest.raises(KeyboardInterrupt):
        measured({"threads": 2})
    kept = json.loads(next(tmp_path.rglob("cost.json")).read_text())
    assert not kept["done"] and 2 <= kept["networks"] < 8
    monkeypatch.setattr(growth.time, "sleep", sleep)
    (case,) = measured({"threads": 2})
    assert (case["networks"], case["starts"]) == (8, 2)
    assert case["core_seconds"] > kept["core_seconds"] > 0
    assert case["seconds"] > kept["seconds"]
    assert case["mb"] >= case["mb_first_5"] > 0
    # What is measured is not measured again, on another machine it is.
    assert measured({"threads": 2}) == [case]
    assert measured({"threads": 4})[0]["starts"] == 1


# A benchmark whose study outlives it, until it is told to end.
KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from experiments.benchmark import growth
study = "import sys; print(file=open(sys.argv[-1] + '.on', 'w')); "
growth._SCRIPT = sys.executable, "-c", study + "sys.stdin.read()"
folder = Path(sys.argv[1])
def kill():
    deadline = time.monotonic() + 60
    while not list(folder.rglob("*.on")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill).start()
growth.measure([((1,), 8)], folder, {}, print)
"""


def test_growth_waits_for_the_study_of_one_that_was_killed(
    tmp_path, monkeypatch
):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE
    ) as killed:
        monkeypatch.setattr(growth, "_SCRIPT", (sys.executable, "-c", STUDY))

        def measured():
            return growth.measure([((1,), 8)], tmp_path, {}, print)

        # The process is dead, its study is not: both read from the pipe.
        assert os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(UserError, match="study of one that was killed"):
            measured()
        killed.stdin.close()  # which ends the study
        (lock,) = tmp_path.glob("*.lock")
        deadline = time.monotonic() + 60
        while locks.is_taken(lock) and time.monotonic() < deadline:
            time.sleep(0.01)
    (case,) = measured()
    assert (case["networks"], case["starts"]) == (8, 1)


def test_a_network_beside_its_steps():
    assert network_tables.beside_steps({}) is None
    assert network_tables.beside_steps(FOUND["network"]) == 0.75


def test_a_part_writes_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        timeline, "measure", lambda recipe, rounds: FOUND["network"]
    )
    arguments = ["--parts", "network", "--log-dir", str(tmp_path)]
    assert benchmark.main(arguments) == 0
    folder = tmp_path / "benchmark"
    found = json.loads((folder / "benchmark.json").read_text())
    assert found["network"] == FOUND["network"]
    assert "threads" in found["machines"]["network"]
    assert (folder / "parts.png").is_file()
    assert "Where the time of a network goes" in capsys.readouterr().out


def test_rounds_of_a_study_are_kept_and_their_medians_told(
    tmp_path, monkeypatch
):
    path, ratios = tmp_path / "study.json", iter([2.0, 4.0, 3.0, 9.0])

    def one_round(settings, progress):
        ratio = next(ratios)
        if ratio == 3.0 and len(told) < 4:
            told.append("stopped")
            raise KeyboardInterrupt
        return {"frozen": {"ratio": ratio, "networks": 24}}

    monkeypatch.setattr(study, "_round", one_round)
    settings = GridSettings(dataset="synthetic_shapes", layers=(3, 5))
    told = []
    with pytest.raises(KeyboardInterrupt):
        study.measure(settings, 3, path, {"threads": 2}, told.append)
    assert told == [
        "round 1 of 3",
        "round 2 of 3",
        "round 3 of 3",
        "stopped",
    ]
    found = study.measure(settings, 3, path, {"threads": 2}, told.append)
    assert told[4:] == ["round 3 of 3"]
    assert found["frozen"] == {"ratio": 4.0, "networks": 24}
    assert (found["rounds"], found["settings"]["layers"]) == (3, [3, 5])
    assert "log_dir" not in found["settings"]
    assert not path.exists()


def test_rounds_of_another_machine_say_nothing_of_this_one(
    tmp_path, monkeypatch
):
    path = tmp_path / "study.json"
    found = iter([2.0, None, 7.0, 8.0])

    def one_round(settings, progress):
        ratio = next(found)
        if ratio is None:
            raise KeyboardInterrupt
        return {"frozen": {"ratio": ratio, "networks": 24}}

    monkeypatch.setattr(study, "_round", one_round)
    settings = GridSettings(dataset="synthetic_shapes", layers=(3, 5))
    with pytest.raises(KeyboardInterrupt):
        study.measure(settings, 2, path, {"threads": 2}, print)
    other = study.measure(settings, 2, path, {"threads": 4}, print)
    assert other["frozen"] == {"ratio": 7.5, "networks": 24}


def test_kernels_are_compared_for_each_recipe_in_processes_told_apart():
    entrants = kernels.entrants()
    told = [one.environment["TF_ENABLE_ONEDNN_OPTS"] for one in entrants]
    assert told == ["1", "0", "1", "0"]
    speeds = {
        f"{one.name}: training": race.Speed([speed, 2 * speed])
        for one, speed in zip(entrants, (300, 100, 90, 60), strict=True)
    }
    rows = kernels.compare(speeds)
    assert [row["ratio"] for row in rows] == [3, 1.5]
    text = tables.to_markdown({"kernels": rows})
    assert "| `cnn8-2014` | 135 images/s | 90 images/s | 1.50 |" in text


# As libraries read their variables: once, when they are imported.
TOLD = os.environ.get("KERAS_TRANSFER_TOLD", "7")


def told(threads: int) -> dict:
    return {"threads": lambda: int(TOLD)}


def test_an_entrant_is_told_before_it_imports():
    entrants = [
        race.Entrant(
            name,
            f"{__name__}:told",
            {},
            environment={"KERAS_TRANSFER_TOLD": value},
        )
        for name, value in (("one", "0"), ("other", "500"))
    ]
    speeds = race.race(entrants, 1, 1)
    assert speeds["one: threads"].rounds == [0]
    assert speeds["other: threads"].rounds[0] > 0
    assert "KERAS_TRANSFER_TOLD" not in os.environ


def test_networks_in_one_step_learn_as_each_would_alone():
    import keras
    import numpy as np

    from experiments.benchmark.keras_entrants import SideBySide

    def small(rate):
        network = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(2, kernel_initializer="ones"),
            ]
        )
        network.compile(keras.optimizers.SGD(rate), "mse")
        return network

    images, labels = np.eye(3, dtype="float32"), np.zeros((3, 2), "float32")
    alone = [small(0.1), small(0.5)]
    for network in alone:
        network.fit(images, labels, epochs=3, shuffle=False, verbose=0)
    several = [small(0.1), small(0.5)]
    whole = SideBySide(several)
    whole.compile(jit_compile=False)
    whole.fit(images, labels, epochs=3, shuffle=False, verbose=0)
    for one, other in zip(alone, several, strict=True):
        np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0])
    assert np.ptp([n.get_weights()[0][0, 0] for n in several]) > 0.01


def test_networks_in_one_step_are_held_against_one_at_a_time():
    recipe = find_recipe("cifar100", "default", None)
    speeds = {
        f"{one.name}: training": race.Speed([100.0 * one.arguments["networks"]])
        for one in one_step.entrants(recipe)
    }
    rows = one_step.compare(speeds)
    assert [row["over_one"] for row in rows] == [1, 2, 4, 8, 1, 2, 4, 8, 1, 2]
    text = tables.to_markdown({"one_step": rows})
    assert "| n = 7 frozen | 8 | 800 images/s | 8.00 |" in text
    assert "| none frozen | 2 | 200 images/s | 2.00 |" in text
