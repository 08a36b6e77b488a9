"""The pages of what was simulated or killed, from their committed tables."""

import csv
import json
from pathlib import Path

from experiments import coverage, coverage_recommend
from experiments.findings.committed import PUBLISHED
from experiments.random_kills.__main__ import Kill, Record, table

_KILLS = PUBLISHED / "random_kills"
_HEAD_OF_COMPARED = "Compared bit by bit"


def pages() -> dict[Path, str]:
    """Returns each page, by its path."""
    return {
        PUBLISHED / "coverage" / "coverage.md": _coverage(),
        PUBLISHED / "recommend-coverage" / "coverage.md": (
            coverage_recommend.committed_text(PUBLISHED / "recommend-coverage")
        ),
        _KILLS / "kills.md": _killed(),
    }


def _coverage() -> str:
    with (PUBLISHED / "coverage" / "coverage.csv").open(newline="") as file:
        return coverage.summary_text(list(csv.DictReader(file)))


def _killed() -> str:
    record = json.loads((_KILLS / "kills.json").read_text())
    record.pop("seed")
    kills = [Kill(**kill) for kill in record.pop("kills")]
    text = table(Record(kills, **record))
    # What was compared is that of the day: today's code may leave out less.
    head, mark, _ = text.partition(_HEAD_OF_COMPARED)
    _, _, rest = (_KILLS / "kills.md").read_text().partition(mark)
    return head + mark + rest
