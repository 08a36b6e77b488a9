"""The page on first layers, computed from its three tables."""

import csv
from pathlib import Path

import numpy as np

from keras_transfer.analysis import first_layers as tables
from keras_transfer.analysis import verdicts
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.primary import RULE
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports import markdown
from keras_transfer.specs.origins import LAYER_NAMES

_SHAPES = (
    "A kernel's share is the part of its energy (sum of squares over pixels "
    "and colours) that the better of two shapes explains, each in one colour: "
    "a Gabor function with seven fitted numbers, or a Gaussian blob with five, "
    "and the colour beside "
    "(`keras_transfer/analysis/kernel_shapes.py`). So many numbers explain a "
    "part of noise too: that is the share of untrained kernels."
)
_MATCHES = (
    "Kernels are matched one to one by the Hungarian method, signs free, "
    "shifts not. Chance is told twice: by random starts, and by random "
    "mixtures of the other network's kernels, which have the same span and "
    "second moments but are no particular kernels. What kernels match beyond "
    "mixtures is that both networks found the same ones."
)
_LIMITS = (
    "One data set, one small network, images of 32 pixels, few training images "
    "and few epochs. Both halves are of one set of photographs, so that "
    "*whatever the data* is asked of other classes alone, not of other images. "
    "Random starts see no trained batch normalisation. CKA compares outputs as "
    "a whole: it does not say whether the layers above could use the other "
    "network's features, which is what a transfer tests; the trained curve "
    "beside is of another recipe. All splits share their test images."
)


def in_words(splits: int) -> str:
    """Says a number of splits.

    Args:
        splits: Integer.
    """
    return f"{splits} split{'' if splits == 1 else 's'}"


def text(folder: Path, title: str, command: str) -> str:
    """Returns the summary in Markdown.

    Args:
        folder: Path of `results.csv`, `kernels.csv` and `pairs.csv`.
        title: String.
        command: String, the command that made them.
    """
    kernels = tables.read_kernels(folder / "kernels.csv")
    pairs = tables.read_pairs(folder / "pairs.csv")
    lines = [
        *markdown.heading(title, command),
        trained(folder),
        "",
        *(f"- {line}" for line in findings(folder)),
        "",
        "## Shapes of conv1's kernels",
        "",
        *markdown.table(
            ["weights", "networks", "explained, %", "Gabor, %", "blob, %"],
            [_share_line(kernels, weights) for weights in tables.WEIGHTS],
        ),
        "",
        _SHAPES,
        "",
        "## Kernels matched",
        "",
        *markdown.table(
            ["networks", "mean cosine", "with mixtures", "difference"],
            [_match_line(pairs, pair) for pair in tables.PAIRS],
        ),
        "",
        _MATCHES,
        "",
        "## Layers compared",
        "",
        "Debiased linear CKA of what each layer puts out for the same test "
        "images of all classes, the first of each class; nothing was chosen "
        "by them.",
        "",
        *markdown.table(
            ["layer", *tables.PAIRS, f"{tables.SAME} - {tables.OTHER}"],
            [
                _layer_line(pairs, layer)
                for layer in range(1, len(LAYER_NAMES) + 1)
            ],
        ),
        "",
        f"Intervals are of 95 %: {RULE}. *{tables.OTHER}*: baseA and baseB; "
        f"*{tables.SAME}*: baseB and baseB of another seed; "
        f"*{tables.SHUFFLED}*: baseA trained on labels dealt at random, and "
        f"baseB; *{tables.STARTS}*: the random starts of baseA and baseB.",
        "",
        "## What this cannot say",
        "",
        _LIMITS,
    ]
    return markdown.document(lines)


def trained(folder: Path) -> str:
    """Says which networks there are and what they reached.

    Args:
        folder: Path of `results.csv`.
    """
    with (folder / "results.csv").open(newline="") as table:
        networks = list(csv.DictReader(table))
    dealt = [row for row in networks if tables.SHUFFLED in row["name"]]
    true = [row for row in networks if row not in dealt]

    def mean(rows, column):
        values = [float(row[column]) for row in rows]
        return rounded(100 * float(np.mean(values)), signed=False)

    splits = in_words(len({row["split"] for row in true}))
    said = (
        f"{len(true)} base networks of {splits}: "
        f"{mean(true, 'test_accuracy')} % on test images, "
        f"{mean(true, 'train_accuracy')} % on training images."
    )
    if dealt:
        said += (
            f" {len(dealt)} on labels dealt at random: "
            f"{mean(dealt, 'train_accuracy')} % of these learnt."
        )
    return said


def findings(folder: Path) -> list[str]:
    """Says what was found, a line each question.

    Args:
        folder: Path of `kernels.csv` and `pairs.csv`.

    Returns:
        List of strings; of questions that were asked of no network, none.
    """
    kernels = tables.read_kernels(folder / "kernels.csv")
    pairs = tables.read_pairs(folder / "pairs.csv")
    lines = []
    share = tables.share(kernels, tables.TRAINED)
    if share is not None:
        minus = [
            tables.share(kernels, tables.TRAINED, other)
            for other in (tables.UNTRAINED, tables.SHUFFLED)
        ]
        lines.append(
            "Of a trained kernel's energy a Gabor function or a colour blob "
            f"explains {_in_percent(share)} %. In points, minus untrained "
            f"kernels: {_points(minus[0])}; minus kernels trained on shuffled "
            f"labels: {_points(minus[1])}."
        )
    matched = tables.similarity(pairs, tables.OTHER, tables.MATCHED)
    if matched is not None:
        lines.append(
            "Matched kernels of baseA and baseB have a mean absolute cosine "
            f"of {_plain(matched)}. Minus random mixtures: "
            f"{_signed(_beyond(pairs, tables.OTHER))}; minus random starts: "
            f"{_signed(_against(pairs, tables.STARTS))}; minus two networks "
            f"of the same classes: {_signed(_against(pairs, tables.SAME))}."
        )
        first, *_, last = range(1, len(LAYER_NAMES) + 1)
        lines.append(
            "Linear CKA of baseA and baseB on the same test images: "
            + ", ".join(
                f"{LAYER_NAMES[layer - 1]} {_plain(_cka(pairs, layer))}"
                for layer in (first, 5, 7, last)
            )
            + ". By so much are two networks of the same classes more alike: "
            + ", ".join(
                f"{LAYER_NAMES[layer - 1]} {_signed(_specific(pairs, layer))}"
                for layer in (first, 5, 7, last)
            )
            + "."
        )
    return lines


def in_short(folder: Path) -> str:
    """Says what was found in a line: shapes, kernels, first and last layer.

    Each has its yardstick beside: two networks of the same classes.

    Args:
        folder: Path of `kernels.csv` and `pairs.csv`.
    """
    kernels = tables.read_kernels(folder / "kernels.csv")
    pairs = tables.read_pairs(folder / "pairs.csv")
    explained, untrained, shuffled = (
        tables.share(kernels, tables.TRAINED, *other)
        for other in ((), (tables.UNTRAINED,), (tables.SHUFFLED,))
    )
    alike = ", ".join(
        f"{LAYER_NAMES[layer - 1]} {_plain(_cka(pairs, layer))}"
        for layer in (1, len(LAYER_NAMES))
    )
    beyond, by_labels = _judged([untrained, shuffled])
    return (
        f"Such shapes explain {_in_percent(explained)} % of a kernel's energy; "
        f"minus untrained {beyond}, minus shuffled labels {by_labels}. "
        "Matched kernels, other - same classes: "
        f"{_signed(_against(pairs, tables.SAME))}. CKA of baseA and baseB: "
        f"{alike}; same - other classes: "
        f"{_signed(_specific(pairs, len(LAYER_NAMES)))}"
    )


def _judged(estimates: list[ModelEstimate | None]) -> list[str]:
    """Says differences in points, and the verdicts on them together."""
    parts = [[verdicts.Part(one, margin=None)] for one in estimates]
    return [
        _points(one) if one is None else f"{_points(one)} ({verdict.name})"
        for one, verdict in zip(estimates, verdicts.judge(parts), strict=True)
    ]


def _share_line(kernels, weights: str) -> list[str]:
    networks = {
        (row.split, row.seed, row.target)
        for row in kernels
        if row.weights == weights
    }
    shapes = ("explained", "gabor", "blob")
    return [
        weights,
        str(len(networks)),
        *(
            _in_percent(tables.share(kernels, weights, shape=shape))
            for shape in shapes
        ),
    ]


def _match_line(pairs, pair: str) -> list[str]:
    return [
        pair,
        _plain(tables.similarity(pairs, pair, tables.MATCHED)),
        _plain(tables.similarity(pairs, pair, tables.MIXED)),
        _signed(_beyond(pairs, pair)),
    ]


def _layer_line(pairs, layer: int) -> list[str]:
    found = [
        _plain(tables.similarity(pairs, pair, tables.CKA, layer))
        for pair in tables.PAIRS
    ]
    specific = _specific(pairs, layer)
    return [LAYER_NAMES[layer - 1], *found, _signed(specific)]


def _beyond(pairs, pair: str) -> ModelEstimate | None:
    minus = (pair, tables.MIXED)
    return tables.similarity(pairs, pair, tables.MATCHED, minus=minus)


def _against(pairs, other: str) -> ModelEstimate | None:
    minus = (other, tables.MATCHED)
    return tables.similarity(pairs, tables.OTHER, tables.MATCHED, minus=minus)


def _cka(pairs, layer: int) -> ModelEstimate | None:
    return tables.similarity(pairs, tables.OTHER, tables.CKA, layer)


def _specific(pairs, layer: int) -> ModelEstimate | None:
    minus = (tables.OTHER, tables.CKA)
    return tables.similarity(pairs, tables.SAME, tables.CKA, layer, minus)


def _signed(
    estimate: ModelEstimate | None, factor: float = 1, digits: int = 2
) -> str:
    return _plain(estimate, factor, digits, signed=True)


def _points(estimate: ModelEstimate | None) -> str:
    return _signed(estimate, 100, 1)


def _in_percent(estimate: ModelEstimate | None) -> str:
    return _plain(estimate, 100, 1)


def _plain(
    estimate: ModelEstimate | None,
    factor: float = 1,
    digits: int = 2,
    signed: bool = False,
) -> str:
    """Says a mean, and its interval if there is one."""
    if estimate is None:
        return "not measured"
    ends = (estimate.mean, estimate.low, estimate.high)
    mean, *interval = (
        None if end is None else rounded(factor * end, digits, signed)
        for end in ends
    )
    if interval[0] is None:
        return mean
    return f"{mean} [{', '.join(interval)}]"
