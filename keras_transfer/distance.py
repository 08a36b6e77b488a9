"""Sections 4.2 and 4.3: what the distance between two tasks costs.

Random halves are similar tasks, natural and man-made classes dissimilar ones,
and layers that were never trained are the floor. Sides differ in their number
of classes and their difficulty, so every network is compared with its own
base: same division, target and seed.
"""

from pathlib import Path

from keras_transfer import results
from keras_transfer.intervals import Estimate, welch_difference
from keras_transfer.results import Claim, Row
from keras_transfer.specs import INITIALIZATIONS
from keras_transfer.summary import absent_classes, write_texts

SIMILAR = "random halves"
DISSIMILAR = "man-made / natural"
# The sides of `kinds`: the paper's A and B.
SIDES = {"A": "man-made", "B": "natural"}


def random_name(initialization: str) -> str:
    """Names the treatment of random layers: `random (he)`."""
    return f"random ({initialization})"


def sorts_of(rows: list[Row]) -> dict[str, tuple[list[Row], str]]:
    """Sorts networks by the distance of their tasks.

    Args:
        rows: List of `Row` of all three sections.

    Returns:
        Dict from a name to its rows, bases included, and the treatment that
        is compared with the base; names without a network are absent.
    """
    split = [row for row in rows if row.spec.data.halves is None]
    kinds = [row for row in rows if row.spec.data.halves is not None]
    sorts = {SIMILAR: (split, "AnB"), DISSIMILAR: (kinds, "AnB")}
    for name in map(random_name, INITIALIZATIONS):
        sorts[name] = (split, name)
    return {
        name: (members, treatment)
        for name, (members, treatment) in sorts.items()
        if results.select(members, treatment)
    }


def drops(rows: list[Row], treatment: str) -> list[tuple[int, Estimate]]:
    """Returns the paired change from the own base at each `n`.

    Args:
        rows: List of `Row`.
        treatment: String.

    Returns:
        List of `(n, Estimate)`.
    """
    found = []
    for n in results.layers_of(rows):
        change = results.paired_difference(rows, treatment, "base", n, n)
        if change is not None:
            found.append((n, change))
    return found


def figure3_data(rows: list[Row]) -> tuple[dict, dict, dict]:
    """Returns what figure 3 draws: accuracies by side, random, and drops."""
    sorts = sorts_of(rows)
    dissimilar, random, change = {}, {}, {}
    for name, (members, treatment) in sorts.items():
        change[name] = [(0, 0.0)] + [
            (n, value.mean, value.t_low, value.t_high)
            for n, value in drops(members, treatment)
        ]
        if name == DISSIMILAR:
            for side, kind in SIDES.items():
                own = [row for row in members if row.spec.target == side]
                dissimilar[f"target {kind}"] = _means(own, treatment)
        elif name != SIMILAR:
            random[f"{name}, random halves"] = _means(members, treatment)
    return dissimilar, random, change


def _means(rows: list[Row], treatment: str) -> list[tuple[int, float]]:
    points = []
    for n in [0, *results.layers_of(rows)]:
        chosen = (
            results.select(rows, treatment, n, n)
            if n
            else results.select(rows, "base")
        )
        if chosen:
            mean = sum(row.accuracy for row in chosen) / len(chosen)
            points.append((n, mean))
    return points


def claims(rows: list[Row]) -> list[Claim]:
    """Puts what sections 4.2 and 4.3 say to these data.

    Args:
        rows: List of `Row`.

    Returns:
        List of `Claim`, one for each comparison that can be made.
    """
    sorts = sorts_of(rows)
    found = []
    if SIMILAR in sorts and DISSIMILAR in sorts:
        found.append(
            _claim(
                "4.2",
                "Frozen layers lose more between dissimilar tasks than "
                "between similar ones.",
                "dissimilar - similar",
                sorts[SIMILAR],
                sorts[DISSIMILAR],
            )
        )
    for name in map(random_name, INITIALIZATIONS):
        if name in sorts and DISSIMILAR in sorts:
            found.append(
                _claim(
                    "4.3",
                    "Features of a distant task are better than random ones, "
                    f"{name}.",
                    "random - dissimilar",
                    sorts[DISSIMILAR],
                    sorts[name],
                )
            )
    return found


def _claim(section, text, name, better, worse) -> Claim:
    layers = sorted(_upper_layers(*better) & _upper_layers(*worse))
    changes = [_mean_changes(*sort, layers) for sort in (better, worse)]
    where = ", ".join(map(str, layers))
    name = f"loss at n = {where}, {name}:" if layers else f"loss, {name}:"
    if not all(changes):
        return Claim(section, text, f"{name} not measured", "undecided", "")
    effect = welch_difference(*changes)
    verdict = "undecided"
    if effect.t_low is not None:
        if effect.t_low > 0:
            verdict = "supported"
        elif effect.t_high < 0:
            verdict = "not supported"
    pairs = " and ".join(str(len(values)) for values in changes)
    return Claim(
        section,
        text,
        f"{name} {effect.in_points()}",
        verdict,
        f"{pairs} pairs, not paired with each other: Welch's interval; "
        "supported if it lies above 0",
    )


def _upper_layers(rows: list[Row], treatment: str) -> set[int]:
    """Returns the n from 4 on, where the paper sees the difference."""
    chosen = results.select(rows, treatment)
    return {n for n in results.layers_of(chosen) if n >= 4}


def _mean_changes(rows: list[Row], treatment: str, layers) -> list[float]:
    """Returns each pair's change from its base, the mean over `layers`.

    A pair that lacks one of them is left out: losses grow with n, so its mean
    would be another thing.
    """
    changes = [
        results.paired_values(rows, treatment, "base", n, n) for n in layers
    ]
    if not changes:
        return []
    pairs = set(changes[0]).intersection(*changes[1:])
    return [sum(c[pair] for c in changes) / len(layers) for pair in pairs]


def summary_text(rows: list[Row], title: str, command: str) -> str:
    """Returns the summary in Markdown."""
    lines = [f"# {title}", "", f"    {command}", ""]
    sorts = sorts_of(rows)
    layers = sorted(
        {n for members, _ in sorts.values() for n in results.layers_of(members)}
    )
    lines += [
        "Change of top-1 accuracy from the own base (same division, target "
        "and seed), in points, with the 95 % t interval over pairs where "
        "there are two or more.",
        "",
        "| frozen layers of | pairs | "
        + " | ".join(f"n = {n}" for n in layers)
        + " |",
        "| --- | --- |" + " --- |" * len(layers),
    ]
    for name, (members, treatment) in sorts.items():
        values = dict(drops(members, treatment))
        count = max((value.count for value in values.values()), default=0)
        cells = [values[n].in_points() if n in values else "" for n in layers]
        lines.append(f"| {name} | {count} | " + " | ".join(cells) + " |")
    lines += ["", "## Each network", ""]
    lines += [
        "| network | division | test | minus own base | train accuracy "
        "| train loss |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    own = {
        (row.spec.division, row.group): row.accuracy
        for row in results.select(rows, "base")
    }
    stuck = []
    for row in rows:
        base = own.get((row.spec.division, row.group))
        change = "" if base is None else f"{100 * (row.accuracy - base):+.1f}"
        result = row.result
        lines.append(
            f"| {row.spec.label}, seed {row.spec.seed} | {row.spec.division} "
            f"| {100 * row.accuracy:.1f} % | {change} "
            f"| {100 * result['train_accuracy']:.1f} % "
            f"| {result['train_loss']:.3f} |"
        )
        if result["train_accuracy"] < 1.5 / len(result["classes"]):
            stuck.append(row.spec.label)
    if stuck:
        lines += [
            "",
            "**Warning:** these networks did not learn their own training "
            "images: an optimisation failure, not a fact about features: "
            f"{', '.join(stuck)}.",
        ]
    lines += ["", "## What the paper says", ""]
    for claim in claims(rows):
        lines.append(
            f"- Section {claim.number}: {claim.text} "
            f"**{claim.verdict.capitalize()}** by these data. {claim.effect} "
            f"({claim.why})."
        )
    seeds = {row.spec.seed for row in rows}
    if len(seeds) == 1:
        lines += [
            "",
            "**Warning:** one seed only: the intervals, where there are any, "
            "do not show how much a network varies from run to run.",
        ]
    for caution in absent_classes(rows):
        lines += ["", f"**Warning:** {caution}"]
    return "\n".join(lines) + "\n"


def write_report(
    rows: list[Row],
    title: str,
    command: str,
    folder: Path,
    published: dict | None = None,
) -> list[Path]:
    """Writes figure 3, the table and the summary.

    Args:
        rows: List of `Row` of all three sections.
        title: String.
        command: String, the command that made the results.
        folder: Path.
        published: Dict from name to the drops of 2014 to draw beside, or
            `None`.

    Returns:
        List of the paths written, figures first and the summary last.
    """
    from keras_transfer import figure3  # Matplotlib only when it is needed

    folder.mkdir(parents=True, exist_ok=True)
    paths = figure3.plot_figure3(
        *figure3_data(rows), title, folder / "figure3", published
    )
    return paths + write_texts(rows, summary_text(rows, title, command), folder)
