"""Files and values of an earlier version: what it made still loads and counts.

`fixtures/e390b6d` was written by that commit on the tiny data set of
`conftest.py`, with one thread: a finished base, a transfer that was stopped
after its first epoch, and the results of eight networks, then without oneDNN.
"""

import hashlib
import json
import multiprocessing
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import write_tiny_pool

from keras_transfer.models import saving
from keras_transfer.specs.network import from_dict
from keras_transfer.storage.store import RunStore
from keras_transfer.training import trainer

FIXTURES = Path(__file__).parent / "fixtures" / "e390b6d"
GOLDEN = json.loads((FIXTURES / "golden.json").read_text())
# What the same commit reaches with oneDNN, by processor: a moving variance near
# zero makes a sum that is rounded otherwise into another loss.
REACHED = json.loads((FIXTURES / "processors.json").read_text())


# Each way to load one of our files, in a process that has loaded nothing else.
WAYS_TO_LOAD = {
    "load_source": """
        import keras_transfer as kt
        model = kt.load_source(f"{folder}/model.keras").model
    """,
    "saving": """
        import json
        from pathlib import Path
        from keras_transfer.models import saving
        from keras_transfer.specs.network import from_dict
        from keras_transfer.storage.network_folder import NetworkFolder
        settings = json.loads(Path(folder, "settings.json").read_text())
        spec = from_dict(settings)
        model = saving.load_model(NetworkFolder(spec, Path(folder)))
    """,
}


def identify(values):
    return values["label"] + values["id"]


def place(folder, network):
    """Puts a fixture where a log folder keeps that network."""
    shutil.copytree(FIXTURES / folder, network.folder, dirs_exist_ok=True)


def digest(proof):
    """Hashes a network's final weights, whatever their order."""
    lines = sorted(t["target_path"] + t["after_sha256"] for t in proof)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def processor():
    """Hashes what decides the order of sums here: the kernels of this CPU."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return None
    flags = next((x for x in text.splitlines() if x.startswith("flags")), "")
    vectors = sorted(f for f in flags.split() if f.startswith(("avx", "amx")))
    return " ".join(vectors)


def assert_reached(result, golden):
    for name in ("label", "treatment", "steps", "mean_half"):
        assert getattr(result, name) == golden[name]
    for name in ("test_accuracy", "val_accuracy", "train_accuracy"):
        assert getattr(result, name) == pytest.approx(golden[name])
    for name in ("test_loss", "train_loss"):
        # Another processor rounds sums differently.
        assert getattr(result, name) == pytest.approx(golden[name], rel=1e-3)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "logs", "study")


@pytest.mark.parametrize("golden", GOLDEN, ids=identify)
def test_ids_and_names_are_those_of_old(golden):
    spec = from_dict(golden["settings"])
    assert spec.network_id == golden["id"]
    assert spec.name == golden["name"]
    assert spec.label == golden["label"]
    assert spec.treatment == golden["treatment"]


def test_an_old_base_is_found_finished_and_its_weights_load(store):
    spec = from_dict(GOLDEN[0]["settings"])
    network = store.network(spec)
    place("baseA", network)
    result = store.result(spec)
    assert_reached(result, GOLDEN[0])
    model = saving.load_model(network)
    proof = {t["target_path"]: t["after_sha256"] for t in result.proof}
    # Keras drops the model's name, "cnn8/", from the paths of a loaded file.
    kernel = np.ascontiguousarray(model.get_layer("conv1").kernel.numpy())
    text = hashlib.sha256(f"{kernel.dtype}{kernel.shape}".encode())
    text.update(kernel.tobytes())
    (path,) = [p for p in proof if p.endswith("conv1/kernel")]
    assert text.hexdigest() == proof[path]


def test_an_old_checkpoint_goes_on_to_the_same_result(store, tiny_pool):
    golden = GOLDEN[2]
    spec = from_dict(golden["settings"])
    base, network = store.network(spec.source), store.network(spec)
    place("baseA", base)
    place("A3B-stopped", network)
    result = trainer.train_network(network, tiny_pool, base)
    assert result.resumed_at_epoch == [1]
    assert_reached(result, golden)


def train_all(log_dir):
    """Trains the golden networks with one thread; returns their results."""
    trainer.set_threads(1)
    store = RunStore(log_dir, "study")
    pool = write_tiny_pool(log_dir / ".cache")
    results = []
    for golden in GOLDEN:
        spec = from_dict(golden["settings"])
        source = store.network(spec.source) if spec.source else None
        network = store.network(spec)
        results.append(trainer.train_network(network, pool, source))
    return results


@pytest.mark.slow
def test_networks_reach_the_same_values(tmp_path):
    # The number of threads is fixed before TensorFlow runs anything.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        results = pool.submit(train_all, tmp_path / "logs").result()
    if processor() not in REACHED:
        pytest.skip(f"nobody knows what e390b6d reaches on {processor()}")
    values = REACHED[processor()]
    for result, golden, own in zip(results, GOLDEN, values, strict=True):
        assert_reached(result, golden | own)
        assert digest(result.proof) == own["weights_sha256"]


@pytest.mark.slow(20)
@pytest.mark.parametrize("way", WAYS_TO_LOAD)
def test_an_old_file_loads_in_a_process_that_imported_nothing_else(way):
    script = f"folder = {str(FIXTURES / 'baseA')!r}\n"
    script += textwrap.dedent(WAYS_TO_LOAD[way])
    script += "print([layer.name for layer in model.layers if layer.weights])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = []
    for layer in range(1, 6):
        expected += [f"conv{layer}", f"conv{layer}_norm"]
    for layer in (6, 7):
        expected += [f"fc{layer}", f"fc{layer}_norm"]
    assert done.stdout.splitlines()[-1] == str([*expected, "fc8"])
