"""What was found of thousands of networks is not found again for each number.

A report asks for a treatment's networks, or all observations, hundreds of
times of the same rows.
"""

import collections
import functools
from collections.abc import Callable

MOST = 16  # lists of rows that are remembered, those used last


def of_rows(function: Callable) -> Callable:
    """Remembers what a function returned for the same rows.

    The same are those of the same objects in the same order: a `Row` does not
    change.

    Args:
        function: Callable of a list of `Row`, whose value nobody changes.

    Returns:
        Callable of an iterable of `Row`.
    """
    found: collections.OrderedDict = collections.OrderedDict()

    @functools.wraps(function)
    def remembered(rows):
        rows = list(rows)
        key = tuple(map(id, rows))
        if key in found:
            found.move_to_end(key)
            return found[key][1]
        # Rows that are kept are no others of the same `id`.
        found[key] = rows, function(rows)
        if len(found) > MOST:
            found.popitem(last=False)
        return found[key][1]

    return remembered
