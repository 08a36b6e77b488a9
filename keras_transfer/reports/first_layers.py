"""The report on first layers: kernels, two tables, a figure and a page."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from keras_transfer.analysis import first_layers as tables
from keras_transfer.analysis.kernel_matching import match_kernels
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.results_table import results_csv
from keras_transfer.reports import first_layers_text
from keras_transfer.reports.style import (
    INK,
    LAYERS_LABEL,
    SETTINGS,
    plot_curve,
    save,
    series_look,
    zero_line,
)
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.storage.files import write_atomically

_GAP = 1  # pixels between kernels, in kernels' own


def write(
    rows: list[Row],
    measured,
    transfers: list[tuple],
    title: str,
    command: str,
    folder: Path,
) -> tuple[list[Path], list[str]]:
    """Writes figures, tables and summary.

    Args:
        rows: List of `Row`, the base networks.
        measured: `training.base_pairs.Measured`.
        transfers: List of `(n, points, low, high)`, AnB - base of a study
            that trained transfers; empty if there is none.
        title: String.
        command: String, the command that made the results.
        folder: Path; made if it is not there.

    Returns:
        Tuple of the paths written, the summary last, and of lines for the
        terminal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "results.csv": results_csv(rows),
        "kernels.csv": tables.as_csv(measured.kernels),
        "pairs.csv": tables.as_csv(measured.pairs),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    page = first_layers_text.text(folder, title, command)
    write_atomically(folder / "summary.md", page)
    paths = draw_kernels(measured.shown, title, folder / "kernels")
    paths += draw(
        measured.kernels,
        measured.pairs,
        transfers,
        title,
        folder / "first_layers",
    )
    paths += [folder / name for name in (*texts, "summary.md")]
    return paths, first_layers_text.findings(folder)


def draw_kernels(shown: dict, title: str, path: Path) -> list[Path]:
    """Draws the kernels of both halves, matched, above those of controls.

    Each kernel is drawn at its own contrast, grey being 0; signs of the
    second half are turned to those of the first.

    Args:
        shown: Dict from `training.base_pairs.Key` to kernels.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written; none without both halves.
    """
    trained = [key for key in sorted(shown) if key.weights == tables.TRAINED]
    firsts = [key for key in trained if key.target == "A"]
    if not firsts:
        return []
    key = firsts[0]
    others = [k for k in trained if (k.split, k.seed) == (key.split, key.seed)]
    if len(others) < 2:
        return []
    first, second = (shown[other] for other in others[:2])
    found = match_kernels(first, second)
    order = np.argsort(-found.cosines)
    turned = (second[..., found.places] * found.signs)[..., order]
    lines = [("baseA", first[..., order]), ("baseB, matched", turned)]
    lines += [
        (f"baseA, {other.weights}", shown[other])
        for other in sorted(shown)
        if (other.split, other.seed, other.target) == (key.split, key.seed, "A")
        and other.weights != tables.TRAINED
    ]
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            len(lines),
            1,
            figsize=(0.75 * first.shape[-1] + 1, 1.15 * len(lines) + 0.9),
            layout="constrained",
            squeeze=False,
        )
        for axes, (name, kernels) in zip(panels[:, 0], lines, strict=True):
            axes.imshow(_strip(kernels), interpolation="nearest")
            axes.set_title(name, fontsize=10, loc="left")
            axes.axis("off")
        side = first.shape[0]
        for place, cosine in enumerate(found.cosines[order]):
            panels[1, 0].text(
                place * (side + _GAP) + side / 2 - 0.5,
                side + 1.2,
                f"{cosine:.2f}",
                ha="center",
                va="center",
                fontsize=8,
            )
        figure.suptitle(
            f"{title}, split {key.split}: kernels of conv1, each at its own "
            "contrast\nbelow baseB: absolute cosine with the kernel above",
            fontsize=11,
        )
        return save(figure, path)


def _strip(kernels: np.ndarray) -> np.ndarray:
    side, count = kernels.shape[0], kernels.shape[-1]
    strip = np.ones((side, count * (side + _GAP) - _GAP, 3))
    for place in range(count):
        own = kernels[..., place]
        bound = float(np.abs(own).max()) or 1.0
        left = place * (side + _GAP)
        strip[:, left : left + side] = 0.5 + own / (2 * bound)
    return strip


def draw(
    kernels: list,
    pairs: list,
    transfers: list[tuple],
    title: str,
    path: Path,
) -> list[Path]:
    """Draws shares, matches and the similarity of layers.

    Args:
        kernels: List of `KernelRow`.
        pairs: List of `PairRow`.
        transfers: As of `write`.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written.
    """
    with plt.rc_context(SETTINGS):
        figure, grid = plt.subplots(
            2, 2, figsize=(12, 8.4), layout="constrained"
        )
        _draw_shares(grid[0, 0], kernels)
        _draw_matches(grid[1, 0], pairs)
        _draw_similarity(grid[0, 1], pairs)
        _draw_transfers(grid[1, 1], transfers)
        splits = first_layers_text.in_words(len({row.split for row in pairs}))
        figure.suptitle(f"{title}: {splits} (bars: 95 % intervals)")
        return save(figure, path)


def _draw_shares(axes, kernels: list) -> None:
    for index, weights in enumerate(tables.WEIGHTS):
        values = sorted(r.explained for r in kernels if r.weights == weights)
        if not values:
            continue
        look = series_look(index)
        heights = np.arange(1, len(values) + 1) / len(values)
        axes.step(
            100 * np.array([0, *values]),
            100 * np.array([0, *heights]),
            where="post",
            color=look.colour,
            ls=look.line,
            lw=2,
            label=f"{weights} ({len(values)} kernels)",
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.set_xlabel("energy that a Gabor function or a colour blob explains, %")
    axes.set_ylabel("kernels explained as much or less, %")
    axes.set_title("Shapes of conv1's kernels", fontsize=11)
    axes.legend(fontsize=9)


def _draw_matches(axes, pairs: list) -> None:
    measures = (
        (tables.MATCHED, "kernels of the other network", 0),
        (tables.MIXED, "random mixtures of them", 1),
    )
    for measure, label, index in measures:
        points = []
        for place, pair in enumerate(tables.PAIRS):
            found = tables.similarity(pairs, pair, measure)
            if found is not None:
                at = place + 0.1 * (2 * index - 1)
                points.append((at, found.mean, found.low, found.high))
        look = series_look(index)
        axes.plot([], [], ls="", label=label, **look.of_marks())
        for point in points:
            plot_curve(axes, [point], look)
    names = {
        tables.OTHER: "other classes",
        tables.SAME: "same classes,\nother seed",
        tables.SHUFFLED: "other classes,\none shuffled",
        tables.STARTS: "other classes,\nuntrained",
    }
    axes.set_xticks(range(len(tables.PAIRS)), map(names.get, tables.PAIRS))
    axes.set_xlim(-0.5, len(tables.PAIRS) - 0.5)
    axes.set_ylim(0, 1)
    axes.set_ylabel("mean absolute cosine of matched kernels")
    axes.set_title("Kernels of conv1 matched one to one", fontsize=11)
    axes.legend(fontsize=9)


def _draw_similarity(axes, pairs: list) -> None:
    labels = {
        tables.OTHER: "baseA and baseB: other classes",
        tables.SAME: "baseB and baseB: same classes, other seed",
        tables.SHUFFLED: "baseA on shuffled labels and baseB",
        tables.STARTS: "random starts of baseA and baseB",
    }
    for index, pair in enumerate(tables.PAIRS):
        points = []
        for layer in range(1, len(LAYER_NAMES) + 1):
            found = tables.similarity(pairs, pair, tables.CKA, layer)
            if found is not None:
                at = layer + 0.06 * (index - 1.5)
                points.append((at, found.mean, found.low, found.high))
        if points:
            plot_curve(axes, points, series_look(index), labels[pair], 5)
    axes.set_xticks(range(1, len(LAYER_NAMES) + 1), LAYER_NAMES)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("linear CKA on the same test images")
    axes.set_title("What layers put out", fontsize=11)
    axes.legend(fontsize=9)


def _draw_transfers(axes, transfers: list[tuple]) -> None:
    if not transfers:
        axes.set_visible(False)
        return
    axes.set_title("Transfers that were trained: AnB - base", fontsize=11)
    axes.set_xticks(range(1, len(LAYER_NAMES) + 1))
    axes.set_xlim(0.6, len(LAYER_NAMES) + 0.4)
    axes.set_xlabel(LAYERS_LABEL)
    axes.set_ylabel("points of test accuracy")
    plot_curve(axes, transfers, series_look(0))
    zero_line(axes)
    axes.text(
        0.05,
        0.08,
        "another recipe, wider, kernels of 3x3; one split\n(cifar100-similar)",
        transform=axes.transAxes,
        fontsize=9,
        color=INK,
    )
