"""What is done in a `Worker`: preparing and inspecting images, training."""

import functools
import gc
import time
import traceback

from keras_transfer.datasets import halves, pools
from keras_transfer.errors import NetworkFailed, UserError, disk_fault
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage import locks
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.studies.executors.executor import Task


def prepare_images(
    connection, cache_dir, name, image_size, data_dir, bars=False
) -> None:
    """Decodes a data set in a `Worker` and tells how far it is.

    Args:
        connection: `Connection`; is sent `("progress", text, share)`, and at
            the end `("prepared",)`, or `("user_error", text)`, or
            `("failed", text)`.
        cache_dir, name, image_size, data_dir: See `pools.prepare_pool`.
        bars: Boolean, whether TFDS shows its own progress. Defaults to
            `False`.
    """
    if not bars:
        import tensorflow_datasets as tfds

        tfds.disable_progress_bar()
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
        text = disk_fault(error, str(cache_dir))
        text = text or f"{type(error).__name__}: {error}"
        connection.send(("failed", text))


def inspect_images(connection, pool_folder, needs) -> None:
    """Looks in a `Worker` whether a data set has what a study needs.

    Args:
        connection: `Connection`; is sent `("user_error", text)` or
            `("sound",)`.
        pool_folder: Path of the decoded images.
        needs: List of the arguments of `halves.load_half` after the pool.
    """
    pool = pools.ImagePool(pool_folder)
    try:
        for arguments in needs:
            halves.load_half(pool, *arguments)
        connection.send(("sound",))
    except UserError as error:
        connection.send(("user_error", str(error)))


def train_task(
    connection, task: Task, threads: int, gpus: tuple[str, ...] = ()
) -> None:
    """Trains a network in a `Worker`, unless another process does or did.

    Args:
        connection: `Connection`; is sent kind and content of each `Message`.
        task: `Task`.
        threads: Integer, see `trainer.set_threads`.
        gpus: Tuple of strings, GPUs that the process may use; empty for
            whatever there is. Defaults to `()`.
    """
    # The claim has ended when the last message is sent: whoever hears it may
    # go on with the network.
    connection.send(_train_if_free(connection, task, threads, gpus))
    _tidy(task.network.spec)


def _train_if_free(connection, task: Task, threads, gpus) -> tuple:
    # The process that writes holds the claim, so that it ends with it.
    with task.network.claim() as network:
        if network is None:
            return "taken", locks.holder(task.network.lock_path)
        result = network.whole_result()
        if result is not None:
            return "found", result
        return _train_claimed(connection, network, task, threads, gpus)


def _tidy(spec: NetworkSpec) -> None:
    """Makes the next network what it is in a new process.

    Args:
        spec: `NetworkSpec` of the last one.
    """
    if spec.model.content is None:
        gc.collect()  # all layers of our networks have names of their own
        return
    import keras

    # Keras counts layers of one kind to name them. It drops what TensorFlow
    # has prepared of kept programs, so that is not for every network.
    keras.utils.clear_session()


def measure_task(
    connection,
    spec: NetworkSpec,
    observe: str,
    threads: int,
    gpus: tuple[str, ...] = (),
) -> None:
    """Measures in a `Worker` how fast it trains networks like one.

    Args:
        connection: `Connection`; is sent `("begun", "")`, and at the end
            `("measured", speed)` or `("failed", text)`.
        spec, observe: See `measuring.measure_speed`.
        threads, gpus: As of `train_task`.
    """
    connection.send(("begun", ""))
    from keras_transfer.training import measuring, strategies, trainer

    strategies.use_gpus(gpus)
    trainer.set_threads(threads)
    try:
        connection.send(("measured", measuring.measure_speed(spec, observe)))
    except Exception as error:
        connection.send(("failed", f"{type(error).__name__}: {error}"))


@functools.cache
def _kept():
    """Returns what this process keeps; see `kept.Kept`."""
    from keras_transfer.training.kept import Kept

    return Kept()


def _train_claimed(
    connection, network: NetworkFolder, task: Task, threads, gpus
) -> tuple:
    from keras_transfer.training import strategies, trainer
    from keras_transfer.transfer.frozen_features import FeatureStore

    strategies.use_gpus(gpus)
    replicas = network.spec.solver.replicas or 1
    trainer.set_threads(threads, replicas)
    place = task.feature_folder
    store = place and FeatureStore(**vars(place))
    try:
        result = trainer.train_network(
            network,
            pools.ImagePool(task.pool_folder),
            task.source,
            trainer.Options(
                feature_store=store,
                test=task.test,
                observe=task.observe,
                models=task.models,
                kept=_kept(),
            ),
            report=lambda row: connection.send(("epoch", row)),
            notice=lambda text: connection.send(("notice", text)),
        )
        return "finished", result
    except UserError as error:
        return "user_error", str(error)
    except Exception as error:
        text = disk_fault(error, str(network.folder))
        if text is not None:
            return "user_error", text
        record = error.record if isinstance(error, NetworkFailed) else {}
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, NetworkFailed):
            text = str(error)
        network.fail(text, record, traceback.format_exc())
        return "failed", text
