"""The report's proof, tensor by tensor, of copying and freezing."""

from html import escape

from keras_transfer.analysis.inventory import Group, Survey
from keras_transfer.analysis.results import Row
from keras_transfer.reports.command_lines import Command, CommandLines
from keras_transfer.reports.figure2_data import network_name
from keras_transfer.reports.html.layers import layer_table
from keras_transfer.reports.html.parts import count
from keras_transfer.storage.result import Result
from keras_transfer.storage.stored_proof import (
    ProofCounts,
    count_tensors,
    is_unchanged,
    was_copied,
)

MOST_TABLES = 1000  # of networks; a browser opens no more in one page


def proofs_section(
    survey: Survey, groups: list[Group], lines: CommandLines
) -> str:
    """Writes the proof, the command and the layers of every network.

    Args:
        survey: `Survey`.
        groups: List of `Group`, its recipes.
        lines: `CommandLines`.
    """
    items, left = [], MOST_TABLES
    for index, group in enumerate(groups, 1):
        counts = [count_tensors(row.result.proof) for row in group.rows]
        columns = zip(*(vars(one).values() for one in counts), strict=True)
        total = ProofCounts(*map(sum, columns))
        items.append(
            f"<details><summary>Recipe {index}, "
            f"{count(len(counts), 'network')}: {_proof_text(total)}"
            "</summary>"
        )
        for row, found in zip(group.rows, counts, strict=True):
            stored = survey.commands.get(row.spec.network_id)
            command = lines.command_of(row.spec, stored)
            # One that does not hold is always shown whole.
            tables = left > 0 or not found.holds
            left -= tables
            items.append(_proof(survey, index, row, found, command, tables))
        items.append("</details>")
    lacking = len(survey.rows) - MOST_TABLES + left
    more = ""
    if lacking > 0:
        more = (
            f"<p>Tensors and layers of {count(lacking, 'network')} are left "
            "out here, so that a browser opens this page: all of them were "
            "checked, those whose proof does not hold are shown, and "
            "<code>result.json</code> in a network's folder has the rest.</p>"
        )
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
        "twins of the same study; <code>DIR</code> stands for a folder of "
        "the machine that ran it. It ends with a fresh "
        "<code>--log-dir</code>, since in this one the network is finished; "
        "add <code>--data-dir</code> if the data are not where TFDS looks. "
        f"The same bits need the same versions and the same threads.</p>{more}"
        f"{''.join(items)}</section>"
    )


def _proof(
    survey: Survey,
    index: int,
    row: Row,
    counts: ProofCounts,
    command: Command,
    tables: bool,
) -> str:
    spec, result = row.spec, row.result
    text = f"{network_name(spec)}, recipe {index}: {_proof_text(counts)}"
    if not counts.holds:
        text += "; THE PROOF DOES NOT HOLD"
    more = ""
    if command.rates:
        more += (
            "<p><code>rates.json</code> holds "
            f"<code>{escape(command.rates)}</code></p>"
        )
    if not command.stored:
        more += (
            '<p class="soft">Derived from the settings: the command that '
            "trained this network is not stored.</p>"
        )
    if command.unset:
        more += (
            '<p class="bad">No flag gives: '
            f"{escape('; '.join(command.unset))}.</p>"
        )
    if result.resumed_at_epoch:
        epochs = ", ".join(map(str, result.resumed_at_epoch))
        more += f'<p class="soft">Resumed at epoch {escape(epochs)}.</p>'
    folder = survey.folders[spec.network_id]
    threads = result.environment.get("threads", "?")
    return (
        f'<details id="net-{spec.network_id}"><summary>{escape(text)}'
        f'</summary><code class="command">{escape(str(command))} --log-dir '
        f"again</code>{more}"
        f'<p class="soft">{escape(str(folder))}; threads: '
        f"{escape(str(threads))}</p>"
        f"{_tables(result) if tables else ''}</details>\n"
    )


def _tables(result: Result) -> str:
    lines = "".join(_proof_line(tensor) for tensor in result.proof)
    return (
        '<div class="wide"><table class="proof"><thead><tr><th>target</th>'
        "<th>source</th><th>shape</th><th>frozen</th><th>copied</th>"
        "<th>unchanged</th><th>SHA-256 before</th><th>after</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></div>{layer_table(result.layers)}"
    )


def _proof_text(counts: ProofCounts) -> str:
    return (
        f"{counts.copied:,} of {counts.tensors:,} tensors copied, "
        f"{counts.frozen:,} frozen, {counts.unchanged:,} of those "
        "unchanged"
    )


def _proof_line(tensor: dict) -> str:
    target = str(tensor.get("target_path", tensor.get("layer", "")))
    source = tensor["source_path"]
    copied, unchanged = was_copied(tensor), is_unchanged(tensor)
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
