"""A recommendation as one page that needs nothing from outside."""

import base64
import re
from html import escape
from pathlib import Path

from keras_transfer.recommendation.copying import LEAST_FREEDOM
from keras_transfer.recommendation.reasons import points_of
from keras_transfer.recommendation.scores import SCORES
from keras_transfer.recommendation.ways import FINE_TUNE, WAYS, Choice
from keras_transfer.reports.html.frame import page
from keras_transfer.reports.html.parts import table
from keras_transfer.reports.recommendation import short_name
from keras_transfer.storage.files import write_atomically

_STYLE = """.picture { max-width: 100%; height: auto; background: #fff; }
.nums thead th { white-space: normal; }
"""
_QUOTED = re.compile("`([^`]+)`")  # names of layers, and flags


def write_page(outcome: dict, figure: Path, path: Path) -> Path:
    """Writes the page atomically.

    Args:
        outcome: Dict, as `recommendation.json` holds it.
        figure: Path of its figure, an SVG.
        path: Path.

    Returns:
        Path of the page.
    """
    write_atomically(path, html_page(outcome, figure.read_bytes()))
    return path


def html_page(outcome: dict, svg: bytes) -> str:
    """Returns the page of a recommendation.

    Args:
        outcome: Dict, as `recommendation.json` holds it.
        svg: Bytes, its figure.

    Returns:
        String, HTML.
    """
    model = short_name(outcome["model"])
    title = f"keras_transfer: what to copy and freeze of {model}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p><strong>{_text(outcome['sentence'])}</strong></p>",
        *_notes(outcome),
        _paragraphs(outcome["sentences"]),
        _figure(outcome, svg),
        _candidates(outcome),
        _test(outcome),
        _drawn(outcome),
        _stages(outcome),
        _race(outcome),
        _code(outcome),
        _made(outcome),
    ]
    return page(title, body, _STYLE, pictures=True)


def _paragraphs(texts: list[str]) -> str:
    return "".join(f"<p>{_text(text)}</p>" for text in texts)


def _text(text: str) -> str:
    """Names of layers as code; no line begins with a percent sign."""
    marked = _QUOTED.sub(r"<code>\1</code>", escape(text))
    return marked.replace(" %", "&nbsp;%")


def _notes(outcome: dict) -> list[str]:
    if not outcome["warnings"]:
        return []
    items = "".join(f"<li>{_text(t)}</li>" for t in outcome["warnings"])
    return [f'<div class="warnings"><ul>{items}</ul></div>']


def _figure(outcome: dict, svg: bytes) -> str:
    data = base64.b64encode(svg).decode()
    return (
        "<section><h2>Accuracy and cost against the stage</h2>"
        f'<img class="picture" alt="{escape(outcome["sentence"])}" '
        f'src="data:image/svg+xml;base64,{data}"></section>'
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _candidates(outcome: dict) -> str:
    header = ["candidate", "stage", "rate", "validation %", "interval"]
    header += ["loses, points", "seconds", "s an epoch", "trained parameters"]
    header += ["memory, MB", "stored, MB"]
    lines = []
    for row in sorted(outcome["candidates"], key=lambda row: -row["accuracy"]):
        mark = row["name"] == outcome["chosen"]
        name = escape(row["name"])
        epoch = row["seconds_per_epoch"]
        lines.append(
            [
                f"<strong>{name}</strong>" if mark else name,
                str(row["stage"]),
                f"{row['rate']:g}" if row["rate"] else "",
                _percent(row["accuracy"]),
                f"{_percent(row['low'])} to {_percent(row['high'])}",
                f"{100 * row['loss_low']:.1f} to {100 * row['loss_high']:.1f}",
                f"{row['seconds']:.2f}",
                "" if epoch is None else f"{epoch:.3f}",
                f"{row['trainable']:,}",
                f"{row['peak_bytes'] / 1e6:,.1f}",
                f"{row['stored_bytes'] / 1e6:,.1f}",
            ]
        )
    ways = "".join(
        f"<li><b>{escape(way.name)}</b>: {escape(way.title)}</li>"
        for way in WAYS
    )
    return (
        "<section><h2>Candidates of the decision</h2>"
        f"<p>{_rule(outcome)} Accuracy is the "
        f"mean of {outcome['seeds']} "
        f"seed{'s' * (outcome['seeds'] != 1)} on validation images; intervals "
        "(95 %) hold for all candidates at once. Finalists were picked on "
        "the same validation images, so their accuracies are slightly too "
        "high; those on test images are not. Seconds are of a whole training "
        "with its share of building, the one look at the images included. "
        "Memory is an estimate: weights, gradients, two moments and the "
        "activations of a batch.</p>"
        f"{table(header, lines, 'nums', range(3, 11))}"
        f"<ul>{ways}</ul></section>"
    )


def _rule(outcome: dict) -> str:
    most = points_of(outcome["tolerance"])
    rule = f"The deepest whose measured loss against the best is within {most}"
    if all(row["name"] != FINE_TUNE.name for row in outcome["candidates"]):
        return f"{rule} is recommended. Fine-tuning everything is not there."
    return (
        f"{FINE_TUNE.name} stands, and whoever is no more than {most} below "
        "it by the 95 % interval of their difference, each by itself. "
        f"{rule}, of those, is recommended."
    )


def _test(outcome: dict) -> str:
    test = outcome["test"]
    lines = []
    for name, accuracy in test["accuracies"].items():
        gap = ""
        if name in test["differences"]:
            mean, low, high = test["differences"][name]
            gap = f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
        interval = ""
        if name == outcome["chosen"]:
            interval = f"{_percent(test['low'])} to {_percent(test['high'])}"
        lines.append([escape(name), _percent(accuracy), interval, gap])
    copying = test["copying"]
    allowed = ""
    if copying is not None:
        allowed = (
            " That against weights drawn anew allows for the spread of one "
            f"more draw: {copying['draws']} draws, "
        )
        if copying["freedom"] >= LEAST_FREEDOM:
            allowed += f"{copying['freedom']:.0f} degrees of freedom."
        else:
            allowed += "too few for an interval."
        gap = f"{100 * copying['mean']:+.1f}"
        if copying["freedom"] >= LEAST_FREEDOM:
            gap += (
                f" [{100 * copying['low']:+.1f}, {100 * copying['high']:+.1f}]"
            )
        lines.append(
            [
                "the same, weights drawn anew",
                _percent(copying["fresh"]),
                "",
                gap,
            ]
        )
    header = ["candidate", "test %", "95 % interval"]
    header += ["recommended minus this, points"]
    return (
        "<section><h2>Told on test images, once</h2><p>They were looked "
        "at after the choice had been made. Intervals of differences hold for "
        f"all rules at once.{allowed}</p>"
        f"{table(header, lines, 'nums', (1, 2, 3))}</section>"
    )


def _drawn(outcome: dict) -> str:
    """Returns what weights and probes say of copying, if anything was asked."""
    weights, probes = outcome["weights"], outcome["probes"]
    if weights["untrained"] is None:
        return ""
    told = (
        "At least one tensor differs from what its layer draws, so the "
        "weights show training."
    )
    if weights["untrained"]:
        told = (
            f"None of {weights['tensors']:,} tensors below the new head "
            "differs from what its layer draws (constants bit by bit, "
            "distributions at a level of 1 % over all), so copying them is "
            "drawing."
        )
    head = "<section><h2>Are the weights worth more than a draw?</h2>"
    if probes is None:
        return (
            f"{head}<p>{_text(told)} There was no time for linear probes "
            "beside those of networks drawn anew.</p></section>"
        )
    lines = [
        [
            str(row["stage"]),
            _percent(row["copied"]),
            _percent(row["fresh"]),
            f"{100 * row['mean']:+.1f} [{100 * row['low']:+.1f}, "
            f"{100 * row['high']:+.1f}]",
        ]
        for row in probes["stages"]
    ]
    header = ["stage", "own weights %", "drawn anew %", "gain, points"]
    return (
        f"{head}<p>{_text(told)} Linear probes of some stages, on "
        f"{probes['images']:,} validation images, beside those of "
        f"{probes['draws']} networks drawn anew; intervals (95 %, all stages "
        "at once) allow for images and for one more draw.</p>"
        f"{table(header, lines, 'nums', range(4))}</section>"
    )


def _stages(outcome: dict) -> str:
    names = [name for name in outcome["scores"][0] if name != "leep"]
    titles = {score.name: score.title for score in SCORES}
    leep = outcome["scores"][0].get("leep")
    leep = "" if leep is None else f" LEEP, of the whole model: {leep:.3f}."
    header = ["stage", "last layer", "parameters", "computation"]
    header += [escape(titles.get(name, name)) for name in names]
    lines = []
    for stage, row in zip(outcome["stages"], outcome["scores"], strict=False):
        share = stage["share"]
        lines.append(
            [
                str(stage["stage"]),
                escape(stage["last_layer"]),
                f"{stage['parameters']:,}",
                "" if share is None else f"{100 * share:.1f} %",
                *(f"{row[name]:.3f}" for name in names),
            ]
        )
    return (
        "<section><h2>Scores of every stage</h2><p>Of training images alone, "
        "1,000 at most but for 5 of each class, on the output averaged over "
        f"places; larger is better.{leep}</p>"
        f"{table(header, lines, 'nums', range(2, len(header)))}"
        f"{_alike(outcome)}</section>"
    )


def _alike(outcome: dict) -> str:
    rows = outcome["alike"]
    if not rows:
        return ""
    stages = [str(stage["stage"]) for stage in outcome["stages"][: len(rows)]]
    lines = [
        [stage, *(f"{value:.2f}" for value in row)]
        for stage, row in zip(stages, rows, strict=True)
    ]
    return (
        "<details><summary>How alike the stages are (linear CKA)</summary>"
        "<p>Debiased, on training images: 1 for the same output up to "
        "rotation and scale, about 0 for unlike ones. Where neighbours are "
        "alike, cutting at either keeps much the same.</p>"
        f"{table(['stage', *stages], lines, 'nums', range(len(rows) + 1))}"
        "</details>"
    )


def _race(outcome: dict) -> str:
    rows = sorted(
        outcome["race"],
        key=lambda row: (-row["epochs"], -(row["accuracy"] or 0)),
    )
    lines = [
        [
            escape(row["name"]),
            escape(Choice.named(row["name"]).row.title),
            f"{row['rate']:g}",
            str(row["epochs"]),
            "failed" if row["accuracy"] is None else _percent(row["accuracy"]),
        ]
        for row in rows
    ]
    out = outcome["left_out"]
    note = f" No room in the budget for: {', '.join(out)}." if out else ""
    header = ["candidate", "way", "rate", "epochs", "validation %"]
    return (
        "<section><h2>The race</h2><p>One seed. Fine-tuning everything is "
        "tried first, then the middle stage, then by the scores. After a rung "
        "the best third goes on, and who is behind by no more than noise, as "
        f"far as the budget lasts.{escape(note)}</p><details><summary>"
        f"{len(rows)} entrants</summary>"
        f"{table(header, lines, 'nums', (2, 3, 4))}</details>"
        "</section>"
    )


def _code(outcome: dict) -> str:
    return (
        "<section><h2>Code that trains it</h2><p>The trained network is "
        "<code>recommended.keras</code> beside this page; its proof, in "
        f"<code>proof.json</code>: {escape(outcome['proof'])}.</p>"
        f'<code class="command">{escape(outcome["code"])}</code></section>'
    )


def _made(outcome: dict) -> str:
    return (
        "<section><h2>What it was made from</h2>"
        f"<p>{escape(outcome['images'])}. Pixels: "
        f"{escape(outcome['scaling'])}. Batches of {outcome['batch_size']}, "
        f"{outcome['epochs']} epochs, Adam with a rate that falls as a "
        "cosine; no augmentation. Frozen stages run in inference mode, their "
        "dropout too.</p></section>"
    )
