"""Runs a study: every network once, bases first.

Here it is decided which network comes next and what becomes of it; an
`Executor` trains it, in a process of this machine or elsewhere.
"""

import dataclasses
import time

from keras_transfer.datasets import splits
from keras_transfer.datasets.pools import ImagePool, find_pool, has_changed
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import Copied
from keras_transfer.storage import locks
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.processes import (
    Executor,
    LocalExecutor,
    Message,
    Task,
    Worker,
    default_workers,
    inspect,
    prepare,
)
from keras_transfer.training import devices
from keras_transfer.training.process_settings import (
    check_process_settings,
    describe_ignored,
)

LOOK_SECONDS = 1.0  # between two looks at networks that others train
REUSE_GIGABYTES = 10.0  # disk for the stored output of frozen layers


class Reporter:
    """What a study tells while it runs; this one keeps quiet.

    Attributes:
        lively: Boolean, whether libraries may show bars of their own, on a
            terminal.
    """

    lively = False

    def preparing(self, text: str, share: float) -> None:
        """A data set is being prepared; `share` of it, 0 to 1, is done."""

    def started(self, spec: NetworkSpec) -> None:
        """A network begins or goes on."""

    def epoch(self, spec: NetworkSpec, row: dict) -> None:
        """A network finished an epoch."""

    def finished(self, spec: NetworkSpec, result: Result) -> None:
        """A network is trained and filed."""

    def failed(self, spec: NetworkSpec, message: str) -> None:
        """A network failed; the study goes on."""

    def taken(self, spec: NetworkSpec, holder: str) -> None:
        """Another process, `holder`, is training a network."""

    def found(self, spec: NetworkSpec, result: Result) -> None:
        """Another process finished a network meanwhile."""

    def waiting(self, taken: dict[NetworkSpec, str]) -> None:
        """Only networks that others are training are left."""

    def described(self, text: str) -> None:
        """Images are there; which parts of the data set serve as what."""

    def notice(self, text: str) -> None:
        """Something was damaged and is made anew."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a study.

    Args:
        trained: List of `NetworkSpec` trained now.
        found: List of `NetworkSpec` that were finished before, or meanwhile
            by another process.
        failed: Dict from `NetworkSpec` to what went wrong.
    """

    trained: list[NetworkSpec]
    found: list[NetworkSpec]
    failed: dict[NetworkSpec, str]


def prepare_data(
    store: RunStore,
    name: str,
    image_size: int,
    data_dir: str | None,
    reporter: Reporter,
) -> ImagePool:
    """Decodes the data set in a process of its own, unless it is there.

    Images that are there are compared with their checksums first; see
    `integrity`.

    Raises:
        UserError: If it cannot be had; see `pools.prepare_pool`.
    """
    pool = find_pool(store.cache_dir, name, image_size)
    if pool is not None:
        damage = pool.find_damage()
        if damage is None and not has_changed(pool, data_dir):
            return pool
        cause = f"is damaged ({damage})" if damage else "is older than its set"
        reporter.notice(f"{pool.folder} {cause}; its images are decoded again.")
    bars = reporter.lively
    arguments = (store.cache_dir, name, image_size, data_dir, bars)
    worker = Worker(prepare, arguments, shown=bars)
    while (message := worker.receive()) is not None:
        kind, *values = message
        if kind == "progress":
            reporter.preparing(*values)
        elif kind == "user_error":
            raise UserError(values[0])
        elif kind == "failed":
            raise UserError(
                f"Data set {name!r} could not be prepared: {values[0]}"
            )
    pool = find_pool(store.cache_dir, name, image_size)
    if pool is None:
        raise UserError(
            f"Preparing data set {name!r} ended without a word (out of "
            "memory or disk?). Free some and start again."
        )
    return pool


def run_study(
    specs: list[NetworkSpec],
    store: RunStore,
    data_dir: str | None = None,
    workers: int | None = None,
    reporter: Reporter | None = None,
    reuse_gigabytes: float = REUSE_GIGABYTES,
    sources: RunStore | None = None,
    test: bool = True,
    executor: Executor | None = None,
    observe: str = "default",
) -> Outcome:
    """Trains the networks that are not finished yet.

    Args:
        specs: List of `NetworkSpec`; a base must come before, or be finished.
        store: `RunStore`.
        data_dir: String or `None`, TFDS folder.
        workers: Integer, networks trained at the same time; the machine's
            cores, and its GPUs, are divided among them. `None` for
            `default_workers`.
        reporter: `Reporter` or `None`.
        reuse_gigabytes: Float, disk that the stored output of frozen layers
            may take; 0 stores none. The results are the same.
        sources: `RunStore` or `None`, where finished bases are, if they are
            not among `specs`.
        test: Boolean, whether networks are tested and saved; see
            `trainer.train_network`.
        executor: `Executor` or `None`, which trains them. Defaults to `None`
            for processes of this machine, `workers` at the same time.
        observe: String, how much TensorBoard is told; see
            `trainer.train_network`.

    Returns:
        `Outcome`. A network that fails does not end the study.

    Raises:
        UserError: If the data cannot be had, or differ from those that the
            finished networks were trained on.
    """
    reporter = reporter or Reporter()
    check_process_settings()
    store.check_writable()
    if not locks.supported(store.locks_dir):
        reporter.notice(
            f"The file system of {store.log_dir} has no locks: start one "
            "process only that trains in it."
        )
    finished = {spec: store.set_aside_damaged(spec) for spec in specs}
    for spec in specs:
        # What is copied from is read whole: a bit may have flipped.
        if finished[spec] is None and finished.get(spec.source) is not None:
            finished[spec.source] = store.set_aside_damaged(
                spec.source, check_model=True
            )
    _pass_on(store, reporter)
    for spec in specs:
        if finished[spec] is not None:
            store.network(spec).tidy_if_left()
    found = [spec for spec in specs if finished[spec] is not None]
    pending = [spec for spec in specs if finished[spec] is None]
    outcome = Outcome([], found, {})
    sources = sources or store
    missing = {spec.source for spec in specs if spec.source} - set(specs)
    elsewhere = {base for base in missing if sources.result(base) is not None}
    missing -= elsewhere
    if missing:
        raise UserError(
            "Expected every base among the networks of the study. "
            f"Missing: {sorted(spec.name for spec in missing)}."
        )
    if not pending:
        return outcome
    if executor is None:
        executor = LocalExecutor(
            workers or default_workers(pending),
            devices.gpus_per_network(pending),
        )
    ignored = describe_ignored()
    if ignored is not None:
        reporter.notice(ignored)
    data = pending[0].data
    pool = prepare_data(store, data.name, data.image_size, data_dir, reporter)
    reporter.described(f"{pool.name}: {pool.describe_parts()}")
    for text in pool.notices:
        reporter.notice(text)
    if data.halves is None:
        splits.class_halves(pool.num_classes, data.split)  # too few: says so
    for spec in found:
        _check_images(spec, finished[spec], pool, store)
    _inspect(pending, pool)
    feature_store = None
    if reuse_gigabytes > 0:
        folder = store.cache_dir / "features"
        feature_store = (folder, int(reuse_gigabytes * 1e9))
    ready = set(found) | elsewhere
    schedule = _Schedule(pending, ready, reporter, outcome, store, pool)

    def task_of(spec: NetworkSpec) -> Task:
        place = store if spec.source in pending else sources
        source = place.network(spec.source) if spec.source else None
        network = store.network(spec)
        return Task(network, source, pool.folder, feature_store, test, observe)

    _train_all(schedule, executor, task_of)
    return outcome


def _pass_on(store: RunStore, reporter: Reporter) -> None:
    for notice in store.notices:
        reporter.notice(notice)
    store.notices.clear()


def _check_images(spec, result: Result, pool: ImagePool, store: RunStore):
    if result.data_fingerprint != pool.fingerprint:
        raise UserError(
            f"{spec.name} in {store.log_dir} was trained on other images "
            f"(version {result.data_version}) than {pool.name} "
            f"holds now (version {pool.version}). Choose another "
            "`--log-dir`."
        )


def _inspect(pending: list[NetworkSpec], pool: ImagePool) -> None:
    """Finds what the data set lacks before hours are spent on the rest."""
    needs = {}
    for spec in pending:
        needs[spec.data, spec.target, spec.target_images, spec.draw or 0] = None
        if isinstance(spec.origin, Copied):
            needs[spec.data, spec.origin.half] = None
    worker = Worker(inspect, (pool.folder, list(needs)))
    message = worker.next_message()
    if message[0] == "user_error":
        raise UserError(message[1])


def _train_all(schedule: "_Schedule", executor: Executor, task_of) -> None:
    try:
        while True:
            schedule.look_again()
            while executor.has_room():
                spec = schedule.begin_next()
                if spec is None:
                    break
                executor.start(task_of(spec))
            if not schedule.running and not schedule.taken:
                return  # what was waiting has lost its base
            if not schedule.running:
                schedule.wait()
                continue
            timeout = LOOK_SECONDS if schedule.taken else None
            for message in executor.wait(timeout):
                if message.kind == "died":  # it could not say so itself
                    with task_of(message.spec).network.claim() as network:
                        if network is not None:
                            network.fail(message.content, {}, "", died=True)
                schedule.note(message)
    finally:
        executor.stop()


class _Schedule:
    """Says which network is next and notes what became of each.

    Args:
        waiting: List of `NetworkSpec` to train.
        ready: Set of `NetworkSpec`, the finished ones.
        reporter: `Reporter`.
        outcome: `Outcome`, filled in.
        store: `RunStore`, which other processes may fill as well.
        pool: `ImagePool`.
    """

    def __init__(
        self,
        waiting,
        ready,
        reporter: Reporter,
        outcome: Outcome,
        store: RunStore,
        pool: ImagePool,
    ):
        self.waiting = list(waiting)
        self.running: set[NetworkSpec] = set()
        self.taken: dict[NetworkSpec, str] = {}
        self.ready = set(ready)
        self.reporter = reporter
        self.outcome = outcome
        self.store = store
        self.pool = pool
        self._told: dict[NetworkSpec, str] = {}
        self._looked = 0.0

    def begin_next(self) -> NetworkSpec | None:
        """Takes the first network whose base is finished, if any is.

        Those that another process is training are left to it.
        """
        for spec in list(self.waiting):
            if spec.source is None or spec.source in self.ready:
                self.waiting.remove(spec)
                lock = self.store.network(spec).lock_path
                if locks.is_taken(lock):
                    self._leave(spec, locks.holder(lock))
                    continue
                self.running.add(spec)
                self.reporter.started(spec)
                return spec
            if spec.source in self.outcome.failed:
                self.waiting.remove(spec)
                self._fail(spec, f"its base {spec.source.label} failed")
        return None

    def look_again(self) -> None:
        """Looks, every so often, what became of networks left to others."""
        now = time.monotonic()
        if not self.taken or now - self._looked < LOOK_SECONDS:
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
        time.sleep(LOOK_SECONDS)

    def note(self, message: Message) -> None:
        """Notes what a network's message says and tells the reporter.

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
        _check_images(spec, result, self.pool, self.store)
        self.ready.add(spec)
        self.outcome.found.append(spec)
        self.reporter.found(spec, result)

    def _fail(self, spec: NetworkSpec, text: str) -> None:
        self.outcome.failed[spec] = text
        self.reporter.failed(spec, text)
