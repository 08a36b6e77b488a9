"""What was found of thousands of networks is not found again for each number.

A report asks for a treatment's networks, or all observations, hundreds of
times of the same rows.
"""

import functools
from collections.abc import Callable, Hashable, Sequence


class Rows(tuple):
    """Networks in order, with what was found of them.

    A tuple, since what is remembered of a list would be wrong once the list
    is changed. Whoever asks much of many networks hands them on as `Rows`;
    of a list everything is found each time.

    Attributes:
        found: Dict from a function of `of_rows`, and what it was given beside
            the rows, to what it returned.
    """

    @functools.cached_property
    def found(self) -> dict[tuple, object]:
        return {}


def of_rows(function: Callable) -> Callable:
    """Remembers what a function returned for the same `Rows`.

    Args:
        function: Callable of a sequence of `Row` and of values that can be
            hashed; nobody changes what it returns.

    Returns:
        Callable of the same.
    """

    @functools.wraps(function)
    def remembered(rows: Sequence, *more: Hashable):
        if not isinstance(rows, Rows):
            return function(rows, *more)
        key = (function, *more)
        if key not in rows.found:
            rows.found[key] = function(rows, *more)
        return rows.found[key]

    return remembered
