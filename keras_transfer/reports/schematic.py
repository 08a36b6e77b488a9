"""The treatments as a drawing: which layers come from where, and which learn.

Figure 1 of the paper, in our words, for any n.
"""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.patches import Patch, Rectangle

from keras_transfer.reports.style import BLUE, INK, RED, SETTINGS, save
from keras_transfer.specs.network import LAYER_NAMES

_COLOURS = {"A": RED, "B": BLUE, "new": "#ffffff"}


def plot_treatments(n: int, path: Path) -> list[Path]:
    """Draws both bases, the selffer and the transfer networks.

    Args:
        n: Integer, copied layers, 1 to 7.
        path: Path without suffix.

    Returns:
        List of the paths written, SVG and PNG.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), figure 1.
    """
    rows = (
        ("baseA", None, "A", "trained on A"),
        ("baseB", None, "B", "trained on B: what all others are measured by"),
        (
            f"B{n}B, B{n}B+",
            "B",
            "B",
            "selffer: from baseB, new layers above, trained on B again",
        ),
        (
            f"A{n}B, A{n}B+",
            "A",
            "B",
            "transfer: from baseA, new layers above, trained on B",
        ),
    )
    count = len(LAYER_NAMES)
    with plt.rc_context({**SETTINGS, "axes.grid": False}):
        figure, axes = plt.subplots(figsize=(11, 5.6), layout="constrained")
        for row, (name, base, target, text) in enumerate(rows):
            top = 1.9 * (len(rows) - row)
            axes.text(-0.15, top + 0.4, name, ha="right", va="center")
            for index, layer in enumerate(LAYER_NAMES):
                copied = base is not None and index < n
                source = target if base is None else base if copied else "new"
                axes.add_patch(
                    Rectangle(
                        (index + 0.06, top),
                        0.88,
                        0.8,
                        facecolor=_COLOURS[source],
                        edgecolor=INK,
                        # A second sign beside the colour, also in grey.
                        hatch="//" if copied else None,
                    )
                )
                light = source != "new" and not copied
                axes.text(
                    index + 0.5,
                    top + 0.4,
                    layer,
                    ha="center",
                    va="center",
                    fontsize=10,
                    color="white" if light else INK,
                    bbox=(
                        {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                        if copied
                        else None
                    ),
                )
            axes.text(0.06, top - 0.28, text, fontsize=9.5, va="center")
        axes.set_xlim(-1.6, count)
        axes.set_ylim(1.4, 1.9 * len(rows) + 1)
        axes.axis("off")
        axes.set_title(f"The treatments, for n = {n}", fontsize=12)
        figure.legend(
            handles=[
                Patch(facecolor=_COLOURS["A"], edgecolor=INK, label="from A"),
                Patch(facecolor=_COLOURS["B"], edgecolor=INK, label="from B"),
                Patch(
                    facecolor="white",
                    edgecolor=INK,
                    label="new: random start, then trained on the target",
                ),
                Patch(
                    facecolor="white",
                    edgecolor=INK,
                    hatch="//",
                    label="copied: frozen, or with + fine-tuned on the target",
                ),
            ],
            loc="outside lower center",
            ncols=2,
            fontsize=9,
        )
        return save(figure, path)
