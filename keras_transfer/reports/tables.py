"""The tables of a study against n, as header and body of plain text."""

from keras_transfer.analysis import balanced, results
from keras_transfer.analysis.comparisons import TRAIN_LOSS, Comparison
from keras_transfer.analysis.differences import estimate_difference
from keras_transfer.analysis.evidence import Evidence
from keras_transfer.analysis.paired_images import compare_images
from keras_transfer.analysis.pairs import layers_in_words
from keras_transfer.analysis.primary import RULE
from keras_transfer.analysis.results import RANGES, Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.analysis.verdicts import TOGETHER
from keras_transfer.reports.markdown import Cells
from keras_transfer.specs.treatments import (
    BASE,
    CHOICES,
    FINETUNED_SELFFER,
    FINETUNED_TRANSFER,
    FROM_MODEL,
    QUESTIONS,
)

MEANING = (
    "Differences of one split, seed and target: halves are as hard for both. "
    f"[low, high] is a 95 % interval: {RULE}. Each is of its row alone: of "
    "many rows some miss."
)
JUDGED = (
    f"Verdicts are {TOGETHER}; words after single differences are about these "
    "alone."
)
FIT = (
    "A training loss above 0 says that the first of both fits its training "
    "images less well."
)
BALANCED = (
    "The test classes are of unequal size: here each class counts alike, "
    "however many images it has."
)
BY_IMAGE = (
    "Of one split: both networks of a pair on the same test images, seeds of "
    "an image averaged. p is McNemar's, in its form for clusters. It is about "
    "these networks on other images of these classes, not about other training "
    "runs or halves, nor corrected for the number of rows; no claim is judged "
    "by it."
)
_HEADER = ("estimate", "interval holds for")


def accuracy_cells(rows: list[Row]) -> Cells:
    """Returns mean test accuracies in percent, a line a treatment.

    Args:
        rows: List of `Row`.

    Returns:
        Tuple of header and body.
    """
    layers = results.layers_of(rows)
    body = []
    for treatment in (*CHOICES, *FROM_MODEL):
        cells = []
        for n in layers:
            value = results.mean_accuracy(rows, treatment, n)
            cells.append(
                "" if value is None else rounded(100 * value.mean, signed=False)
            )
        if any(cells):
            body.append([treatment, *cells])
    return ["mean of networks", *(f"n = {n}" for n in layers)], body


def _percent(share: float | None) -> str:
    return "" if share is None else rounded(100 * share, signed=False)


def balanced_cells(rows: list[Row]) -> Cells:
    """Returns mean balanced accuracies in percent, a line a treatment.

    Args:
        rows: List of `Row`.

    Returns:
        Tuple of header and body, which is empty where all test classes are
        of one size: the accuracy says the same then.
    """
    layers = results.layers_of(rows)
    header = ["balanced accuracy", *(f"n = {n}" for n in layers)]
    if not balanced.unequal_classes(rows):
        return header, []
    body = []
    for treatment in (BASE, *CHOICES):
        places = [0] * len(layers) if treatment == BASE else layers
        values = [balanced.mean_balanced(rows, treatment, n) for n in places]
        cells = [
            "" if v is None else rounded(100 * v, signed=False) for v in values
        ]
        if any(cells):
            body.append([treatment, *cells])
    return header, body


def difference_cells(rows: list[Row], evidence: Evidence) -> Cells:
    """Returns each difference at each n: within pairs, and pooled.

    Args:
        rows: List of `Row`.
        evidence: `Evidence` of the same networks.

    Returns:
        Tuple of header and body; the last column is of training loss, if
        results tell it.
    """
    body = []
    for question in QUESTIONS:
        names = (question.first, question.second)
        for n in results.layers_of(rows):
            found = _both_forms(rows, evidence, *names, n, n)
            if found:
                loss = [_loss(evidence, *names, n)] if evidence.losses else []
                body.append([str(question), str(n), *found, *loss])
    loss = ["training loss, nats"] if evidence.losses else []
    return ["difference", "n", *_HEADER, "pooled", *loss], body


def _loss(evidence: Evidence, first: str, second: str, n: int) -> str:
    comparison = Comparison(
        first, second, n, n, outcome=TRAIN_LOSS, margin=None
    )
    found = evidence.estimate(comparison)
    return "" if found is None else comparison.in_unit(found)


def image_cells(rows: list[Row]) -> Cells:
    """Returns each difference of a single split by its test images.

    Args:
        rows: List of `Row`.

    Returns:
        Tuple of header and body, which is empty for several splits and for
        results that do not say which images are right.
    """
    body = []
    for question in QUESTIONS:
        for n in results.layers_of(rows):
            found = compare_images(rows, question.first, question.second, n)
            if found is not None:
                ends = (found.mean, found.low, found.high)
                mean, low, high = (rounded(100 * end) for end in ends)
                body.append(
                    [
                        str(question),
                        str(n),
                        str(found.images),
                        rounded(100 * found.first_alone, signed=False),
                        rounded(100 * found.second_alone, signed=False),
                        f"{mean} [{low}, {high}]",
                        f"{found.p:.2g}",
                    ]
                )
    header = ["difference", "n", "images", "first alone right, %"]
    return [*header, "second alone, %", "points", "p"], body


def boost_cells(rows: list[Row], evidence: Evidence) -> Cells:
    """Returns Table 1: the boost of AnB+ over base and over BnB+.

    Args:
        rows, evidence: As of `difference_cells`.
    """
    body = []
    layers = results.layers_of(results.select(rows, FINETUNED_TRANSFER))
    for second in (BASE, FINETUNED_SELFFER):
        # Of ranges in which the same n were trained, the first.
        trained: dict[str, tuple[int, int]] = {}
        for low, high in RANGES:
            trained.setdefault(layers_in_words(layers, low, high), (low, high))
        for name, (low, high) in trained.items():
            found = _both_forms(
                rows, evidence, FINETUNED_TRANSFER, second, low, high
            )
            if found:
                body.append([second, name, *found])
    header = [f"{FINETUNED_TRANSFER} minus", "n", *_HEADER]
    return [*header, "pooled (as in the paper)"], body


def _both_forms(rows, evidence, first, second, low, high) -> list[str]:
    paired = estimate_difference(evidence, first, second, low, high)
    pooled = results.pooled_difference(rows, first, second, low, high)
    if paired is None or pooled is None:
        return []
    scope = "" if paired.low is None else paired.scope
    return [paired.in_points(), scope, rounded(100 * pooled)]
