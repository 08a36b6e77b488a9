"""Kills a smoke study at random moments and compares what comes of it.

A study of four tiny networks is started and ended with SIGKILL, all its
processes at once, again and again until it is finished: at a write of every
kind (before the file is in place, within it, just after) and at any time at
all. Then every result and weight is compared, bit by bit, with a study that
nothing interrupted, and another begins, until there were enough kills.

    python -m experiments.random_kills
    python -m experiments.random_kills --kills 10 --out /tmp/kills

Each study is a fork of one process that has imported TensorFlow and run
nothing, as the networks of any study are; so a start costs little.
"""

import collections
import csv
import dataclasses
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console

from keras_transfer.files import file_sha256, write_atomically
from keras_transfer.quiet import quiet_import

# A kind of write and the paths in a log folder that belong to it.
KINDS = {
    "decoded images": r"/\.cache/\.?tiny_squares-[^/]*(/(?!\.?mean).*)?$",
    "mean image in the cache": r"/\.cache/tiny_squares-[^/]*/\.?mean-",
    "settings": r"/\.?settings\.[^/]*$",
    "status": r"/\.?status\.[^/]*$",
    "epoch rows": r"/\.?epochs\.[^/]*$",
    "event files": r"/seed[^/]*/tensorboard/.*events\.",
    "checkpoint": r"/\.?checkpoint\.[^/]*$",
    "features of frozen layers": r"/\.cache/features/(?!.*\.lock$)",
    "model": r"/\.?model\.[^/]*$",
    "mean image": r"/seed[^/]*/\.?mean\.[^/]*$",
    "result": r"/\.?result\.[^/]*$",
    "figures and tables": r"/report-[^/]*/.+",
}
ANY_TIME = "at any time"
# How long a write of a kind may take, where that is more than a moment.
_SECONDS = {
    "decoded images": 0.5,
    "event files": 2.0,
    "features of frozen layers": 0.3,
    "model": 0.2,
    "checkpoint": 0.02,
}
_MOMENT = 0.003
_ARGUMENTS = (
    *("--dataset", "tiny_squares", "--image-size", "20", "--width", "4"),
    *("--epochs", "3", "--steps-per-epoch", "2", "--batch-size", "8"),
    *("--views", "2", "--layers", "7", "--treatments", "AnB"),
    *("--workers", "2"),
)
_NETWORKS = 4
# Of time, or of the date inside a `.keras` file; weights are compared.
_OF_TIME = ("seconds", "resumed_at_epoch", "model_sha256", "sha256")


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    kills: int = 100
    """Kills in all."""
    seed: int = 0
    """Of the moments."""
    out: str = "logs/random_kills"
    """Folder for kills.json and kills.md."""


@dataclasses.dataclass(frozen=True)
class Kill:
    """One kill.

    Args:
        study: Integer, number of the study.
        kind: String, of `KINDS` or `ANY_TIME`.
        moment: String, where in the write, or empty.
        unfinished: List of strings, files that were being written.
        finished: Integer, networks that had their result.
    """

    study: int
    kind: str
    moment: str
    unfinished: list[str]
    finished: int


@dataclasses.dataclass(frozen=True)
class Aim:
    """A moment to be killed at.

    Args:
        kind: String, of `KINDS` or `ANY_TIME`.
        moment: String, `"within"` a write, `"before"` the file is in place
            or `"after"`.
        pass_chance: Float, chance that a write of the kind is let pass.
        seconds: Float, from the moment on.
    """

    kind: str
    moment: str
    pass_chance: float = 0.0
    seconds: float = 0.0


def _tiny_squares():
    """Registers a data set of 8 classes of squares of one colour."""
    import tensorflow_datasets as tfds

    class TinySquares(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(20, 20, 3)),
                    "label": tfds.features.ClassLabel(num_classes=8),
                }
            )
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(12),
                "test": self._generate_examples(5),
            }

        def _generate_examples(self, count):
            rng = np.random.default_rng(count)
            for index in range(8 * count):
                image = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
                image[4:16, 4:16, index % 3] = 30 * (index % 8)
                yield index, {"image": image, "label": index % 8}

    return TinySquares


def _kill_group() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _take_aim(aim: Aim, log_dir: Path) -> None:
    """Ends this process group when a write comes to a certain moment."""
    pattern = re.compile(KINDS[aim.kind])
    # Every worker is a fork: a seeded generator would draw alike in each.
    dice = random.SystemRandom()

    def kill_soon():
        time.sleep(aim.seconds)
        _kill_group()

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event == "os.rename":
            path = arguments[1]
        else:
            return
        if not isinstance(path, str | os.PathLike):
            return
        text = os.fspath(path)
        if not str(text).startswith(str(log_dir)):
            return
        if not pattern.search(str(text)):
            return
        if (event == "os.rename") != (aim.moment != "within"):
            return
        if dice.random() < aim.pass_chance:
            return
        if aim.moment == "before":
            _kill_group()
        threading.Thread(target=kill_soon, daemon=True).start()

    sys.addaudithook(hook)


def _start(log_dir: Path, data_dir: Path, aim: Aim | None, seconds=None):
    """Runs the study in a process group of its own until it ends.

    Args:
        log_dir: Path.
        data_dir: Path of the prepared data set.
        aim: `Aim` or `None`.
        seconds: Float or `None`, time after which it is killed anyway.

    Returns:
        Boolean, whether it was killed.

    Raises:
        RuntimeError: If it ended with an error.
    """
    log = log_dir.parent / f"{log_dir.name}.txt"
    child = os.fork()
    if not child:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        status = 1
        try:
            status = _run_study(log_dir, data_dir, aim)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    deadline = None if seconds is None else time.monotonic() + seconds
    ended = 0
    try:
        while not ended:
            ended, status = os.waitpid(child, os.WNOHANG if deadline else 0)
            if deadline is not None and time.monotonic() > deadline:
                os.killpg(child, signal.SIGKILL)
                deadline = None
            time.sleep(0.01)
    finally:
        if not ended:
            os.killpg(child, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        _wait_for_group(child)
        return True
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"A study failed; see {log}:\n{log.read_text()}")
    return False


def _wait_for_group(group: int) -> None:
    """Waits until the last process of a killed group is gone."""
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def _run_study(log_dir: Path, data_dir: Path, aim: Aim | None) -> int:
    from experiments import similar_datasets
    from keras_transfer import reuse, workers

    # What killed processes leave in the system's own folder is not ours.
    tempfile.tempdir = os.environ["TMPDIR"] = str(log_dir.parent / "tmp")
    reuse._LEAST_SECONDS = float("-inf")  # tiny networks store features too
    workers.START = "fork"
    if aim is not None:
        _take_aim(aim, log_dir)
    return similar_datasets.main(
        [*_ARGUMENTS, "--log-dir", str(log_dir), "--data-dir", str(data_dir)]
    )


def _results(log_dir: Path) -> dict[str, Path]:
    paths = log_dir.glob("*/*/*/*/seed*-*/result.json")
    return {str(path.relative_to(log_dir)): path for path in sorted(paths)}


def _events(folder: Path) -> list:
    from keras_transfer.events import read_events

    return sorted(
        (part, event.step, event.summary.SerializeToString())
        for part in ("train", "validation")
        for event in read_events(folder / part)
    )


def _weights(path: Path) -> dict[str, bytes]:
    import h5py

    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(keep)
    return found


def _without_seconds(path: Path) -> list[dict]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def compare(reference: Path, log_dir: Path) -> list[str]:
    """Compares a finished study with the one that was not interrupted.

    Args:
        reference: Path of its log folder.
        log_dir: Path of the other.

    Returns:
        List of strings, what differs or was left behind.
    """
    expected, found = _results(reference), _results(log_dir)
    if set(expected) != set(found):
        return [f"networks {sorted(set(expected) ^ set(found))}"]
    wrong = []
    for name in expected:
        folders = [path.parent for path in (expected[name], found[name])]
        contents = [
            json.loads((f / "result.json").read_text()) for f in folders
        ]
        for content in contents:
            for key in _OF_TIME:
                content.pop(key)
        checks = {
            "result.json": contents,
            "model.keras": [_weights(f / "model.keras") for f in folders],
            "tensorboard": [_events(f / "tensorboard") for f in folders],
        }
        for file in ("settings.json", "epochs.jsonl", "mean.npy"):
            checks[file] = [(f / file).read_bytes() for f in folders]
        wrong += [f"{name}: {k}" for k, (a, b) in checks.items() if a != b]
        status = json.loads((folders[1] / "status.json").read_text())
        if status["status"] != "COMPLETED":
            wrong.append(f"{name}: status {status['status']}")
        files = {path.name for path in folders[1].iterdir()}
        more = files - {path.name for path in folders[0].iterdir()}
        wrong += [f"{name}: left behind {file}" for file in sorted(more)]
    for path in sorted(reference.glob("*/*/report-*/*.*")):
        other = log_dir / path.relative_to(reference)
        same = other.is_file()
        if same and path.suffix == ".csv":
            same = _without_seconds(path) == _without_seconds(other)
        elif same and path.suffix in (".svg", ".png"):
            same = path.read_bytes() == other.read_bytes()
        if not same:
            wrong.append(str(path.relative_to(reference)))
    return wrong


def _kinds_left(log_dir: Path) -> list[str]:
    """Lists the kinds of writes that a study still has to make."""
    cache = log_dir / ".cache"
    left = []
    if not list(cache.glob("tiny_squares-*/pool.json")):
        left.append("decoded images")
    if len(list(cache.glob("tiny_squares-*/mean-*.npz"))) < 2:
        left.append("mean image in the cache")
    if len(_results(log_dir)) < _NETWORKS:
        once = ("decoded images", "mean image in the cache")
        left += [kind for kind in KINDS if kind not in once]
        if len(list(cache.glob("features/*/features.json"))) >= 2:
            left.remove("features of frozen layers")
    else:
        left.append("figures and tables")
    return left


def _choose(rng, hits: collections.Counter, log_dir: Path) -> Aim | None:
    """Draws a moment, of a kind that was hit least so far.

    `None`, to let a study end, if all that is left was hit often enough.
    """
    if rng.random() < 0.2:
        return Aim(ANY_TIME, "")
    kinds = _kinds_left(log_dir)
    fewest = min(hits[kind] for kind in kinds)
    if fewest > min(hits[kind] for kind in KINDS) + 2:
        return None
    kind = rng.choice([kind for kind in kinds if hits[kind] == fewest])
    moment = rng.choice(("within", "before", "after"))
    if kind == "epoch rows":
        moment = "within"  # appended to
    seconds = 0.0
    if moment != "before":
        seconds = rng.uniform(0, _SECONDS.get(kind, _MOMENT))
    return Aim(kind, moment, 0.3, seconds)


@dataclasses.dataclass
class Record:
    """What the kills came to.

    Args:
        kills: List of `Kill`.
        studies: Integer, studies that were finished.
        networks: Integer, their networks.
        repeated: List of strings, networks trained again though finished.
        differences: List of strings, see `compare`.
    """

    kills: list[Kill] = dataclasses.field(default_factory=list)
    studies: int = 0
    networks: int = 0
    repeated: list[str] = dataclasses.field(default_factory=list)
    differences: list[str] = dataclasses.field(default_factory=list)


def run(
    kills: int,
    seed: int,
    work: Path,
    console: Console,
    keep: Callable[[Record], None] = lambda record: None,
) -> Record:
    """Kills studies until there were enough kills, and finishes the last.

    Args:
        kills: Integer.
        seed: Integer.
        work: Path of an empty folder; what was found different stays there.
        console: `rich.console.Console`.
        keep: Callable, given the record after each study.

    Returns:
        `Record`.
    """
    with quiet_import():
        from experiments import similar_datasets  # noqa: F401
        from keras_transfer import preload  # noqa: F401

        _tiny_squares()
    rng = random.Random(seed)
    reference, data_dir = work / "reference", work / "tfds"
    (work / "tmp").mkdir()
    begun = time.monotonic()
    _start(reference, data_dir, None)
    whole_seconds = time.monotonic() - begun
    record, hits = Record(), collections.Counter()
    while len(record.kills) < kills:
        log_dir = work / f"study{record.studies}"
        finished: dict[str, str] = {}
        while True:
            aim = None
            if len(record.kills) < kills:
                aim = _choose(rng, hits, log_dir)
            seconds = None
            if aim is not None and aim.kind == ANY_TIME:
                seconds, aim = rng.uniform(0, 0.7 * whole_seconds), None
            killed = _start(log_dir, data_dir, aim, seconds)
            now = {
                name: file_sha256(path)
                for name, path in _results(log_dir).items()
            }
            record.repeated += [
                f"study {record.studies}: {name}"
                for name in finished
                if now.get(name) != finished[name]
            ]
            finished = now
            if not killed:
                break
            kind = ANY_TIME if aim is None else aim.kind
            hits[kind] += 1
            record.kills.append(
                Kill(
                    record.studies,
                    kind,
                    "" if aim is None else aim.moment,
                    sorted(
                        str(path.relative_to(log_dir))
                        for path in log_dir.rglob(".*.tmp*")
                    ),
                    len(finished),
                )
            )
            console.print(
                f"kill {len(record.kills)}: study {record.studies}, {kind}, "
                f"{len(finished)} networks finished",
                highlight=False,
            )
        differences = compare(reference, log_dir)
        record.differences += [
            f"study {record.studies}: {text}" for text in differences
        ]
        console.print(
            f"study {record.studies}: {len(finished)} networks, "
            + (", ".join(differences) or "as without a kill"),
            highlight=False,
        )
        if not differences:
            shutil.rmtree(log_dir)
        record.studies += 1
        record.networks += len(finished)
        keep(record)
    return record


def table(record: Record) -> str:
    """Writes a record as Markdown."""
    lines = [
        "# Random kills",
        "",
        f"{len(record.kills)} times SIGKILL to all processes of a study, "
        f"{record.studies} studies of {record.networks} networks finished "
        "after all.",
        "",
        "| write that was hit | kills | within | before the file was in place "
        "| after | files left half written |",
        "|---|---|---|---|---|---|",
    ]
    for kind in (*KINDS, ANY_TIME):
        found = [kill for kill in record.kills if kill.kind == kind]
        moments = collections.Counter(kill.moment for kill in found)
        halves = sum(bool(kill.unfinished) for kill in found)
        cells = [moments[m] or "" for m in ("within", "before", "after")]
        row = [kind, len(found), *cells, halves]
        lines.append(f"| {' | '.join(map(str, row))} |")
    lines += [
        "",
        f"- networks trained again after they were finished: "
        f"{len(record.repeated)}",
        f"- results, weights, epoch rows, events, tables and figures that "
        f"differ from the uninterrupted study's: {len(record.differences)}",
        "",
        "Compared bit by bit, apart from what tells time: "
        f"{', '.join(f'`{key}`' for key in _OF_TIME)} of `result.json` (the "
        "model's checksum covers the date in the file; its weights are "
        "compared) and the seconds in `results.csv`.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments=None) -> int:
    """Runs the script; returns 0 if nothing was lost or done twice."""
    options = tyro.cli(
        Options,
        prog="python -m experiments.random_kills",
        description=__doc__,
        args=arguments,
    )
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work = Path(tempfile.mkdtemp(prefix="random_kills."))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    def keep(record: Record) -> None:
        content = {"seed": options.seed, **dataclasses.asdict(record)}
        text = json.dumps(content, indent=1) + "\n"
        write_atomically(out / "kills.json", text)
        write_atomically(out / "kills.md", table(record))

    record = run(options.kills, options.seed, work, console, keep)
    console.print(table(record), markup=False, highlight=False)
    console.print(f"table: {out / 'kills.md'}", highlight=False)
    wrong = record.repeated + record.differences
    for text in wrong:
        console.print(f"WRONG: {text}", markup=False, highlight=False)
    if not wrong:
        shutil.rmtree(work)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
