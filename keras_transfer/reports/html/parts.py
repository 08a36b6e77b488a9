"""The pieces that every section of the HTML report is made of.

What comes in as HTML is said so; every other text is escaped here.
"""

from collections.abc import Collection, Iterable
from html import escape

from keras_transfer.analysis.inventory import Group, Survey
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.datasets.class_kinds import NAMES_FOLDER, read_names
from keras_transfer.reports.markdown import Cells


def table(
    header: list[str],
    body: list[list[str]],
    kind: str = "",
    right: Collection[int] = (),
    name: str = "",
) -> str:
    """Lays out cells, which are HTML already, in a container that scrolls.

    Args:
        header: List of strings, HTML, the names of columns.
        body: List of lines, each a list of strings of HTML.
        kind: String, the table's class, or empty.
        right: Collection of integers, columns set to the right.
        name: String, the table's id, or empty.
    """

    def line(cells, tag):
        return "".join(
            f'<{tag} class="r">{cell}</{tag}>'
            if i in right
            else f"<{tag}>{cell}</{tag}>"
            for i, cell in enumerate(cells)
        )

    lines = "\n".join(f"<tr>{line(cells, 'td')}</tr>" for cells in body)
    attributes = f' class="{kind}"' if kind else ""
    attributes += f' id="{name}"' if name else ""
    return (
        f'<div class="wide"><table{attributes}><thead><tr>'
        f"{line(header, 'th')}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def plain_table(cells: Cells) -> str:
    """Lays out cells of plain text, numbers to the right.

    Args:
        cells: Tuple of header and body, as of `reports.tables`.
    """
    header, body = cells
    right = set(range(1, len(header)))
    return table(
        [escape(name) for name in header],
        [[escape(cell) for cell in line] for line in body],
        "nums",
        right,
    )


def figure(caption: str, svg: str) -> str:
    """Lays out a figure with its caption and a line for the pointer.

    Args:
        caption: String.
        svg: String of HTML.
    """
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<div class="wide">{svg}</div>'
        '<p class="readout soft" aria-live="polite"></p></figure>'
    )


def link(row: Row) -> str:
    """Links a network's name to its proof.

    Args:
        row: `Row`.
    """
    return f'<a href="#net-{row.spec.network_id}">{escape(row.spec.label)}</a>'


def study_of(survey: Survey, row: Row) -> str:
    """Returns the study that a network is filed under.

    Args:
        survey: `Survey`.
        row: `Row`.
    """
    return survey.folders[row.spec.network_id].parts[0]


def extras(survey: Survey, group: Group) -> str:
    """Says what sets a group apart that no flag of the recipe tells.

    Args:
        survey: `Survey` that the group is of; its folder has the names of
            sections that a user's file of classes gave.
        group: `Group`.

    Returns:
        String of HTML, empty or with a comma in front.
    """
    recipe, texts = group.recipe, []
    if recipe.data.halves is not None:
        sides = read_names(
            survey.log_dir / NAMES_FOLDER,
            recipe.data.name,
            recipe.data.halves,
        )
        texts.append(f"classes by kind, {' and '.join(sides)}")
    if recipe.target_images is not None:
        texts.append(f"{recipe.target_images} target images of each class")
    if group.tuned:
        texts.append("with learning rates of each treatment's own")
    return "".join(f", {escape(text)}" for text in texts)


def count(number: int, one: str, many: str | None = None) -> str:
    """Writes a number and what it counts, in the singular or plural.

    Args:
        number: Integer.
        one: String, such as `"network"`.
        many: String or `None`, the plural if it is not `one` with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def points(difference: float) -> str:
    """Writes a difference of accuracies in points, signed.

    Args:
        difference: Float, of accuracies in 0..1.
    """
    return rounded(100 * difference)


def distinct(values: Iterable) -> str:
    """Lists what values there are, each once.

    Args:
        values: Iterable, sortable.
    """
    return escape(", ".join(map(str, sorted(set(values)))))


def code(text: str) -> str:
    """Turns Markdown's backquotes, in text already escaped, into code.

    Args:
        text: String of HTML.
    """
    parts = text.split("`")
    return "".join(
        f"<code>{part}</code>" if i % 2 and i < len(parts) - 1 else part
        for i, part in enumerate(parts)
    )
