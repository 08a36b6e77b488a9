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


@dataclasses.dataclass(frozen=True)
class Entrant:
    """Something to time.

    Args:
        name: String.
        function: String `"module:function"`. It returns a dict from names to
            callables, each of which does its work and returns how many units
            (images, operations, bytes) that was.
        arguments: Dict, keyword arguments of the function.
    """

    name: str
    function: str
    arguments: dict = dataclasses.field(default_factory=dict)


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
        """Median of the ratios to another, round by round."""
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
    context = multiprocessing.get_context("spawn")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["OMP_NUM_THREADS"] = str(threads)
    speeds: dict[str, Speed] = {}
    running = []
    for entrant in entrants:
        if progress is not None:
            progress(f"starting {entrant.name}")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_enter, args=(theirs, entrant, threads), daemon=True
        )
        process.start()
        kind, content = ours.recv()
        if kind == "absent":
            speeds[entrant.name] = Speed([], content)
            continue
        for name in content:
            speeds[f"{entrant.name}: {name}"] = Speed([])
        running.append((entrant, ours, process, content))
    for number in range(rounds):
        if progress is not None:
            progress(f"round {number + 1} of {rounds}")
        for entrant, ours, _, names in running:
            for name in names:
                ours.send(name)
                speeds[f"{entrant.name}: {name}"].rounds.append(ours.recv())
    for _, ours, process, _ in running:
        ours.send(None)
        process.join()
    return speeds


def _enter(connection, entrant: Entrant, threads: int) -> None:
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
