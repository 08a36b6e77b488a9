"""The report of sections 4.2 and 4.3: figure 3, its tables and claims."""

from pathlib import Path

from keras_transfer.analysis import pairs, results, verdicts
from keras_transfer.analysis.chance import (
    NEARLY,
    did_not_learn,
    hardly_learnt,
)
from keras_transfer.analysis.curves import changes
from keras_transfer.analysis.primary import RULE
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports import markdown
from keras_transfer.reports.cautions import ONE_SEED, absent_classes
from keras_transfer.reports.distance_claims import claims
from keras_transfer.reports.distance_data import (
    Names,
    figure3_data,
    kinds,
    sorts_of,
    specificity_data,
)
from keras_transfer.specs.treatments import BASE, SELFFER, TRANSFER


def _lines(rows: list[Row], names: Names | None) -> list[str]:
    lines = [
        "Change of top-1 accuracy from bases of the same division and target, "
        f"in points, with 95 % intervals: {RULE}. The model has the networks "
        "of a row and their bases.",
        "",
        *markdown.table(*_change_cells(rows, names)),
        "",
        *_specificity_lines(rows, names),
        "## Each network",
        "",
        *_network_table(rows),
        *markdown.warnings(_stuck(rows)),
        "",
        "## What the paper says",
        "",
    ]
    judged = claims(rows, names)
    if len(judged) > 1:
        lines += [f"Verdicts are {verdicts.TOGETHER}.", ""]
    lines += [
        f"- Section {claim.number}: {markdown.claim_text(claim)}"
        for claim in judged
    ]
    cautions = absent_classes(rows)
    if len({row.spec.seed for row in rows}) == 1:
        cautions.insert(0, ONE_SEED)
    return [*lines, *markdown.warnings(cautions)]


def _change_cells(rows: list[Row], names: Names | None) -> markdown.Cells:
    sorts = sorts_of(rows, names)
    layers = sorted(
        {n for sort in sorts.values() for n in results.layers_of(sort.rows)}
    )
    body = []
    for name, sort in sorts.items():
        values = dict(changes(sort.compared, sort.treatment, BASE))
        count = max((value.count for value in values.values()), default=0)
        cells = [values[n].in_points() if n in values else "" for n in layers]
        body.append([name, str(count), *cells])
    header = ["frozen layers of", "pairs", *(f"n = {n}" for n in layers)]
    return header, body


def _specificity_lines(rows: list[Row], names: Names | None) -> list[str]:
    """Returns BnB - AnB where selffers were trained too."""
    trained = {
        name: dict(values)
        for name, values in specificity_data(rows, names).items()
    }
    layers = sorted({n for values in trained.values() for n in values})
    if not layers:
        return []
    body = [
        [name, *(values[n].in_points() if n in values else "" for n in layers)]
        for name, values in trained.items()
    ]
    header = ["frozen layers of", *(f"n = {n}" for n in layers)]
    return [
        f"Of that, specificity ({SELFFER} - {TRANSFER}), in points:",
        "",
        *markdown.table(header, body),
        "",
    ]


def _network_table(rows: list[Row]) -> list[str]:
    gains = pairs.own_gains(rows)
    body = []
    for row in rows:
        gain = gains.get(row.spec)
        body.append(
            [
                f"{row.spec.label}, seed {row.spec.seed}",
                row.spec.division,
                f"{100 * row.accuracy:.1f} %",
                "" if gain is None else rounded(100 * gain),
                f"{100 * row.result.train_accuracy:.1f} %",
                f"{row.result.train_loss:.3f}",
            ]
        )
    header = ["network", "division", "test", "minus own base"]
    return markdown.table([*header, "train accuracy", "train loss"], body)


def _stuck(rows: list[Row]) -> list[str]:
    kinds = (
        (
            did_not_learn,
            "these networks did not learn their own training images: an "
            "optimisation failure, not a fact about features",
        ),
        (
            hardly_learnt,
            "the training loss of these networks is still "
            f"{100 * NEARLY:.0f} % of that of a guess, or more, so what they "
            "show is mostly one of optimisation",
        ),
    )
    found = (
        (text, [row.spec.label for row in rows if is_so(row)])
        for is_so, text in kinds
    )
    return [f"{text}: {', '.join(names)}." for text, names in found if names]


def distance_report(
    published: dict | None = None, names: Names | None = None
) -> markdown.Report:
    """Returns the report of sections 4.2 and 4.3, of rows of all three.

    Args:
        published: Dict from name to the drops of 2014 to draw beside, or
            `None`.
        names: As of `distance_data.sorts_of`.
    """
    # Matplotlib only when it is needed.
    from keras_transfer.reports import figure3

    def plot(rows: list[Row], title: str, path: Path) -> list[Path]:
        data, of = figure3_data(rows, names), kinds(rows, names)
        specificity = {
            name: [(n, v.mean, v.t_low, v.t_high) for n, v in values]
            for name, values in specificity_data(rows, names).items()
        }
        return figure3.plot_figure3(
            *data, title, path, published, of, specificity
        )

    def lines(rows: list[Row]) -> list[str]:
        return _lines(rows, names)

    return markdown.Report({"figure3": plot}, lines)
