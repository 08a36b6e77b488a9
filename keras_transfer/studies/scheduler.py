"""Runs a study: every network once, bases first.

Here it is decided which networks are left; an `Executor` trains them, in
processes of this machine or elsewhere.
"""

from collections.abc import Callable

from keras_transfer.datasets import splits
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import HALVES
from keras_transfer.storage import locks
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.executor import (
    Executor,
    FeatureFolder,
    Task,
)
from keras_transfer.studies.executors.processes import LocalExecutor
from keras_transfer.studies.executors.resources import default_workers
from keras_transfer.studies.images import (
    check_halves,
    check_images,
    prepare_data,
)
from keras_transfer.studies.reporter import Outcome, Reporter
from keras_transfer.studies.run_options import RunOptions
from keras_transfer.studies.schedule import LOOK_SECONDS, Schedule
from keras_transfer.training import devices
from keras_transfer.training.process_settings import (
    check_process_settings,
    describe_ignored,
)

# From networks to what was filed, `None` if not finished.
Results = dict[NetworkSpec, Result | None]


def run_study(
    specs: list[NetworkSpec],
    store: RunStore,
    options: RunOptions | None = None,
    reporter: Reporter | None = None,
    sources: RunStore | None = None,
    test: bool = True,
) -> Outcome:
    """Trains the networks that are not finished yet.

    Args:
        specs: List of `NetworkSpec`; a base must come before, or be finished.
        store: `RunStore`.
        options: `RunOptions` or `None` for their defaults.
        reporter: `Reporter` or `None` to be told nothing.
        sources: `RunStore` or `None`, where finished bases are, if they are
            not among `specs`.
        test: Boolean, whether networks are tested and saved; see
            `trainer.Options`. Defaults to `True`.

    Returns:
        `Outcome`. A network that fails does not end the study.

    Raises:
        UserError: If the data cannot be had, or differ from those that the
            finished networks were trained on.
    """
    options, reporter = options or RunOptions(), reporter or Reporter()
    sources = sources or store
    _check_places(store, reporter)
    results = _find_results(specs, store, reporter)
    elsewhere = _find_bases(specs, sources)
    found = [spec for spec in specs if results[spec] is not None]
    pending = [spec for spec in specs if results[spec] is None]
    outcome = Outcome([], found, {})
    if not pending:
        return outcome
    executor = options.executor or _local_executor(pending, options.workers)
    pool = _prepare_images(pending, store, options.data_dir, reporter)
    for spec in found:
        check_images(spec, results[spec], pool, store)
    check_halves(pending, pool)

    registered = RegisteredModels(store.cache_dir)

    def task_of(spec: NetworkSpec) -> Task:
        place = store if spec.source in pending else sources
        return Task(
            store.network(spec),
            place.network(spec.source) if spec.source else None,
            pool.folder,
            _feature_folder(store, options),
            test,
            options.observe,
            registered if spec.model.content else None,
        )

    ready = {*found, *elsewhere}
    schedule = Schedule(pending, ready, reporter, outcome, store, pool)
    _work_off(schedule, executor, task_of)
    return outcome


def _check_places(store: RunStore, reporter: Reporter) -> None:
    """Checks the process and the log folder before anything is changed."""
    check_process_settings()
    store.check_writable()
    if not locks.supported(store.locks_dir):
        reporter.notice(
            f"The file system of {store.log_dir} has no locks: start one "
            "process only that trains in it."
        )


def _find_results(
    specs: list[NetworkSpec], store: RunStore, reporter: Reporter
) -> Results:
    """Finds what is finished and whole; sets what is damaged aside."""
    results = {spec: store.set_aside_damaged(spec) for spec in specs}
    for spec in specs:
        # What is copied from is read whole: a bit may have flipped.
        if results[spec] is None and results.get(spec.source) is not None:
            results[spec.source] = store.set_aside_damaged(
                spec.source, check_model=True
            )
    for notice in store.notices:
        reporter.notice(notice)
    store.notices.clear()
    for spec in specs:
        if results[spec] is not None:
            store.network(spec).tidy_if_left()
    return results


def _find_bases(
    specs: list[NetworkSpec], sources: RunStore
) -> set[NetworkSpec]:
    """Returns the finished bases that are not among `specs`."""
    missing = {spec.source for spec in specs if spec.source} - set(specs)
    finished = {base for base in missing if sources.result(base) is not None}
    missing -= finished
    if missing:
        raise UserError(
            "Expected every base among the networks of the study. "
            f"Missing: {sorted(spec.name for spec in missing)}."
        )
    return finished


def _local_executor(
    pending: list[NetworkSpec], workers: int | None
) -> LocalExecutor:
    return LocalExecutor(
        workers or default_workers(pending), devices.gpus_per_network(pending)
    )


def _prepare_images(
    pending: list[NetworkSpec],
    store: RunStore,
    data_dir: str | None,
    reporter: Reporter,
) -> ImagePool:
    """Has the images decoded and tells what serves as what."""
    ignored = describe_ignored()
    if ignored is not None:
        reporter.notice(ignored)
    data = pending[0].data
    pool = prepare_data(store, data.name, data.image_size, data_dir, reporter)
    reporter.described(f"{pool.name}: {pool.describe_parts()}")
    for text in pool.notices:
        reporter.notice(text)
    divided = any(spec.target in HALVES for spec in pending)
    if data.halves is None and divided:
        # Too few: says so.
        splits.class_halves(pool.num_classes, data.split, data.classes_per_half)
    return pool


def _feature_folder(
    store: RunStore, options: RunOptions
) -> FeatureFolder | None:
    if options.reuse_gigabytes <= 0:
        return None
    return FeatureFolder(
        store.cache_dir / "features",
        int(options.reuse_gigabytes * 1e9),
        options.reuse_seconds,
    )


def _work_off(
    schedule: Schedule,
    executor: Executor,
    task_of: Callable[[NetworkSpec], Task],
) -> None:
    """Keeps an executor busy until no network is left."""
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
