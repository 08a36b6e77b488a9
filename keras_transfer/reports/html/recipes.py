"""The report's recipes: what was run, figures, tables, versions."""

from html import escape

import keras_transfer
from keras_transfer.analysis import (
    claims,
    copied_stages,
    layer_movement,
    results,
)
from keras_transfer.analysis.evidence import Evidence, evidence_of
from keras_transfer.analysis.inventory import Group, Survey, twice_as_long
from keras_transfer.analysis.results import Row
from keras_transfer.reports import copied_stages as stage_tables
from keras_transfer.reports import tables
from keras_transfer.reports.command_lines import CommandLines
from keras_transfer.reports.html import figures
from keras_transfer.reports.html.parts import (
    count,
    distinct,
    extras,
    figure,
    plain_table,
    study_of,
    table,
)
from keras_transfer.specs.identity import COMPUTATION, to_dict
from keras_transfer.specs.image_shapes import shown_size
from keras_transfer.specs.treatments import BASE
from keras_transfer.training.versions import PACKAGES

# Environment of a result, in this order; what is not listed comes after.
_VERSIONS = (*PACKAGES, "python")


def run_section(
    survey: Survey, groups: list[Group], lines: CommandLines
) -> str:
    """Writes a line a recipe, and the classes of every half.

    Args:
        survey: `Survey`.
        groups: List of `Group`, its recipes.
        lines: `CommandLines`.
    """
    header = ["recipe", "data set", "version", "network", "flags", "epochs"]
    header += ["networks", "classes", "seeds", "n", "hours", "studies"]
    body = []
    for index, group in enumerate(groups, 1):
        rows, recipe = group.rows, group.recipe
        flags, _ = lines.recipe_flags(recipe)
        spent = sum(row.result.seconds for row in rows) / 3600
        studies = {study_of(survey, row) for row in rows}
        body.append(
            [
                f'<a href="#recipe-{index}">{index}</a>',
                escape(recipe.data.name),
                distinct(row.result.data_version for row in rows),
                escape(recipe.model.name),
                f"<code>{escape(' '.join(flags)) or '(none)'}</code>"
                f"{extras(survey, group)}",
                str(recipe.solver.epochs),
                str(len(rows)),
                distinct(row.spec.division for row in rows),
                distinct(row.spec.seed for row in rows),
                distinct(results.layers_of(rows)),
                f"{spent:.1f}",
                distinct(studies),
            ]
        )
    text = (
        "<p>A recipe is all that determines a network beside the random "
        "split, the seed, the halves, n and whether copied layers are "
        "frozen. Figures and tables never mix recipes. Flags are those that "
        "differ from the default preset; hours are of training, added up."
        "</p>"
    )
    listed = "<p>No finished network.</p>"
    if body:
        listed = table(header, body, "run")
    return (
        f'<section id="run"><h2>What was run</h2>{text}{listed}'
        f"{_halves(survey.rows)}</section>"
    )


def _halves(rows: list[Row]) -> str:
    """Lists the classes of every half, once for all recipes."""
    halves: dict[tuple, dict] = {}
    for row in rows:
        data, result = row.spec.data, row.result
        key = (
            data.name,
            str(result.data_version),
            row.spec.division,
            row.spec.target,
        )
        halves.setdefault(key, result)
    items = []
    for (name, version, division, half), result in sorted(halves.items()):
        classes = result.classes
        images = result.images
        counts = ", ".join(f"{images[part]:,} {part}" for part in images)
        items.append(
            f"<details><summary>{escape(name)} {escape(version)}, "
            f"{division}, {escape(half)}: "
            f"{count(len(classes), 'class', 'classes')}"
            + (f"; images: {escape(counts)}" if counts else "")
            + f"</summary><p>{escape(', '.join(map(str, classes)))}</p>"
            '<p class="soft">Checksum of the images: '
            f"<code>{escape(str(result.data_fingerprint))}</code></p>"
            "</details>"
        )
    return f"<h3>Halves of the classes</h3>{''.join(items)}" if items else ""


def versions_section(rows: list[Row]) -> str:
    """Writes which versions the networks were trained with.

    Args:
        rows: List of `Row`.
    """
    environments: dict[tuple, int] = {}
    names: list[str] = list(_VERSIONS)
    for row in rows:
        found = row.result.environment
        names += [name for name in found if name not in names]
        key = tuple(sorted((name, str(found[name])) for name in found))
        environments[key] = environments.get(key, 0) + 1
    used = [
        name
        for name in names
        if any(name == one for key in environments for one, _ in key)
    ]
    body = [
        [str(times), *(escape(dict(key).get(name, "")) for name in used)]
        for key, times in sorted(environments.items(), key=lambda one: -one[1])
    ]
    listed = table(["networks", *map(escape, used)], body) if used else ""
    return (
        '<section id="versions"><h2>Versions</h2>'
        f"<p>This page: keras_transfer {keras_transfer.__version__}, "
        f"computation {COMPUTATION}. Versions that the networks were trained "
        "with:</p>"
        f"{listed}</section>"
    )


def recipe_section(
    survey: Survey, index: int, group: Group, lines: CommandLines
) -> str:
    """Writes the figures, tables and settings of one recipe.

    Args:
        survey: `Survey` that the recipe is of.
        index: Integer, its number on the page, from 1.
        group: `Group`.
        lines: `CommandLines`.
    """
    rows, recipe = group.compared, group.recipe
    flags, unset = lines.recipe_flags(recipe)
    told = " ".join(flags) or "default preset"
    if recipe.model.content is not None:
        # Its recipe is no preset; each network keeps the command it had.
        told, unset = (
            f"{recipe.model.name}, {shown_size(recipe.data.crop)} px",
            [],
        )
    parts = [
        f'<section id="recipe-{index}"><h2>Recipe {index}: '
        f"{escape(recipe.data.name)}</h2>"
        f"<p>{count(len(group.rows), 'network')}, "
        f"<code>{escape(told)}</code>"
        f"{extras(survey, group)}.</p>"
    ]
    if unset:
        parts.append(
            '<p class="soft">Settings that no flag gives: '
            f"{escape('; '.join(unset))}.</p>"
        )
    parts.append(figure("Every network", figures.networks_figure(rows)))
    if not group.paired:
        parts.append(
            "<p>Several draws of the images share a split, seed and target, "
            "so nothing is paired here: the study's own summary is.</p>"
        )
    elif recipe.model.content is not None:
        parts += _stage_parts(rows)
    elif results.layers_of(rows):
        longer = twice_as_long(survey.rows, group)
        parts += _transfer_parts(rows, evidence_of([*rows, *longer]))
    elif results.select(rows, "baseAll"):
        parts += _claims(evidence_of(rows))  # the first is about all classes
    parts.append(_settings(recipe))
    parts.append("</section>")
    return "".join(parts)


def _stage_parts(rows: list[Row]) -> list[str]:
    found = copied_stages.stages_of(rows)
    balanced = copied_stages.balanced_stages(rows)
    parts = []
    if balanced is not None:
        cells = stage_tables.accuracy_cells(balanced)
        parts = [f"<p>{tables.BALANCED}</p>", plain_table(cells)]
    return [
        "<h3>Mean test accuracy, %</h3>",
        plain_table(stage_tables.accuracy_cells(found)),
        *parts,
        f"<h3>Differences, in points of accuracy</h3>"
        f"<p>{stage_tables.MEANING}</p>",
        plain_table(stage_tables.difference_cells(found)),
    ]


def _transfer_parts(rows: list[Row], evidence: Evidence) -> list[str]:
    pairs = len({row.group for row in rows if row.spec.target != "all"})
    parts = [
        figure(
            "Means. Bars, cut at the frame: 95 % interval of the difference "
            f"from the own base ({count(pairs, 'pair')} of split, seed and "
            "target)",
            figures.means_figure(rows),
        )
    ]
    losses = figures.losses_figure(rows)
    if losses:
        parts.append(
            figure(
                "Losses, paired by split, seed and target. Bars, cut at "
                "the frame: 95 % interval",
                losses,
            )
        )
    if rows[0].spec.data.halves is None:  # what section 4.1 is about
        parts += _claims(evidence)
    base = results.mean_accuracy(rows, BASE, 0)
    level = ""
    if base is not None:
        level = (
            f"<p>Base networks: {100 * base.mean:.1f} % "
            f"({count(base.count, 'network')}).</p>"
        )
    parts.append(f"<h3>Mean test accuracy, %</h3>{level}")
    parts.append(plain_table(tables.accuracy_cells(rows)))
    balanced = tables.balanced_cells(rows)
    if balanced[1]:
        parts.append(f"<p>{tables.BALANCED}</p>")
        parts.append(plain_table(balanced))
    parts.append(
        f"<h3>Differences, in points of accuracy</h3><p>{tables.MEANING} "
        "Pooled: the paper's form, which mixes in how hard a half is. "
        f"{tables.FIT if evidence.losses else ''}</p>"
    )
    parts.append(plain_table(tables.difference_cells(rows, evidence)))
    boost = tables.boost_cells(rows, evidence)
    if boost[1]:
        parts.append(
            "<h3>Table 1: what fine-tuned transfer adds, in points</h3>"
        )
        parts.append(plain_table(boost))
    moved = layer_movement.drift_cells(rows)
    if moved[1]:
        parts.append(
            "<h3>How far each layer moved, in degrees</h3>"
            f"<p>{layer_movement.MEANING}</p>"
        )
        parts.append(plain_table(moved))
    return parts


def _claims(evidence: Evidence) -> list[str]:
    return [
        "<h3>The five interpretations of section 4.1</h3>"
        f"<p>{escape(tables.JUDGED)}</p>",
        table(
            ["", "claim", "by these data", "effect, in points", "rule"],
            [
                [
                    str(claim.number),
                    escape(claim.text),
                    f'<span class="verdict">{escape(claim.verdict)}</span>',
                    escape(claim.effect),
                    escape(claim.why),
                ]
                for claim in claims.judge_claims(evidence)
            ],
            "claims",
        ),
    ]


def _settings(recipe) -> str:
    body = []
    for part, values in to_dict(recipe).items():
        if part not in ("data", "model", "solver"):
            continue
        for field, value in values.items():
            if (part, field) == ("data", "split"):
                continue
            body.append([escape(part), escape(field), escape(str(value))])
    return (
        "<details><summary>Settings</summary><p>Common to all networks of "
        "this recipe.</p>"
        f"{table(['part', 'setting', 'value'], body)}</details>"
    )
