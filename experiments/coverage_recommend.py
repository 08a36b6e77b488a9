"""Do the intervals of a recommendation hold what they promise?

Claim: the interval of the accuracy, nominal 95 %, covers 93 to 97 %; those of
all differences at once, and that of what copying is worth, no less. Correctness
is drawn from a model whose true accuracies are known: images differ in
difficulty, stages in what they find difficult, seeds in how well they train,
networks drawn anew in what they start from.

    python -m experiments.coverage_recommend

Cost: eight minutes of one core; writes coverage.csv, copying.csv and
coverage.md. Expected: the table of logs/published/recommend-coverage, where
that of copying reaches up to 100 %: two or three draws tell their spread badly.
"""

import csv
import dataclasses
import functools
import math
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from experiments.common.terminal import plain_main
from experiments.recommend import copying_coverage
from experiments.recommend.simulated import Setting, draw
from keras_transfer.analysis.rounding import rounded
from keras_transfer.errors import UserError
from keras_transfer.recommendation.decision import Candidate, decide
from keras_transfer.recommendation.told import tell
from keras_transfer.reports import markdown
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import write_atomically

_NEAR = (0.86, 0.865, 0.86, 0.85, 0.80)
_ALIKE = (0.7,) * 5
_HIGH = (0.985, 0.985, 0.98, 0.97, 0.95)
SETTINGS = tuple(
    Setting(accuracies, images, seeds, spread)
    for accuracies in (_NEAR, _ALIKE, _HIGH)
    for images, seeds, spread in (
        (50, 3, 0.05),
        (200, 1, 0.0),
        (200, 3, 0.05),
        (200, 3, 0.15),
        (1000, 3, 0.05),
        (1000, 5, 0.15),
    )
) + (
    Setting(_NEAR, 400, 3, 0.15, 0.0),
    Setting(_NEAR, 400, 2, 0.05),
    Setting((0.7, 0.68, 0.6), 400, 3, 0.05),
    Setting(tuple(np.linspace(0.9, 0.7, 11)), 400, 3, 0.05),
)


def measure(setting: Setting, repetitions: int, seed: int = 0) -> dict:
    """Counts how often intervals hold the truth, all of a sentence at once.

    No candidate stands from the beginning, so that any may be chosen.

    Args:
        setting: `Setting`.
        repetitions: Integer.
        seed: Integer. Defaults to `0`.

    Returns:
        Dict of shares: `accuracy`, the chosen one's interval on test images;
        `differences`, all of its differences to the others at once; `losses`,
        all losses against the truly best on validation images; `tells`, how
        often the data can tell, and `wrong`, how often they tell although
        the choice truly loses more than a tolerance of one point.
    """
    rng = np.random.default_rng(seed)
    truth = np.array(setting.accuracies)
    names = [f"stage {i + 1}" for i in range(len(truth))]
    candidates = [Candidate(name, i) for i, name in enumerate(names)]
    counts = dict.fromkeys(
        ("accuracy", "differences", "losses", "tells", "wrong"), 0
    )
    for repetition in range(repetitions):
        found = decide(candidates, draw(setting, rng), 0.01, repetition)
        told = tell(names, found.chosen, draw(setting, rng), repetition)
        own = names.index(found.chosen)
        counts["accuracy"] += told.low <= truth[own] <= told.high
        counts["differences"] += all(
            low <= truth[own] - truth[names.index(name)] <= high
            for name, (_, low, high) in told.differences.items()
        )
        counts["losses"] += all(
            loss.low - 1e-12 <= truth.max() - value <= loss.high + 1e-12
            for loss, value in zip(found.losses, truth, strict=True)
        )
        counts["tells"] += found.can_tell
        lost = truth.max() - truth[own] > 0.01 + 1e-12
        counts["wrong"] += found.can_tell and lost
    return {name: count / repetitions for name, count in counts.items()}


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    log_dir: str = "logs"
    """Folder whose recommend/ gets coverage.csv, copying.csv, coverage.md."""
    repetitions: int = 1000
    """Recommendations drawn a setting."""


def _cells(setting: Setting) -> list[str]:
    accuracies = ", ".join(f"{100 * a:g}" for a in setting.accuracies)
    spread = f"{setting.seed_spread:g}"
    if setting.seed_spread_last is not None:
        spread += f", the deepest {setting.seed_spread_last:g}"
    return [accuracies, str(setting.images), str(setting.seeds), spread]


_HEADINGS = {
    "accuracy": "accuracy, test",
    "differences": "differences, test",
    "losses": "losses, validation",
    "tells": "can tell",
    "wrong": "tells wrongly",
}


def table(rows: list[tuple[Setting, dict]], repetitions: int) -> str:
    """Returns the measured shares as Markdown, in percent.

    Args:
        rows: List of tuples of a `Setting` and what `measure` found of it.
        repetitions: Integer, recommendations that were drawn a setting.
    """
    heads = ["true accuracies (%)", "images", "seeds", "spread of seeds"]
    heads += list(_HEADINGS.values())
    body = [
        [*_cells(setting), *(f"{100 * found[name]:.1f}" for name in _HEADINGS)]
        for setting, found in rows
    ]
    reach = 196 * math.sqrt(0.95 * 0.05 / repetitions)
    lines = [
        "# Coverage of the intervals of a recommendation",
        "",
        f"Shares of {repetitions} simulated recommendations, in percent; "
        f"nominal 95, of which a measured value is within {reach:.1f} by "
        "chance. Accuracy: the interval of the chosen candidate. "
        "Differences: all intervals of its differences to the others at "
        "once. Losses: all intervals of losses against the truly best at "
        "once, which come from all pairs and so hold more often. Wrongly: "
        "the data are said to tell, yet the choice loses more than the "
        "tolerance of one point.",
        "",
        *markdown.table(heads, body),
    ]
    for name in ("accuracy", "differences", "losses"):
        mean = np.mean([found[name] for _, found in rows])
        share = rounded(100 * mean, signed=False)
        lines += ["", f"Mean of {_HEADINGS[name]}: {share}."]
    return markdown.document(lines)


def _csv(rows) -> str:
    lines = [
        "accuracies,images,seeds,seed_spread,seed_spread_last,"
        + ",".join(_HEADINGS)
    ]
    for setting, found in rows:
        last = setting.seed_spread_last
        cells = [
            " ".join(f"{a:g}" for a in setting.accuracies),
            str(setting.images),
            str(setting.seeds),
            f"{setting.seed_spread:g}",
            "" if last is None else f"{last:g}",
        ]
        cells += [f"{found[name]:.4f}" for name in _HEADINGS]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def _text(rows, copied, repetitions: int) -> str:
    worth = copying_coverage.table(copied, repetitions)
    return f"{table(rows, repetitions)}\n{worth}"


def committed_text(folder: Path) -> str:
    """Returns `coverage.md` of tables that this script wrote as it stands.

    Args:
        folder: Path of `coverage.csv` and `copying.csv`.
    """
    return _text(
        _read(folder / "coverage.csv", SETTINGS, _HEADINGS),
        _read(
            folder / "copying.csv",
            copying_coverage.SETTINGS,
            copying_coverage.HEADINGS,
        ),
        Options.repetitions,
    )


def _read(path: Path, settings: tuple, columns) -> list[tuple]:
    with path.open(newline="") as file:
        return [
            (setting, {name: float(line[name]) for name in columns})
            for setting, line in zip(
                settings, csv.DictReader(file), strict=True
            )
        ]


def _run_script(options: Options, console: Console) -> int:
    """Measures every setting; writes and prints the table."""
    if options.repetitions < 100:
        raise UserError(
            "Expected 100 repetitions or more, fewer say nothing about "
            f"a share near 95 %. Received: {options.repetitions}."
        )
    rows = [
        (setting, measure(setting, options.repetitions))
        for setting in track(SETTINGS, "Settings", console=console)
    ]
    copied = [
        (setting, copying_coverage.measure(setting, options.repetitions))
        for setting in track(
            copying_coverage.SETTINGS, "Copying", console=console
        )
    ]
    folder = user_path(options.log_dir) / "recommend"
    folder.mkdir(parents=True, exist_ok=True)
    text = _text(rows, copied, options.repetitions)
    write_atomically(folder / "copying.csv", copying_coverage.csv_text(copied))
    write_atomically(folder / "coverage.csv", _csv(rows))
    write_atomically(folder / "coverage.md", text)
    console.print(text, soft_wrap=True)
    return 0


main = functools.partial(
    plain_main, "coverage_recommend", __doc__, Options, _run_script
)


if __name__ == "__main__":
    sys.exit(main())
