"""One HTML page of all networks of a log folder; trains nothing.

Rebuilt from the result files alone, without TensorFlow: figures with values
on hover, claims, all networks with sort and filter, the proof and the command
of each, settings, versions and warnings.

    python -m experiments.report
    python -m experiments.report --log-dir elsewhere

Claim: none. Cost: seconds. Expected: `report.html` in the log folder.
"""

import dataclasses
import functools
import sys
from pathlib import Path

from rich.console import Console

from experiments.common import commands
from experiments.common.blas import one_blas_thread
from experiments.common.terminal import plain_main
from keras_transfer.analysis.inventory import Survey, group_rows, take_survey
from keras_transfer.errors import UserError
from keras_transfer.reports.html.report_page import write_html
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.log_folder import LogFolder


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    log_dir: str = "logs"
    """Folder of the networks; report.html is written to it."""


def write(log_dir: Path) -> tuple[Path, Survey]:
    """Writes the page.

    Args:
        log_dir: Path.

    Returns:
        Tuple of the path written and the `Survey` that it shows.

    Raises:
        UserError: If the folder holds no network or cannot be written.
    """
    log_dir = user_path(log_dir)
    logs = LogFolder(log_dir)
    survey = take_survey(logs)
    if not survey.rows and not survey.unfinished:
        others = ""
        if survey.foreign:
            others = (
                f" It has {len(survey.foreign)} folders of another version "
                "of the computation."
            )
        raise UserError(
            f"Expected the networks of a study in {log_dir}. Found none."
            f"{others} Train some with `python -m "
            f"experiments.similar_datasets --log-dir {log_dir}`, or give "
            "their folder with `--log-dir`."
        )
    path = log_dir / "report.html"
    try:
        with one_blas_thread():
            write_html(survey, path, commands)
    except OSError as error:
        raise UserError(
            f"Cannot write {path} ({error.strerror}). Free space or make the "
            "folder writable."
        ) from error
    logs.save_index()
    return path, survey


def _run_script(options: Options, console: Console) -> int:
    """Writes the page and says what is on it."""
    path, survey = write(user_path(options.log_dir))
    failed = sum(one.status == "FAILED" for one in survey.unfinished)
    console.print(
        f"{len(survey.rows)} networks finished in "
        f"{len(group_rows(survey.rows))} recipes, {failed} failed, "
        f"{len(survey.unfinished) - failed} not finished, "
        f"{len(survey.notices)} damaged, {len(survey.foreign)} of another "
        "version left out.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"report: {path}", highlight=False, soft_wrap=True)
    return 0


main = functools.partial(plain_main, "report", __doc__, Options, _run_script)

if __name__ == "__main__":
    sys.exit(main())
