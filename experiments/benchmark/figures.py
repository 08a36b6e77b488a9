"""The figures of a benchmark: where time goes, and how cost grows."""

from pathlib import Path

from experiments.benchmark import timeline
from keras_transfer.reports.style import (
    INK,
    SETTINGS,
    plot_curve,
    save,
    series_look,
)

# From light to dark, so that neighbours differ in grey too.
_COLOURS = (
    "#d9d9d9",
    "#8c8c8c",
    "#c7ddf2",
    "#f2c48d",
    "#1f5fa8",
    "#e6a1a1",
    "#7a7a00",
    "#b03030",
    "#222222",
)
_SHARE_SHOWN = 0.03  # a part that is less of the longest bar has no number


def write_figures(found: dict, folder: Path) -> list[Path]:
    """Draws what was measured.

    Args:
        found: Dict, content of `benchmark.json`; any part may be absent.
        folder: Path.

    Returns:
        List of the paths written, SVG and PNG.
    """
    paths = []
    if found.get("network"):
        paths += _plot_parts(found["network"], folder / "parts")
    if found.get("growth") or found.get("made_up"):
        paths += _plot_growth(found, folder / "growth")
    return paths


def _plot_parts(part: dict, path: Path) -> list[Path]:
    """Draws a bar for each network, divided by what the time went into."""
    from matplotlib import pyplot as plt

    names = (timeline.START, timeline.COMPILING, *timeline.PARTS)
    networks = part["networks"]
    shown = _SHARE_SHOWN * max(sum(each.values()) for each in networks.values())
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
        for row, seconds in enumerate(networks.values()):
            left = 0.0
            for name, colour in zip(names, _COLOURS, strict=True):
                width = seconds.get(name, 0.0)
                axes.barh(
                    row,
                    width,
                    left=left,
                    color=colour,
                    edgecolor="white",
                    height=0.6,
                    label=name if row == 0 else None,
                )
                if width >= shown:
                    dark = sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))
                    axes.text(
                        left + width / 2,
                        row,
                        f"{width:.1f}",
                        ha="center",
                        va="center",
                        fontsize=8,
                        color="white" if dark < 380 else INK,
                    )
                left += width
        axes.set_yticks(range(len(networks)), list(networks))
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("seconds of one process, one thread (medians)")
        figure.suptitle(
            f"Where the time of a network goes ({part['images']:,} training "
            "images shown)"
        )
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        return save(figure, path)


def _plot_growth(found: dict, path: Path) -> list[Path]:
    """Draws what studies take against their number of networks."""
    from matplotlib import pyplot as plt

    panels = {
        "Smoke studies, trained and reported": _of_trained(found),
        "Finished networks, made up": _of_made_up(found),
    }
    panels = {title: curves for title, curves in panels.items() if curves}
    if not panels:
        return []
    with plt.rc_context(SETTINGS):
        figure, row = plt.subplots(
            1,
            len(panels),
            figsize=(0.7 + 4.4 * len(panels), 4.2),
            layout="constrained",
            squeeze=False,
        )
        for axes, (title, curves) in zip(row[0], panels.items(), strict=True):
            for index, (name, points) in enumerate(curves.items()):
                plot_curve(axes, points, series_look(index), name)
            _plot_proportion(axes, list(curves.values()))
            axes.set_title(title)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("networks")
            axes.set_ylabel("core-seconds")
            axes.legend()
        return save(figure, path)


def _of_trained(found: dict) -> dict[str, list[tuple]]:
    points = [
        (case["networks"], case["core_seconds"])
        for case in found.get("growth") or []
        if "core_seconds" in case  # earlier files have the seconds alone
    ]
    return {"2 workers": points} if points else {}


def _of_made_up(found: dict) -> dict[str, list[tuple]]:
    rows = found.get("made_up") or []
    names = [name for name in (rows[0] if rows else {}) if name != "networks"]
    return {
        name: [(row["networks"], row[name]) for row in rows] for name in names
    }


def _plot_proportion(axes, curves: list[list[tuple]]) -> None:
    """Draws what would grow as the networks do, through the highest end."""
    first = min(points[0][0] for points in curves)
    last, top = max((points[-1] for points in curves), key=lambda end: end[1])
    axes.plot(
        [first, last],
        [top * first / last, top],
        color="#8c8c8c",
        lw=0.9,
        label="in proportion",
    )
