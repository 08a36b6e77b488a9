"""Runs a study: every network in a clean process of its own, in order.

The parent imports no TensorFlow. A fork server imports it once, and each
network is trained in a fresh fork of that, so a network costs half a second
of start-up, its memory ends with it, and a crash takes one network with it.
"""

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection, wait
from pathlib import Path

from keras_transfer import splits
from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.pools import ImagePool, find_pool
from keras_transfer.specs import NetworkSpec
from keras_transfer.store import Network, RunStore

REUSE_GIGABYTES = 10.0  # disk for the stored output of frozen layers
PRELOAD = ["keras_transfer.preload"]


class Reporter:
    """What a study tells while it runs; this one keeps quiet."""

    def preparing(self, text: str, share: float) -> None:
        """A data set is being prepared; `share` of it, 0 to 1, is done."""

    def started(self, spec: NetworkSpec) -> None:
        """A network begins or goes on."""

    def epoch(self, spec: NetworkSpec, row: dict) -> None:
        """A network finished an epoch."""

    def finished(self, spec: NetworkSpec, result: dict) -> None:
        """A network is trained and filed."""

    def failed(self, spec: NetworkSpec, message: str) -> None:
        """A network failed; the study goes on."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a study.

    Args:
        trained: List of `NetworkSpec` trained now.
        found: List of `NetworkSpec` that were finished before.
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

    Raises:
        UserError: If it cannot be had; see `pools.prepare_pool`.
    """
    pool = find_pool(store.cache_dir, name, image_size)
    if pool is not None:
        return pool
    arguments = (store.cache_dir, name, image_size, data_dir)
    worker = _Worker(_prepare, arguments)
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
    observe: str = "default",
) -> Outcome:
    """Trains the networks that are not finished yet.

    Args:
        specs: List of `NetworkSpec`; a base must come before, or be finished.
        store: `RunStore`.
        data_dir: String or `None`, TFDS folder.
        workers: Integer, networks trained at the same time; the machine's
            cores are divided among them. `None` for `default_workers`.
        reporter: `Reporter` or `None`.
        reuse_gigabytes: Float, disk that the stored output of frozen layers
            may take; 0 stores none. The results are the same.
        sources: `RunStore` or `None`, where finished bases are, if they are
            not among `specs`.
        test: Boolean, whether networks are tested and saved; see
            `trainer.train_network`.
        observe: String, how much TensorBoard is told; see there.

    Returns:
        `Outcome`. A network that fails does not end the study.

    Raises:
        UserError: If the data cannot be had, or differ from those that the
            finished networks were trained on.
    """
    reporter = reporter or Reporter()
    store.check_writable()
    finished = {spec: store.result(spec) for spec in specs}
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
    data = pending[0].data
    pool = prepare_data(store, data.name, data.image_size, data_dir, reporter)
    if data.halves is None:
        splits.class_halves(pool.num_classes, data.split)  # too few: says so
    for spec in found:
        if finished[spec]["data_fingerprint"] != pool.fingerprint:
            raise UserError(
                f"{spec.name} in {store.log_dir} was trained on other images "
                f"(version {finished[spec]['data_version']}) than {pool.name} "
                f"holds now (version {pool.version}). Choose another "
                "`--log-dir`."
            )
    feature_store = None
    if reuse_gigabytes > 0:
        folder = store.cache_dir / "features"
        feature_store = (folder, int(reuse_gigabytes * 1e9))
    common = (pool.folder, feature_store, test, observe)
    ready = set(found) | elsewhere
    places = (store, sources)
    _train_all(pending, ready, places, common, workers, reporter, outcome)
    return outcome


def _train_all(pending, ready, places, common, workers, reporter, outcome):
    store, sources = places
    workers = workers or default_workers(pending)
    threads = threads_of(workers)
    waiting = list(pending)
    running: dict[Connection, tuple[NetworkSpec, _Worker]] = {}
    try:
        while waiting or running:
            while len(running) < workers:
                spec = _next_runnable(waiting, ready, outcome, reporter)
                if spec is None:
                    break
                reporter.started(spec)
                network = store.network(spec)
                place = store if spec.source in pending else sources
                source = place.network(spec.source) if spec.source else None
                worker = _Worker(_train, (network, source, threads, *common))
                running[worker.connection] = spec, worker
            if not running:
                break  # what was waiting has lost its base
            for connection in wait(list(running)):
                spec, worker = running[connection]
                message = worker.receive()
                kind, *values = message or ("died",)
                if kind == "epoch":
                    reporter.epoch(spec, values[0])
                    continue
                del running[connection]
                worker.join()
                if kind == "finished":
                    ready.add(spec)
                    outcome.trained.append(spec)
                    reporter.finished(spec, values[0])
                    continue
                if kind == "user_error":
                    raise UserError(values[0])
                text = values[0] if values else worker.cause_of_death()
                if kind == "died":
                    store.network(spec).fail(text, {}, "")
                outcome.failed[spec] = text
                reporter.failed(spec, text)
    finally:
        for _, worker in running.values():
            worker.stop()


def _next_runnable(waiting, ready, outcome, reporter):
    """Takes the first network whose base is finished; drops the hopeless."""
    for spec in list(waiting):
        if spec.source is None or spec.source in ready:
            waiting.remove(spec)
            return spec
        if spec.source in outcome.failed:
            waiting.remove(spec)
            text = f"its base {spec.source.label} failed"
            outcome.failed[spec] = text
            reporter.failed(spec, text)
    return None


def default_workers(specs: list[NetworkSpec]) -> int:
    """Chooses how many networks to train at the same time.

    On a CPU, one small network a core: measured 1.3 times faster than one
    network over two cores, and the bits of a result then do not depend on
    the number of cores. One at a time on a GPU or for `caffenet`.

    Args:
        specs: List of `NetworkSpec`.

    Returns:
        Integer, at least 1.
    """
    has_gpu = Path("/dev/nvidia0").exists()
    if has_gpu or any(spec.model.name == "caffenet" for spec in specs):
        return 1
    return min(available_cores(), 16)


def threads_of(workers: int) -> int:
    """Divides the cores among workers; each gets one thread or more."""
    return max(1, available_cores() // workers)


def available_cores() -> int:
    """Counts the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """A function in a clean process that sends messages back."""

    def __init__(self, function, arguments):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        # TensorFlow's start-up notices belong in no one's terminal.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, function, arguments), daemon=True
        )
        self.process.start()
        theirs.close()

    def receive(self):
        """Returns the next message, or `None` once the process is gone."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionError):
            return None

    def join(self) -> None:
        """Waits for the process to end."""
        self.process.join()
        self.connection.close()

    def cause_of_death(self) -> str:
        """Says how a process ended that sent nothing."""
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return (
                f"its process was ended by {name} (out of memory?); the last "
                "epoch is kept, the same command goes on from there"
            )
        return f"its process ended with status {code}"

    def stop(self) -> None:
        """Ends the process at once; its last epoch is kept."""
        self.process.terminate()
        self.process.join()


def _serve(connection, function, arguments) -> None:
    # Ctrl-C is the parent's to handle; and should the parent vanish, this
    # process must not go on writing into a folder that a new study may use.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow_parent():
        try:
            connection.recv()
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()
    function(connection, *arguments)
    connection.close()


def _prepare(connection, cache_dir, name, image_size, data_dir) -> None:
    from keras_transfer import pools

    last = 0.0

    def progress(text, share):
        nonlocal last
        if share in (0.0, 1.0) or time.monotonic() - last > 0.2:
            last = time.monotonic()
            connection.send(("progress", text, share))

    try:
        pools.prepare_pool(cache_dir, name, image_size, data_dir, progress)
        connection.send(("prepared",))
    except UserError as error:
        connection.send(("user_error", str(error)))
    except Exception as error:
        connection.send(("failed", f"{type(error).__name__}: {error}"))


def _train(
    connection,
    network: Network,
    source: Network | None,
    threads: int,
    pool_folder: Path,
    feature_store: tuple[Path, int] | None,
    test: bool,
    observe: str,
) -> None:
    from keras_transfer import features, trainer

    trainer.set_threads(threads)
    try:
        result = trainer.train_network(
            network,
            ImagePool(pool_folder),
            source,
            report=lambda row: connection.send(("epoch", row)),
            feature_store=feature_store
            and features.FeatureStore(*feature_store),
            test=test,
            observe=observe,
        )
        connection.send(("finished", result))
    except UserError as error:
        connection.send(("user_error", str(error)))
    except Exception as error:
        record = error.record if isinstance(error, NetworkFailed) else {}
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, NetworkFailed):
            text = str(error)
        network.fail(text, record, traceback.format_exc())
        connection.send(("failed", text))
