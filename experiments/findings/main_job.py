"""What the main job found and took: the README's sentence and its page."""

import json
import textwrap
from functools import cache

from experiments.findings import numbers
from experiments.findings.committed import PUBLISHED, evidence
from keras_transfer.analysis import claims
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.evidence import Evidence
from keras_transfer.reports import summary

FOLDER = "main-job"
# Other seeds, which tell how much of what it finds is chance. A processor that
# rounds otherwise makes other networks, too.
AGAIN = "main-job-again"
COMMANDS = {
    FOLDER: "similar_datasets",
    AGAIN: "similar_datasets --seeds 3 4 5",
}
TITLE = "Similar data sets: random halves of synthetic_shapes"
RECIPE = {"dataset": "synthetic_shapes", "preset": "default"}
START = "You need Python 3.11 or newer."  # how its paragraph begins


@cache
def _data(folder: str) -> Evidence:
    return evidence(folder, **RECIPE)


def _time(folder: str) -> str:
    took = json.loads((PUBLISHED / folder / "time.json").read_text())
    busy = "busy " if took["busy"] else ""
    cores = f"{took['cores']} {busy}cores ({took['processor']})"
    return f"{took['seconds']} s on {cores}"


@cache
def _verdicts(folder: str) -> dict[int, str]:
    return {c.number: c.verdict for c in claims.judge_claims(_data(folder))}


def _told(folder: str) -> list[str]:
    """Says what was found of specificity and boost."""
    said, data = _verdicts(folder), _data(folder)
    specific = numbers.points(data, "BnB", "AnB", 6, 7)
    boost = numbers.points(data, "AnB+", "BnB+")
    return [f"{said[4]} ({specific})", f"{said[5]} ({boost})"]


def paragraph() -> str:
    """Returns the README's paragraph on the main job."""
    (specific, boost), others = _told(FOLDER), _told(AGAIN)
    text = (
        f"{START} The first two set themselves up. The main job, a study on "
        f"an embedded set, took {_time(FOLDER)} after the set-up. [It "
        f"finds](logs/published/{FOLDER}/summary.md) specificity: {specific}; "
        f"boost: {boost}. With [other "
        f"seeds](logs/published/{AGAIN}/summary.md): {'; '.join(others)}:"
    )
    return textwrap.fill(text, 80, break_on_hyphens=False)


def with_paragraph(page: str) -> str:
    """Returns a page with the paragraph on the main job replaced.

    Args:
        page: String, in Markdown.
    """
    before, rest = page.split(START)
    _, blank, after = rest.partition("\n\n")
    return before + paragraph() + blank + after


def folders() -> list[tuple[str, str, str]]:
    """Returns names, command and findings, for the table of folders."""
    return [(name, line, _finding(name)) for name, line in COMMANDS.items()]


def _finding(folder: str) -> str:
    data = _data(folder)
    told = ", ".join(f"{n} {text}" for n, text in _verdicts(folder).items())
    gate = numbers.gate(data)
    return (
        f"{len(data.accuracies)} networks on the embedded set, one "
        f"split, three seeds; bases reach {numbers.base_accuracy(data)} %. "
        f"Claims: {told}. {gate[0].upper()}{gate[1:]}. BnB - AnB, "
        f"n = 7: {numbers.verdict(data, Comparison('BnB', 'AnB', 6, 7))}; AnB+ "
        f"- BnB+: {numbers.verdict(data, Comparison('AnB+', 'BnB+'))}. "
        f"{_time(folder)}"
    )


def pages() -> list[tuple[str, object, str, dict]]:
    """Returns summaries' files, what writes them, their titles and recipes."""
    write = summary.similar_report().text
    return [(f"{name}/summary.md", write, TITLE, RECIPE) for name in COMMANDS]
