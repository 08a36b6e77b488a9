"""The report's warnings: failures, damage, and what figures would mix."""

from html import escape

from keras_transfer.analysis import results
from keras_transfer.analysis.inventory import Group, Survey
from keras_transfer.analysis.results import Row
from keras_transfer.reports.cautions import cautions
from keras_transfer.reports.html.parts import code, count, link
from keras_transfer.specs.identity import COMPUTATION
from keras_transfer.specs.treatments import CHOICES
from keras_transfer.storage.stored_proof import count_tensors

_SHOWN = 20  # warnings of one kind; the rest is counted


def warnings_section(survey: Survey, groups: list[Group]) -> str:
    """Writes what a reader has to know before any number.

    Args:
        survey: `Survey`.
        groups: List of `Group`, its recipes.
    """
    failed = [one for one in survey.unfinished if one.status == "FAILED"]
    open_ones = [one for one in survey.unfinished if one.status != "FAILED"]
    items = _some(
        [
            f"{escape(one.name)} <b>failed</b> ({escape(one.study)}, "
            f"{escape(one.since)}): {escape(one.error)}"
            for one in failed
        ]
    )
    if open_ones:
        names = ", ".join(one.name for one in open_ones[:_SHOWN])
        items.append(
            f"{count(len(open_ones), 'network')} not finished (still "
            f"training, stopped, or damaged): {escape(names)}"
            + ("..." if len(open_ones) > _SHOWN else ".")
        )
    items += _some([escape(notice) for notice in survey.notices])
    if survey.foreign:
        items.append(
            f"{count(len(survey.foreign), 'folder')} left out: from another "
            "version of the computation (this one is number "
            f"{COMPUTATION}), whose numbers must not be mixed with these, or "
            f"unreadable. The first: <code>{escape(str(survey.foreign[0]))}"
            "</code>"
        )
    broken = [
        row for row in survey.rows if not count_tensors(row.result.proof).holds
    ]
    items += _some(
        [
            f"{link(row)} of {escape(row.spec.name)}: "
            '<b class="bad">the proof does not hold</b>'
            for row in broken
        ]
    )
    for index, group in enumerate(groups, 1):
        where = f'<a href="#recipe-{index}">Recipe {index}</a>: '
        items += [
            where + code(escape(text)) for text in cautions(group.compared)
        ]
        prints = {row.result.data_fingerprint for row in group.rows}
        if len(prints) > 1:
            items.append(
                f"{where}trained on {len(prints)} different versions of the "
                "images; do not compare these networks."
            )
        own = {row.spec for row in group.compared if row.spec.is_base}
        alone = {row.spec.own_base for row in group.rows} - own
        if alone:
            items.append(
                f"{where}{count(len(alone), 'target half', 'target halves')} "
                "without a base network of its own, so nothing there is "
                "paired with a base."
            )
        uneven = _uneven(group.compared) if group.paired else []
        if uneven:
            items.append(
                f"{where}not every target half has a network at "
                f"{escape('; '.join(uneven))}, so these means mix in how "
                "hard a half is. Paired differences do not."
            )
    if not items:
        return '<section id="warnings"><h2>Warnings</h2><p>None.</p></section>'
    listed = "".join(f"<li>{item}</li>" for item in items)
    return (
        '<section id="warnings"><h2>Warnings</h2>'
        f'<div class="warnings"><ul>{listed}</ul></div></section>'
    )


def _uneven(rows: list[Row]) -> list[str]:
    """Names each treatment and its n that lack some split, seed or target."""
    whole = {row.group for row in rows if row.spec.target != "all"}
    texts = []
    for treatment in CHOICES:
        chosen = results.select(rows, treatment)
        lacking = [
            str(n)
            for n in results.layers_of(chosen)
            if {row.group for row in chosen if row.spec.n == n} != whole
        ]
        if lacking:
            texts.append(f"{treatment}, n = {', '.join(lacking)}")
    return texts


def _some(items: list[str]) -> list[str]:
    if len(items) <= _SHOWN:
        return items
    return [*items[:_SHOWN], f"... and {len(items) - _SHOWN} more like these."]
