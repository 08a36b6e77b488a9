"""How much data a network needs, from scratch and with copied layers.

The supplement's figure S1 trains on fewer images of each class. The paper's
introduction says when to freeze (a small target set, many weights) and when
to fine-tune (a large one), but draws no curve of it: figure `target_size`
does, and says where the curves cross.
"""

import dataclasses
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer import results
from keras_transfer.figure3 import plot_reduced
from keras_transfer.figures import SETTINGS, STYLES, plot_estimates, save
from keras_transfer.intervals import Estimate, estimate
from keras_transfer.results import Row
from keras_transfer.summary import absent_classes, write_texts

# How a network begins: from scratch, with frozen or with fine-tuned layers.
STARTS = {"base": "from scratch", "AnB": "frozen", "AnB+": "fine-tuned"}
_CAVEAT = (
    "Draws of few images of one half share its base, and halves of one split "
    "share images, so read intervals as approximate."
)


def images_a_class(row: Row) -> int:
    """Returns the training images of each class that a network had."""
    images, classes = row.result["images"], row.result["classes"]
    return round(images["train"] / len(classes))


def _pair(row: Row) -> tuple:
    """Returns what two networks must share to be compared."""
    spec = row.spec
    run = spec.seed, spec.draw or 0
    return spec.data.split, run, spec.target


def _values(rows: list[Row]) -> dict[tuple, float]:
    return {(images_a_class(row), *_pair(row)): row.accuracy for row in rows}


def _by_size(values: dict[tuple, float]) -> dict[int, Estimate]:
    found = {}
    for size in sorted({key[0] for key in values}):
        pairs = sorted(key for key in values if key[0] == size)
        found[size] = estimate(
            [values[pair] for pair in pairs], [pair[1:] for pair in pairs]
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
    values = _values(results.select(rows, first, n, n))
    partners = _values(results.select(rows, second, n, n))
    return _by_size(
        {
            key: accuracy - partners[key]
            for key, accuracy in values.items()
            if key in partners
        }
    )


@dataclasses.dataclass(frozen=True)
class Crossing:
    """Where fine-tuning overtakes freezing.

    Args:
        n: Integer, layers copied.
        below: Integer or `None`, the most images a class at which freezing
            is ahead in the mean.
        above: Integer or `None`, the fewest from which fine-tuning is.
        sure: Boolean, whether the intervals on both sides exclude 0.
    """

    n: int
    below: int | None
    above: int | None
    sure: bool

    def in_words(self) -> str:
        """Says it in a sentence."""
        if self.below is None and self.above is None:
            return f"n = {self.n}: not measured."
        if self.below is None:
            text = f"fine-tuning is ahead at every size, from {self.above} on"
        elif self.above is None:
            text = f"freezing is ahead at every size, up to {self.below}"
        else:
            text = (
                f"fine-tuning overtakes freezing between {self.below} and "
                f"{self.above} images a class"
            )
        doubt = "" if self.sure else " (an interval there includes 0)"
        return f"n = {self.n}: {text}{doubt}."


def find_crossing(rows: list[Row], n: int) -> Crossing:
    """Finds the size from which fine-tuning stays ahead of freezing.

    Args:
        rows: List of `Row`.
        n: Integer, layers copied.

    Returns:
        `Crossing`.
    """
    ahead = differences(rows, "AnB+", "AnB", n)
    sizes = list(ahead)
    # From the largest size down, while fine-tuning is ahead in the mean.
    first = len(sizes)
    while first and ahead[sizes[first - 1]].mean > 0:
        first -= 1
    below = sizes[first - 1] if first else None
    above = sizes[first] if first < len(sizes) else None
    sides = [ahead[size] for size in (below, above) if size is not None]
    sure = bool(sides) and all(
        side.t_low is not None and side.t_low * side.t_high > 0
        for side in sides
    )
    return Crossing(n, below, above, sure)


def plot_target_size(rows: list[Row], title: str, path: Path) -> list[Path]:
    """Draws accuracy against target images, a panel for each `n`.

    Args:
        rows: List of `Row`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.
    """
    layers = results.layers_of(rows)
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            1,
            len(layers),
            figsize=(1.5 + 4.5 * len(layers), 5.2),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        figure.suptitle(f"{title}\nbars: 95 % t interval over halves and draws")
        for axes, n in zip(panels[0], layers, strict=True):
            for index, (start, name) in enumerate(STARTS.items()):
                marker, colour, filled, _ = STYLES[start]
                look = (marker, colour, ("--", "-", ":")[index], filled)
                # Side by side, so that bars do not hide one another.
                points = [
                    (size * 1.04 ** (index - 1), value)
                    for size, value in accuracies(rows, start, n).items()
                ]
                plot_estimates(axes, points, look, name)
            axes.set_xscale("log")
            sizes = sorted({images_a_class(row) for row in rows})
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
            axes.set_title(f"n = {n} copied layers", fontsize=11)
            axes.set_xlabel("target images a class (log)")
        panels[0][0].set_ylabel("top-1 accuracy (%)")
        panels[0][0].legend(fontsize=9)
        return save(figure, path)


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
    lines += [f"- {find_crossing(rows, n).in_words()}" for n in layers]
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
            sum(row.result[key] for row in chosen) / len(chosen)
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
