"""Times things in turn, A B C A B C, each in a process of its own.

A shared machine's speed drifts, so only times of the same round are compared,
and a result is the median over the rounds.
"""

import dataclasses
import importlib
import multiprocessing
import os
import statistics
import time

from keras_transfer.training.process_settings import set_environment


@dataclasses.dataclass(frozen=True)
class Entrant:
    """Something to time.

    Args:
        name: String.
        function: String `"module:function"`. It returns a dict from names to
            callables, each of which does its work and returns how many units
            (images, operations, bytes) that was.
        arguments: Dict, keyword arguments of the function.
        one_a_core: Boolean. `True` starts as many as there are threads, of
            one thread each, that do their work at the same time; their units
            a second are added up. Defaults to `False`.
        copies: Integer, processes with all threads each that do their work
            at the same time, on one GPU; added up likewise. Defaults to `1`.
        environment: Dict from variables to values, set before the module of
            its function is imported. Defaults to none.
    """

    name: str
    function: str
    arguments: dict = dataclasses.field(default_factory=dict)
    one_a_core: bool = False
    copies: int = 1
    environment: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Speed:
    """Units a second of one entrant.

    Args:
        rounds: List of floats, one a round; empty if it could not run.
        absent: String, why not.
    """

    rounds: list[float]
    absent: str = ""

    @property
    def median(self) -> float | None:
        """Median of the rounds."""
        return statistics.median(self.rounds) if self.rounds else None

    def over(self, other: "Speed") -> float | None:
        """Median of the ratios to another, round by round.

        Args:
            other: `Speed` of the same race.

        Returns:
            Float, above 1 if this one is faster; `None` if either could not
            run.

        Raises:
            ValueError: If they were timed in different numbers of rounds.
        """
        if not self.rounds or not other.rounds:
            return None
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def to_json(self) -> dict:
        """Returns JSON values."""
        return {
            "median": self.median,
            "rounds": self.rounds,
            "absent": self.absent,
        }


def race(
    entrants: list[Entrant], rounds: int, threads: int, progress=None
) -> dict[str, Speed]:
    """Times all works of all entrants in turn.

    Args:
        entrants: List of `Entrant`.
        rounds: Integer, times that each is timed, after one that is not.
        threads: Integer, threads that each may use.
        progress: Callable or `None`, called with a text before each round.

    Returns:
        Dict from `"entrant: work"` to `Speed`.
    """
    set_environment()
    speeds: dict[str, Speed] = {}
    running = []
    for entrant in entrants:
        if progress is not None:
            progress(f"starting {entrant.name}")
        started = _Started(entrant, threads)
        if started.absent:
            speeds[entrant.name] = Speed([], started.absent)
            continue
        for work in started.works:
            speeds[f"{entrant.name}: {work}"] = Speed([])
        running.append(started)
    for number in range(rounds):
        if progress is not None:
            progress(f"round {number + 1} of {rounds}")
        for started in running:
            for work in started.works:
                name = f"{started.entrant.name}: {work}"
                speeds[name].rounds.append(started.time(work))
    for started in running:
        started.end()
    return speeds


class _Started:
    """An entrant's process, or its processes of one thread each."""

    def __init__(self, entrant: Entrant, threads: int):
        self.entrant = entrant
        copies, each = entrant.copies, threads
        if entrant.one_a_core:
            copies, each = threads, 1
        os.environ["OMP_NUM_THREADS"] = str(each)  # PyTorch's
        context = multiprocessing.get_context("spawn")
        self._copies = []
        for _ in range(copies):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_enter, args=(theirs, entrant, each), daemon=True
            )
            process.start()
            self._copies.append((ours, process))
        self.works: list[str] = []
        self.absent = ""
        for ours, _ in self._copies:
            kind, content = ours.recv()
            if kind == "absent":
                self.absent = content
            else:
                self.works = content

    def time(self, work: str) -> float:
        """Returns the units a second of all copies together."""
        for ours, _ in self._copies:
            ours.send(work)
        return sum(ours.recv() for ours, _ in self._copies)

    def end(self) -> None:
        """Ends the processes."""
        for ours, process in self._copies:
            ours.send(None)
            process.join()


def _enter(connection, entrant: Entrant, threads: int) -> None:
    os.environ.update(entrant.environment)
    module, _, function = entrant.function.partition(":")
    try:
        build = getattr(importlib.import_module(module), function)
        works = build(threads=threads, **entrant.arguments)
        for work in works.values():
            work()  # traces, compiles, warms up
    except Exception as error:  # said in the table, whatever it is
        text = (str(error) or type(error).__name__).splitlines()[0][:150]
        connection.send(("absent", f"{type(error).__name__}: {text}"))
        return
    connection.send(("ready", list(works)))
    while (name := connection.recv()) is not None:
        begun = time.perf_counter()
        units = works[name]()
        connection.send(units / (time.perf_counter() - begun))
