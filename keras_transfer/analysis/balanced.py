"""Balanced accuracy, beside accuracy where classes differ in size."""

from keras_transfer.analysis.results import Row, select


def mean_balanced(rows: list[Row], treatment: str, n: int) -> float | None:
    """Averages the balanced accuracy of a treatment's networks at one `n`.

    Args:
        rows: List of `Row`.
        treatment: String, such as `"AnB+"` or `"base"`.
        n: Integer, layers copied; without meaning for a base.

    Returns:
        Float, 0 to 1; `None` without a network, or if one was filed before
        it was measured.
    """
    found = [
        row.result.test_balanced_accuracy
        for row in select(rows, treatment, n, n)
    ]
    if not found or None in found:
        return None
    return sum(found) / len(found)


def unequal_classes(rows: list[Row]) -> bool:
    """Tells whether some balanced accuracy is another than the accuracy.

    That is so where the classes of the test images differ in size.

    Args:
        rows: List of `Row`.
    """
    pairs_of = ((r.accuracy, r.result.test_balanced_accuracy) for r in rows)
    return any(b is not None and abs(a - b) > 1e-9 for a, b in pairs_of)
