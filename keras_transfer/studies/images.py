"""The images of a study: decoded, whole, of every class, and no others."""

from keras_transfer.datasets.pools import ImagePool, find_pool, has_changed
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import Copied
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.jobs import inspect_images, prepare_images
from keras_transfer.studies.executors.worker import Worker
from keras_transfer.studies.reporter import Reporter


def prepare_data(
    store: RunStore,
    name: str,
    image_size: int,
    data_dir: str | None,
    reporter: Reporter,
) -> ImagePool:
    """Decodes the data set in a process of its own, unless it is there.

    Images that are there are compared with their checksums first; see
    `checksums`.

    Args:
        store: `RunStore`, whose cache holds the decoded images.
        name: String, name of the data set.
        image_size: Integer, side in pixels that images are kept at.
        data_dir: String or `None`, folder of prepared data sets.
        reporter: `Reporter`.

    Returns:
        `ImagePool`.

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
    with Worker(shown=bars) as worker:
        worker.give(prepare_images, arguments)
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


def check_images(
    spec: NetworkSpec, result: Result, pool: ImagePool, store: RunStore
) -> None:
    """Checks that a finished network learned from the images of a pool.

    Args:
        spec: `NetworkSpec`.
        result: `Result`.
        pool: `ImagePool`.
        store: `RunStore` that holds the network.

    Raises:
        UserError: If they are others.
    """
    if result.data_fingerprint != pool.fingerprint:
        raise UserError(
            f"{spec.name} in {store.log_dir} was trained on other images "
            f"(version {result.data_version}) than {pool.name} "
            f"holds now (version {pool.version}). Choose another "
            "`log_dir`."
        )


def check_halves(pending: list[NetworkSpec], pool: ImagePool) -> None:
    """Finds what the data set lacks before hours are spent on the rest.

    Args:
        pending: List of `NetworkSpec` to be trained.
        pool: `ImagePool`.

    Raises:
        UserError: If a half of the classes cannot serve one of them.
    """
    needs = {}
    for spec in pending:
        needs[spec.data, spec.target, spec.target_images, spec.draw or 0] = None
        if isinstance(spec.origin, Copied):
            needs[spec.data, spec.origin.half] = None
    with Worker() as worker:
        worker.give(inspect_images, (pool.folder, list(needs)))
        message = worker.next_message()
    if message[0] == "user_error":
        raise UserError(message[1])
