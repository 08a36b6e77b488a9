"""What a study shows while it runs: rich bars, or plain lines in a pipe."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.studies.planning import Plan
from keras_transfer.studies.reporter import Reporter


def readable_time(seconds: float | None) -> str:
    """Turns seconds into text such as `4 min` or `2 h 10 min`.

    Args:
        seconds: Float, or `None` for `unknown`.
    """
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def readable_size(size: float) -> str:
    """Turns bytes into text such as `41 MB` or `318 GB`.

    Args:
        size: Float, bytes.
    """
    if size < 1e10:
        return f"{size / 1e6:,.0f} MB"
    return f"{size / 1e9:,.0f} GB"


class StudyProgress(Reporter):
    """Shows study, network, epoch and the time left.

    The time left starts from the plan and is corrected by the speed seen.

    Args:
        plan: `Plan`.
        console: `rich.console.Console`.
        quiet: Boolean, whether to show failures only.
        reword: Callable or `None`, changes what the library says of failures
            and damage, see `flags.as_flags`. Defaults to `None`.
    """

    def __init__(
        self,
        plan: Plan,
        console: Console,
        quiet: bool = False,
        reword: Callable[[str], str] | None = None,
    ):
        self.reword = reword or str
        self.console = console
        self.quiet = quiet
        self.lively = console.is_terminal and not quiet
        self.cost = {
            network.spec: network.seconds or 1.0 for network in plan.pending
        }
        self.share = dict.fromkeys(self.cost, 0.0)
        self.total = len(self.cost)
        self.done = 0
        self.begun = None
        self.tasks = {}
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=not self.lively,
        )

    def __enter__(self):
        self.bars.start()
        if self.total:
            self.tasks["study"] = self.bars.add_task(
                "networks", total=self.total, note=""
            )
        return self

    def __exit__(self, kind, *exception):
        self.bars.stop()
        if kind is KeyboardInterrupt and not self.quiet:
            text = f"Done: {self.done} of {self.total} networks."
            self.console.print(text, highlight=False)

    def time_left(self) -> float | None:
        """Estimates the seconds left, or `None` before the first epoch."""
        total = sum(self.cost.values())
        done = sum(self.cost[spec] * self.share[spec] for spec in self.cost)
        if self.begun is None or not done:
            return None
        spent = time.monotonic() - self.begun
        return spent / done * (total - done)

    def _say(self, text: str) -> None:
        if not self.quiet and not self.lively:
            # A network a line; `soft_wrap` keeps a pipe's lines whole.
            self.console.print(
                text, soft_wrap=True, markup=False, highlight=False
            )

    def _refresh(self) -> None:
        left = self.time_left()
        note = "" if left is None else f"{readable_time(left)} left"
        self.bars.update(self.tasks["study"], completed=self.done, note=note)

    def preparing(self, text, share):
        """See `Reporter.preparing`."""
        if "data" not in self.tasks:
            self.tasks["data"] = self.bars.add_task("", total=100, note="")
            self._say(f"preparing data: {text}")
        self.bars.update(
            self.tasks["data"],
            description=text,
            completed=round(100 * share),
            visible=share < 1,
        )

    def described(self, text):
        """See `Reporter.described`."""
        if not self.quiet:
            self.console.print(
                f"images of {text}", soft_wrap=True, markup=False
            )

    def notice(self, text):
        """See `Reporter.notice`."""
        self.console.print(
            f"note: {self.reword(text)}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )

    def taken(self, spec, holder):
        """See `Reporter.taken`."""
        if spec in self.tasks:
            self.bars.remove_task(self.tasks.pop(spec))

    def found(self, spec, result):
        """See `Reporter.found`."""
        self._end(spec)
        self._say(
            f"[{self.done}/{self.total}] {spec.name}: trained by another "
            "process"
        )

    def waiting(self, taken):
        """See `Reporter.waiting`."""
        self._say(
            "waiting for "
            + ", ".join(
                f"{spec.name} ({holder or 'another process'})"
                for spec, holder in taken.items()
            )
        )

    def started(self, spec):
        """See `Reporter.started`."""
        if spec not in self.cost:  # was damaged, and is trained again
            self.cost[spec] = 1.0
            self.share[spec] = 0.0
            self.total += 1
            if "study" not in self.tasks:
                self.tasks["study"] = self.bars.add_task("networks", note="")
            self.bars.update(self.tasks["study"], total=self.total)
        self.begun = self.begun or time.monotonic()
        self.tasks[spec] = self.bars.add_task(
            f"  {spec.label} (split {spec.data.split}, seed {spec.seed})",
            total=spec.solver.epochs,
            note="",
        )

    def epoch(self, spec, row):
        """See `Reporter.epoch`."""
        self.share[spec] = (row["epoch"] + 1) / spec.solver.epochs
        self.bars.update(
            self.tasks[spec],
            completed=row["epoch"] + 1,
            note=f"validation {100 * row['val_accuracy']:.1f} %",
        )
        self._refresh()

    def finished(self, spec, result):
        """See `Reporter.finished`."""
        self._end(spec)
        left = self.time_left()
        tail = f", {readable_time(left)} left" if left else ""
        reached = f"validation {100 * result.val_accuracy:.1f} %"
        if result.test_accuracy is not None:
            reached = f"test {100 * result.test_accuracy:.1f} %"
        self._say(
            f"[{self.done}/{self.total}] {spec.name}: {reached} in "
            f"{readable_time(result.seconds)}{tail}"
        )

    def failed(self, spec, message):
        """See `Reporter.failed`."""
        self._end(spec)
        self.console.print(
            f"[{self.done}/{self.total}] {spec.name} FAILED: "
            f"{self.reword(message)}",
            style="bold",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )

    def _end(self, spec: NetworkSpec) -> None:
        self.done += 1
        self.share[spec] = 1.0
        if spec in self.tasks:
            self.bars.remove_task(self.tasks.pop(spec))
        self._refresh()
