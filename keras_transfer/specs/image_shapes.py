"""Sizes of images: a side of squares, or a pair of height and width."""

import re

from keras_transfer.errors import UserError

# Height before width, as in an array.
ImageSize = int | tuple[int, int]


def pair_of(size: ImageSize) -> tuple[int, int]:
    """Returns height and width.

    Args:
        size: Integer, side in pixels, or a pair of height and width.

    Example:
        >>> pair_of(32), pair_of((48, 96))
        ((32, 32), (48, 96))
    """
    if isinstance(size, int):
        return size, size
    height, width = size
    return height, width


def size_of(height: int, width: int) -> ImageSize:
    """Returns the one form that settings have of a size: squares by a side.

    Args:
        height, width: Integers, in pixels.
    """
    return height if height == width else (height, width)


def shown_size(size: ImageSize) -> str:
    """Returns a size as people write it, and as `parse_size` reads it.

    Args:
        size: As of `pair_of`.

    Example:
        >>> shown_size(32), shown_size((48, 96))
        ('32', '48x96')
    """
    height, width = pair_of(size)
    return f"{height}" if height == width else f"{height}x{width}"


def scaled_size(size: ImageSize, factor: float) -> ImageSize:
    """Returns a size with both sides multiplied, rounded to pixels.

    Args:
        size: As of `pair_of`.
        factor: Float.
    """
    height, width = pair_of(size)
    return size_of(round(height * factor), round(width * factor))


def parse_size(text: str) -> ImageSize:
    """Reads a size.

    Args:
        text: String, a side in pixels or `HEIGHTxWIDTH`.

    Returns:
        Integer, or pair of integers if they differ.

    Raises:
        UserError: If it is none of the two.

    Example:
        >>> parse_size("48x96")
        (48, 96)
    """
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip())
    sides = (found[1], found[2] or found[1]) if found else ("0", "0")
    height, width = map(int, sides)
    if not height or not width:
        raise UserError(
            "Expected `image_size` as a side in pixels of at least 1, such "
            f"as 64, or as HEIGHTxWIDTH, such as 48x96. Received: {text!r}."
        )
    return size_of(height, width)
