"""A study in plain words: `summary.md`, `results.csv` and the figures."""

from pathlib import Path

from keras_transfer.analysis import claims, layer_movement, results
from keras_transfer.analysis.pairs import layers_in_words
from keras_transfer.analysis.results import RANGES, Row
from keras_transfer.specs.treatments import CHOICES, QUESTIONS
from keras_transfer.storage.files import write_atomically
from keras_transfer.storage.result import Result

Cells = tuple[list[str], list[list[str]]]  # the header and the lines below


def write_report(
    rows: list[Row],
    title: str,
    command: str,
    folder: Path,
    published: list[Row] | None = None,
) -> list[Path]:
    """Writes the table, the figures and the summary of a study.

    Args:
        rows: List of `Row`.
        title: String.
        command: String, the command that made the results.
        folder: Path.
        published: List of `Row` of 2014 to draw beside, or `None`.

    Returns:
        List of the paths written, figures first and the summary last.
    """
    # Matplotlib only when it is needed.
    from keras_transfer.reports import figure2 as figures
    from keras_transfer.reports import layer_movement as drift_figure

    folder.mkdir(parents=True, exist_ok=True)
    paths = figures.plot_figure2(rows, title, folder / "figure2", published)
    paths += figures.plot_losses(rows, title, folder / "losses")
    paths += drift_figure.plot_drift(rows, title, folder / "layers")
    text = summary_text(rows, title, command)
    return paths + write_texts(rows, text, folder)


def write_texts(rows: list[Row], text: str, folder: Path) -> list[Path]:
    """Writes `results.csv` and `summary.md`.

    Args:
        rows: List of `Row`.
        text: String, the summary in Markdown.
        folder: Path; made if it is not there.

    Returns:
        List of both paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, summary = folder / "results.csv", folder / "summary.md"
    write_atomically(table, results.results_csv(rows))
    write_atomically(summary, text)
    return [table, summary]


def write_bases(
    rows: list[Row], title: str, command: str, folder: Path
) -> list[Path]:
    """Writes the table and summary of base networks on halves and on all.

    Args:
        rows: List of `Row` of base networks.
        title: String.
        command: String, the command that made the results.
        folder: Path.

    Returns:
        List of the paths written.
    """
    claim = claims.judge_rows(rows)[0]
    lines = [f"# {title}", "", f"    {command}", ""]
    lines += _table(
        ["network", "classes", "seed", "top-1 error"],
        [
            [
                f"{row.spec.division}/{row.spec.label}",
                str(len(row.result.classes)),
                str(row.spec.seed),
                f"{100 * (1 - row.accuracy):.1f} %",
            ]
            for row in rows
        ],
    )
    lines += [
        "",
        f"{claim.text} **{claim.verdict.capitalize()}** by these data. "
        f"{claim.effect} ({claim.why}; not paired, Welch's interval).",
    ]
    for caution in absent_classes(rows):
        lines += ["", f"**Warning:** {caution}"]
    return write_texts(rows, "\n".join(lines) + "\n", folder)


def summary_text(rows: list[Row], title: str, command: str) -> str:
    """Returns the summary in Markdown.

    Args:
        rows: List of `Row`.
        title: String.
        command: String.

    Returns:
        String.
    """
    lines = [f"# {title}", "", f"    {command}", ""]
    lines += _what_was_run(rows)
    lines += ["", "## Accuracy against n", ""]
    lines += accuracy_table(rows)
    lines += ["", "## Differences, in points of accuracy", ""]
    lines += difference_table(rows)
    lines += ["", "## Table 1: what fine-tuned transfer adds, in points", ""]
    lines += boost_table(rows)
    lines += ["", "## The five interpretations of section 4.1", ""]
    for claim in claims.judge_rows(rows):
        lines += [
            f"{claim.number}. {claim.text} **{claim.verdict.capitalize()}** "
            f"by these data. {claim.effect} ({claim.why}).",
        ]
    lines += drift_section(rows)
    return "\n".join(lines) + "\n"


def drift_section(rows: list[Row]) -> list[str]:
    """Returns how far layers moved; nothing where it was not measured."""
    header, body = layer_movement.drift_cells(rows)
    if not body:
        return []
    title = "## How far each layer moved, in degrees"
    return ["", title, "", layer_movement.MEANING, "", *_table(header, body)]


def _what_was_run(rows: list[Row]) -> list[str]:
    spec, result = rows[0].spec, rows[0].result
    splits = sorted({row.spec.data.split for row in rows})
    seeds = sorted({row.spec.seed for row in rows})
    unchanged = sum(
        tensor["frozen"] and tensor["after_sha256"] == tensor["before_sha256"]
        for row in rows
        for tensor in row.result.proof
    )
    copied = sum(
        tensor["source_path"] is not None
        for row in rows
        for tensor in row.result.proof
    )
    spent = sum(row.result.seconds for row in rows)
    replicas = spec.solver.replicas
    shared = f", batches shared by {replicas} devices" if replicas else ""
    lines = [
        f"{len(rows)} networks `{spec.model.name}` (width {spec.model.width}, "
        f"normalisation {spec.model.normalization}) on "
        f"`{spec.data.name}` {result.data_version}, "
        f"{spec.solver.epochs} epochs each{shared}; splits {splits}, "
        f"seeds {seeds}; "
        f"{spent / 60:.0f} minutes of training in all.",
        "",
        *_which_images(spec, result),
        f"Proof: {copied} tensors were copied bit by bit, and {unchanged} "
        "frozen tensors, batch statistics included, were unchanged after "
        "training. A network that fails this is not in the table.",
        "",
        "Paired differences share split, seed and target. [low, high] is the "
        "95 % t interval over pairs, {low, high} the 95 % interval of the "
        "hierarchical bootstrap. Pairs of one split share networks, so read "
        "both as approximate.",
    ]
    for caution in cautions(rows):
        lines += ["", f"**Warning:** {caution}"]
    return lines


def _which_images(spec, result: Result) -> list[str]:
    parts = result.data_parts  # earlier results do not tell
    if not parts:
        return []
    if "validation (" in parts:  # the set decides which
        return [f"Images: {parts}.", ""]
    share = f"{100 * spec.data.validation_fraction:g} %"
    return [
        f"Images: {parts}; validation is {share} of each class, cut from "
        "the training images.",
        "",
    ]


def cautions(rows: list[Row]) -> list[str]:
    """Returns what a reader of these numbers must be warned of.

    Args:
        rows: List of `Row`, of one data set and recipe.

    Returns:
        List of strings; empty if there is nothing.
    """
    pairs = len({row.group for row in rows if row.spec.target != "all"})
    texts = []
    if pairs < 4:
        plural = "" if pairs == 1 else "s"
        texts.append(
            f"only {pairs} pair{plural}: intervals are wide or absent. More "
            "`--splits` narrow them."
        )
    if len({row.spec.seed for row in rows}) == 1:
        texts.append(
            "one seed only: the intervals do not show how much a network "
            "varies from run to run."
        )
    stuck = [
        row.spec.name
        for row in rows
        if row.result.train_accuracy < 1.5 / len(row.result.classes)
    ]
    if stuck:
        texts.append(
            f"{len(stuck)} networks did not learn at all (an optimisation "
            f"failure): {', '.join(stuck[:5])}."
        )
    return texts + absent_classes(rows)


def absent_classes(rows: list[Row]) -> list[str]:
    """Says which classes no accuracy tells of, for want of images.

    Args:
        rows: List of `Row`.

    Returns:
        List of strings, one for each half and part; empty if every class has
        validation and test images.
    """
    texts = {}
    for row in rows:
        # Absent from results that were filed before this was looked at.
        absent = row.result.classes_without_images
        for part, names in absent.items():
            if names:
                half = f"{row.spec.division}, classes of {row.spec.target}"
                texts[half, part] = (
                    f"{half}: {len(names)} of {len(row.result.classes)} "
                    f"have no {part} image ({', '.join(names[:3])}, ...): "
                    f"{part} accuracy is that of the others."
                )
    return list(texts.values())


def _table(header: list[str], body: list[list[str]]) -> list[str]:
    rule = ["---"] * len(header)
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *body)]


def accuracy_table(rows: list[Row]) -> list[str]:
    """Returns mean test accuracies in percent, a line a treatment."""
    base = results.mean_accuracy(rows, "base", 0)
    lines = []
    if base is not None:
        lines = [
            f"Base networks: {100 * base.mean:.1f} % ({base.count} networks).",
            "",
        ]
    return lines + _table(*accuracy_cells(rows))


def accuracy_cells(rows: list[Row]) -> Cells:
    """Returns header and body of the table of mean accuracies."""
    layers = results.layers_of(rows)
    body = []
    for treatment in CHOICES:
        cells = []
        for n in layers:
            value = results.mean_accuracy(rows, treatment, n)
            cells.append("" if value is None else f"{100 * value.mean:.1f}")
        if any(cells):
            body.append([treatment, *cells])
    return ["mean of networks", *(f"n = {n}" for n in layers)], body


def difference_table(rows: list[Row]) -> list[str]:
    """Returns each difference at each n: paired, bootstrap and pooled."""
    return _table(*difference_cells(rows))


def difference_cells(rows: list[Row]) -> Cells:
    """Returns header and body of the table of differences."""
    body = []
    for question in QUESTIONS:
        first, second = question.first, question.second
        for n in results.layers_of(rows):
            paired = results.paired_difference(rows, first, second, n, n)
            pooled = results.pooled_difference(rows, first, second, n, n)
            if paired is not None and pooled is not None:
                cells = [str(question), str(n)]
                body.append([*cells, *_both_forms(paired, pooled)])
    return ["difference", "n", "paired", "bootstrap", "pooled"], body


def _both_forms(paired, pooled: float) -> list[str]:
    boot = "(one pair)"
    if paired.boot_low is not None:
        boot = (
            f"{{{100 * paired.boot_low:+.1f}, {100 * paired.boot_high:+.1f}}}"
        )
    return [paired.in_points(), boot, f"{100 * pooled:+.1f}"]


def boost_table(rows: list[Row]) -> list[str]:
    """Returns Table 1: the boost of AnB+ over base and over BnB+."""
    return _table(*boost_cells(rows))


def boost_cells(rows: list[Row]) -> Cells:
    """Returns header and body of Table 1."""
    body = []
    layers = results.layers_of(results.select(rows, "AnB+"))
    for second in ("base", "BnB+"):
        # Of ranges in which the same n were trained, the first.
        trained: dict[str, tuple[int, int]] = {}
        for low, high in RANGES:
            trained.setdefault(layers_in_words(layers, low, high), (low, high))
        for name, (low, high) in trained.items():
            paired = results.paired_difference(rows, "AnB+", second, low, high)
            pooled = results.pooled_difference(rows, "AnB+", second, low, high)
            if paired is not None and pooled is not None:
                body.append([second, name, *_both_forms(paired, pooled)])
    header = ["AnB+ minus", "n", "paired", "bootstrap"]
    return [*header, "pooled (as in the paper)"], body
