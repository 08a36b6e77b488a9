"""A script from its settings to its report: parse, train, write, name."""

import contextlib
import dataclasses
import functools
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.common.blas import one_blas_thread
from experiments.common.claim_plan import expected_claims
from experiments.common.flags import as_flags
from experiments.common.settings import Settings, parse
from experiments.common.terminal import (
    collect_seldom,
    name_files,
    open_console,
    print_accuracies,
)
from experiments.common.training import Foresee, training
from keras_transfer.analysis import results
from keras_transfer.errors import UserError, disk_fault
from keras_transfer.reports.cautions import absent_classes
from keras_transfer.reports.study_events import write_study_events
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.paths import check_text
from keras_transfer.specs.rates import with_rates
from keras_transfer.storage import locks
from keras_transfer.storage.files import remove_leftovers
from keras_transfer.storage.store import RunStore
from keras_transfer.storage.tree import report_path
from keras_transfer.studies.reporter import Outcome
from keras_transfer.training.process_settings import check_process_settings

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
        foresee: `Foresee`, what its plan says of its intervals. Defaults to
            that of section 4.1.
    """

    script: str
    specs: list[NetworkSpec]
    write: Writer
    whole: bool = True
    foresee: Foresee = expected_claims


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A script as a row: what it can be told, what it trains, what it says.

    Args:
        name: String, name of the script and of its folder.
        doc: String, shown by `--help`.
        settings: Class of its settings, one that adds to `StudySettings`.
        specs: Callable of the settings that returns a list of `NetworkSpec`,
            each base before what needs it.
        report: Callable of the settings, rows, the command that made them
            and a folder that returns what a `Writer` does.
        foresee: Callable of the settings and what a `Foresee` takes that
            returns what it does. Defaults to that of section 4.1.
    """

    name: str
    doc: str
    settings: type
    specs: Callable[[Any], list[NetworkSpec]]
    report: Callable[..., tuple[list[Path], list[str]]]
    foresee: Callable[..., list[str]] = lambda _, *told: expected_claims(*told)

    def study(self, settings: Settings) -> Study:
        """Lists the networks and says how they are reported.

        Args:
            settings: An instance of the class `settings`.

        Returns:
            `Study`.
        """
        write = functools.partial(self.report, settings)
        foresee = functools.partial(self.foresee, settings)
        return Study(self.name, self.specs(settings), write, foresee=foresee)

    def main(self, arguments=None) -> int:
        """Runs the script; see `guarded_main`.

        Args:
            arguments: List of strings or `None` for the command line.

        Returns:
            Integer exit status.
        """
        act = functools.partial(run_study, self.study)
        return command_main(self.name, self.doc, act, self.settings, arguments)


def command_main(
    script: str,
    description: str,
    act: Callable[[tuple[str, ...], Any, Console], int],
    kind: type,
    arguments: list[str] | None = None,
) -> int:
    """Runs a script whose work is told the command that runs it.

    Args:
        script, description, arguments, kind: As of `guarded_main`.
        act: Callable of the command's words, the settings and a console that
            returns a status.

    Returns:
        Integer, exit status, as of `guarded_main`.
    """
    told = functools.partial(act, command_words(script, arguments))
    return guarded_main(script, description, told, arguments, kind)


def run_study(
    plan_study: Callable[[Any], Study],
    command: tuple[str, ...],
    settings: Settings,
    console: Console,
) -> int:
    """Plans a study, gives it the rates that were tuned, and runs it.

    Args:
        plan_study: Callable of the settings that returns a `Study`.
        command: Tuple of strings, the words of the command that runs it.
        settings: `Settings`.
        console: `rich.console.Console`.

    Returns:
        Integer exit status.
    """
    study = plan_study(settings)
    found = settings.rates()
    if found:
        study = dataclasses.replace(study, specs=with_rates(study.specs, found))
    return run_study_script(settings, study, console, command)


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
    try:
        for word in sys.argv[1:] if arguments is None else arguments:
            check_text(word)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_MISTAKE
    settings = parse(script, description, arguments, kind)
    collect_seldom()
    console = open_console()
    previous = signal.getsignal(signal.SIGTERM)
    # A scheduler's SIGTERM is treated as Ctrl-C is.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check_process_settings()
        return act(settings.opened(), console)
    except UserError as error:
        text = as_flags(str(error), settings)
        print(f"error: {text}", file=sys.stderr)
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
    """Returns the command that was given, to be pasted into a shell.

    Args:
        script: String, the script's name.
        arguments: List of strings, words in place of the command line's.
            Defaults to `None`, for the command line.
    """
    return shlex.join(command_words(script, arguments))


def command_words(script: str, arguments=None) -> tuple[str, ...]:
    """Returns the words of the command that was given.

    Args:
        script: String, the script's name.
        arguments: List of strings or `None` for the command line.
    """
    given = sys.argv[1:] if arguments is None else arguments
    return ("python", "-m", f"experiments.{script}", *given)


def run_study_script(
    settings: Settings,
    study: Study,
    console: Console,
    command: tuple[str, ...],
) -> int:
    """Trains a study's networks, writes its report and names it.

    Args:
        settings: `Settings`.
        study: `Study`.
        console: `rich.console.Console`.
        command: Tuple of strings, the words of the command that runs it.

    Returns:
        Integer, exit status.
    """
    store = RunStore(settings.log_dir, study.script, command=command)
    with training(
        settings, study.specs, store, console, foresee=study.foresee
    ) as outcome:
        if outcome is None:
            return DONE
        # Before a cluster is left, which may take minutes.
        with one_blas_thread():
            return _report(settings, study, store, outcome, console)


def _report(
    settings: Settings,
    study: Study,
    store: RunStore,
    outcome: Outcome,
    console: Console,
) -> int:
    for spec, message in outcome.failed.items():
        text = as_flags(message, settings)
        console.print(
            f"failed: {spec.name}: {text}", highlight=False, markup=False
        )
    rows = results.collect(study.specs, store)
    for caution in absent_classes(rows):
        console.print(f"warning: {caution}", highlight=False, markup=False)
    if rows:
        for row in rows:
            store.network(row.spec).keep_command()
        name = settings.report_name()
        folder = report_path(store.study_dir, settings.dataset, name)
        # Two processes that shared the study write its report in turn.
        with locks.hold(store.locks_dir / "report.lock", wait=True):
            remove_leftovers(folder)
            paths, lines = write_study(
                study, rows, shlex.join(store.command.words), folder, store
            )
            write_study_events(rows, paths, folder, store)
        store.save_index()
        print_accuracies(rows, console)
        if not settings.quiet:
            for line in lines:
                console.print(line, highlight=False, markup=False)
            console.print()
        name_files(paths, console)
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
        from keras_transfer.reports.filters import write_filters
        from keras_transfer.reports.learning_curves import write_learning_curves

        title = f"{study.script} on {rows[0].spec.data.name}"
        paths += write_learning_curves(rows, store, title, folder)
        paths += write_filters(rows, store, folder)
    return paths, lines
