import io
from pathlib import Path

from matplotlib import pyplot as plt

from keras_transfer.storage.files import write_atomically

SETTINGS = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_transfer",
    "legend.frameon": False,
}


PUBLISHED_GREY = "#8c8c8c"  # of all that is of 2014


def plot_estimates(
    axes, points: list[tuple], look: tuple[str, str, str, bool], label: str
) -> None:
    """Plots means joined by a line, with their 95 % t intervals as bars.

    Args:
        axes: Matplotlib axes.
        points: List of `(place, Estimate)`, values in 0..1.
        look: Tuple of marker, colour, dash and whether markers are filled.
        label: String, for the legend.
    """
    marker, colour, dash, filled = look
    axes.plot(
        [place for place, _ in points],
        [100 * value.mean for _, value in points],
        marker=marker,
        ls=dash,
        color=colour,
        markerfacecolor=colour if filled else "white",
        markersize=7,
        label=label,
    )
    for place, value in points:
        if value.t_low is not None:
            bar = [100 * value.t_low, 100 * value.t_high]
            axes.plot([place, place], bar, color=colour)


def save(figure, path: Path) -> list[Path]:
    """Writes a figure as SVG and PNG, closes it and returns the paths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    paths = [path.with_suffix(suffix) for suffix in (".svg", ".png")]
    for written in paths:
        # No date inside: the same results give the same bytes.
        metadata = {"Date": None} if written.suffix == ".svg" else None
        drawn = io.BytesIO()
        form = written.suffix.removeprefix(".")
        figure.savefig(drawn, format=form, dpi=130, metadata=metadata)
        write_atomically(written, drawn.getvalue())
    plt.close(figure)
    return paths
