"""Accuracy and loss against epochs, training and validation, by treatment."""

import dataclasses
import json
import textwrap
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from keras_transfer.analysis.published_2014 import published_courses
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.target_size import images_a_class
from keras_transfer.reports.style import INK, SETTINGS, save
from keras_transfer.storage.files import read_file
from keras_transfer.storage.store import RunStore

_METRICS = (("accuracy", "top-1 accuracy (%)", 100), ("loss", "loss", 1))
_KEPT = ("accuracy", "loss", "val_accuracy", "val_loss")
_PANELS = 5  # side by side
_SCALES = {"n": "viridis", "images": "plasma"}  # of colours, by family


@dataclasses.dataclass(frozen=True)
class Course:
    """Some networks of one kind: their values, epoch by epoch.

    Args:
        order: Number that sorts and colours the kinds, such as `n`.
        label: String, such as `"n = 3"`.
        steps: Array `(epochs,)`.
        values: Dict from `"accuracy"`, `"val_accuracy"`, `"loss"`,
            `"val_loss"` to an array `(networks, epochs)`; any may be absent.
        networks: Integer or `None`, how many there are, if the values are
            their means.
        family: String, `"n"` or `"images"`, what the kinds differ in; each
            has a scale of colours.
    """

    order: int
    label: str
    steps: np.ndarray
    values: dict[str, np.ndarray]
    networks: int | None = None
    family: str = "n"

    @property
    def kind(self) -> tuple:
        """What colours it, and names it in the legend."""
        return self.family, self.order, self.label

    @property
    def count(self) -> int:
        """How many networks there are."""
        return self.networks or len(next(iter(self.values.values())))


def read_epochs(path: Path | str) -> list[tuple]:
    """Reads the values of `_KEPT` in each row of `epochs.jsonl`.

    Args:
        path: Path or string.

    Returns:
        List of tuples; empty if the file is not there or not whole.
    """
    try:
        lines = (read_file(path) or b"").splitlines()
        rows = [json.loads(line) for line in lines]
        return [tuple(float(row[name]) for name in _KEPT) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def image_count(images: int) -> str:
    """Returns `1 image a class`, `5 images a class`.

    Args:
        images: Integer.
    """
    return f"{images} image{'' if images == 1 else 's'} a class"


def find_courses(rows: list[Row], store: RunStore) -> dict[str, list[Course]]:
    """Groups what the networks of a study learnt from epoch to epoch.

    Args:
        rows: List of `Row`.
        store: `RunStore` that holds their networks.

    Returns:
        Dict from the title of a panel, a treatment, to its `Course`s, one
        for each `n`; of few target images, a panel for each `n` and a course
        for each number of images.
    """
    few = any(row.spec.target_images is not None for row in rows)
    lengths: dict[str, set[int]] = {}
    for row in rows:
        lengths.setdefault(row.spec.treatment, set()).add(
            row.spec.solver.epochs
        )
    family = "images" if few else "n"
    groups: dict[tuple, list[list[tuple]]] = {}
    for row in rows:
        spec = row.spec
        epochs = read_epochs(f"{store.network(spec).folder}/epochs.jsonl")
        if not epochs:
            continue
        panel, key = spec.treatment, (spec.n, f"n = {spec.n}")
        if few:
            images = images_a_class(row)
            panel += f", n = {spec.n}" if spec.n else ""
            key = images, image_count(images)
        if len(lengths[spec.treatment]) > 1:
            panel += f", {spec.solver.epochs} epochs"
        groups.setdefault((panel, key, len(epochs)), []).append(epochs)
    panels: dict[str, list[Course]] = {}
    for (panel, (order, label), length), members in groups.items():
        numbers = np.array(members)  # networks, epochs, kinds of values
        values = {name: numbers[..., i] for i, name in enumerate(_KEPT)}
        steps = np.arange(1, length + 1)
        panels.setdefault(panel, []).append(
            Course(order, label, steps, values, family=family)
        )
    return panels


def plot_courses(
    panels: dict[str, list[Course]],
    title: str,
    path: Path,
    unit: str = "epoch",
) -> list[Path]:
    """Draws means over networks, validation solid and training dashed.

    Args:
        panels: Dict from title to list of `Course`.
        title: String.
        path: Path without suffix.
        unit: String, what the steps count. Defaults to `"epoch"`.

    Returns:
        List of the paths written, SVG and PNG; empty without a panel.
    """
    if not panels:
        return []
    colours = _colours(panels)
    known = {name for cs in panels.values() for c in cs for name in c.values}
    metrics = [m for m in _METRICS if f"val_{m[0]}" in known]
    columns = min(_PANELS, len(panels))
    bands = -(-len(panels) // columns)
    with plt.rc_context(SETTINGS):
        figure, places = plt.subplots(
            bands * len(metrics),
            columns,
            figsize=(
                max(7.0, 2.2 + 3.1 * columns),
                0.9 + 3.0 * bands * len(metrics),
            ),
            sharex=len({len(c.steps) for cs in panels.values() for c in cs})
            == 1,
            squeeze=False,
            layout="constrained",
        )
        for axes in places.flat[:]:
            axes.set_visible(False)
        for number, (name, courses) in enumerate(panels.items()):
            band, column = divmod(number, columns)
            for index, (metric, text, factor) in enumerate(metrics):
                axes = places[band * len(metrics) + index, column]
                axes.set_visible(True)
                axes.xaxis.set_major_locator(
                    MaxNLocator(5, integer=True, min_n_ticks=1)
                )
                for course in courses:
                    colour = colours[course.kind]
                    _plot_course(axes, course, metric, factor, colour)
                if index == 0:
                    count = sum(course.count for course in courses)
                    head = f"{name} ({count} networks)"
                    axes.set_title(textwrap.fill(head, 36), fontsize=10)
                if index == len(metrics) - 1:
                    axes.set_xlabel(unit)
                    axes.tick_params(labelbottom=True)
                if column == 0:
                    axes.set_ylabel(text)
        for index in range(len(metrics)):
            _share_axis(places[index :: len(metrics)])
        trained = "accuracy" in known
        caption = "means over networks"
        if trained:
            caption += (
                "; shaded: lowest to highest validation\n"
                "training: mean over the batches of the epoch"
            )
        figure.suptitle(f"{title}: learning curves\n{caption}", fontsize=11)
        _add_legend(figure, colours, trained)
        return save(figure, path)


def _colours(panels: dict[str, list[Course]]) -> dict[tuple, tuple]:
    kinds = sorted({c.kind for cs in panels.values() for c in cs})
    colours = {}
    for family, name in _SCALES.items():
        members = [kind for kind in kinds if kind[0] == family]
        # The lightest yellow does not show on white.
        shades = plt.get_cmap(name)(np.linspace(0, 0.9, len(members)))
        colours.update(zip(members, shades, strict=True))
    return colours


def _plot_course(axes, course: Course, metric, factor, colour) -> None:
    look = {"color": colour, "lw": 1.5}
    mark = {"marker": "o", "ms": 3} if len(course.steps) < 3 else {}
    seen = course.values.get(f"val_{metric}")
    if seen is not None:
        seen = factor * seen
        axes.plot(course.steps, seen.mean(0), **look, **mark)
        if len(seen) > 1:
            axes.fill_between(
                course.steps,
                seen.min(0),
                seen.max(0),
                color=colour,
                alpha=0.1,
                lw=0,
            )
    if metric in course.values:
        trained = factor * course.values[metric].mean(0)
        look |= {"ls": (0, (3, 2)), "markerfacecolor": "white"}
        axes.plot(course.steps, trained, **look, **mark)


def _share_axis(places) -> None:
    """Gives all panels of one metric the same scale."""
    shown = [axes for axes in places.flat if axes.get_visible()]
    low = min(axes.get_ylim()[0] for axes in shown)
    high = max(axes.get_ylim()[1] for axes in shown)
    for axes in shown:
        axes.set_ylim(low, high)


def _add_legend(figure, colours: dict, trained: bool) -> None:
    handles = [
        Line2D([], [], color=colour, lw=2.5, label=label)
        for (_, _, label), colour in colours.items()
    ]
    handles.append(Line2D([], [], color=INK, label="validation"))
    if trained:
        handles.append(
            Line2D([], [], color=INK, ls=(0, (3, 2)), label="training")
        )
    figure.legend(handles=handles, fontsize=9, loc="outside right center")


def write_learning_curves(
    rows: list[Row], store: RunStore, title: str, folder: Path
) -> list[Path]:
    """Draws the learning curves of a study's networks.

    Args:
        rows: List of `Row`.
        store: `RunStore` that holds them.
        title: String.
        folder: Path.

    Returns:
        List of the paths written.
    """
    panels = find_courses(rows, store)
    return plot_courses(panels, title, folder / "learning_curves")


def published_panels() -> dict[str, list[Course]]:
    """Returns the learning curves of 2014, a panel for each treatment."""
    panels: dict[str, list[Course]] = {
        name: [] for name in ("base", "BnB", "AnB", "BnB+", "AnB+")
    }
    for course in published_courses():
        few = course.images is not None
        name = course.group
        if course.target:
            name = f"frozen, target {course.target}"
        elif few:
            name = "all classes, fewer images"
        elif name in ("base, all classes", "random"):
            name = "random layers, all classes"
        steps, values = zip(*course.points, strict=True)
        panels.setdefault(name, []).append(
            Course(
                course.images if few else course.n,
                image_count(course.images) if few else f"n = {course.n}",
                np.array(steps) / 1000,
                {"val_accuracy": np.array([values])},
                course.networks,
                "images" if few else "n",
            )
        )
    return panels
