"""Plain text tables for a terminal."""


def text_table(header: list[str], rows: list[list[str]]) -> str:
    """Lines up columns; numbers to the right.

    Args:
        header: List of strings.
        rows: List of lists of strings, as long as the header.

    Returns:
        String of lines.
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    return cell.strip("%").replace(",", "").replace(".", "").isdigit()
