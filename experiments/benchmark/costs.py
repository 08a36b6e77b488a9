"""What observation, starting up and a growing study cost."""

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keras_transfer.presets import Preset


def describe_machine(threads: int) -> dict:
    """Describes what was measured on: processor, memory, versions."""
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
    versions = {}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "torch"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": model,
        "threads": threads,
        "features": [flag for flag in wanted if flag in flags.split()],
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def observation(threads: int, recipe: Preset, epochs: int) -> dict:
    """Times what our callbacks do at the end of an epoch.

    Timed by themselves: their share of an epoch is far below the noise of
    two whole epochs compared.

    Args:
        threads: Integer.
        recipe: `Preset`.
        epochs: Integer, calls that are timed.

    Returns:
        Dict of median seconds an epoch of each callback, and of event bytes
        an epoch.
    """
    from keras_transfer import callbacks, models, trainer

    trainer.set_threads(threads)
    network = models.build_network(recipe.model, recipe.crop, 50)
    trainer.compile_network(network, recipe.solver, 25)
    network.optimizer.build(network.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows: list[dict] = []
        watched = {
            "rows": callbacks.EpochRows(root / "epochs.jsonl", rows),
            "TensorBoard": callbacks.TensorBoardRows(root / "events", []),
            "checkpoint": callbacks.Checkpoint(root / "c.npz", rows, network),
        }
        seconds: dict[str, list[float]] = {name: [] for name in watched}
        logs = {"loss": 1.0, "accuracy": 0.5}
        logs |= {f"val_{name}": value for name, value in logs.items()}
        for epoch in range(epochs):
            for name, callback in watched.items():
                callback.set_model(network)
                begun = time.perf_counter()
                callback.on_epoch_end(epoch, logs)
                seconds[name].append(time.perf_counter() - begun)
        watched["TensorBoard"].on_train_end()
        events = sum(
            path.stat().st_size
            for path in (root / "events").rglob("*")
            if path.is_file()
        )
    found = {name: statistics.median(s) for name, s in seconds.items()}
    return {"seconds_an_epoch": found, "event_bytes_an_epoch": events / epochs}


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
    pattern = f"*/*/*/*/seed{seed}-*/epochs.jsonl"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--log-dir", folder], stdout=subprocess.DEVNULL
    )
    taken = None
    while process.poll() is None:
        files = Path(folder).glob(pattern)
        if taken is None and any(path.stat().st_size for path in files):
            taken = time.perf_counter() - begun
        time.sleep(0.01)
    return taken if taken is not None else time.perf_counter() - begun


def growth(cases: list[tuple[str, list[str]]]) -> list[dict]:
    """Runs smoke studies of growing size and watches time and memory.

    Args:
        cases: List of `(name, flags)`.

    Returns:
        List of dicts: networks, workers, seconds, and the largest memory of
        all processes together, in MB, over the first 5 networks and at all.
    """
    found = []
    for name, flags in cases:
        with tempfile.TemporaryDirectory() as folder:
            script = [sys.executable, "-m", "experiments.similar_datasets"]
            script += ["--preset", "smoke", "--log-dir", folder]
            # Data are prepared before, and not counted.
            subprocess.run(
                [*script, "--treatments", "--seeds", "99"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            before = _finished(folder)
            begun = time.perf_counter()
            process = subprocess.Popen(
                [*script, *flags], stdout=subprocess.DEVNULL
            )
            early = late = 0.0
            while process.poll() is None:
                memory = _memory_of_tree(process.pid)
                done = _finished(folder) - before
                early = max(early, memory) if done <= 5 else early
                late = max(late, memory)
                time.sleep(0.25)
            found.append(
                {
                    "case": name,
                    "networks": _finished(folder) - before,
                    "seconds": time.perf_counter() - begun,
                    "mb_first_5": early,
                    "mb": late,
                }
            )
    return found


def _finished(folder: str) -> int:
    return len(list(Path(folder).glob("*/*/*/*/*/result.json")))


def _memory_of_tree(pid: int) -> float:
    """Sums the proportional memory of a process and all below it, in MB."""
    total = 0
    for process in [pid, *_descendants(pid)]:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        line = next(x for x in text.splitlines() if x.startswith("Pss:"))
        total += int(line.split()[1])
    return total / 1024


def _descendants(pid: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, level = [], [pid]
    while level:
        level = [child for child, above in parents.items() if above in level]
        found += level
    return found
