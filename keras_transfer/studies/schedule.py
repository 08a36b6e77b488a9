"""Which network is next, and what became of each.

A process compiles anew for each kind of network, and keeps what it compiled
(see `training.kept`). So it is given those of one kind in turn, as far as they
come next, while another process has those of another kind.
"""

import time

from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.recipes import compiled_key
from keras_transfer.storage import locks
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.executor import Message
from keras_transfer.studies.images import check_images
from keras_transfer.studies.reporter import Outcome, Reporter

LOOK_SECONDS = 1.0  # between two looks at networks that others train
# Networks among which one of a kind is chosen: more than the 58 of a split, and
# so few that a study which is stopped has whole splits of what it lists first.
_AHEAD = 64


class Schedule:
    """Says which network is next and notes what became of each.

    Args:
        waiting: List of `NetworkSpec` to train.
        ready: Set of `NetworkSpec`, the finished ones.
        reporter: `Reporter`.
        outcome: `Outcome`, filled in.
        store: `RunStore`, which other processes may fill as well.
        pool: `ImagePool`.
        look_seconds: Float, time between two looks at networks that others
            train. Defaults to `LOOK_SECONDS`.
    """

    def __init__(
        self,
        waiting: list[NetworkSpec],
        ready: set[NetworkSpec],
        reporter: Reporter,
        outcome: Outcome,
        store: RunStore,
        pool: ImagePool,
        look_seconds: float = LOOK_SECONDS,
    ):
        self.waiting = list(waiting)
        self.running: set[NetworkSpec] = set()
        self.taken: dict[NetworkSpec, str] = {}
        self.ready = set(ready)
        self.reporter = reporter
        self.outcome = outcome
        self.store = store
        self.pool = pool
        self.look_seconds = look_seconds
        self._ended: tuple | None = None  # kind of the last one that ended
        self._told: dict[NetworkSpec, str] = {}
        self._looked = 0.0

    def begin_next(self) -> NetworkSpec | None:
        """Takes a network whose base is finished, if there is any.

        Of the next ones the first of the kind that ended last, as the process
        that is free has compiled for it; else the first of a kind that no
        other process is at; else the first. Those that another study is
        training are left to it.
        """
        busy = [compiled_key(spec) for spec in self.running]

        def rank(spec: NetworkSpec) -> int:
            kind = compiled_key(spec)
            return 0 if kind == self._ended else 1 + (kind in busy)

        waiting = list(self.waiting)
        near = sorted(waiting[:_AHEAD], key=rank)
        for spec in [*near, *waiting[_AHEAD:]]:
            if self._may_begin(spec) and self._take(spec):
                return spec
        return None

    def _may_begin(self, spec: NetworkSpec) -> bool:
        """Tells whether its base is finished; drops it if that failed."""
        if spec.source in self.outcome.failed:
            self.waiting.remove(spec)
            self._fail(spec, f"its base {spec.source.label} failed")
            return False
        return spec.source is None or spec.source in self.ready

    def _take(self, spec: NetworkSpec) -> bool:
        """Takes it, unless another study is training it."""
        self.waiting.remove(spec)
        lock = self.store.network(spec).lock_path
        if locks.is_taken(lock):
            self._leave(spec, locks.holder(lock))
            return False
        self.running.add(spec)
        self.reporter.started(spec)
        return True

    def look_again(self) -> None:
        """Looks, every so often, what became of networks left to others."""
        now = time.monotonic()
        if not self.taken or now - self._looked < self.look_seconds:
            return
        self._looked = now
        free = [
            spec
            for spec in self.taken
            if not locks.is_taken(self.store.network(spec).lock_path)
        ]
        if free:
            self.store.look_again()
        for spec in free:
            del self.taken[spec]
            result = self.store.result(spec)
            failure = self.store.network(spec).failure()
            if result is not None:
                self._find(spec, result)
            elif failure is not None:
                self._fail(spec, failure)
            else:  # whoever had it died
                self.waiting.insert(0, spec)

    def wait(self) -> None:
        """Waits for others, who have all that is left."""
        if self.taken != self._told:
            self._told = dict(self.taken)
            self.reporter.waiting(self._told)
        time.sleep(self.look_seconds)

    def note(self, message: Message) -> None:
        """Notes what a network's message says and tells the reporter.

        Args:
            message: `Message` of a network that `begin_next` gave.

        Raises:
            UserError: If the message is one, which ends the study.
        """
        spec, content = message.spec, message.content
        if message.kind == "epoch":
            self.reporter.epoch(spec, content)
            return
        if message.kind == "notice":
            self.reporter.notice(content)
            return
        self.running.remove(spec)
        self._ended = compiled_key(spec)
        if message.kind == "user_error":
            raise UserError(content)
        if message.kind == "finished":
            self.ready.add(spec)
            self.outcome.trained.append(spec)
            self.reporter.finished(spec, content)
        elif message.kind == "found":
            self.store.look_again()
            self._find(spec, content)
        elif message.kind == "taken":
            self._leave(spec, content)
        else:
            self._fail(spec, content)

    def _leave(self, spec: NetworkSpec, holder: str) -> None:
        self.taken[spec] = holder
        self.reporter.taken(spec, holder)

    def _find(self, spec: NetworkSpec, result: Result) -> None:
        check_images(spec, result, self.pool, self.store)
        self.ready.add(spec)
        self.outcome.found.append(spec)
        self.reporter.found(spec, result)

    def _fail(self, spec: NetworkSpec, text: str) -> None:
        self.outcome.failed[spec] = text
        self.reporter.failed(spec, text)
