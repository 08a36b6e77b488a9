"""The map of when to freeze: figure, tables and text, from `results.csv`.

A committed table is enough to write all of it again.
"""

from collections.abc import Iterable
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.patches import Patch, Rectangle

from keras_transfer.analysis import freeze_table
from keras_transfer.analysis.freeze_map import (
    LOSES,
    RIVALS,
    TIES,
    UNDECIDED,
    WINS,
    Cell,
    FreezeMap,
)
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.reports import freeze_text
from keras_transfer.reports.style import BLUE, INK, RED, SETTINGS, save
from keras_transfer.storage.files import write_atomically

# A sign, a colour and a hatching: each is enough to tell them apart.
_LOOKS = {
    WINS: ("▲", BLUE, "//"),
    TIES: ("=", "#5a5a5a", ""),
    LOSES: ("▼", RED, ".."),
    UNDECIDED: ("?", "#ffffff", ""),
}
_TINT = 0.22  # opacity of a cell's colour, below black text


def write(
    title: str,
    rows: list[Row],
    command: str,
    folder: Path,
    tables: Iterable[freeze_table.Table] = (),
    tuned: Search | None = None,
    longer: Iterable[freeze_table.Table] = (),
) -> tuple[list[Path], list[str]]:
    """Writes figure, table and summary.

    Args:
        title: String.
        rows: List of `Row`.
        command: String, the command that made the results.
        folder: Path; made if it is not there.
        tables: Iterable of `Table`, of other runs of the map. Defaults to
            none.
        tuned: `Search` of the rates. Defaults to `None`, if there was none.
        longer: Iterable of `Table`, of longer training. Defaults to none.

    Returns:
        Tuple of the paths written, the summary last, and of lines for the
        terminal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, summary = folder / "results.csv", folder / "summary.md"
    together = [freeze_table.own(rows), *tables]
    write_atomically(table, freeze_table.joined(together))
    found = FreezeMap(table)
    paths = draw(found, title, folder / "when_to_freeze")
    more, longest, longer = None, folder / "longer.csv", list(longer)
    if longer:
        write_atomically(longest, freeze_table.joined(longer, "longer"))
        more = FreezeMap(longest)
        paths.append(longest)
    else:  # the summary no longer tells of it
        longest.unlink(missing_ok=True)
    text = freeze_text.text(found, title, command, tuned, more)
    write_atomically(summary, text)
    return [*paths, table, summary], freeze_text.in_words(found)


def draw(found: FreezeMap, title: str, path: Path) -> list[Path]:
    """Draws a grid for each rival and n: widths against target images.

    Args:
        found: `FreezeMap`.
        title: String.
        path: Path of the figure without suffix.

    Returns:
        List of the paths written; none if no cell was measured.
    """
    if not found.cells:
        return []
    rows, columns = len(found.widths), len(found.sizes)
    size = (2 * (1.4 * columns + 1.3), len(found.layers) * (rows + 1.2) + 0.9)
    with plt.rc_context({**SETTINGS, "axes.grid": False}):
        figure, grid = plt.subplots(
            len(found.layers),
            len(RIVALS),
            figsize=size,
            squeeze=False,
            layout="constrained",
        )
        for n, panels in zip(found.layers, grid, strict=True):
            for rival, axes in zip(RIVALS, panels, strict=True):
                own = [c for c in found.cells if (c.rival, c.n) == (rival, n)]
                _panel(axes, found, own)
                axes.set_title(
                    f"frozen - {STARTS[rival]}, n = {n}", fontsize=11
                )
            panels[0].set_ylabel("width (weights)")
        figure.legend(
            handles=[_patch(word) for word in _LOOKS],
            loc="outside lower center",
            ncol=len(_LOOKS),
            handlelength=2.4,
            handleheight=1.4,
        )
        figure.suptitle(
            f"{title}: points of test accuracy, with half the 95 % interval\n"
            f"({freeze_text.splits_in_words(found)}; verdicts at 95 % for "
            "all cells together)",
            fontsize=12,
        )
        return save(figure, path)


def _panel(axes, found: FreezeMap, cells: list[Cell]) -> None:
    for cell in cells:
        _fill(
            axes,
            found.sizes.index(cell.images),
            found.widths.index(cell.width),
            cell,
            freeze_text.own_splits(found, cell),
        )
    there = {(cell.width, cell.images) for cell in cells}
    for y, width in enumerate(found.widths):
        for x, size in enumerate(found.sizes):
            if (width, size) not in there:
                _label(axes, x, y, "not trained", color=INK, alpha=0.6)
    axes.set_xlim(-0.5, len(found.sizes) - 0.5)
    axes.set_ylim(-0.5, len(found.widths) - 0.5)
    axes.set_xticks(range(len(found.sizes)), map(str, found.sizes))
    axes.set_yticks(
        range(len(found.widths)),
        [f"{w}\n({found.weights(w):,})" for w in found.widths],
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("target images of each class")


def _fill(axes, x: int, y: int, cell: Cell, splits: str) -> None:
    sign, colour, hatch = _LOOKS[cell.word]
    tint = (colour, 0 if cell.word == UNDECIDED else _TINT)
    axes.add_patch(
        Rectangle(
            (x - 0.48, y - 0.48),
            0.96,
            0.96,
            facecolor=tint,
            edgecolor=(INK, 0.35),
            hatch=hatch,
            lw=0.8,
        )
    )
    one = cell.estimate
    value = rounded(100 * one.mean)
    if one.low is not None:
        half = rounded(100 * (one.high - one.low) / 2, signed=False)
        value = f"{value} ± {half}"
    said = [value, f"{sign} {cell.word}", *splits.split(", ")]
    # On hatching, letters need a ground of their own.
    ground = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.5}
    text = "\n".join(filter(None, said))
    _label(axes, x, y, text, color=INK, bbox=ground)


def _label(axes, x: int, y: int, text: str, **looks) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=10, **looks)


def _patch(word: str) -> Patch:
    sign, colour, hatch = _LOOKS[word]
    tint = (colour, 0 if word == UNDECIDED else _TINT)
    name = word if word == UNDECIDED else f"freezing {word}"
    return Patch(
        facecolor=tint,
        edgecolor=(INK, 0.35),
        hatch=hatch,
        label=f"{sign} {name}",
    )
