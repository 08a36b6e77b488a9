"""How a study is run: where, how many at a time, and what is kept."""

import dataclasses

from keras_transfer.specs.costs import LEAST_SECONDS
from keras_transfer.studies.executors.executor import Executor

REUSE_GIGABYTES = 10.0  # disk for the stored output of frozen layers


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How networks are trained; no result depends on any of it.

    Args:
        data_dir: String or `None`, folder of prepared data sets. Defaults to
            `None` for TFDS's own.
        workers: Integer or `None`, networks trained at the same time; the
            machine's cores, and its GPUs, are divided among them. Defaults
            to `None` for `resources.default_workers`.
        reuse_gigabytes: Float, disk that the stored output of frozen layers
            may take; 0 stores none. Defaults to `10.0`.
        reuse_seconds: Float, time that storing it has to save a network.
            Defaults to `costs.LEAST_SECONDS`.
        observe: String, how much TensorBoard is told of the layers, one of
            `observation.LEVELS`. Defaults to `"default"`.
        executor: `Executor` or `None`, which trains them. Defaults to `None`
            for processes of this machine, `workers` at the same time.
    """

    data_dir: str | None = None
    workers: int | None = None
    reuse_gigabytes: float = REUSE_GIGABYTES
    reuse_seconds: float = LEAST_SECONDS
    observe: str = "default"
    executor: Executor | None = None
