"""What smoke studies of growing size cost; goes on where it was stopped.

A thousand networks take half an hour or more. What is trained stays in a
folder, beside what it has cost so far, and a second call trains the rest.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.benchmark.costs import core_seconds_of_children
from keras_transfer.errors import UserError
from keras_transfer.storage import locks
from keras_transfer.storage.files import read_json, write_atomically
from keras_transfer.storage.tree import find_files
from keras_transfer.studies.executors.shared_folder import versions

WORKERS = 2
_SCRIPT = (sys.executable, "-m", "experiments.similar_datasets")
_LOOK_SECONDS = 0.25
_KEEP_LOOKS = 20  # looks from one time that the costs are kept to the next
_TICK = os.sysconf("SC_CLK_TCK")


def measure(
    cases: list[tuple[tuple[int, ...], int]],
    folder: Path,
    machine: dict,
    tell: Callable[[str], None],
) -> list[dict]:
    """Runs smoke studies of growing size and watches time and memory.

    Args:
        cases: List of `(layers, seeds)`, integers, that two workers train.
        folder: Path that networks and costs are kept in. What was measured on
            another machine or by other code there is dropped.
        machine: Dict, as of `costs.describe_machine`.
        tell: Callable, told in a line what each case took.

    Returns:
        List of dicts: networks, workers, seconds, core-seconds of all
        processes, the largest memory of all processes together, in MB,
        over the first 5 networks and at all, and `starts`, in how many goes;
        each but the first adds a start-up and what was trained in vain.
    """
    found = []
    for layers, seeds in cases:
        name = f"layers{'-'.join(map(str, layers))}_seeds{seeds}"
        case = _Case(folder / name, layers, seeds, machine)
        found.append(case.finish())
        tell(
            f"{found[-1]['case']}: {found[-1]['core_seconds']:.0f} "
            f"core-seconds, {found[-1]['starts']} start(s)"
        )
    return found


class _Case:
    """A study and what it has cost, in a folder of its own."""

    def __init__(self, folder: Path, layers, seeds: int, machine: dict):
        self.folder, self.path = folder, folder / "cost.json"
        self._lock = None  # file, open while the case is measured
        self.made_by = {"machine": machine, "versions": versions()}
        self.flags = ["--layers", *map(str, layers)]
        self.flags += ["--workers", str(WORKERS)]
        self.flags += ["--seeds", *map(str, range(seeds))]
        # Bases of another seed, for which data are prepared.
        self.before = ["--treatments", "--seeds", str(seeds)]

    def finish(self) -> dict:
        """Trains what is left and returns the cost of all."""
        with self._alone():
            return self._finish()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds a lock that a study shares, which outlives us if we are killed.

        A second study beside it would train what it trains, and cost less.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, which may be deleted.
        with self.folder.with_suffix(".lock").open("a") as self._lock:
            if not locks.take(self._lock):
                raise UserError(
                    f"Expected nobody to train in {self.folder}. Received: "
                    "another benchmark, or the study of one that was killed. "
                    "Wait for it, or end it, and start again."
                )
            yield

    def _finish(self) -> dict:
        cost = read_json(self.path)
        if not isinstance(cost, dict) or cost.get("made_by") != self.made_by:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            cost = self._begin()
        if not cost["done"]:
            self._go_on(cost)
        # The description of the machine stands with the whole part.
        kept = set(cost) - {"made_by", "done", "before"}
        return {key: value for key, value in cost.items() if key in kept}

    def _begin(self) -> dict:
        if self._run(self.before).wait():
            raise UserError(
                f"The bases of {self.folder.name} could not be trained. Run "
                f"it by itself: {' '.join(map(str, self._words(self.before)))}"
            )
        cost = {
            "case": "",
            "workers": WORKERS,
            "networks": 0,
            "seconds": 0.0,
            "core_seconds": 0.0,
            "mb_first_5": 0.0,
            "mb": 0.0,
            "starts": 0,
            "before": self._finished(),
            "done": False,
            "made_by": self.made_by,
        }
        self._keep(cost)
        return cost

    def _words(self, flags: list[str]) -> list[str]:
        words = [*_SCRIPT, "--preset", "smoke", *flags]
        return [*words, "--log-dir", str(self.folder / "logs")]

    def _run(self, flags: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            self._words(flags),
            stdout=subprocess.DEVNULL,
            pass_fds=[self._lock.fileno()],
        )

    def _finished(self) -> int:
        return len(find_files(self.folder / "logs", "result.json"))

    def _keep(self, cost: dict) -> None:
        write_atomically(self.path, json.dumps(cost, indent=1))

    def _go_on(self, cost: dict) -> None:
        """Trains on, and keeps every few seconds what it has cost."""
        earlier = cost["seconds"], cost["core_seconds"]
        cost["starts"] += 1
        begun, worked = time.perf_counter(), core_seconds_of_children()
        process = self._run(self.flags)
        looks = 0
        try:
            while process.poll() is None:
                tree = [process.pid, *_descendants(process.pid)]
                memory = _memory(tree)
                done = self._finished() - cost["before"]
                if done <= 5:
                    cost["mb_first_5"] = max(cost["mb_first_5"], memory)
                cost["mb"] = max(cost["mb"], memory)
                cost["seconds"] = earlier[0] + time.perf_counter() - begun
                spent = _core_seconds(tree)
                cost["core_seconds"] = max(
                    cost["core_seconds"], earlier[1] + spent
                )
                if looks % _KEEP_LOOKS == 0:
                    self._keep(cost)
                looks += 1
                time.sleep(_LOOK_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            # Of those that trained, whom nobody may have waited for, the looks
            # tell; of a study that was over before the first, its end.
            spent = core_seconds_of_children() - worked
            cost["core_seconds"] = max(cost["core_seconds"], earlier[1] + spent)
            cost["networks"] = self._finished() - cost["before"]
            cost["case"] = f"{cost['networks']:,} networks, {WORKERS} workers"
            cost["done"] = process.returncode == 0
            self._keep(cost)
        if process.returncode:
            raise subprocess.CalledProcessError(
                process.returncode, process.args
            )


def _core_seconds(processes: list[int]) -> float:
    """Sums what processes and their children that have ended have worked."""
    total = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            continue
        # utime, stime, cutime and cstime are the 14th to 17th.
        total += sum(map(int, text.rpartition(")")[2].split()[11:15]))
    return total / _TICK


def _memory(processes: list[int]) -> float:
    """Sums the proportional memory of processes, in MB."""
    total = 0
    for process in processes:
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
