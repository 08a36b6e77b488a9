"""From settings to a trained and reported study: plan, train, write, name."""

import contextlib
import dataclasses
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.progress import (
    StudyProgress,
    readable_size,
    readable_time,
)
from experiments.settings import Settings, parse
from keras_transfer import locks, networks, planning, results, summary
from keras_transfer.cluster import ClusterExecutor
from keras_transfer.devices import gpus_per_network
from keras_transfer.errors import UserError, disk_fault
from keras_transfer.files import remove_leftovers
from keras_transfer.presets import Preset
from keras_transfer.rates import read_rates, with_rates
from keras_transfer.ray_connection import connected
from keras_transfer.specs import NetworkSpec
from keras_transfer.store import RunStore
from keras_transfer.study import (
    Outcome,
    Reporter,
    prepare_data,
    run_study,
)
from keras_transfer.study_events import write_study_events
from keras_transfer.summary import absent_classes
from keras_transfer.survey import group_rows
from keras_transfer.workers import Executor, default_workers, threads_of

_LONG = 7 * 24 * 3600  # a plan of more seconds is no job for this machine

DONE, SOME_FAILED, USER_MISTAKE, INTERRUPTED = 0, 1, 2, 130

# Of rows, the command that made them and a folder: the files written, and
# lines for the terminal.
Writer = Callable[[list[results.Row], str, Path], tuple[list[Path], list[str]]]


@dataclasses.dataclass(frozen=True)
class Study:
    """What a script trains and how it reports it.

    Args:
        script: String, name of the script and of its folder.
        specs: List of `NetworkSpec`, each base before what needs it.
        write: `Writer`.
        whole: Boolean, whether its networks may stand in one figure of
            learning curves; a study of studies has one for each.
    """

    script: str
    specs: list[NetworkSpec]
    write: Writer
    whole: bool = True


def main_of(
    script: str,
    description: str,
    plan_study: Callable[[Settings], Study],
    arguments=None,
    kind: type = Settings,
) -> int:
    """Runs a study's script; see `guarded_main`.

    Args:
        script: String, the script's name.
        description: String, shown by `--help`.
        plan_study: Callable of the settings that returns a `Study`.
        arguments: List of strings or `None` for the command line.
        kind: Class of its settings, `Settings` or one that adds to it.

    Returns:
        Integer exit status.
    """

    def act(settings: Settings, console: Console) -> int:
        study = plan_study(settings)
        if settings.learning_rates is not None:
            found = read_rates(settings.learning_rates)
            specs = with_rates(study.specs, found)
            study = dataclasses.replace(study, specs=specs)
        return run_study_script(settings, study, console)

    return guarded_main(script, description, act, arguments, kind)


def guarded_main(
    script: str,
    description: str,
    act: Callable[[Settings, Console], int],
    arguments=None,
    kind: type = Settings,
) -> int:
    """Runs a script: parse, act, and mistakes told in a line or two.

    Args:
        script: String, the script's name.
        description: String, shown by `--help`.
        act: Callable of the settings and a console that returns a status.
        arguments: List of strings or `None` for the command line.
        kind: Class of its settings, `Settings` or one that adds to it.

    Returns:
        Integer exit status: 0 done, 1 some network failed, 2 a mistake of
        the user's, 130 interrupted.
    """
    settings = parse(script, description, arguments, kind)
    console = Console(soft_wrap=False)
    previous = signal.getsignal(signal.SIGTERM)
    # A scheduler's SIGTERM is treated as Ctrl-C is.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return act(settings, console)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_MISTAKE
    except KeyboardInterrupt:
        print(
            "\nStopped. Finished networks and the last epoch of the others "
            f"are kept in {settings.log_dir}; the same command goes on:\n\n"
            f"    {command_line(script, arguments)}",
            file=sys.stderr,
        )
        return INTERRUPTED
    except OSError as error:
        text = disk_fault(error, settings.log_dir) or (
            f"{error.strerror or error}: {error.filename}. Finished networks "
            "are kept; the same command goes on once this is cured."
        )
        print(f"error: {text}", file=sys.stderr)
        return USER_MISTAKE
    finally:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, previous)


def command_line(script: str, arguments=None) -> str:
    """Returns the command that was given, to be pasted into a shell."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", f"experiments.{script}", *given])


def print_accuracies(rows: list[results.Row], console: Console) -> None:
    """Prints mean accuracies by treatment and n, a table a recipe.

    Args:
        rows: List of `Row`.
        console: `rich.console.Console`.
    """
    for group in group_rows(rows):
        header, body = summary.accuracy_cells(group.compared)
        if not body or not group.paired:
            continue
        base = results.mean_accuracy(group.compared, "base", 0)
        solver = group.recipe.solver
        title = (
            f"Mean test accuracy, %, {group.recipe.data.name}, "
            f"{solver.epochs} epochs"
        )
        table = Table(title=title)
        for name in [*header, "base"]:
            left = name == header[0]
            table.add_column(name, justify="left" if left else "right")
        for line in body:
            level = "" if base is None else f"{100 * base.mean:.1f}"
            table.add_row(*line, level)
        console.print(table)


def run_study_script(settings: Settings, study: Study, console: Console) -> int:
    """Trains a study's networks, writes its report and names it.

    Args:
        settings: `Settings`.
        study: `Study`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    store = RunStore(settings.log_dir, study.script)
    outcome = train_all(settings, study.specs, store, console)
    if outcome is None:
        return DONE
    for spec, message in outcome.failed.items():
        console.print(
            f"failed: {spec.name}: {message}", highlight=False, markup=False
        )
    rows = results.collect(study.specs, store)
    for caution in absent_classes(rows):
        console.print(f"warning: {caution}", highlight=False, markup=False)
    if rows:
        folder = (
            store.study_dir
            / settings.dataset.replace("/", "-")
            / settings.report_name()
        )
        # Two processes that shared the study write its report in turn.
        with locks.hold(store.locks_dir / "report.lock", wait=True):
            remove_leftovers(folder)
            paths, lines = write_study(
                study, rows, command_line(study.script), folder, store
            )
            write_study_events(rows, paths, folder / "tensorboard")
        print_accuracies(rows, console)
        for line in lines:
            console.print(line, highlight=False, markup=False)
        console.print()
        _name_files(paths, console)
    return SOME_FAILED if outcome.failed else DONE


def write_study(
    study: Study,
    rows: list[results.Row],
    command: str,
    folder: Path,
    store: RunStore,
) -> tuple[list[Path], list[str]]:
    """Writes a study's report, its learning curves and first layers.

    Args:
        study: `Study`.
        rows: List of `Row`, its finished networks.
        command: String, the command that made them.
        folder: Path.
        store: `RunStore` that holds them.

    Returns:
        Tuple of the files written and of lines for the terminal.
    """
    paths, lines = study.write(rows, command, folder)
    if study.whole:
        # Matplotlib only when it is needed.
        from keras_transfer.filters import write_filters
        from keras_transfer.learning_curves import write_learning_curves

        title = f"{study.script} on {rows[0].spec.data.name}"
        paths += write_learning_curves(rows, store, title, folder)
        paths += write_filters(rows, store, folder)
    return paths, lines


def few_image_bases(
    settings: Settings, recipe: Preset
) -> tuple[list[NetworkSpec], int]:
    """Lists bases whose number of steps is that on all images.

    Args:
        settings: `Settings`.
        recipe: `Preset`.

    Returns:
        Tuple of the list of `NetworkSpec`, and the training images of each
        class that there are (of the class with the mean number).

    Raises:
        UserError: If the data set cannot be had.
    """
    store = RunStore(settings.log_dir, "few_images")
    facts = planning.find_facts(
        store, settings.dataset, recipe.image_size, settings.data_dir
    )
    if facts is None:
        prepare_data(
            store,
            settings.dataset,
            recipe.image_size,
            settings.data_dir,
            Reporter(),
        )
        facts = planning.find_facts(
            store, settings.dataset, recipe.image_size, settings.data_dir
        )
    whole = facts.train_images / facts.num_classes
    most = round(whole * (1 - recipe.validation_fraction))
    solver = recipe.solver
    if solver.steps_per_epoch is None:
        images = most * (facts.num_classes // 2)
        steps = max(1, images // solver.batch_size)
        solver = dataclasses.replace(solver, steps_per_epoch=steps)
        recipe = dataclasses.replace(recipe, solver=solver)
    return base_specs(settings, recipe), most


def check_images(sizes: tuple[int, ...], most: int, dataset: str) -> None:
    """Refuses sizes that are no fewer images than there are.

    Args:
        sizes: Tuple of integers, training images of each class.
        most: Integer, those that there are.
        dataset: String.

    Raises:
        UserError: Naming the first that is too large.
    """
    for size in sizes:
        if size >= most:
            raise UserError(
                f"Expected `--images` below {most}, all that {dataset} has of "
                f"a class (they come beside). Received: {size}."
            )


def base_specs(settings: Settings, recipe: Preset) -> list[NetworkSpec]:
    """Lists the base networks of the settings' splits and seeds."""
    return networks.similar_networks(
        settings.dataset,
        recipe,
        recipe.splits,
        settings.seeds,
        (),
        (),
        settings.mean,
    )


def _name_files(paths: list[Path], console: Console) -> None:
    for name, suffix in (
        ("figure", ".svg"),
        ("table", ".csv"),
        ("report", ".md"),
    ):
        found = [str(path) for path in paths if path.suffix == suffix]
        if found:
            console.print(
                f"{name}: {', '.join(found)}", soft_wrap=True, highlight=False
            )


def print_plan(
    plan: planning.Plan,
    store: RunStore,
    console: Console,
    reuse_gigabytes: float,
) -> None:
    """Prints what a study will train, what is there, time and disk.

    Args:
        plan: `Plan`.
        store: `RunStore`.
        console: `rich.console.Console`.
        reuse_gigabytes: Float, budget of stored output of frozen layers.
    """
    table = Table(title=f"Study {store.study} in {store.log_dir}")
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
    basis = "measured on finished networks" if plan.measured else "a guess"
    disk = "unknown"
    if plan.disk_bytes is not None:
        disk = readable_size(plan.disk_bytes)
    gpus = gpus_per_network([network.spec for network in plan.networks])
    each = f" on {gpus} GPUs each" if gpus > 1 else ""
    text = (
        f"{len(plan.pending)} of {len(plan.networks)} networks to train, "
        f"about {readable_time(plan.seconds)} with {plan.workers} at a time"
        f"{each} ({basis}), disk {disk}."
    )
    if plan.stored_bytes:
        text += (
            f" Frozen layers store {plan.stored_bytes / 1e9:.1f} GB of output "
            f"in passing, at most {reuse_gigabytes:g} GB at once."
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


def train_all(
    settings: Settings,
    specs: list[NetworkSpec],
    store: RunStore,
    console: Console,
) -> Outcome | None:
    """Prints the plan and trains what is missing.

    Args:
        settings: `Settings`.
        specs: List of `NetworkSpec`.
        store: `RunStore`.
        console: `rich.console.Console`.

    Returns:
        `Outcome`, or `None` if only the plan was asked for.
    """
    with open_executor(settings, specs, store) as executor:
        return _train_all(settings, specs, store, console, executor)


@contextlib.contextmanager
def open_executor(
    settings: Settings, specs: list[NetworkSpec], store: RunStore
) -> Iterator[Executor | None]:
    """Connects to the cluster that the settings ask for.

    Args:
        settings: `Settings`.
        specs: List of `NetworkSpec`.
        store: `RunStore`.

    Yields:
        `ClusterExecutor`, or `None` for processes of this machine, also if
        nothing is left to train or the cluster would be started for a plan.
    """
    idle = settings.cluster is None
    idle = idle or (settings.plan and settings.cluster == "local")
    if idle or all(store.result(spec) is not None for spec in specs):
        yield None
        return
    with connected(settings.cluster):
        yield ClusterExecutor(
            specs,
            settings.workers,
            # A cluster of one's own does not grow.
            ahead=0 if settings.cluster == "local" else 1,
        )


def _train_all(settings, specs, store, console, executor) -> Outcome | None:
    facts = planning.find_facts(
        store, settings.dataset, specs[0].data.image_size, settings.data_dir
    )
    workers = settings.workers or default_workers(specs)
    threads = threads_of(workers)
    if executor is not None:
        workers, threads = executor.workers, executor.threads
    plan = planning.make_plan(
        specs,
        store,
        facts,
        workers,
        threads,
        1e9 * settings.reuse_gigabytes,
    )
    for notice in store.notices:
        console.print(f"note: {notice}", soft_wrap=True, highlight=False)
    store.notices.clear()
    if not settings.quiet or settings.plan:
        print_plan(plan, store, console, settings.reuse_gigabytes)
        if executor is not None:
            text = f"Cluster {settings.cluster}: {executor.describe()}."
            console.print(text, highlight=False)
    if settings.plan:
        return None
    with StudyProgress(plan, console, settings.quiet) as progress:
        return run_study(
            specs,
            store,
            settings.data_dir,
            workers,
            progress,
            settings.reuse_gigabytes,
            executor=executor,
            observe=settings.observe,
        )
