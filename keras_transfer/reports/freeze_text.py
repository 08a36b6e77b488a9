"""The page of the map of when to freeze, computed from `results.csv`."""

from keras_transfer.analysis import primary, verdicts
from keras_transfer.analysis.freeze_contrasts import (
    FEWER_IMAGES,
    MORE_WEIGHTS,
)
from keras_transfer.analysis.freeze_map import (
    LOSES,
    RIVALS,
    UNDECIDED,
    WINS,
    Cell,
    FreezeMap,
    Trend,
    count_words,
)
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.analysis.rounding import rounded
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.analysis.verdicts import (
    ABSENT,
    MARGIN,
    PRESENT,
    REVERSED,
)
from keras_transfer.reports import freeze_training, markdown
from keras_transfer.specs.treatments import (
    BASE,
    FINETUNED_TRANSFER,
)

_RIVAL_NAMES = {
    FINETUNED_TRANSFER: "fine-tuning",
    BASE: "training from scratch",
}
# What an axis is told for each of, and how its place and its ends are named.
_AXES = {
    FEWER_IMAGES: ("width", "width {}", "{} images"),
    MORE_WEIGHTS: ("step", "{} images", "width {}"),
}
_ABOUT = (
    f"[low, high] is a 95 % interval: {primary.RULE}. Freezing *wins* if the "
    "difference is shown to be above 0, *loses* if below, *ties* if two "
    f"one-sided tests put it within {100 * MARGIN:g} points of 0, a margin "
    "fixed beforehand, and else it is *undecided*. Verdicts are at 95 % for "
    "all cells of both maps together (Holm), so a cell whose own interval "
    "leaves out 0 may be undecided."
)
_LIMITS = (
    "One data set, small networks, one target half of each split, one draw of "
    "the few images, and splits whose test images are the same. Frozen and "
    "fine-tuned layers come from a base on the other half with as many images "
    "as the last column has. Weight decay and steps were not searched. Frozen "
    "networks take more steps than the others, which cost little; they are "
    "held against the others' own tuned training."
)


def text(
    found: FreezeMap,
    title: str,
    command: str,
    tuned: Search | None = None,
    longer: FreezeMap | None = None,
    remark: str = "",
) -> str:
    """Returns the summary in Markdown.

    Args:
        found: `FreezeMap`.
        title: String.
        command: String, the command that made the results.
        tuned: `Search` of the rates. Defaults to `None`, if there was none.
        longer: `FreezeMap` of longer training. Defaults to `None`.
        remark: String, what else is to be known. Defaults to `""`.
    """
    lines = [
        *markdown.heading(title, command),
        _trained(found),
        "",
        "## When does freezing win?",
        "",
        *(f"- {line}" for line in in_words(found)),
    ]
    for n in found.layers:
        for rival in RIVALS:
            lines += ["", f"## Frozen - {STARTS[rival]}, n = {n}", ""]
            lines += _map_table(found, rival, n)
    lines += ["", _ABOUT, ""]
    if found.trends:
        lines += ["## Fewer images, more weights", "", *_trends(found), ""]
    lines += [
        "## Do the heads fit?",
        "",
        freeze_training.fit(found),
        "",
        *freeze_training.levels(found),
        "",
    ]
    if longer is not None:
        lines += ["## What longer training changes", ""]
        lines += [*freeze_training.longer(found, longer), ""]
    lines += [
        "## How rates were chosen",
        "",
        freeze_training.rates(found, tuned),
        "",
    ]
    lines += ["## What this cannot say", "", f"{_LIMITS} {remark}".rstrip()]
    return markdown.document(lines)


def in_words(found: FreezeMap) -> list[str]:
    """Says what the map shows, whichever way it goes.

    Args:
        found: `FreezeMap`.

    Returns:
        List of sentences.
    """
    said = []
    for n in found.layers:
        for rival in RIVALS:
            cells = [c for c in found.cells if (c.rival, c.n) == (rival, n)]
            if cells:
                said.append(_against(rival, n, cells))
        corner = find_corner(found, n)
        if corner is not None:
            said.append(
                f"n = {n}, fewest images and most weights ({corner.images} a "
                f"class, width {corner.width}), where the paper's introduction "
                "expects freezing to win: frozen - fine-tuned "
                f"{corner.estimate.in_points()} points, {corner.word}."
            )
        said += [
            f"n = {n}, frozen - fine-tuned {words}."
            for words in trends_in_words(found, n)
        ]
    return said


def trends_in_words(found: FreezeMap, n: int) -> list[str]:
    """Says from where to where, the range of trends and what was shown.

    Args:
        found: `FreezeMap`.
        n: Integer, layers copied.

    Returns:
        List of strings, one for each axis that has trends.
    """
    of_axes = (
        [t for t in found.trends if (t.axis, t.n) == (axis, n)]
        for axis in _AXES
    )
    return [_in_words(trends) for trends in of_axes if trends]


def _in_words(own: list[Trend]) -> str:
    means = [100 * trend.estimate.mean for trend in own]
    names = [trend.verdict.name for trend in own]
    shown = ", ".join(
        f"{name} at {names.count(name)}"
        for name in (PRESENT, REVERSED, ABSENT, verdicts.UNDECIDED)
        if name in names
    )
    ends = " to ".join(rounded(end) for end in (min(means), max(means)))
    if len(own) == 1:
        ends = own[0].estimate.in_points()
    plural = "" if len(own) == 1 else "s"
    return (
        f"{'rises' if min(means) > 0 else 'moves'} by {ends} points "
        f"{_way(own)}: {shown} of {len(own)} {_AXES[own[0].axis][0]}{plural}"
    )


def _way(trends: list[Trend]) -> str:
    if trends[0].axis == MORE_WEIGHTS:
        return "from each width to the next"
    many, few = (
        " or ".join(map(str, sorted(own)))
        for own in map(set, zip(*(t.ends for t in trends), strict=True))
    )
    return f"from {many} to {few} images a class"


def listed(values: list[int]) -> str:
    """Lists numbers as prose does.

    Args:
        values: List of integers, not empty.
    """
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}" if first else last


def find_corner(found: FreezeMap, n: int) -> Cell | None:
    """Returns the cell of fewest images and most weights.

    Args:
        found: `FreezeMap`.
        n: Integer, layers copied.
    """
    place = (FINETUNED_TRANSFER, n, found.widths[-1], found.sizes[0])
    own = [cell for cell in found.cells if cell.place == place]
    return own[0] if own else None


def splits_in_words(found: FreezeMap) -> str:
    """Says how many splits cells have, and whether it is about them only.

    Args:
        found: `FreezeMap`.
    """
    counts = {cell.estimate.splits for cell in found.cells}
    return primary.splits_in_words(counts or {len(found.splits)})


def _against(rival: str, n: int, cells: list[Cell]) -> str:
    counts = count_words(cells)
    parts = [
        f"{word} in {count}{_places(cells, word)}"
        for word, count in counts.items()
        if count
    ]
    return (
        f"n = {n}, against {_RIVAL_NAMES[rival]}, of {len(cells)} cells "
        f"freezing {'; '.join(parts)}."
    ).replace(f"{UNDECIDED} in", f"is {UNDECIDED} in")


def _places(cells: list[Cell], word: str) -> str:
    if word not in (WINS, LOSES):
        return ""
    own = [c for c in cells if c.word == word]
    sizes = sorted({c.images for c in own})
    return (
        " ("
        + ", ".join(
            f"{size} images: width "
            + " ".join(str(c.width) for c in own if c.images == size)
            for size in sizes
        )
        + ")"
    )


def _trained(found: FreezeMap) -> str:
    bases = ", ".join(
        f"{rounded(100 * found.base_accuracy(width), signed=False)} % at width "
        f"{width} ({found.weights(width):,} weights)"
        for width in found.widths
    )
    return (
        f"{len(found.lines)} networks, {splits_in_words(found)}, one target "
        f"half of each. The bases that are copied, with {found.base_images()} "
        f"images of each class, reach {bases}, mean test accuracy."
    )


def _map_table(found: FreezeMap, rival: str, n: int) -> list[str]:
    cells = {
        (c.width, c.images): c
        for c in found.cells
        if (c.rival, c.n) == (rival, n)
    }
    header = ["width (weights)", *(f"{s} images" for s in found.sizes)]
    body = [
        [f"{width} ({found.weights(width):,})"]
        + [_said(found, cells.get((width, size))) for size in found.sizes]
        for width in found.widths
    ]
    return markdown.table(header, body)


def _said(found: FreezeMap, cell: Cell | None) -> str:
    if cell is None:
        return ""
    said = f"{cell.estimate.in_points()} {cell.word}"
    own = own_splits(found, cell)
    return f"{said} ({own})" if own else said


def own_splits(found: FreezeMap, cell: Cell) -> str:
    """Says the splits of a cell if not all cells have as many.

    Args:
        found: `FreezeMap`.
        cell: `Cell`.
    """
    count = cell.estimate.splits
    if {c.estimate.splits for c in found.cells} == {len(found.splits)}:
        return ""
    return primary.splits_in_words([count])


def _trends(found: FreezeMap) -> list[str]:
    header = ["axis", "at", "from", "to", "n", "points", "verdict", "splits"]
    body = []
    for trend in found.trends:
        _, place, end = _AXES[trend.axis]
        body.append(
            [
                trend.axis,
                place.format(trend.place),
                *map(end.format, trend.ends),
                str(trend.n),
                trend.estimate.in_points(),
                trend.verdict.name,
                str(trend.estimate.splits),
            ]
        )
    return [
        "What each does to frozen - fine-tuned; above 0, freezing gains, as "
        "the paper's introduction expects. Verdicts are at 95 % for all of "
        "them together (Holm).",
        "",
        *markdown.table(header, body),
    ]
