"""The time that a recommendation has, and what its end is going to take."""

import json
import time
from pathlib import Path

from keras_transfer.models.model_graph import read_graph
from keras_transfer.storage.files import read_json, write_atomically
from keras_transfer.training.candidate_networks import Task

# Seconds to save, load and prove a network, and for figure and page, measured
# on two cores: by layer calls, and beside that.
_SAVE_CALL, _PAGE = 0.012, 2.5
_TRACE_CALL = 0.012  # of a forward pass that has not run yet
TOLD = 2  # trained networks that test images tell: the choice, the rule


class Clock:
    """What is left of a budget; what was decided by it is filed.

    Started again, a run decides what it decided before, so that it trains
    what it trained.

    Args:
        seconds: Float, the budget of the whole process.
        begun: Float, `time.perf_counter` at its start.
    """

    def __init__(self, seconds: float, begun: float):
        self.seconds, self.begun = seconds, begun
        self.path: Path | None = None

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.begun

    def go_on(self, path: Path, earlier: float) -> None:
        """Goes on where an earlier process stopped.

        Args:
            path: Path of the file of what was decided.
            earlier: Float, seconds that trainings took before.
        """
        self.path = path
        self.begun -= earlier

    def left(self, kept: float = 0.0) -> float:
        """Returns the seconds left.

        Args:
            kept: Float, seconds that the end is going to take.
        """
        return self.seconds - self.spent - kept

    def known(self, name: str) -> float | None:
        """Returns what was decided before with this budget, or `None`.

        Args:
            name: String.
        """
        content = read_json(self.path) or {}
        return content.get(f"{self.seconds:g}", {}).get(name)

    def decide(self, name: str, value: float) -> float:
        """Returns what was decided before; else files a value.

        Args:
            name: String.
            value: Float.
        """
        known = self.known(name)
        if known is not None:
            return known
        content = read_json(self.path) or {}
        content.setdefault(f"{self.seconds:g}", {})[name] = value
        write_atomically(self.path, json.dumps(content))
        return value


def end_seconds(task: Task, speed: float = 1.0) -> tuple[float, float]:
    """Estimates what telling, saving and the page take.

    Args:
        task: `Task`.
        speed: Float, seconds measured over those estimated. Defaults to `1`.

    Returns:
        Pair of floats, seconds for one seed, and for each further one.
    """
    calls = len(list(read_graph(task.model).leaves()))
    forward = sum(task.outputs.seconds) * len(task.labels["test"]) * speed
    told = TOLD * forward
    fixed = _PAGE + (_SAVE_CALL + TOLD * _TRACE_CALL) * calls
    return fixed + told, told
