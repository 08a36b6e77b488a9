"""How much data a network needs, from scratch and with copied layers.

The supplement's figure S1 trains on fewer images of each class. The paper's
introduction says when to freeze (a small target set, many weights) and when
to fine-tune (a large one), but draws no curve of it: figure `target_size`
does, and says where the curves cross.
"""

import dataclasses
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.analysis import pairs, results
from keras_transfer.analysis.intervals import Estimate, estimate
from keras_transfer.analysis.results import Row
from keras_transfer.reports.figure3 import plot_reduced
from keras_transfer.reports.style import SETTINGS, plot_estimates, save
from keras_transfer.reports.summary import absent_classes, write_texts
from keras_transfer.specs.treatments import STYLES

# How a network begins: from scratch, with frozen or with fine-tuned layers.
STARTS = {"base": "from scratch", "AnB": "frozen", "AnB+": "fine-tuned"}
_DOING = {
    "base": "training from scratch",
    "AnB": "freezing",
    "AnB+": "fine-tuning",
}
# Which may overtake which as images become more.
_RIVALS = (("AnB+", "AnB"), ("base", "AnB"), ("base", "AnB+"))
_CAVEAT = (
    "Draws of few images of one half share its base, and halves of one split "
    "share images, so read intervals as approximate."
)


def images_a_class(row: Row) -> int:
    """Returns the training images of each class that a network had."""
    images, classes = row.result.images, row.result.classes
    return round(images["train"] / len(classes))


def _values(rows: list[Row]) -> dict[tuple, float]:
    return {
        (size, *pair): row.accuracy
        for pair, sizes in pairs.by_pair(rows, images_a_class).items()
        for size, row in sizes.items()
    }


def _by_size(values: dict[tuple, float]) -> dict[int, Estimate]:
    found = {}
    for size in sorted({key[0] for key in values}):
        keys = sorted(key for key in values if key[0] == size)
        found[size] = estimate(
            [values[key] for key in keys], [key[1:] for key in keys]
        )
    return found


def accuracies(rows: list[Row], start: str, n: int) -> dict[int, Estimate]:
    """Averages networks by the number of images.

    Args:
        rows: List of `Row`.
        start: String, a treatment such as a key of `STARTS`.
        n: Integer, layers copied; of no meaning from scratch.

    Returns:
        Dict from images a class to `Estimate`, in order.
    """
    return _by_size(_values(results.select(rows, start, n, n)))


def differences(
    rows: list[Row], first: str, second: str, n: int
) -> dict[int, Estimate]:
    """Subtracts two starts within pairs of split, seed, draw and target.

    Args:
        rows: List of `Row`.
        first, second: Strings, keys of `STARTS`.
        n: Integer, layers copied.

    Returns:
        Dict from images a class to `Estimate`, in order.
    """
    found = pairs.differences(
        results.select(rows, first, n, n),
        results.select(rows, second, n, n),
        images_a_class,
    )
    return _by_size(
        {
            (size, *pair): value
            for pair, sizes in found.items()
            for size, value in sizes.items()
        }
    )


@dataclasses.dataclass(frozen=True)
class Crossing:
    """Where one start overtakes another.

    Args:
        n: Integer, layers copied.
        first, second: Strings, keys of `STARTS`.
        below: Integer or `None`, the most images a class at which the second
            is ahead in the mean.
        above: Integer or `None`, the fewest from which the first stays so.
        unsure: Tuple of integers, sizes on both sides, or of all if there is
            one side alone, whose interval includes 0 or is not known.
    """

    n: int
    first: str
    second: str
    below: int | None
    above: int | None
    unsure: tuple[int, ...]

    def in_words(self) -> str:
        """Says it in a sentence."""
        one, other = _DOING[self.first], _DOING[self.second]
        if self.below is None and self.above is None:
            return f"n = {self.n}, {one} and {other}: not measured."
        if self.below is None:
            text = f"{one} is ahead of {other} at every size"
        elif self.above is None:
            text = f"{other} is ahead of {one} at every size"
        else:
            text = (
                f"{one} overtakes {other} between {self.below} and "
                f"{self.above} images a class"
            )
        doubt = ""
        if self.unsure:
            sizes = ", ".join(map(str, self.unsure))
            doubt = f" (the 95 % interval includes 0 at {sizes})"
        return f"n = {self.n}: {text}{doubt}."


def find_crossing(rows: list[Row], n: int, first: str, second: str) -> Crossing:
    """Finds the size from which one start stays ahead of another.

    Args:
        rows: List of `Row`.
        n: Integer, layers copied.
        first, second: Strings, keys of `STARTS`.

    Returns:
        `Crossing`.
    """
    ahead = differences(rows, first, second, n)
    sizes = list(ahead)
    # From the largest size down, while the first is ahead in the mean.
    place = len(sizes)
    while place and ahead[sizes[place - 1]].mean > 0:
        place -= 1
    below = sizes[place - 1] if place else None
    above = sizes[place] if place < len(sizes) else None
    sides = sizes if None in (below, above) else (below, above)
    unsure = tuple(
        size
        for size in sides
        if ahead[size].t_low is None
        or ahead[size].t_low * ahead[size].t_high <= 0
    )
    return Crossing(n, first, second, below, above, unsure)


def crossings(rows: list[Row], layers: list[int]) -> list[str]:
    """Says for each `n` which start is ahead, and from which size on."""
    return [
        find_crossing(rows, n, *pair).in_words()
        for n in layers
        for pair in _RIVALS
    ]


def plot_target_size(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws accuracies against target images, and their paired differences.

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.
    """
    layers = results.layers_of(rows)
    sizes = sorted({images_a_class(row) for row in rows})
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            2,
            len(layers),
            figsize=(1.5 + 4.5 * len(layers), 8.5),
            sharex=True,
            sharey="row",
            squeeze=False,
            layout="constrained",
        )
        figure.suptitle(
            f"{title}\nbars, cut at the frame: 95 % t interval over halves and "
            "draws; all images: two halves, one draw"
        )
        for n, above, below in zip(layers, *panels, strict=True):
            _plot_sizes(
                above,
                [
                    (accuracies(rows, start, n), _look(start, index), name)
                    for index, (start, name) in enumerate(STARTS.items())
                ],
            )
            _plot_sizes(
                below,
                [
                    (
                        differences(rows, first, second, n),
                        _look(first, 2 * index),
                        f"{STARTS[first]} - {STARTS[second]}",
                    )
                    for index, (first, second) in enumerate(_RIVALS[:2])
                ],
            )
            below.axhline(0, color="#222222", lw=0.9)
            above.set_xscale("log")
            above.set_xticks(sizes, [str(size) for size in sizes])
            above.minorticks_off()
            above.set_title(f"n = {n} copied layers", fontsize=11)
            below.set_xlabel("target images a class (log)")
        for row in panels:
            # Bars over two networks are longer than all the rest.
            row[0].set_ylim(*_frame(row))
            row[0].legend(fontsize=9)
        panels[0][0].set_ylabel("top-1 accuracy (%)")
        panels[1][0].set_ylabel("paired difference (points)")
        return save(figure, path)


def _look(start: str, index: int) -> tuple[str, str, str, bool]:
    marker, colour, filled, _ = STYLES[start]
    return marker, colour, ("--", "-", ":")[index], filled


def _plot_sizes(axes, curves: list[tuple]) -> None:
    for index, (values, look, name) in enumerate(curves):
        # Side by side, so that bars do not hide one another.
        shift = 1.04 ** (index - (len(curves) - 1) / 2)
        points = [(size * shift, value) for size, value in values.items()]
        plot_estimates(axes, points, look, name)


def _frame(panels) -> tuple[float, float]:
    """Returns limits that show all curves; a bar is a line of two points."""
    curves = [
        line.get_ydata()
        for axes in panels
        for line in axes.lines
        if len(line.get_ydata()) > 2
    ]
    low = min((min(curve) for curve in curves), default=0)
    high = max((max(curve) for curve in curves), default=1)
    margin = 0.2 * (high - low) + 1
    return low - margin, high + margin


def target_size_summary(rows: list[Row], title: str, command: str) -> str:
    """Returns the summary of `target_size` in Markdown."""
    lines = [f"# {title}", "", f"    {command}", ""]
    draws = {(row.spec.draw or 0) for row in rows}
    lines += [
        f"{len(rows)} networks, {len(draws)} draws of the small sets, both "
        "directions; every network takes as many steps. Frozen and fine-tuned "
        "layers come from a base on the other half with all its images. "
        f"[low, high] is the 95 % t interval over pairs. {_CAVEAT}",
        "",
        "## Where do the curves cross?",
        "",
    ]
    layers = results.layers_of(rows)
    lines += [f"- {text}" for text in crossings(rows, layers)]
    for n in layers:
        lines += ["", f"## n = {n}", ""]
        lines += [
            "| target images a class | from scratch, % | frozen, % | "
            "fine-tuned, % | fine-tuned - frozen | frozen - scratch |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        means = {name: accuracies(rows, name, n) for name in STARTS}
        over_frozen = differences(rows, "AnB+", "AnB", n)
        over_scratch = differences(rows, "AnB", "base", n)
        for size in sorted({images_a_class(row) for row in rows}):
            cells = [
                f"{100 * means[name][size].mean:.1f}"
                if size in means[name]
                else ""
                for name in STARTS
            ]
            cells += [
                found[size].in_points() if size in found else ""
                for found in (over_frozen, over_scratch)
            ]
            lines.append(f"| {size} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_target_size(
    rows: list[Row], title: str, command: str, folder: Path
) -> list[Path]:
    """Writes the figure, table and summary of `target_size`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    if results.layers_of(rows):
        paths = plot_target_size(rows, title, folder / "target_size")
    return paths + write_texts(
        rows, target_size_summary(rows, title, command), folder
    )


def write_reduced(
    rows: list[Row],
    title: str,
    command: str,
    folder: Path,
    published: list[tuple] | None = None,
) -> list[Path]:
    """Writes figure S1, the table and the summary of `reduced_data`.

    Args:
        rows: List of `Row`.
        title: String.
        command: String, the command that made the results.
        folder: Path.
        published: List of `(images a class, accuracy)` of 2014 to draw
            beside, or `None`.

    Returns:
        List of the paths written, figures first and the summary last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = accuracies(rows, "baseAll", 0)
    points = [(size, value.mean) for size, value in values.items()]
    paths = plot_reduced(points, title, folder / "figureS1", published)
    lines = [f"# {title}", "", f"    {command}", ""]
    lines += [
        "| images a class | networks | top-1 | train accuracy | train loss |",
        "| --- | --- | --- | --- | --- |",
    ]
    for size, value in values.items():
        chosen = [row for row in rows if images_a_class(row) == size]
        train, loss = (
            sum(getattr(row.result, key) for row in chosen) / len(chosen)
            for key in ("train_accuracy", "train_loss")
        )
        lines.append(
            f"| {size} | {value.count} | {100 * value.mean:.1f} % | "
            f"{100 * train:.1f} % | {loss:.3f} |"
        )
    lines += [
        "",
        "A low train accuracy is a failure of optimisation, not of too few "
        "images: in 2014 the networks on 5 to 100 images a class never left "
        "their starting loss.",
    ]
    for caution in absent_classes(rows):
        lines += ["", f"**Warning:** {caution}"]
    return paths + write_texts(rows, "\n".join(lines) + "\n", folder)
