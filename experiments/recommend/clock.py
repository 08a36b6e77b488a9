"""The time that a recommendation has, and what its end is going to take."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

from experiments.common.progress import readable_time
from experiments.recommend.display import Display
from keras_transfer.errors import UserError
from keras_transfer.models.model_graph import read_graph
from keras_transfer.storage.files import read_json, write_atomically
from keras_transfer.training.candidate_networks import Task

# Seconds to save, load and prove a network, by layer calls, and for figure and
# page. Saving and loading took 0.014 s a call for the demonstration's network
# of 29 calls, 0.009 s for MobileNet (90) and EfficientNetB0 (239); figure and
# page 0.7 s; the rest is for importing what draws them, which was not measured.
# All in processor time, once each.
_SAVE_CALL, _PAGE = 0.012, 2.5
# A forward pass that has not run yet; 0.005 to 0.006 s a call in those three
# networks, doubled for a machine that does other things as well.
_TRACE_CALL = 0.012
_SURE = 5.0  # seconds of looking, after which its speed is taken for known
_MARGIN = 1.1  # of the budget that is said to do: estimates are rough
_ROOM = 12  # trainings of the cheapest that a budget grows to: race and finals
TOLD = 2  # trained networks that test images tell: the choice, the rule


class Clock:
    """What is left of a budget; what was decided by it is filed.

    Started again, a run decides what it decided before, so that it trains
    what it trained.

    Args:
        seconds: Float, the budget of the whole process.
        begun: Float, `time.perf_counter` at its start.
        settings: String, what else decides how time is used. Defaults to
            `""`.
        may_grow: Boolean, whether a budget that does not suffice grows, as
            nobody asked for it. Defaults to `False`, and it is refused.
    """

    def __init__(
        self,
        seconds: float,
        begun: float,
        settings: str = "",
        may_grow: bool = False,
    ):
        self.seconds, self.begun, self.may_grow = seconds, begun, may_grow
        self.run = f"{seconds:g} s{', ' * bool(settings)}{settings}"
        self.path: Path | None = None

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.begun

    def go_on(self, path: Path, earlier: float = 0.0) -> None:
        """Goes on where an earlier process of the same settings stopped.

        Args:
            path: Path of the file of what was decided.
            earlier: Float, seconds that its trainings took. Defaults to
                `0.0`.
        """
        self.path = path
        self.begun -= earlier
        self.seconds = max(self.seconds, self.known("seconds") or 0.0)

    def left(self, kept: float = 0.0) -> float:
        """Returns the seconds left.

        Args:
            kept: Float, seconds that the end is going to take.
        """
        return self.seconds - self.spent - kept

    def known(self, name: str) -> float | None:
        """Returns what was decided before with these settings, or `None`.

        Args:
            name: String.
        """
        return self._decided().get(self.run, {}).get(name)

    def _decided(self) -> dict[str, dict[str, float]]:
        """Returns what is filed; a damaged part counts as absent."""
        content = read_json(self.path)
        if not isinstance(content, dict):
            return {}
        return {run: own for run, own in content.items() if _is_whole(own)}

    def decide(self, name: str, value: float) -> float:
        """Returns what was decided before; else files a value.

        Args:
            name: String.
            value: Float.
        """
        known = self.known(name)
        if known is not None:
            return known
        content = self._decided()
        content.setdefault(self.run, {})[name] = value
        write_atomically(self.path, json.dumps(content))
        return value


def _is_whole(own) -> bool:
    return isinstance(own, dict) and all(
        type(value) in (int, float) and -math.inf < value < math.inf
        for value in own.values()
    )


def end_seconds(task: Task) -> tuple[float, float]:
    """Estimates what telling, saving and the page take.

    Args:
        task: `Task`.

    Returns:
        Pair of floats, seconds for one seed, and for each further one.
    """
    calls = len(list(read_graph(task.model).leaves()))
    forward = sum(task.outputs.seconds) * len(task.labels["test"])
    told = TOLD * forward
    fixed = _PAGE + (_SAVE_CALL + TOLD * _TRACE_CALL) * calls
    return fixed + told, told


def looking(display: Display, clock: Clock) -> Callable[[int, int], None]:
    """Returns what is done after each batch of images that is looked at.

    Args:
        display: `Display`.
        clock: `Clock`. Looking ends in a sentence if it takes too long.
    """
    started = [None, 0]

    def looked(done, total):
        display.show(f"looking at {total:,} images", done / total)
        now = clock.spent
        if started[0] is None:
            started[:] = now, done
        elif done < total and now - started[0] > _SURE and not clock.may_grow:
            speed = (now - started[0]) / (done - started[1])
            least = now + speed * (total - done)
            if least > clock.seconds:
                refuse(
                    clock,
                    f"looking once at {total:,} images takes "
                    f"{readable_time(least)}",
                    # What a candidate takes is not known before.
                    f"well above {math.ceil(least)}s",
                )

    return looked


def refuse(clock: Clock, why: str, least: str) -> None:
    """Ends a run whose budget is too small.

    Args:
        clock: `Clock`.
        why: String.
        least: String, the budget that does.

    Raises:
        UserError: Always.
    """
    raise UserError(
        f"Expected a `budget` for at least one candidate: {why}. Received: "
        f"{readable_time(clock.seconds)}, {readable_time(clock.spent)} of it "
        f"gone. Give a `budget` {least}, "
        "fewer `images_per_class` or `epochs`, or a smaller `image_size`."
    )


def check_budget(
    runners: list,
    clock: Clock,
    end: tuple[float, float],
    epochs: int,
    ahead: float = 0.0,
) -> None:
    """Refuses a budget that does not suffice for one candidate, or grows it.

    A race that has room for nobody gets all that is left (`race.shares_of`),
    so the cheapest is compared with that. A budget that may grow does, to one
    with room for a race and its finals.

    Args:
        runners: List of `race.Runner`.
        clock: `Clock`.
        end: Pair of floats, of `end_seconds`.
        epochs: Integer, of a whole training.
        ahead: Float, share of a budget that goes before training begins, so
            that the budget that is asked for does. Defaults to `0.0`.

    Raises:
        UserError: Naming the least budget that does, if it may not grow.
    """
    cheapest = min(runners, key=lambda r: r.entrant.whole_cost(epochs))
    needed = cheapest.entrant.whole_cost(epochs)
    if clock.left(end[0]) < needed:
        room = _ROOM * needed if clock.may_grow else needed
        least = (clock.spent + room + end[0]) / (1 - ahead)
        if clock.may_grow:
            clock.seconds = least
            return
        refuse(
            clock,
            f"the cheapest, {cheapest.entrant.name}, needs about "
            f"{readable_time(needed)}, and telling, saving and the page "
            f"{readable_time(end[0])}",
            f"of {math.ceil(_MARGIN * least)}s or more",
        )
