"""One, two and four replicas, on logical CPUs, train the same network.

Each number has a process of its own: a second `MirroredStrategy` in one fails.
"""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.models import saving
from keras_transfer.models.cnn import build_network
from keras_transfer.storage.store import RunStore
from keras_transfer.training import strategies
from keras_transfer.training.compiling import compile_network
from tests.replicas import network_spec

ROOT = Path(__file__).resolve().parents[1]
CASES = {
    1: ["base", "frozen", "finetuned", "normalized", "muon"],
    2: ["frozen", "finetuned", "normalized", "dropout", "muon"],
    4: ["frozen", "finetuned"],
}
CURVE = 1e-5  # of loss; weights of about 1 are known to 1e-7
WEIGHTS = 1e-5


def start(replicas, folder):
    folders = [str(folder / str(replicas)), str(folder / "1")]
    Path(folders[0]).mkdir()
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-m", "tests.replicas"]
        + [str(replicas), *folders, *CASES[replicas]],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder in which 1, 2 and 4 replicas have trained `CASES`."""
    folder = tmp_path_factory.mktemp("replicas")
    for together in ([1], [2, 4]):
        processes = [start(replicas, folder) for replicas in together]
        for process in processes:
            _, errors = process.communicate(timeout=900)
            assert process.returncode == 0, errors[-3000:]
    return folder


class Trained:
    """A network of the fixture."""

    def __init__(self, folder, case, replicas, logs="logs"):
        where = folder / str(replicas)
        spec = network_spec(case, replicas if replicas > 1 else None)
        self.network = RunStore(where / logs, "study").network(spec)
        self.result = self.network.read_result()
        rows = (self.network.folder / "epochs.jsonl").read_text()
        self.rows = [json.loads(row) for row in rows.splitlines()]
        self.model = saving.load_model(self.network)
        self.seen = json.loads((where / "seen.json").read_text())


@pytest.mark.slow(40)
@pytest.mark.parametrize("replicas", [2, 4])
@pytest.mark.parametrize("case", ["frozen", "finetuned"])
def test_replicas_train_the_network_of_one_device(folder, case, replicas):
    one, several = (Trained(folder, case, count) for count in (1, replicas))
    assert several.seen["replicas"] == replicas
    assert len(one.rows) == len(several.rows) == 3
    assert one.rows[2]["loss"] < 0.6 * one.rows[0]["loss"]  # it learns
    for a, b in zip(one.rows, several.rows, strict=True):
        for key in ("loss", "val_loss"):
            assert b[key] == pytest.approx(a[key], abs=CURVE)
        for key in ("accuracy", "val_accuracy"):  # of counted images
            assert b[key] == pytest.approx(a[key], abs=1e-7)
    for a, b in zip(
        one.model.get_weights(), several.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=0, atol=WEIGHTS)


@pytest.mark.slow
def test_replicas_take_muons_steps_of_one_device(folder):
    one, two = (Trained(folder, "muon", count) for count in (1, 2))
    assert one.rows[2]["loss"] < 0.9 * one.rows[0]["loss"]  # it learns
    for a, b in zip(one.rows, two.rows, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], abs=CURVE)
    for a, b in zip(
        one.model.get_weights(), two.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=0, atol=WEIGHTS)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_a_batch_is_that_of_one_device_in_equal_shares(folder, replicas):
    one, several = (Trained(folder, "frozen", count) for count in (1, replicas))
    for (whole,), shares in zip(
        one.seen["places"], several.seen["places"], strict=True
    ):
        assert [len(share) for share in shares] == [8 // replicas] * replicas
        assert sum(shares, []) == whole


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_frozen_tensors_are_the_bases_on_every_replica(folder, replicas):
    base = Trained(folder, "base", 1).model.get_layer("conv1")
    frozen = Trained(folder, "frozen", replicas)
    for weight in ("kernel", "bias"):
        copies = frozen.seen["frozen"][f"cnn8/conv1/{weight}"]
        assert len(copies) == replicas
        for copy in copies:
            expected = getattr(base, weight).numpy()
            np.testing.assert_array_equal(np.array(copy, "float32"), expected)
    tensors = [t for t in frozen.result.proof if t["frozen"]]
    assert len(tensors) == 2 * 5
    for tensor in tensors:
        assert tensor["after_sha256"] == tensor["source_sha256"]


@pytest.mark.slow
def test_stored_features_serve_replicas(folder):
    # Compared with networks that computed them at every step, above.
    assert Trained(folder, "frozen", 2).result.reused_keras_layers > 0
    assert Trained(folder, "frozen", 1).result.reused_keras_layers == 0


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_every_test_image_counts_once(folder, replicas):
    trained = Trained(folder, "finetuned", replicas)
    (cache,) = (folder / str(replicas) / "logs" / ".cache").iterdir()
    pool = ImagePool(cache)
    # By hand: half B has 5 of 9 classes with 5 test images each.
    labels = pool.labels("test")
    chosen = np.isin(labels, [int(n[6:]) for n in trained.result.classes])
    assert trained.result.images["test"] == chosen.sum() == 25
    mean = np.load(trained.network.folder / "mean.npy")
    images = (pool.images("test")[chosen] - mean)[:, 1:-1, 1:-1] / 64
    logits = trained.model.predict(images, verbose=0)
    ranks = np.unique(labels[chosen], return_inverse=True)[1]
    right = np.mean(logits.argmax(1) == ranks)
    assert trained.result.test_accuracy == pytest.approx(right, abs=1e-7)
    each = np.log(np.exp(logits).sum(1)) - logits[np.arange(25), ranks]
    assert trained.result.test_loss == pytest.approx(each.mean(), abs=1e-5)


@pytest.mark.slow
def test_moments_of_a_batch_are_those_of_all_its_images(folder):
    one, two = (Trained(folder, "normalized", count) for count in (1, 2))
    (first,), (second,) = one.rows, two.rows
    for key in ("loss", "val_loss", "val_accuracy"):
        assert second[key] == pytest.approx(first[key], abs=1e-4)
    for a, b in zip(
        one.model.get_weights(), two.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)
    for name in ("moving_mean", "moving_variance"):
        a, b = two.seen["normalized"][f"cnn8/conv1_norm/{name}"]
        assert a == b  # on either replica


@pytest.mark.slow
def test_each_replica_has_masks_of_its_own(folder):
    seen = Trained(folder, "dropout", 2).seen["dropout"]
    states = [copies for path, copies in seen.items() if "seed" in path]
    assert len(states) == 2  # after fc6 and fc7
    for first, second in states:
        assert first[0] != second[0]  # the seed
        assert first[1] == second[1] > 0  # how often it was drawn from
    assert states[0][1][0] != states[1][1][0]


@pytest.mark.slow
def test_resume_under_replicas_is_bit_identical(folder):
    whole = Trained(folder, "dropout", 2)
    resumed = Trained(folder, "dropout", 2, "broken")
    assert resumed.result.resumed_at_epoch == [1]
    assert resumed.rows == whole.rows
    for a, b in zip(
        whole.model.get_weights(), resumed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    for key in ("test_accuracy", "test_loss"):
        assert getattr(resumed.result, key) == getattr(whole.result, key)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_result_says_on_what_it_was_trained(folder, replicas):
    found = Trained(folder, "frozen", replicas).result.environment
    assert found["replicas"] == replicas and found["gpus"] == 0
    assert found["strategy"] == ("none" if replicas == 1 else "mirrored")
    assert found["devices"] == ", ".join(["CPU"] * replicas)


@pytest.mark.slow
def test_replicas_that_drifted_apart_are_found(folder):
    text = Trained(folder, "frozen", 2).seen["apart"]
    assert "differ between 2 replicas: ['sequential/dense/kernel']" in text
    assert Trained(folder, "frozen", 1).seen["apart"] == ""


def test_one_step_a_call_and_no_xla_under_replicas(tiny_spec, monkeypatch):
    monkeypatch.setattr(
        tf.config.threading, "get_intra_op_parallelism_threads", lambda: 2
    )
    for replicas, steps in ((None, 5), (2, 1)):
        model = build_network(tiny_spec.model, 18, 4, replicas=replicas or 1)
        solver = dataclasses.replace(tiny_spec.solver, replicas=replicas)
        compile_network(model, solver, 20)
        assert model.steps_per_execution == steps
        assert model.jit_compile is False


@pytest.mark.parametrize(
    ("threads", "stored", "steps"),
    [(1, False, 20), (2, False, 5), (2, True, 20), (0, False, 5)],
)
def test_fewer_steps_a_call_on_several_cores(
    tiny_spec, monkeypatch, threads, stored, steps
):
    module = tf.config.threading
    name = "get_intra_op_parallelism_threads"
    monkeypatch.setattr(module, name, lambda: threads)
    model = build_network(tiny_spec.model, 18, 4)
    compile_network(model, tiny_spec.solver, 20, stored=stored)
    assert model.steps_per_execution == steps


class Four(strategies.Strategy):
    replicas = 4


def test_images_that_replicas_cannot_share_are_told():
    four = Four()
    four.check_images(8, validation=16, test=17)
    with pytest.raises(NetworkFailed, match="4 replicas share equally.*: 10"):
        four.check_images(10, test=100)
    with pytest.raises(NetworkFailed, match="at least 16.*'validation': 15"):
        four.check_images(8, validation=15, test=16)
    strategies.Strategy().check_images(7, validation=1, test=1)


def test_replicas_without_devices_are_refused():
    with pytest.raises(UserError, match="Expected 3 CPUs.*TensorFlow sees 1"):
        strategies.find_strategy(3, ["CPU:0", "CPU:1", "CPU:2"])
    assert strategies.find_strategy(1).replicas == 1
