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
# The same networks on a processor without AVX-512, whose sums are rounded
# otherwise: as much another draw as another seed is.
ELSEWHERE = "main-job-avx2"
COMMAND = "similar_datasets"
TITLE = "Similar data sets: random halves of synthetic_shapes"
RECIPE = {"dataset": "synthetic_shapes", "preset": "default"}
START = "You need Python 3.11 or newer."  # how its paragraph begins


@cache
def _data(folder: str) -> Evidence:
    return evidence(folder, **RECIPE)


def _time(folder: str) -> str:
    took = json.loads((PUBLISHED / folder / "time.json").read_text())
    busy = "busy " if took["busy"] else ""
    return f"{took['seconds']} s on {took['cores']} {busy}cores"


@cache
def _verdicts(folder: str) -> dict[int, str]:
    return {c.number: c.verdict for c in claims.judge_claims(_data(folder))}


def _told(folder: str) -> list[str]:
    """Says what was found of co-adaptation, specificity and boost."""
    said, data = _verdicts(folder), _data(folder)
    specific = numbers.points(data, "BnB", "AnB", 6, 7)
    boost = numbers.points(data, "AnB+", "BnB+")
    return [said[2], f"{said[4]} ({specific})", f"{said[5]} ({boost})"]


def paragraph() -> str:
    """Returns the README's paragraph on the main job."""
    cut, specific, boost = _told(FOLDER)
    others = _told(ELSEWHERE)
    text = (
        f"{START} The first two set themselves up. The main job, a study on "
        f"an embedded set, took {_time(FOLDER)} after the set-up. [It "
        f"finds](logs/published/{FOLDER}/summary.md) co-adaptation: {cut}; "
        f"specificity: {specific}; boost: {boost}. On a [processor that rounds "
        f"otherwise](logs/published/{ELSEWHERE}/summary.md), in this order: "
        f"{others[0]}; {others[1]}; {others[2]}:"
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
    return [(name, COMMAND, _finding(name)) for name in (FOLDER, ELSEWHERE)]


def _finding(folder: str) -> str:
    data = _data(folder)
    told = ", ".join(f"{n} {text}" for n, text in _verdicts(folder).items())
    gate = numbers.gate(data)
    where = "On a processor without AVX-512: " if folder == ELSEWHERE else ""
    return (
        f"{where}{len(data.accuracies)} networks on the embedded set, one "
        f"split, two seeds; bases reach {numbers.base_accuracy(data)} %. "
        f"Claims: {told}. {gate[0].upper()}{gate[1:]}. BnB - AnB, "
        f"n = 7: {numbers.verdict(data, Comparison('BnB', 'AnB', 6, 7))}; AnB+ "
        f"- BnB+: {numbers.verdict(data, Comparison('AnB+', 'BnB+'))}. "
        f"{_time(folder)}"
    )


def pages() -> list[tuple[str, object, str, dict]]:
    """Returns summaries' files, what writes them, their titles and recipes."""
    write = summary.similar_report().text
    return [
        (f"{name}/summary.md", write, TITLE, RECIPE)
        for name in (FOLDER, ELSEWHERE)
    ]
