"""A whole log folder as one HTML file that needs nothing from outside.

Every text that comes from data or from a file is escaped, and the page's
content security policy lets no script run but its own.
"""

from html import escape
from pathlib import Path

from keras_transfer.analysis.inventory import Group, Survey, group_rows
from keras_transfer.reports.command_lines import CommandLines
from keras_transfer.reports.html.frame import page
from keras_transfer.reports.html.networks import networks_section
from keras_transfer.reports.html.parts import count
from keras_transfer.reports.html.proofs import proofs_section
from keras_transfer.reports.html.recipes import (
    recipe_section,
    run_section,
    versions_section,
)
from keras_transfer.reports.html.treatment_css import treatment_css
from keras_transfer.reports.html.warnings import warnings_section
from keras_transfer.storage.files import write_atomically


def write_html(survey: Survey, path: Path, lines: CommandLines) -> None:
    """Writes the page atomically.

    Args:
        survey: `Survey`.
        path: Path.
        lines: `CommandLines`.
    """
    write_atomically(path, html_page(survey, lines))


def html_page(survey: Survey, lines: CommandLines) -> str:
    """Returns the page of a log folder.

    Args:
        survey: `Survey`.
        lines: `CommandLines`.

    Returns:
        String, HTML.
    """
    groups = group_rows(survey.rows)
    title = f"keras_transfer: networks in {survey.log_dir.resolve().name}"
    body = [
        _header(survey, groups, title),
        warnings_section(survey, groups),
        run_section(survey, groups, lines),
        *(
            recipe_section(survey, i, group, lines)
            for i, group in enumerate(groups, 1)
        ),
        networks_section(survey, groups),
        proofs_section(survey, groups, lines),
        versions_section(survey.rows),
    ]
    return page(title, body, treatment_css())


def _header(survey: Survey, groups: list[Group], title: str) -> str:
    links = [("warnings", "Warnings"), ("run", "What was run")]
    links += [
        (f"recipe-{i}", f"Recipe {i}: {group.recipe.data.name}")
        for i, group in enumerate(groups, 1)
    ]
    links += [("networks", "Networks"), ("proofs", "Proofs")]
    links += [("versions", "Versions")]
    items = "".join(
        f'<li><a href="#{place}">{escape(text)}</a></li>'
        for place, text in links
    )
    last = f", the last at {survey.last}" if survey.last else ""
    return (
        f"<h1>{escape(title)}</h1>"
        f"<p>{count(len(survey.rows), 'network')} finished{escape(last)}, "
        f"{len(survey.unfinished)} not; "
        f"{count(len(groups), 'recipe')}. Rebuilt from the result files "
        "alone with <code>python -m experiments.report</code>. Accuracy is "
        "top-1 on the test images.</p>"
        f"<nav><ul>{items}</ul></nav>"
    )
