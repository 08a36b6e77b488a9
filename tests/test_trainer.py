import dataclasses
import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transfer.datasets.halves import load_half
from keras_transfer.errors import NetworkFailed
from keras_transfer.models import saving
from keras_transfer.storage.correctness import correctness
from keras_transfer.storage.files import file_sha256
from keras_transfer.storage.store import RunStore
from keras_transfer.training import compiling, trainer
from keras_transfer.training.options import Options
from tests.trained import (
    Stop,
    assert_same_bits,
    stop_in_epoch,
    wait_for,
    weights_of,
)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "logs", "study")


def test_base_learns_and_files_everything(store, base, tiny_spec):
    result = store.result(tiny_spec)
    assert result.label == "baseA"
    assert result.images == {"train": 44, "validation": 4, "test": 20}
    assert result.steps == 3 * (44 // 8)
    assert len(result.classes) == 4
    assert 0 <= result.test_accuracy <= 1
    # Five test images of each class: both accuracies say the same.
    assert result.test_balanced_accuracy == pytest.approx(result.test_accuracy)
    rows = (base.folder / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [0, 1, 2]
    # The mean of the ten highest of three looks would be one of all.
    assert result.val_best10 is None
    hits = correctness(result)
    assert hits.shape == (20,) and hits.mean() == result.test_accuracy
    assert np.load(base.folder / "mean.npy").shape == (20, 20, 3)


@pytest.mark.slow
def test_best10_is_the_mean_of_the_ten_highest_of_100_looks(
    store, tiny_pool, tiny_spec
):
    solver = dataclasses.replace(
        tiny_spec.solver, epochs=100, steps_per_epoch=1
    )
    network = store.network(dataclasses.replace(tiny_spec, solver=solver))
    result = trainer.train_network(
        network, tiny_pool, options=Options(observe="off")
    )
    rows = (network.folder / "epochs.jsonl").read_text().splitlines()
    looks = sorted(json.loads(row)["val_accuracy"] for row in rows)
    assert result.val_best10 == pytest.approx(np.mean(looks[-10:]))


def judged_by_hand(network, pool):
    """Returns loss and hits of a saved network on its half's test images."""
    half = load_half(pool, network.spec.data, network.spec.target)
    mean = np.load(network.folder / "mean.npy")
    data = network.spec.data
    first = (data.image_size - data.crop) // 2
    pixels = half.test.images[half.test.indices] - mean
    cut = slice(first, first + data.crop)
    logits = saving.load_model(network).predict(
        (pixels[:, cut, cut] * data.scale).astype("float32"), verbose=0
    )
    logs = logits - logits.max(axis=1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    labels = half.test.labels
    loss = -logs[np.arange(len(labels)), labels].mean()
    return loss, logits.argmax(axis=1) == labels


def test_smoothing_trains_otherwise_but_reports_the_plain_loss(
    store, base, tiny_pool, tiny_spec
):
    solver = dataclasses.replace(tiny_spec.solver, label_smoothing=0.2)
    network = store.network(dataclasses.replace(tiny_spec, solver=solver))
    result = trainer.train_network(
        network, tiny_pool, options=Options(observe="off")
    )
    for trained in (base, network):
        loss, hits = judged_by_hand(trained, tiny_pool)
        filed = trained.read_result()
        assert filed.test_loss == pytest.approx(loss, rel=1e-4)
        np.testing.assert_array_equal(correctness(filed), hits)
    last = (network.folder / "epochs.jsonl").read_text().splitlines()[-1]
    row = json.loads(last)
    assert row["loss"] == result.train_loss != row["smoothed_loss"]
    assert not np.array_equal(weights_of(base)[0], weights_of(network)[0])


def test_events_hold_each_epoch_once(base):
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    events = EventAccumulator(
        str(base.events_dir("validation")),
    )
    events.Reload()
    assert [e.step for e in events.Scalars("epoch_accuracy")] == [0, 1, 2]


@pytest.mark.parametrize("mode", ["frozen", "finetuned"])
def test_transfer_is_proved(base, transfers, mode):
    network = transfers[mode]
    result = network.read_result()
    proof = result.proof
    copied = [t for t in proof if t["source_path"]]
    assert len(copied) == 3 * 5
    source = dict(
        zip([t["target_path"] for t in proof], weights_of(base), strict=True)
    )
    final = dict(
        zip([t["target_path"] for t in proof], weights_of(network), strict=True)
    )
    for tensor in copied:
        path = tensor["target_path"]
        same = np.array_equal(source[path], final[path])
        assert same == (mode == "frozen")
        assert tensor["frozen"] == (mode == "frozen")
    assert result.mean_half == "A"  # the base's mean travels with it


@pytest.mark.slow
def test_targets_own_mean_is_an_option(store, tiny_pool, tiny_spec):
    data = dataclasses.replace(tiny_spec.data, mean="target")
    solver = dataclasses.replace(tiny_spec.solver, epochs=1)
    base_spec = dataclasses.replace(tiny_spec, data=data, solver=solver)
    base = store.network(base_spec)
    trainer.train_network(base, tiny_pool, options=Options(observe="off"))
    spec = dataclasses.replace(base_spec, base="A", target="B", n=1)
    result = trainer.train_network(
        store.network(spec), tiny_pool, base, options=Options(observe="off")
    )
    assert result.mean_half == "B"


@pytest.mark.slow(20)
@pytest.mark.parametrize(
    "after_epoch, optimizer",
    [(0, {"optimizer": "adamw"}), (1, {"muon_rate": 0.2})],
    ids=["adamw", "muon"],
)
def test_resume_is_bit_identical(
    store, tmp_path, tiny_pool, tiny_spec, after_epoch, optimizer
):
    spec = dataclasses.replace(
        tiny_spec,
        base="A",
        target="B",
        n=2,
        mode="finetuned",
        # Dropout's seed states are what a plain checkpoint would lose.
        model=dataclasses.replace(tiny_spec.model, dropout=0.5),
        solver=dataclasses.replace(
            tiny_spec.solver,
            schedule="linear",
            label_smoothing=0.1,
            class_weights="balanced",
            copied_rate=0.5,
            rate_decay=0.8,
            **optimizer,
        ),
    )
    source_spec = spec.source
    source = store.network(source_spec)
    train = functools.partial(
        trainer.train_network, options=Options(observe="off")
    )
    train(source, tiny_pool)
    whole = store.network(spec)
    expected = train(whole, tiny_pool, source)
    broken = RunStore(tmp_path / "other", "study").network(spec)

    with pytest.raises(Stop):
        train(broken, tiny_pool, source, report=stop_in_epoch(after_epoch + 1))
    keras.utils.clear_session()
    resumed = train(broken, tiny_pool, source)
    assert resumed.resumed_at_epoch == [after_epoch + 1]
    assert_same_bits(whole, broken)
    for key in ("test_accuracy", "test_loss", "test_correct", "train_loss"):
        assert getattr(resumed, key) == getattr(expected, key)
    rows = [
        (network.folder / "epochs.jsonl").read_text()
        for network in (whole, broken)
    ]
    assert rows[0] == rows[1]


SCRIPT = """
    import sys, time
    from pathlib import Path
    from keras_transfer.training import compiling, trainer
    from keras_transfer.datasets.pools import ImagePool
    from keras_transfer.specs.network import from_dict
    from keras_transfer.storage.store import RunStore
    import json
    trainer.set_threads(1)
    spec = from_dict(json.loads(sys.argv[1]))
    network = RunStore(sys.argv[3], "study").network(spec)
    pause = float(sys.argv[4])
    pool = ImagePool(Path(sys.argv[2]))
    trainer.train_network(network, pool, report=lambda r: time.sleep(pause))
"""


@pytest.mark.slow(35)
def test_sigkill_loses_at_most_an_epoch(tmp_path, tiny_pool, tiny_spec):
    from keras_transfer.specs.identity import to_dict

    settings = json.dumps(to_dict(tiny_spec))

    def start(log_dir, pause):
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), settings]
            + [str(tiny_pool.folder), str(log_dir), str(pause)],
        )

    whole = RunStore(tmp_path / "whole", "study").network(tiny_spec)
    killed = RunStore(tmp_path / "killed", "study").network(tiny_spec)
    steady = start(tmp_path / "whole", 0)
    process = start(tmp_path / "killed", 2)
    rows = killed.folder / "epochs.jsonl"
    wait_for(
        lambda: rows.is_file() and rows.read_text().count("\n") == 2,
        process.poll,
    )
    os.kill(process.pid, signal.SIGKILL)  # before the second checkpoint
    process.wait()
    assert killed.read_result() is None
    assert start(tmp_path / "killed", 0).wait() == 0
    assert steady.wait() == 0
    assert killed.read_result().resumed_at_epoch == [1]
    assert_same_bits(whole, killed)
    assert rows.read_text() == (whole.folder / "epochs.jsonl").read_text()


def train_at_a_time(operations, log_dir, pool, spec):
    """Trains with two threads and so many operations at a time."""
    trainer.set_threads(2)
    if operations == 1:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    network = RunStore(log_dir, "study").network(spec)
    result = trainer.train_network(
        network, pool, options=Options(observe="off")
    )
    found = tf.config.threading.get_inter_op_parallelism_threads()
    return found, {
        row["target_path"]: row["after_sha256"] for row in result.proof
    }


@pytest.mark.slow(30)
def test_operations_at_a_time_do_not_change_a_bit(
    tmp_path, tiny_pool, tiny_spec
):
    context = multiprocessing.get_context("spawn")
    ended = []
    for operations in (1, 2):
        # TensorFlow fixes its threads when it first computes.
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            ended.append(
                pool.submit(
                    train_at_a_time,
                    operations,
                    tmp_path / str(operations),
                    tiny_pool,
                    tiny_spec,
                ).result()
            )
    assert [found for found, _ in ended] == [1, 2]
    assert ended[0][1] == ended[1][1]
    assert len(ended[0][1]) > 10


@pytest.mark.slow(20)
def test_steps_a_call_do_not_change_a_bit(
    base, tmp_path, tiny_pool, tiny_spec, monkeypatch
):
    for steps in (1, 3):
        for name in ("_STEPS_PER_CALL", "_STEPS_PER_CALL_ON_CORES"):
            monkeypatch.setattr(compiling, name, steps)
        network = RunStore(tmp_path / str(steps), "study").network(tiny_spec)
        trainer.train_network(
            network, tiny_pool, options=Options(observe="off")
        )
        assert_same_bits(base, network)


def test_damaged_checkpoint_means_from_the_start(
    base, tmp_path, tiny_pool, tiny_spec
):
    network = RunStore(tmp_path / "other", "study").network(tiny_spec)
    network.begin()
    network.checkpoint_path.write_bytes(b"PK\x03\x04 not a checkpoint")
    result = trainer.train_network(
        network, tiny_pool, options=Options(observe="off")
    )
    assert result.resumed_at_epoch == []
    # The same settings give the same bits, observed or not.
    assert_same_bits(base, network)


def test_loss_that_is_not_finite_ends_the_network_with_a_record(
    store, tiny_pool, tiny_spec
):
    solver = dataclasses.replace(
        tiny_spec.solver, learning_rate=1e30, warmup=0.0
    )
    model = dataclasses.replace(tiny_spec.model, normalization="none")
    spec = dataclasses.replace(tiny_spec, solver=solver, model=model)
    with pytest.raises(NetworkFailed, match="loss became.*epoch 0") as failure:
        trainer.train_network(store.network(spec), tiny_pool)
    assert failure.value.record["epoch"] == 0
    assert "cnn8/conv1/kernel" in failure.value.record["layer_norms"]
    assert store.result(spec) is None


def test_damaged_base_is_refused(store, base, tiny_pool, tiny_spec):
    content = bytearray(base.model_path.read_bytes())
    content[len(content) // 2] ^= 1
    base.model_path.write_bytes(bytes(content))
    spec = dataclasses.replace(tiny_spec, base="A", target="B", n=1)
    with pytest.raises(NetworkFailed, match="checksum differs"):
        trainer.train_network(store.network(spec), tiny_pool, base)


def test_result_names_the_weights_file(store, base, tiny_spec):
    expected = file_sha256(base.model_path)
    assert store.result(tiny_spec).model_sha256 == expected
