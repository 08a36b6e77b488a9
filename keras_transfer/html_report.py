"""A whole log folder as one HTML file that needs nothing from outside.

Every text that comes from data or from a file is escaped, and the page's
content security policy lets no script run but its own.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable
from html import escape
from pathlib import Path

import keras_transfer
from keras_transfer import drift, results, summary, svg_figures
from keras_transfer.commands import network_command, recipe_flags
from keras_transfer.files import write_atomically
from keras_transfer.html_layers import layer_table
from keras_transfer.results import Row
from keras_transfer.specs import COMPUTATION, TREATMENTS, to_dict
from keras_transfer.survey import Group, Survey, group_rows

_STYLE = Path(__file__).with_name("report.css")
_SCRIPT = Path(__file__).with_name("report.js")
_SHOWN = 20  # warnings of one kind; the rest is counted
# Environment of a result, in this order; what is not listed comes after.
_VERSIONS = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "python")


def write_html(survey: Survey, path: Path) -> None:
    """Writes the page atomically.

    Args:
        survey: `Survey`.
        path: Path.
    """
    write_atomically(path, html_page(survey))


def html_page(survey: Survey) -> str:
    """Returns the page of a log folder.

    Args:
        survey: `Survey`.

    Returns:
        String, HTML.
    """
    groups = group_rows(survey.rows)
    style, script = _STYLE.read_text(), _SCRIPT.read_text()
    title = f"keras_transfer: networks in {survey.log_dir.resolve().name}"
    body = [
        _header(survey, groups, title),
        _warnings(survey, groups),
        _what_was_run(survey, groups),
        *(_group_section(i, group) for i, group in enumerate(groups, 1)),
        _network_table(survey, groups),
        _proofs(survey, groups),
        _versions(survey.rows),
    ]
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'"
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" '
            f'content="{escape(policy)}">',
            '<meta name="viewport" '
            'content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *body,
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


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
        f"<p>{_count(len(survey.rows), 'network')} finished{escape(last)}, "
        f"{len(survey.unfinished)} not; "
        f"{_count(len(groups), 'recipe')}. Rebuilt from the result files "
        "alone with <code>python -m experiments.report</code>. Accuracy is "
        "top-1 on the test images.</p>"
        f"<nav><ul>{items}</ul></nav>"
    )


def _warnings(survey: Survey, groups: list[Group]) -> str:
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
            f"{_count(len(open_ones), 'network')} not finished (still "
            f"training, stopped, or damaged): {escape(names)}"
            + ("..." if len(open_ones) > _SHOWN else ".")
        )
    items += _some([escape(notice) for notice in survey.notices])
    if survey.foreign:
        items.append(
            f"{_count(len(survey.foreign), 'folder')} left out: from another "
            "version of the computation (this one is number "
            f"{COMPUTATION}), whose numbers must not be mixed with these, or "
            f"unreadable. The first: <code>{escape(str(survey.foreign[0]))}"
            "</code>"
        )
    broken = [row for row in survey.rows if not _proof_counts(row)["holds"]]
    items += _some(
        [
            f"{_link(row)} of {escape(row.spec.name)}: "
            '<b class="bad">the proof does not hold</b>'
            for row in broken
        ]
    )
    for index, group in enumerate(groups, 1):
        where = f'<a href="#recipe-{index}">Recipe {index}</a>: '
        items += [
            where + _code(escape(text))
            for text in summary.cautions(group.compared)
        ]
        prints = {row.result["data_fingerprint"] for row in group.rows}
        if len(prints) > 1:
            items.append(
                f"{where}trained on {len(prints)} different versions of the "
                "images; do not compare these networks."
            )
        own = {row.spec for row in group.compared if row.spec.base is None}
        alone = {row.spec.own_base for row in group.rows} - own
        if alone:
            items.append(
                f"{where}{_count(len(alone), 'target half', 'target halves')} "
                "without a base network of its own, so nothing there is "
                "paired with a base."
            )
        twice = _twice(group.rows)
        if twice:
            items.append(
                f"{where}several networks share the name "
                f"{escape(', '.join(twice[:5]))} and differ in their learning "
                "rate: the figures mix them."
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
    for treatment in TREATMENTS:
        chosen = results.select(rows, treatment)
        lacking = [
            str(n)
            for n in results.layers_of(chosen)
            if {row.group for row in chosen if row.spec.n == n} != whole
        ]
        if lacking:
            texts.append(f"{treatment}, n = {', '.join(lacking)}")
    return texts


def _twice(rows: list[Row]) -> list[str]:
    names = [row.spec.name for row in rows]
    return sorted({name for name in names if names.count(name) > 1})


def _some(items: list[str]) -> list[str]:
    if len(items) <= _SHOWN:
        return items
    return [*items[:_SHOWN], f"... and {len(items) - _SHOWN} more like these."]


def _what_was_run(survey: Survey, groups: list[Group]) -> str:
    header = ["recipe", "data set", "version", "network", "flags", "epochs"]
    header += ["networks", "classes", "seeds", "n", "hours", "studies"]
    body = []
    for index, group in enumerate(groups, 1):
        rows, recipe = group.rows, group.recipe
        flags, _ = recipe_flags(recipe)
        spent = sum(row.result["seconds"] for row in rows) / 3600
        studies = {_study(survey, row) for row in rows}
        body.append(
            [
                f'<a href="#recipe-{index}">{index}</a>',
                escape(recipe.data.name),
                _values(row.result["data_version"] for row in rows),
                escape(recipe.model.name),
                f"<code>{escape(' '.join(flags)) or '(none)'}</code>"
                f"{_extras(group)}",
                str(recipe.solver.epochs),
                str(len(rows)),
                _values(row.spec.division for row in rows),
                _values(row.spec.seed for row in rows),
                _values(results.layers_of(rows)),
                f"{spent:.1f}",
                _values(studies),
            ]
        )
    text = (
        "<p>A recipe is all that determines a network beside the random "
        "split, the seed, the halves, n and whether copied layers are "
        "frozen. Figures and tables never mix recipes. Flags are those that "
        "differ from the default preset; hours are of training, added up."
        "</p>"
    )
    table = "<p>No finished network.</p>"
    if body:
        table = _table(header, body, "run")
    return (
        f'<section id="run"><h2>What was run</h2>{text}{table}'
        f"{_halves(survey.rows)}</section>"
    )


def _halves(rows: list[Row]) -> str:
    """Lists the classes of every half, once for all recipes."""
    halves: dict[tuple, dict] = {}
    for row in rows:
        data, result = row.spec.data, row.result
        key = (
            data.name,
            str(result["data_version"]),
            row.spec.division,
            row.spec.target,
        )
        halves.setdefault(key, result)
    items = []
    for (name, version, division, half), result in sorted(halves.items()):
        classes = result["classes"]
        images = result.get("images", {})
        counts = ", ".join(f"{images[part]:,} {part}" for part in images)
        items.append(
            f"<details><summary>{escape(name)} {escape(version)}, "
            f"{division}, {escape(half)}: "
            f"{_count(len(classes), 'class', 'classes')}"
            + (f"; images: {escape(counts)}" if counts else "")
            + f"</summary><p>{escape(', '.join(map(str, classes)))}</p>"
            '<p class="soft">Checksum of the images: '
            f"<code>{escape(str(result['data_fingerprint']))}</code></p>"
            "</details>"
        )
    return f"<h3>Halves of the classes</h3>{''.join(items)}" if items else ""


def _group_section(index: int, group: Group) -> str:
    rows, recipe = group.compared, group.recipe
    flags, unset = recipe_flags(recipe)
    parts = [
        f'<section id="recipe-{index}"><h2>Recipe {index}: '
        f"{escape(recipe.data.name)}</h2>"
        f"<p>{_count(len(group.rows), 'network')}, "
        f"<code>{escape(' '.join(flags)) or 'default preset'}</code>"
        f"{_extras(group)}.</p>"
    ]
    if unset:
        parts.append(
            '<p class="soft">Settings that no flag gives: '
            f"{escape('; '.join(unset))}.</p>"
        )
    parts.append(_figure("Every network", svg_figures.networks_figure(rows)))
    if not group.paired:
        parts.append(
            "<p>Several draws of the images share a split, seed and target, "
            "so nothing is paired here: the study's own summary is.</p>"
        )
    elif results.layers_of(rows):
        parts += _transfer_parts(rows)
    elif results.select(rows, "baseAll"):
        parts += _claims(rows)  # the first is about all classes
    parts.append(_settings(recipe))
    parts.append("</section>")
    return "".join(parts)


def _extras(group: Group) -> str:
    """Says what sets a group apart that no flag of the recipe tells."""
    recipe, texts = group.recipe, []
    if recipe.data.halves is not None:
        texts.append("natural and man-made classes")
    if recipe.target_images is not None:
        texts.append(f"{recipe.target_images} target images of each class")
    if group.tuned:
        texts.append("with learning rates of each treatment's own")
    return "".join(f", {text}" for text in texts)


def _transfer_parts(rows: list[Row]) -> list[str]:
    pairs = len({row.group for row in rows if row.spec.target != "all"})
    parts = [
        _figure(
            "Means. Bars, cut at the frame: 95 % t interval of the difference "
            f"from the own base ({_count(pairs, 'pair')} of split, seed and "
            "target)",
            svg_figures.means_figure(rows),
        )
    ]
    losses = svg_figures.losses_figure(rows)
    if losses:
        parts.append(
            _figure(
                "Losses, paired by split, seed and target. Bars, cut at "
                "the frame: 95 % t interval",
                losses,
            )
        )
    if rows[0].spec.data.halves is None:  # what section 4.1 is about
        parts += _claims(rows)
    base = results.mean_accuracy(rows, "base", 0)
    level = ""
    if base is not None:
        level = (
            f"<p>Base networks: {100 * base.mean:.1f} % "
            f"({_count(base.count, 'network')}).</p>"
        )
    parts.append(f"<h3>Mean test accuracy, %</h3>{level}")
    parts.append(_plain_table(summary.accuracy_cells(rows)))
    parts.append(
        "<h3>Differences, in points of accuracy</h3><p>[low, high]: 95 % t "
        "interval over pairs of one split, seed and target; {low, high}: "
        "95 % interval of the hierarchical bootstrap. Pairs of one split "
        "share networks, so read both as approximate. Pooled: the paper's "
        "form, which mixes in how hard a half is.</p>"
    )
    parts.append(_plain_table(summary.difference_cells(rows)))
    boost = summary.boost_cells(rows)
    if boost[1]:
        parts.append(
            "<h3>Table 1: what fine-tuned transfer adds, in points</h3>"
        )
        parts.append(_plain_table(boost))
    moved = drift.drift_cells(rows)
    if moved[1]:
        parts.append(
            "<h3>How far each layer moved, in degrees</h3>"
            f"<p>{drift.MEANING}</p>"
        )
        parts.append(_plain_table(moved))
    return parts


def _claims(rows: list[Row]) -> list[str]:
    return [
        "<h3>The five interpretations of section 4.1</h3>",
        _table(
            ["", "claim", "by these data", "effect, in points", "rule"],
            [
                [
                    str(claim.number),
                    escape(claim.text),
                    f'<span class="verdict">{escape(claim.verdict)}</span>',
                    escape(claim.effect),
                    escape(claim.why),
                ]
                for claim in results.claims(rows)
            ],
            "claims",
        ),
    ]


def _figure(caption: str, svg: str) -> str:
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<div class="wide">{svg}</div>'
        '<p class="readout soft" aria-live="polite"></p></figure>'
    )


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
        f"{_table(['part', 'setting', 'value'], body)}</details>"
    )


def _network_table(survey: Survey, groups: list[Group]) -> str:
    header = ["network", "treatment", "n", "test %", "- own base"]
    header += ["classes", "seed", "recipe", "data set", "val %", "train %"]
    header += ["train loss", "test loss", "minutes", "study", "id"]
    right = {2, 3, 4, 9, 10, 11, 12, 13}
    body = []
    for index, group in enumerate(groups, 1):
        own = {
            row.spec: row.accuracy
            for row in group.compared
            if row.spec.base is None
        }
        for row in group.rows:
            spec, result = row.spec, row.result
            base = own.get(spec.own_base)
            gain = ""
            if base is not None and spec.base is not None:
                gain = _points(row.accuracy - base)
            body.append(
                [
                    _link(row),
                    escape(spec.treatment),
                    str(spec.n),
                    f"{100 * row.accuracy:.1f}",
                    gain,
                    spec.division,
                    str(spec.seed),
                    str(index),
                    escape(spec.data.name),
                    f"{100 * result['val_accuracy']:.1f}",
                    f"{100 * result['train_accuracy']:.1f}",
                    f"{result['train_loss']:.3f}",
                    f"{result['test_loss']:.3f}",
                    f"{result['seconds'] / 60:.1f}",
                    escape(_study(survey, row)),
                    spec.network_id,
                ]
            )
    if not body:
        return '<section id="networks"></section>'
    names = dict.fromkeys(row.spec.treatment for row in survey.rows)
    treatments = "".join(f"<option>{escape(name)}</option>" for name in names)
    recipes = "".join(
        f'<option value="{i}">{i}: {escape(group.recipe.data.name)}</option>'
        for i, group in enumerate(groups, 1)
    )
    controls = (
        '<div class="controls"><label>Words, all of which a line must hold '
        '<input id="words" type="search" placeholder="A3B cifar100"></label>'
        '<label>Treatment <select id="treatment"><option value="">all'
        f"</option>{treatments}</select></label>"
        '<label>Recipe <select id="recipe"><option value="">all</option>'
        f'{recipes}</select></label><output id="count"></output></div>'
    )
    return (
        '<section id="networks"><h2>Networks</h2><p>"- own base" is in '
        "points, from the base of the same recipe, split, seed and target. "
        "A name leads to the network's proof, command and folder.</p>"
        f"{controls}"
        f"{_table(header, body, 'nums', right, 'all-networks')}</section>"
    )


def _proofs(survey: Survey, groups: list[Group]) -> str:
    items = []
    for index, group in enumerate(groups, 1):
        counts = [_proof_counts(row) for row in group.rows]
        total = {key: sum(one[key] for one in counts) for key in counts[0]}
        items.append(
            f"<details><summary>Recipe {index}, "
            f"{_count(len(counts), 'network')}: {_proof_text(total)}"
            "</summary>"
        )
        items += [_proof(survey, index, row) for row in group.rows]
        items.append("</details>")
    return (
        '<section id="proofs" class="proofs"><h2>Proof of copying and '
        "freezing, and the command of each network</h2>"
        "<p>A tensor was <b>copied</b> if its SHA-256 before training is "
        "that of the source's tensor, and is <b>unchanged</b> if it is the "
        "same after training; frozen tensors must be. The whole SHA-256 is "
        "shown on hover. Tensors that were not copied started at random; "
        "their SHA-256 before training and those of the sources stand in "
        "<code>result.json</code>, as do the numbers of each layer that the "
        "second table rounds."
        "</p><p>A command trains the network, what it needs, and its "
        "twins of the same study. It ends with a fresh "
        "<code>--log-dir</code>, since in this one the network is finished; "
        "add <code>--data-dir</code> if the data are not where TFDS looks. "
        "The same bits need the same versions and the same threads.</p>"
        f"{''.join(items)}</section>"
    )


def _proof(survey: Survey, index: int, row: Row) -> str:
    spec, result = row.spec, row.result
    counts = _proof_counts(row)
    command = network_command(spec)
    text = (
        f"{svg_figures.network_text(spec)}, recipe {index}: "
        f"{_proof_text(counts)}"
    )
    if not counts["holds"]:
        text += "; THE PROOF DOES NOT HOLD"
    lines = "".join(_proof_line(tensor) for tensor in result["proof"])
    more = ""
    if command.rates:
        more += (
            "<p><code>rates.json</code> holds "
            f"<code>{escape(command.rates)}</code></p>"
        )
    if command.unset:
        more += (
            '<p class="bad">No flag gives: '
            f"{escape('; '.join(command.unset))}.</p>"
        )
    if result.get("resumed_at_epoch"):
        epochs = ", ".join(map(str, result["resumed_at_epoch"]))
        more += f'<p class="soft">Resumed at epoch {escape(epochs)}.</p>'
    folder = survey.folders[spec.network_id]
    threads = result.get("environment", {}).get("threads", "?")
    return (
        f'<details id="net-{spec.network_id}"><summary>{escape(text)}'
        f'</summary><code class="command">{escape(str(command))} --log-dir '
        f"again</code>{more}"
        f'<p class="soft">{escape(str(folder))}; threads: '
        f"{escape(str(threads))}</p>"
        '<div class="wide"><table class="proof"><thead><tr><th>target</th>'
        "<th>source</th><th>shape</th><th>frozen</th><th>copied</th>"
        "<th>unchanged</th><th>SHA-256 before</th><th>after</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
        f"{layer_table(result.get('layers'))}</details>\n"
    )


def _proof_text(counts: dict) -> str:
    return (
        f"{counts['copied']:,} of {counts['all']:,} tensors copied, "
        f"{counts['frozen']:,} frozen, {counts['unchanged']:,} of those "
        "unchanged"
    )


def _proof_line(tensor: dict) -> str:
    target = str(tensor.get("target_path", tensor.get("layer", "")))
    source = tensor["source_path"]
    copied, unchanged = _copied(tensor), _unchanged(tensor)
    if source is None:
        origin, start = "new", "<td></td>"
    else:
        # Paths differ in the network's name at most, and mostly so.
        same = target.partition("/")[2] == source or target == source
        origin = "same" if same else escape(str(source))
        start = _short(tensor["before_sha256"])
    frozen = "yes" if tensor["frozen"] else "no"
    verdict = "" if source is None else _yes(copied, copied)
    kept = _yes(unchanged, unchanged or not tensor["frozen"])
    end = _short(tensor["after_sha256"])
    if source is not None and unchanged:
        end = "<td>same</td>"
    shape = "\u00d7".join(map(str, tensor.get("shape", ())))
    cells = (escape(target), origin, shape, frozen, verdict, kept)
    plain = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr>{plain}{start}{end}</tr>"


def _yes(value: bool, expected: bool) -> str:
    text = "yes" if value else "no"
    return text if expected else f'<span class="bad">{text}</span>'


def _short(digest: str) -> str:
    text = escape(str(digest))
    return f'<td title="{text}">{escape(str(digest)[:8])}</td>'


def _copied(tensor: dict) -> bool:
    source = tensor.get("source_sha256", tensor["before_sha256"])
    return tensor["source_path"] is not None and (
        source == tensor["before_sha256"]
    )


def _unchanged(tensor: dict) -> bool:
    return tensor["before_sha256"] == tensor["after_sha256"]


def _proof_counts(row: Row) -> dict:
    proof = row.result["proof"]
    frozen = [tensor for tensor in proof if tensor["frozen"]]
    planned = [t for t in proof if t["source_path"] is not None]
    copied = sum(map(_copied, planned))
    unchanged = sum(map(_unchanged, frozen))
    return {
        "all": len(proof),
        "copied": copied,
        "frozen": len(frozen),
        "unchanged": unchanged,
        "holds": copied == len(planned) and unchanged == len(frozen),
    }


def _versions(rows: list[Row]) -> str:
    environments: dict[tuple, int] = {}
    names: list[str] = list(_VERSIONS)
    for row in rows:
        found = row.result.get("environment", {})
        names += [name for name in found if name not in names]
        key = tuple(sorted((name, str(found[name])) for name in found))
        environments[key] = environments.get(key, 0) + 1
    used = [
        name
        for name in names
        if any(name == one for key in environments for one, _ in key)
    ]
    body = [
        [str(count), *(escape(dict(key).get(name, "")) for name in used)]
        for key, count in sorted(environments.items(), key=lambda one: -one[1])
    ]
    table = _table(["networks", *map(escape, used)], body) if used else ""
    return (
        '<section id="versions"><h2>Versions</h2>'
        f"<p>This page: keras_transfer {keras_transfer.__version__}, "
        f"computation {COMPUTATION}. Versions that the networks were trained "
        "with:</p>"
        f"{table}</section>"
    )


def _study(survey: Survey, row: Row) -> str:
    return survey.folders[row.spec.network_id].parts[0]


def _points(difference: float) -> str:
    # Adding 0 turns a rounded -0.0 into +0.0.
    return f"{round(100 * difference, 1) + 0:+.1f}"


def _link(row: Row) -> str:
    return f'<a href="#net-{row.spec.network_id}">{escape(row.spec.label)}</a>'


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _values(values: Iterable) -> str:
    return escape(", ".join(map(str, sorted(set(values)))))


def _code(text: str) -> str:
    """Turns Markdown's backquotes, in text already escaped, into code."""
    parts = text.split("`")
    return "".join(
        f"<code>{part}</code>" if i % 2 and i < len(parts) - 1 else part
        for i, part in enumerate(parts)
    )


def _plain_table(cells: summary.Cells) -> str:
    header, body = cells
    right = set(range(1, len(header)))
    return _table(
        [escape(name) for name in header],
        [[escape(cell) for cell in line] for line in body],
        "nums",
        right,
    )


def _table(
    header: list[str],
    body: list[list[str]],
    kind: str = "",
    right: Collection[int] = (),
    name: str = "",
) -> str:
    """Lays out cells, which are HTML already, in a container that scrolls."""

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
