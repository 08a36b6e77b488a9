"""The published pages that a committed table is enough for."""

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from experiments import reanalyse_2014, recipe_report
from experiments.benchmark.tables import to_markdown
from experiments.findings import (
    copied,
    doses,
    first,
    freezing,
    main_job,
    numbers,
    regime,
    regrets,
    simulated,
    sizes,
)
from experiments.findings.committed import PUBLISHED, committed_rows
from experiments.findings.tables import TUNED, folders
from keras_transfer.analysis import published_2014
from keras_transfer.reports import boost, data_size, distance, summary


def _summary(write: Callable, title: str, command: str, folder: str, **more):
    file = more.pop("file", "results.csv")
    rows = committed_rows(folder, file, **more)
    return write(rows, title, f"python -m experiments.{command}")


@cache
def summaries() -> dict[Path, str]:
    """Returns each summary that a table is enough for, by its path.

    How far layers moved is in a table of its own, as the study printed it.
    """
    commands = {folder: command for folder, command, _ in folders()}
    narrow = numbers.NARROW
    similar = "Similar data sets: random halves of cifar100"
    made = [
        *main_job.pages(),
        (
            "cifar100-similar/summary.md",
            summary.similar_report().text,
            similar,
            {"precision": "bfloat16"},
        ),
        (
            "cifar100-boost/summary.md",
            boost.REPORT.text,
            "The boost of fine-tuned transfer on cifar100",
            narrow,
        ),
        (
            "cifar100-dissimilar/summary.md",
            distance.distance_report().text,
            "Dissimilar data sets: man-made and natural cifar100",
            narrow,
        ),
        (
            "cifar100-target-size/summary.md",
            data_size.TARGET_SIZE.text,
            "Target images a class of cifar100",
            narrow | {"epochs": 3},
        ),
        (
            "cifar100-tuned/default.md",
            summary.similar_report().text,
            similar,
            narrow | {"file": "default.csv", "command": TUNED},
        ),
        (
            "cifar100-tuned/tuned.md",
            summary.similar_report().text,
            similar,
            narrow | {"file": "tuned.csv"},
        ),
    ]
    found = {regrets.PAGE: regrets.page()}
    measured = PUBLISHED / "benchmark" / "benchmark.json"
    found[measured.with_suffix(".md")] = to_markdown(
        json.loads(measured.read_text())
    )
    found |= {PUBLISHED / name: text for name, text in sizes.summaries()}
    found |= copied.summaries() | simulated.pages()
    found[PUBLISHED / "reanalyse_2014" / "summary.md"] = (
        reanalyse_2014.summary_text(published_2014.published_rows())
    )
    found[numbers.RECIPES / "summary.md"] = recipe_report.summary(
        *numbers.recipe_tables("trials", "comparison", "timing")
    )
    for name, write, title, changes in made:
        path = PUBLISHED / name
        changes = {"command": commands[path.parent.name]} | changes
        command = changes.pop("command")
        text = _summary(write, title, command, path.parent.name, **changes)
        found[path] = text + _moved(path.parent)
    found |= dict([regime.summary()])
    pages = [p for p in (doses, first, freezing) if p.is_published()]
    return found | dict(page.summary() for page in pages)


def _moved(folder: Path) -> str:
    """Returns the section on layers; angles are in no `results.csv`."""
    table = folder / "layers.csv"
    if not table.is_file():
        return ""
    with table.open(newline="") as file:
        header, *body = csv.reader(file)
    return "\n".join([*summary.drift_lines(header, body), ""])
