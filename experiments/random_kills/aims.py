"""The moments that a study is killed at: which write, and where in it."""

import collections
import dataclasses
import os
import random
import re
import signal
import sys
import threading
import time
from pathlib import Path

from experiments.random_kills.comparing import results_of

# A kind of write and the paths in a log folder that belong to it.
KINDS = {
    "decoded images": r"/\.cache/\.?tiny_squares-[^/]*(/(?!\.?mean).*)?$",
    "mean image in the cache": r"/\.cache/tiny_squares-[^/]*/\.?mean-",
    "settings": r"/\.?(settings|command)\.[^/]*$",
    "status": r"/\.?status\.[^/]*$",
    "epoch rows": r"/\.?epochs\.[^/]*$",
    "event files": r"/tb/[^/]* r\d+/.*events\.",
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
NETWORKS = 4


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


def _kill_group() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def take_aim(aim: Aim, log_dir: Path) -> None:
    """Ends this process group when a write comes to a certain moment.

    Args:
        aim: `Aim` at a kind of `KINDS`, not at any time.
        log_dir: Path of the log folder; writes outside of it do not count.
    """
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


def _kinds_left(log_dir: Path) -> list[str]:
    """Lists the kinds of writes that a study still has to make."""
    cache = log_dir / ".cache"
    left = []
    if not list(cache.glob("tiny_squares-*/pool.json")):
        left.append("decoded images")
    if len(list(cache.glob("tiny_squares-*/mean-*.npz"))) < 2:
        left.append("mean image in the cache")
    if len(results_of(log_dir)) < NETWORKS:
        once = ("decoded images", "mean image in the cache")
        left += [kind for kind in KINDS if kind not in once]
        if len(list(cache.glob("features/*/features.json"))) >= 2:
            left.remove("features of frozen layers")
    else:
        left.append("figures and tables")
    return left


def choose_aim(rng, hits: collections.Counter, log_dir: Path) -> Aim | None:
    """Draws a moment, of a kind that was hit least so far.

    Args:
        rng: `random.Random`.
        hits: Counter from kind of write to how often it was hit.
        log_dir: Path of the study's log folder, which shows what is left to
            write.

    Returns:
        `Aim`, or `None`, to let a study end, if all that is left was hit
        often enough.
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
