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
COMMAND = "similar_datasets"
TITLE = "Similar data sets: random halves of synthetic_shapes"
RECIPE = {"dataset": "synthetic_shapes", "preset": "default"}
START = "You need Python 3.11 or newer."  # how its paragraph begins


@cache
def _data() -> Evidence:
    return evidence(FOLDER, **RECIPE)


def _time() -> str:
    took = json.loads((PUBLISHED / FOLDER / "time.json").read_text())
    busy = "busy " if took["busy"] else ""
    return f"{took['seconds']} s on {took['cores']} {busy}cores"


def _verdicts() -> dict[int, str]:
    return {c.number: c.verdict for c in claims.judge_claims(_data())}


def paragraph() -> str:
    """Returns the README's paragraph on the main job."""
    said = _verdicts()
    specific = numbers.points(_data(), "BnB", "AnB", 6, 7)
    boost = numbers.points(_data(), "AnB+", "BnB+")
    text = (
        f"{START} The first two set themselves up. The main job, a study on "
        f"an embedded set, took {_time()} after the set-up. [It "
        f"finds](logs/published/{FOLDER}/summary.md) co-adaptation {said[2]}, "
        f"specificity {said[4]} ({specific}) and the boost {said[5]} "
        f"({boost}):"
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


def folder() -> tuple[str, str, str]:
    """Returns its name, command and finding, for the table of folders."""
    data = _data()
    told = ", ".join(f"{n} {text}" for n, text in _verdicts().items())
    gate = numbers.gate(data)
    finding = (
        f"{len(data.accuracies)} networks on the embedded set, one split, two "
        f"seeds; bases reach {numbers.base_accuracy(data)} %. Claims: {told}. "
        f"{gate[0].upper()}{gate[1:]}. BnB - AnB, "
        f"n = 7: {numbers.verdict(data, Comparison('BnB', 'AnB', 6, 7))}; AnB+ "
        f"- BnB+: {numbers.verdict(data, Comparison('AnB+', 'BnB+'))}. "
        f"{_time()}"
    )
    return FOLDER, COMMAND, finding


def page() -> tuple[str, object, str, dict]:
    """Returns its summary's file, what writes it, its title and recipe."""
    write = summary.similar_report().text
    return f"{FOLDER}/summary.md", write, TITLE, RECIPE
