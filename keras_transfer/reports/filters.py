"""First-layer kernels of base networks side by side, as the paper opens.

Read from `model.keras` without TensorFlow: it is a zip archive with the
weights as HDF5 inside.
"""

import zipfile
from pathlib import Path

import h5py
import numpy as np
from matplotlib import pyplot as plt

from keras_transfer.analysis.results import Row
from keras_transfer.errors import UserError
from keras_transfer.reports.style import SETTINGS, save
from keras_transfer.storage.store import RunStore

# Keras files the weights of a layer by its class: the first convolution.
_CONV1 = "layers/conv2d/vars/0"
MOST_FIGURES = 8  # of a report; more tell nothing that these do not
_CLIPPED = 0.001  # share of the values that one scale for all leaves out


def first_layer_kernels(path: Path) -> np.ndarray:
    """Reads the kernels of conv1 out of a saved network.

    Args:
        path: Path of a `model.keras` of this package.

    Returns:
        `float32` array `(height, width, 3, kernels)`.

    Raises:
        UserError: If it is not such a file.
    """
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open("model.weights.h5") as file,
            h5py.File(file, "r") as weights,
        ):
            kernels = weights[_CONV1][:]
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"Cannot read the first layer of {path}: {error}. Expected a "
            "network of this package; delete its folder to train it again."
        ) from error
    return kernels


def mosaic(kernels: np.ndarray, bound: float) -> np.ndarray:
    """Puts kernels side by side as colours, enlarged without smoothing.

    Args:
        kernels: Array `(height, width, 3, n)`.
        bound: Float, the value drawn white; minus that is black, 0 is grey.

    Returns:
        `float64` array `(rows, columns, 3)` of values in 0..1; gaps are 1.
    """
    height, width, _, count = kernels.shape
    columns = _columns(count)
    rows = -(-count // columns)
    zoom, gap = -(-40 // height), 4
    steps = zoom * height + gap, zoom * width + gap
    tiles = np.ones((rows * steps[0] - gap, columns * steps[1] - gap, 3))
    coloured = np.clip(0.5 + kernels / (2 * bound), 0, 1)
    for index in range(count):
        top, left = (index // columns) * steps[0], (index % columns) * steps[1]
        tile = coloured[..., index].repeat(zoom, 0).repeat(zoom, 1)
        tiles[top : top + zoom * height, left : left + zoom * width] = tile
    return tiles


def _columns(count: int) -> int:
    """Returns a number of columns that fills the last row, if there is one."""
    wide = round((1.5 * count) ** 0.5)
    whole = [c for c in range(wide // 2 + 1, 2 * wide) if count % c == 0]
    return min(whole, key=lambda c: abs(c - wide), default=wide)


def plot_filters(
    kernels: dict[str, np.ndarray], title: str, path: Path
) -> list[Path]:
    """Draws the kernels of several networks on one scale.

    Args:
        kernels: Dict from a network's name to its kernels, in RGB.
        title: String.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.
    """
    every = np.concatenate([np.abs(k).ravel() for k in kernels.values()])
    bound = float(np.quantile(every, 1 - _CLIPPED)) or 1.0
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(
            1,
            len(kernels),
            figsize=(7 * len(kernels), 5.6),
            squeeze=False,
            layout="constrained",
            # Ticks would be laid out although none is seen.
            subplot_kw={"xticks": [], "yticks": []},
        )
        for axes, (name, values) in zip(
            panels[0], kernels.items(), strict=True
        ):
            height, width, _, count = values.shape
            axes.imshow(mosaic(values, bound), interpolation="nearest")
            axes.set_title(f"{name}: {count} kernels of {height}x{width}")
            axes.axis("off")
        figure.suptitle(
            f"{title}\nconv1, red, green, blue; grey is 0, black "
            f"{-bound:.2g}, white {bound:.2g}, one scale for all",
            fontsize=11,
        )
        return save(figure, path)


def write_filters(rows: list[Row], store: RunStore, folder: Path) -> list[Path]:
    """Draws the base networks of a division and a seed side by side.

    There is a figure for each, up to `MOST_FIGURES`.

    Args:
        rows: List of `Row`; of these the bases on all their images.
        store: `RunStore` that holds their networks.
        folder: Path.

    Returns:
        List of the paths written.
    """
    bases = [
        row
        for row in rows
        if row.spec.is_base
        and row.spec.model.content is None  # conv1 is ours
        and row.spec.target_images is None
        and row.result.model_sha256
    ]
    lengths = {row.spec.solver.epochs for row in bases}
    groups: dict[tuple, dict[str, np.ndarray]] = {}
    titles = {}
    halves = [row for row in bases if row.spec.target != "all"]
    for row in halves or bases:
        spec = row.spec
        key = spec.division, spec.seed
        titles[key] = f"{spec.data.name}, {spec.division}, seed {spec.seed}"
        if len(groups) < MOST_FIGURES:
            groups.setdefault(key, {})
    for row in bases:
        spec = row.spec
        name = spec.label
        if len(lengths) > 1:
            name += f", {spec.solver.epochs} epochs"
        # A network on all classes stands beside every pair of its seed.
        drawn = [
            key
            for key in groups
            if key == (spec.division, spec.seed)
            or (spec.target == "all" and key[1] == spec.seed)
        ]
        if not drawn:
            continue
        kernels = first_layer_kernels(store.network(spec).model_path)
        if spec.data.channels == "bgr":
            kernels = kernels[:, :, ::-1]
        for key in drawn:
            groups[key][name] = kernels
    paths = []
    for (division, seed), kernels in groups.items():
        name = f"filters-{division}-seed{seed}"
        title = titles[division, seed]
        paths += plot_filters(kernels, title, folder / name)
    return paths
