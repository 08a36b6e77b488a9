"""GPUs are counted and dealt out without TensorFlow, and without GPUs here.

`CUDA_VISIBLE_DEVICES` names GPUs that need not be there.
"""

import dataclasses
import functools
import os

import pytest

from experiments import similar_datasets
from experiments.common import training
from keras_transfer.errors import UserError
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.processes import LocalExecutor
from keras_transfer.studies.executors.resources import default_workers
from keras_transfer.studies.executors.worker import Worker
from keras_transfer.studies.run_options import RunOptions
from keras_transfer.studies.scheduler import run_study
from keras_transfer.training import devices, strategies


@pytest.fixture
def gpus(monkeypatch):
    def show(text):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)

    return show


@pytest.mark.parametrize(
    "text, names",
    [
        ("0,1,2,3", ["0", "1", "2", "3"]),
        ("2, GPU-8f3a", ["2", "GPU-8f3a"]),
        ("-1", []),
        ("", []),
        ("0,-1,1", ["0"]),  # CUDA stops there, too
    ],
)
def test_gpus_are_those_that_cuda_may_see(gpus, text, names):
    gpus(text)
    assert devices.visible_gpus() == names


def test_slices_are_disjoint(gpus):
    gpus("0,1,2,3,5")
    assert devices.divide_gpus(1, 3) == [("0",), ("1",), ("2",)]
    assert devices.divide_gpus(2, 2) == [("0", "1"), ("2", "3")]
    assert devices.divide_gpus(5, 1) == [("0", "1", "2", "3", "5")]
    gpus("-1")
    assert devices.divide_gpus(1, 3) == [(), (), ()]


@pytest.mark.parametrize(
    "text, per_network, workers, message",
    [
        ("0,1", 4, 1, "Expected 4 GPUs for each network.*Received: 2"),
        ("-1", 2, 1, "Expected 2 GPUs for each network.*Received: 0"),
        ("0,1,2,3", 2, 3, "`workers` of at most 2, as 4 GPUs.*Received: 3"),
    ],
)
def test_too_few_gpus_are_told(gpus, text, per_network, workers, message):
    gpus(text)
    with pytest.raises(UserError, match=message):
        devices.divide_gpus(per_network, workers)


def on_replicas(spec, replicas):
    solver = dataclasses.replace(spec.solver, replicas=replicas)
    return dataclasses.replace(spec, solver=solver)


def test_one_network_a_gpu_is_the_default(gpus, tiny_spec):
    gpus("0,1,2,3")
    assert default_workers([tiny_spec]) == 4
    assert default_workers([on_replicas(tiny_spec, 2)]) == 2
    # Told when it is trained: a plan is made elsewhere, too.
    assert default_workers([on_replicas(tiny_spec, 8)]) == 1


def test_a_slot_goes_to_the_next_network(gpus):
    gpus("0,1")
    assert LocalExecutor(2).has_room()
    with pytest.raises(UserError, match="at most 1"):
        LocalExecutor(2, gpus_per_network=2)


@pytest.mark.parametrize(
    "strategy, count, replicas",
    [
        ("auto", None, None),  # many small networks: one on each GPU
        ("auto", 1, None),
        ("auto", 2, 2),
        ("none", None, None),
        ("none", 1, None),
        ("mirrored", None, 4),
        ("mirrored", 2, 2),
        ("mirrored", 8, 8),  # elsewhere, perhaps; here it is told in time
    ],
)
def test_flags_say_what_shares_a_batch(gpus, strategy, count, replicas):
    gpus("0,1,2,3")
    assert devices.choose_replicas(strategy, count) == replicas


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--strategy", "mirrored"], "2 GPUs or more.*Received: 1 from this"),
        (
            ["--strategy", "mirrored", "--gpus-per-network", "1"],
            "2 GPUs or more.*Received: 1 from `--gpus-per-network`",
        ),
        (
            ["--strategy", "none", "--gpus-per-network", "2"],
            "`--gpus-per-network` 1 with `--strategy none`. Received: 2",
        ),
        (["--gpus-per-network", "0"], "at least 1. Received: 0"),
        (
            ["--gpus-per-network", "4", "--batch-size", "30"],
            "`--batch-size` that 4 GPUs share equally. Received: 30",
        ),
        (
            ["--gpus-per-network", "4"],
            "Expected 4 GPUs for each network.*Received: 1 on this machine",
        ),
        (["--workers", "2"], "`--workers` of at most 1.*Received: 2"),
        (["--strategy", "multiworker"], "issues/20585.*`TF_CONFIG` is not set"),
    ],
)
def test_mistakes_end_before_anything_is_prepared(
    gpus, monkeypatch, capsys, tmp_path, arguments, text
):
    import re

    gpus("0")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    code = similar_datasets.main(
        ["--quiet", "--log-dir", str(tmp_path), *arguments]
    )
    message = capsys.readouterr().err
    assert code == 2 and message.startswith("error: ")
    assert len(message.strip().splitlines()) == 1
    assert re.search(text, message), message
    assert not list(tmp_path.rglob("*.npy"))


def test_several_machines_are_refused_with_the_cure(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}}')
    with pytest.raises(UserError, match="`TF_CONFIG` is set.*`cluster`"):
        devices.choose_replicas("multiworker", None)


def test_a_plan_needs_no_gpus(gpus, capsys, tmp_path):
    gpus("-1")
    arguments = ["--plan", "--gpus-per-network", "4", "--guess", "--log-dir"]
    assert similar_datasets.main([*arguments, str(tmp_path)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "1 at a time on 4 GPUs each" in words


@pytest.mark.parametrize(
    "flags, told",
    [
        ("flags\t\t: fpu avx512f avx512_bf16", False),
        ("Features\t: fp asimd bf16", False),
        ("flags\t\t: fpu avx512f", True),
        ("model name\t: a processor that does not tell", False),
    ],
)
def test_a_processor_that_is_slow_at_bfloat16_is_told_beforehand(
    gpus, monkeypatch, capsys, tmp_path, flags, told
):
    gpus("-1")
    processor = tmp_path / "cpuinfo"
    processor.write_text(f"processor\t: 0\n{flags}\n")
    find = functools.partial(devices.find_slow_precision, processor=processor)
    monkeypatch.setattr(training, "find_slow_precision", find)
    arguments = ["--plan", "--guess", "--log-dir", str(tmp_path)]
    arguments += ["--precision"]
    assert similar_datasets.main([*arguments, "bfloat16"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert ("no instructions for bfloat16" in words) == told
    assert "Use `--precision` float32" in words or not told
    assert similar_datasets.main([*arguments, "float32"]) == 0
    assert "bfloat16" not in capsys.readouterr().out


def test_where_nothing_tells_nothing_is_said(gpus, tiny_spec, tmp_path):
    model = dataclasses.replace(tiny_spec.model, precision="bfloat16")
    specs = [dataclasses.replace(tiny_spec, model=model)]
    gpus("-1")
    assert devices.find_slow_precision(specs, tmp_path / "absent") is None
    slow = tmp_path / "cpuinfo"
    slow.write_text("flags\t: fpu")
    assert devices.find_slow_precision(specs, slow)
    gpus("0")  # which will train them
    assert devices.find_slow_precision(specs, slow) is None


def tell_devices(connection, gpus):
    """Runs in a fork of the process that has imported TensorFlow."""
    import tensorflow as tf

    strategies.use_gpus(gpus)
    (cpu,) = tf.config.list_physical_devices("CPU")
    # Raises where TensorFlow has opened its devices already.
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 3
    )
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    connection.send((chosen, len(tf.config.list_logical_devices("CPU"))))


def test_a_forked_process_still_chooses_its_devices():
    with Worker() as first, Worker() as second:
        first.give(tell_devices, (("2",),))
        second.give(tell_devices, (("0", "1"),))
        assert first.receive() == ("2", 3)
        assert second.receive() == ("0,1", 3)


@pytest.mark.slow(30)
def test_networks_of_a_study_get_gpus_of_their_own(gpus, tiny_pool, tiny_spec):
    gpus("5,7")  # TensorFlow finds none and trains on the CPU
    store = RunStore(tiny_pool.folder.parents[1], "study")
    specs = [dataclasses.replace(tiny_spec, seed=seed) for seed in range(3)]
    run_study(specs, store, RunOptions(workers=2, observe="off"))
    found = [store.result(spec).gpu_ids for spec in specs]
    assert found[:2] == [["5"], ["7"]]
    assert found[2] in (["5"], ["7"])  # whichever was done first
    assert store.result(specs[0]).environment["devices"] == "CPU"
