"""Numbers as text, the same on every processor."""

import decimal
from collections.abc import Collection

# Sums differ between processors in digits far behind this one.
_NOISE = 6
# Beyond it no digit after the point is meant, and infinity has none.
_MOST = 1e12


def rounded(value: float, digits: int = 1, signed: bool = True) -> str:
    """Writes a number with a fixed count of digits after the point.

    Accuracies are multiples of one over the number of images, so that means
    of them often lie exactly between two such numbers. The last bits of a sum
    depend on the processor and would decide then; here what lies there within
    a millionth goes to the even digit.

    Args:
        value: Float, in the unit that is written.
        digits: Integer, digits after the point. Defaults to `1`.
        signed: Boolean, whether numbers above 0 have a sign. Defaults to
            `True`.

    Returns:
        String, such as `"+3.6"`; never `"-0.0"`.

    Example:
        >>> rounded(3.55), rounded(3.55 - 1e-12), rounded(-0.04)
        ('+3.6', '+3.6', '+0.0')
    """
    if not abs(value) < _MOST:
        return f"{value:{'+' if signed else ''}.3g}"
    exact = decimal.Decimal(f"{value:.{_NOISE}f}")
    places = decimal.Decimal(1).scaleb(-digits)
    found = exact.quantize(places, rounding=decimal.ROUND_HALF_EVEN)
    # Adding 0 turns -0.0 into 0.0.
    return f"{found + 0:{'+' if signed else ''}.{digits}f}"


def rounded_ends(
    values: Collection[float], digits: int = 1, signed: bool = True
) -> str:
    """Writes the least and the greatest of some numbers.

    Args:
        values: Collection of floats, not empty.
        digits: Integer, as of `rounded`. Defaults to `1`.
        signed: Boolean, as of `rounded`. Defaults to `True`.

    Returns:
        String, such as `"+0.7 to +3.2"`; one number, if both read alike.
    """
    ends = (rounded(end, digits, signed) for end in (min(values), max(values)))
    return " to ".join(dict.fromkeys(ends))
