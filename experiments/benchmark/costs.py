"""What observation and starting up cost."""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keras_transfer.specs.presets import Recipe
from keras_transfer.storage.tree import find_files
from keras_transfer.training.versions import PACKAGES, package_versions


def describe_machine(threads: int) -> dict:
    """Describes what was measured on: processor, memory, versions.

    Args:
        threads: Integer, threads that the benchmark uses.

    Returns:
        Dict of JSON values: processor, threads, features of the processor
        that matter here, memory in GB, system and versions.
    """
    model, flags, memory = platform.processor(), "", 0
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in lines
            if ":" in line
        )
        model = fields.get("model name", model)
        flags = fields.get("flags", "")
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return {
        "processor": model,
        "threads": threads,
        "features": [flag for flag in wanted if flag in flags.split()],
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **package_versions((*PACKAGES, "torch")),
    }


EPOCH_IMAGES = 22_500  # of the default network: a half of CIFAR-100
_TIMED_STEPS = 10


def observation(threads: int, recipe: Recipe, rounds: int) -> dict:
    """Times all that observing a network costs, beside its training.

    Each callback is timed by itself, because its share of an epoch is below
    the noise of two epochs compared; training steps are timed in the same
    rounds, as a shared machine's speed drifts.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        rounds: Integer; each trains a few steps and ends an epoch.

    Returns:
        Dict of medians: `seconds_an_epoch` of each callback, `start_seconds`
        once a network, `epoch_seconds` of training, `percent` of training
        that everything at the default setting takes, and `event_bytes` of a
        whole network at each setting.
    """
    import numpy as np
    import tensorflow as tf

    from keras_transfer.models import cnn as models
    from keras_transfer.training import callbacks, observation, trainer
    from keras_transfer.training.compiling import compile_network
    from keras_transfer.training.layer_statistics import (
        PROBE_IMAGES,
        LayerStatistics,
    )

    trainer.set_threads(threads)
    solver, size = recipe.solver, recipe.solver.batch_size
    network = models.build_network(recipe.model, recipe.crop, 50)
    compile_network(network, solver, _TIMED_STEPS)
    rng = np.random.default_rng(0)
    shape = (max(size, PROBE_IMAGES), recipe.crop, recipe.crop, 3)
    images = tf.constant(rng.normal(size=shape), tf.float32)
    labels = tf.constant(rng.integers(0, 50, len(images)))
    batch = tf.data.Dataset.from_tensors((images[:size], labels[:size]))
    batches = batch.repeat()

    def train() -> None:
        network.fit(batches, steps_per_epoch=_TIMED_STEPS, verbose=0)

    train()  # traces and warms up
    begun = time.perf_counter()
    probe = images[:PROBE_IMAGES], labels[:PROBE_IMAGES]
    statistics_of = LayerStatistics(network, *probe)
    start = time.perf_counter() - begun
    steps_an_epoch = EPOCH_IMAGES // size
    logs = {"loss": 1.0, "accuracy": 0.5}
    logs |= {f"val_{name}": value for name, value in logs.items()}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows: list[dict] = []
        watched = {
            "rows": callbacks.EpochRows(root / "epochs.jsonl", rows),
            "checkpoint": callbacks.Checkpoint(
                root / "c.npz", rows, network, ""
            ),
        }
        for level in observation.LEVELS:
            watched[f"TensorBoard, {level}"] = observation.Observer(
                root / level / "train",
                root / level / "validation",
                [],
                statistics_of,
                solver.epochs,
                level,
            )
        for callback in watched.values():
            callback.set_model(network)
            callback.on_train_begin()
        spent: dict[str, list[float]] = {name: [] for name in watched}
        epochs, shares = [], []
        for number in range(max(rounds, solver.epochs)):
            if number < rounds:
                seconds = _time(train) * steps_an_epoch / _TIMED_STEPS
                epochs.append(seconds)
            for name, callback in watched.items():
                spent[name].append(_time(callback.on_epoch_end, number, logs))
            if number < rounds:
                usual = ("rows", "checkpoint", "TensorBoard, default")
                whole = sum(spent[name][-1] for name in usual)
                shares.append((whole + start / solver.epochs) / epochs[-1])
        for level in observation.LEVELS:
            watched[f"TensorBoard, {level}"].on_train_end()
        event_bytes = {
            level: sum(
                path.stat().st_size
                for path in (root / level).rglob("*")
                if path.is_file()
            )
            for level in observation.LEVELS
        }
    return {
        "seconds_an_epoch": {
            name: statistics.median(times) for name, times in spent.items()
        },
        "start_seconds": start,
        "epoch_seconds": statistics.median(epochs),
        "percent": 100 * statistics.median(shares),
        "event_bytes": event_bytes,
    }


def _time(work, *arguments) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def start_up(rounds: int) -> dict:
    """Times `--help`, `--plan`, import and the way to the first step.

    Args:
        rounds: Integer, runs of each, after one that is not counted.

    Returns:
        Dict of median seconds.
    """
    script = [sys.executable, "-m", "experiments.similar_datasets"]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "--help": [*script, "--help"],
            "--plan": [*script, "--plan", "--dataset", "cifar100"]
            + ["--log-dir", folder],
            "import keras_transfer": [
                sys.executable,
                "-c",
                "import keras_transfer",
            ],
        }
        found = {}
        for name, command in commands.items():
            runs = [_seconds(command) for _ in range(rounds + 1)]
            found[name] = statistics.median(runs[1:])
        # Another seed each time, or there would be nothing to train.
        runs = [
            _seconds_to_first_epoch(script, folder, seed)
            for seed in range(rounds + 1)
        ]
        found["start to first step"] = statistics.median(runs[1:])
    return found


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _seconds_to_first_epoch(script, folder: str, seed: int) -> float:
    # One epoch of one step; its row is written as soon as it is over.
    command = [*script, "--preset", "smoke", "--steps-per-epoch", "1"]
    command += ["--treatments", "--workers", "1", "--seeds", str(seed)]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--log-dir", folder], stdout=subprocess.DEVNULL
    )
    taken = None
    while process.poll() is None:
        files = find_files(Path(folder), "epochs.jsonl", f"seed{seed}-*")
        if taken is None and any(path.stat().st_size for path in files):
            taken = time.perf_counter() - begun
        time.sleep(0.01)
    return taken if taken is not None else time.perf_counter() - begun


def core_seconds_of_children() -> float:
    """Returns the processor seconds of all children that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system
