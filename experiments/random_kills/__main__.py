"""Kills a smoke study at random moments and compares what comes of it.

A study of four tiny networks is started and ended with SIGKILL, all its
processes at once, again and again until it is finished: at a write of every
kind (before the file is in place, within it, just after) and at any time at
all. Then every result and weight is compared, bit by bit, with a study that
nothing interrupted, and another begins, until there were enough kills.

    python -m experiments.random_kills
    python -m experiments.random_kills --kills 10 --out /tmp/kills

Claim: no kill changes a result or trains a finished network again. Cost: not
measured; `--kills` sets it. Expected, of 100 kills: 0 networks
trained again, 0 differences.

Each study is a fork of one process that has imported TensorFlow and run
nothing, as the networks of any study are; so a start costs little.
"""

import collections
import dataclasses
import functools
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from experiments.common.terminal import plain_main
from experiments.random_kills.aims import ANY_TIME, KINDS, choose_aim
from experiments.random_kills.comparing import OF_TIME, compare, results_of
from experiments.random_kills.studies import register_tiny_squares, start_study
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import (
    file_sha256,
    find_leftovers,
    write_atomically,
)
from keras_transfer.studies.executors.quiet import quiet_import


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
        register_tiny_squares()
    rng = random.Random(seed)
    reference, data_dir = work / "reference", work / "tfds"
    (work / "tmp").mkdir()
    begun = time.monotonic()
    start_study(reference, data_dir, None)
    whole_seconds = time.monotonic() - begun
    record, hits = Record(), collections.Counter()
    while len(record.kills) < kills:
        log_dir = work / f"study{record.studies}"
        finished: dict[str, str] = {}
        while True:
            aim = None
            if len(record.kills) < kills:
                aim = choose_aim(rng, hits, log_dir)
            seconds = None
            if aim is not None and aim.kind == ANY_TIME:
                seconds, aim = rng.uniform(0, 0.7 * whole_seconds), None
            killed = start_study(log_dir, data_dir, aim, seconds)
            now = {
                name: file_sha256(path)
                for name, path in results_of(log_dir).items()
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
                        for path in find_leftovers(log_dir)
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
    """Writes a record as Markdown.

    Args:
        record: `Record`.
    """
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
        f"{', '.join(f'`{key}`' for key in OF_TIME)} of `result.json` (the "
        "model's checksum covers the date in the file; its weights are "
        "compared) and the seconds in `results.csv`.",
    ]
    return "\n".join(lines) + "\n"


def _run_script(options: Options, console: Console) -> int:
    """Kills studies; returns 0 if nothing was lost or done twice."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work = Path(tempfile.mkdtemp(prefix="random_kills."))
    out = user_path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    def keep(record: Record) -> None:
        content = {"seed": options.seed, **dataclasses.asdict(record)}
        text = json.dumps(content, indent=1) + "\n"
        write_atomically(out / "kills.json", text)
        write_atomically(out / "kills.md", table(record))

    record = run(options.kills, options.seed, work, console, keep)
    console.print(table(record), markup=False, highlight=False)
    console.print(f"table: {out / 'kills.md'}", soft_wrap=True)
    wrong = record.repeated + record.differences
    for text in wrong:
        console.print(f"WRONG: {text}", markup=False, highlight=False)
    if not wrong:
        shutil.rmtree(work)
    return 1 if wrong else 0


main = functools.partial(
    plain_main, "random_kills", __doc__, Options, _run_script
)

if __name__ == "__main__":
    sys.exit(main())
