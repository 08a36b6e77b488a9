"""From networks to results: print the plan, then train what is missing."""

import contextlib
import functools
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from experiments.common.claim_plan import expected_claims
from experiments.common.flags import as_flags
from experiments.common.progress import (
    StudyProgress,
    readable_size,
    readable_time,
)
from experiments.common.settings import Settings
from keras_transfer.datasets.image_folder import ImageFolder
from keras_transfer.datasets.sources import FOLDER
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts, planning
from keras_transfer.studies.executors.cluster import ClusterExecutor
from keras_transfer.studies.executors.executor import Executor
from keras_transfer.studies.executors.ray_connection import connected
from keras_transfer.studies.executors.resources import (
    default_workers,
    threads_of,
)
from keras_transfer.studies.machine_speed import Setting, measure_missing
from keras_transfer.studies.reporter import Outcome
from keras_transfer.studies.scheduler import run_study
from keras_transfer.training.devices import (
    find_slow_precision,
    gpus_per_network,
)

# Of networks and what is known of their data set: lines that say how sure a
# study of them will be.
Foresee = Callable[
    [list[NetworkSpec], dataset_facts.DatasetFacts | None], list[str]
]
_LONG = 7 * 24 * 3600  # a plan of more seconds is no job for this machine


@contextlib.contextmanager
def training(
    settings: Settings,
    specs: list[NetworkSpec],
    store: RunStore,
    console: Console,
    title: str = "",
    foresee: Foresee = expected_claims,
) -> Iterator[Outcome | None]:
    """Prints the plan and trains what is missing.

    A cluster is left at the end of the context: with nodes lost that takes
    minutes, which a report should not wait for.

    Args:
        settings: `Settings`.
        specs: List of `NetworkSpec`.
        store: `RunStore`.
        console: `rich.console.Console`.
        title: String, what the plan calls itself. Defaults to `""` for the
            study's name.
        foresee: `Foresee`, asked how sure the study will be. Defaults to
            `expected_claims`.

    Yields:
        `Outcome`, or `None` if only the plan was asked for.
    """
    title = title or f"Study {store.study}"
    with open_executor(settings, specs, store, console) as executor:
        yield _plan_and_train(
            settings, specs, store, console, executor, title, foresee
        )


@contextlib.contextmanager
def open_executor(
    settings: Settings,
    specs: list[NetworkSpec],
    store: RunStore,
    console: Console,
) -> Iterator[Executor | None]:
    """Connects to the cluster that the settings ask for.

    Args:
        settings: `Settings`.
        specs: List of `NetworkSpec`.
        store: `RunStore`.
        console: `rich.console.Console`, told what is awaited at the end.

    Yields:
        `ClusterExecutor`, or `None` for processes of this machine, also if
        nothing is left to train or the cluster would be started for a plan.
    """
    idle = settings.cluster is None
    idle = idle or (settings.plan and settings.cluster == "local")
    if idle or all(store.result(spec) is not None for spec in specs):
        yield None
        return

    def tell(text: str) -> None:
        if not settings.quiet:
            console.print(text, soft_wrap=True)

    with connected(settings.cluster, tell):
        yield ClusterExecutor(
            specs,
            settings.workers,
            # A cluster of one's own does not grow.
            ahead=0 if settings.cluster == "local" else 1,
        )


def plan_networks(
    settings: Settings,
    specs: list[NetworkSpec],
    facts: dataset_facts.DatasetFacts | None,
    store: RunStore,
    executor: Executor | None,
    tell: Callable[[str], None],
) -> planning.Plan:
    """Plans a study, after a measurement of this machine if one is due.

    Args:
        settings: `Settings`.
        specs: List of `NetworkSpec`.
        facts: `DatasetFacts`, or `None` if they are not known yet.
        store: `RunStore`.
        executor: `ClusterExecutor`, or `None` for processes of this machine.
        tell: Callable, told in a sentence what is measured.

    Returns:
        `Plan`.
    """
    workers = settings.workers or default_workers(specs)
    threads = threads_of(workers)
    if executor is not None:
        workers, threads = executor.workers, executor.threads
    setting = Setting(workers, threads, settings.observe)
    if settings.measures() and facts is not None and executor is None:
        left = [spec for spec in specs if store.result(spec) is None]
        measure_missing(store, left, setting, tell)
    return planning.make_plan(
        specs,
        store,
        facts,
        setting,
        1e9 * settings.reuse_gigabytes,
        settings.reuse_seconds,
    )


def _plan_and_train(
    settings, specs, store, console, executor, title, foresee
) -> Outcome | None:
    def tell(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False)

    facts = dataset_facts.find_facts(
        store, settings.dataset, specs[0].data.image_size, settings.data_dir
    )
    plan = plan_networks(settings, specs, facts, store, executor, tell)
    for notice in store.notices:
        console.print(f"note: {notice}", soft_wrap=True, highlight=False)
    store.notices.clear()
    slow = find_slow_precision([network.spec for network in plan.pending])
    # What the nodes of a cluster can do is not known here.
    if slow is not None and settings.cluster is None:
        text = as_flags(f"note: {slow}", settings)
        console.print(text, soft_wrap=True, highlight=False)
    if not settings.quiet or settings.plan:
        print_plan(plan, store, console, settings.reuse_gigabytes, title)
        if executor is not None:
            text = f"Cluster {settings.cluster}: {executor.describe()}."
            console.print(text, highlight=False)
    if settings.plan:
        for line in foresee(specs, facts):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        _print_folder(settings, console)
        return None
    reword = functools.partial(as_flags, settings=settings)
    with StudyProgress(plan, console, settings.quiet, reword) as progress:
        options = settings.run_options(executor)
        return run_study(specs, store, options, progress)


def _print_folder(settings: Settings, console: Console) -> None:
    if settings.dataset.startswith(FOLDER):
        folder = ImageFolder.named(settings.dataset, settings.data_dir)
        for text in (folder.describe(), *folder.listing.notices):
            console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_plan(
    plan: planning.Plan,
    store: RunStore,
    console: Console,
    reuse_gigabytes: float,
    title: str,
) -> None:
    """Prints what a study will train, what is there, time and disk.

    Args:
        plan: `Plan`.
        store: `RunStore`.
        console: `rich.console.Console`.
        reuse_gigabytes: Float, budget of stored output of frozen layers.
        title: String, such as the study's name.
    """
    table = Table(title=f"{title} in {store.log_dir}")
    for column in ("treatment", "networks", "finished", "to train", "time"):
        right = column != "treatment"
        table.add_column(column, justify="right" if right else "left")
    treatments = dict.fromkeys(n.spec.treatment for n in plan.networks)
    for treatment in treatments:
        rows = [n for n in plan.networks if n.spec.treatment == treatment]
        todo = [n for n in rows if not n.finished]
        times = [n.seconds for n in todo]
        seconds = None if None in times else sum(times) / plan.workers
        table.add_row(
            treatment,
            str(len(rows)),
            str(len(rows) - len(todo)),
            str(len(todo)),
            readable_time(seconds),
        )
    console.print(table)
    disk = "unknown"
    if plan.disk_bytes is not None:
        disk = readable_size(plan.disk_bytes)
    gpus = gpus_per_network([network.spec for network in plan.networks])
    each = f" on {gpus} GPUs each" if gpus > 1 else ""
    basis = f" ({plan.basis})" if plan.pending else ""
    text = (
        f"{len(plan.pending)} of {len(plan.networks)} networks to train, "
        f"about {readable_time(plan.seconds)} with {plan.workers} at a time"
        f"{each}{basis}, disk {disk}."
    )
    if plan.stored_bytes:
        count = sum(network.stored_bytes > 0 for network in plan.pending)
        text += (
            f" {count} networks reuse what their frozen layers compute once: "
            f"{plan.stored_bytes / 1e9:.1f} GB in passing, at most "
            f"{reuse_gigabytes:g} GB at once, which saves about "
            f"{readable_time(plan.saved_seconds / plan.workers)}."
        )
    if plan.pending and plan.flops and plan.seconds > _LONG:
        hours = plan.flops / 1e13 / 3600
        text += (
            f" These are {plan.flops:.1e} floating-point operations: "
            f"{hours:,.0f} h at 10 TFLOP/s."
        )
    if plan.tfds_bytes:
        text += (
            " TFDS keeps a copy of its own of the data set, "
            f"{readable_size(plan.tfds_bytes)} more, beside the tars."
        )
    if plan.seconds is None:
        text += " The data set was not prepared yet, so its size is unknown."
    console.print(text, highlight=False)
