"""How fast this machine trains, measured once and kept in the log folder.

Measured in processes like those that train, as many at once, so that what
they take from each other is in it. This process imports no TensorFlow.
"""

import dataclasses
import functools
import importlib.metadata
import json
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.speed import Speed
from keras_transfer.storage.files import read_json, write_atomically
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.studies.executors.jobs import measure_task
from keras_transfer.studies.executors.worker import Worker
from keras_transfer.training import devices
from keras_transfer.training.devices import PROCESSOR

FILE = "speed.json"  # in the log folder's cache: safe to delete
# Raised where the same networks come to be trained faster: what was measured
# before holds no more. 2: batches have threads of their own. 3: fewer steps a
# call of a network with several threads. 4: oneDNN on every x86-64
# processor.
EDITION = 4
MOST_MEASURED = 3  # kinds of networks, those with most networks of a study


@dataclasses.dataclass(frozen=True)
class Setting:
    """What else than its networks decides how fast a study is.

    Args:
        workers, threads: Integers, see `resources.threads_of`.
        observe: String, as of `RunOptions`.
    """

    workers: int
    threads: int
    observe: str = "default"


def kind_of(spec: NetworkSpec, setting: Setting) -> str | None:
    """Names what a measurement holds for.

    Args:
        spec: `NetworkSpec`.
        setting: `Setting`.

    Returns:
        String, JSON of the model, the crop, the batch, the solver's rule,
        the setting, the machine, TensorFlow's version and the `EDITION`;
        `None` for networks that are not measured: those of registered
        models, and of several GPUs each.
    """
    solver = spec.solver
    if spec.model.content is not None or (solver.replicas or 1) > 1:
        return None
    return json.dumps(
        {
            "model": to_dict(spec.model),
            "crop": spec.data.crop,
            "batch_size": solver.batch_size,
            "optimizer": solver.optimizer,
            "muon": solver.muon_rate is not None,
            "edition": EDITION,
            **dataclasses.asdict(setting),
            **_machine(),
        },
        sort_keys=True,
    )


@functools.cache
def _machine() -> dict:
    name, lines = "unknown", []
    if Path(PROCESSOR).is_file():
        lines = Path(PROCESSOR).read_text().splitlines()
    for line in lines:
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    versions = {
        found.metadata["Name"].lower(): found.version
        for found in map(_distribution, ("tensorflow", "tensorflow-cpu"))
        if found is not None
    }
    return {
        "processor": name,
        "gpus": len(devices.visible_gpus()),
        "tensorflow": max(versions.values(), default="unknown"),
    }


def _distribution(name: str):
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def find_speeds(
    store: LogFolder, specs: list[NetworkSpec], setting: Setting
) -> dict[str, Speed]:
    """Reads what was measured of the kinds of networks of a study.

    Args:
        store: `LogFolder`.
        specs: List of `NetworkSpec`.
        setting: `Setting`.

    Returns:
        Dict from kind to `Speed`, of those that were measured.
    """
    kept = _read(store)
    if not kept:
        return {}
    kinds = {kind_of(spec, setting) for spec in specs}
    return {kind: kept[kind] for kind in kinds if kind in kept}


def measure_missing(
    store: LogFolder,
    specs: list[NetworkSpec],
    setting: Setting,
    tell: Callable[[str], None],
) -> None:
    """Measures the kinds of networks of a study that were not yet measured.

    Args:
        store: `LogFolder`, into whose cache the seconds are written.
        specs: List of `NetworkSpec`, those that are left to train.
        setting: `Setting`.
        tell: Callable, told in a sentence what is measured, or why that
            failed.
    """
    kept = _read(store)
    counts: dict[str, list[NetworkSpec]] = {}
    for spec in specs:
        kind = kind_of(spec, setting)
        if kind is not None:
            counts.setdefault(kind, []).append(spec)
    # The rest is counted in operations of what was measured.
    most = sorted(counts, key=lambda kind: -len(counts[kind]))[:MOST_MEASURED]
    for kind in most:
        if kind in kept:
            continue
        model = counts[kind][0].model
        tell(
            f"Measuring for 10 s or more how fast this machine trains "
            f"{model.name} of width {model.width} in {model.precision}; kept "
            f"in {store.cache_dir / FILE}."
        )
        try:
            kept[kind] = _measure(counts[kind][0], setting)
            content = {k: dataclasses.asdict(v) for k, v in kept.items()}
            path = store.cache_dir / FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(content, indent=1))
        except (OSError, UserError) as error:
            tell(f"note: the speed could not be measured ({error}).")
            return


def _read(store: LogFolder) -> dict[str, Speed]:
    content = read_json(store.cache_dir / FILE)
    if not isinstance(content, dict):
        return {}
    kept = {}
    for kind, values in content.items():
        try:
            speed = Speed(**values)
        except TypeError:  # of another version
            continue
        numbers = dataclasses.astuple(speed)
        if all(isinstance(n, int | float) and n >= 0 for n in numbers):
            kept[kind] = speed
    return kept


def _measure(spec: NetworkSpec, setting: Setting) -> Speed:
    """Has all workers measure at once; returns the median of each part."""
    begun = time.monotonic()
    gpus = devices.divide_gpus(1, setting.workers)
    workers = [Worker() for _ in gpus]
    found, starts = [], []
    try:
        for worker, own in zip(workers, gpus, strict=True):
            worker.start()
            arguments = spec, setting.observe, setting.threads, own
            worker.give(measure_task, arguments)
        left = {worker.connection: worker for worker in workers}
        while left:
            for connection in wait(list(left)):
                kind, content = left[connection].next_message()
                if kind == "begun":
                    starts.append(time.monotonic() - begun)
                    continue
                if kind != "measured":
                    raise UserError(content)
                found.append(content)
                del left[connection]
    finally:
        for worker in workers:
            worker.stop()
    rows = zip(*map(dataclasses.astuple, found), strict=True)
    speed = Speed(*map(statistics.median, rows))
    return dataclasses.replace(speed, start=max(starts))
