"""Draws the paper's figures from its published results; trains nothing.

Claim: the paper's most quoted number, the boost of AnB+ over BnB+ of 1.4
points, pools halves of unequal difficulty; once halves are adjusted it is a
fifth of that, or nothing. The losses to co-adaptation and specificity stand.

    python -m experiments.reanalyse_2014

Cost: seconds. Expected: base - BnB at n 3 to 6 between +1.1 and +1.6 points;
AnB+ - BnB+ between 0.0 and 0.3 by yardstick, at most 0.74.
"""

import dataclasses
import functools
import math
import sys
from pathlib import Path

from rich.console import Console

from experiments.common.terminal import plain_main
from keras_transfer.analysis import (
    claims,
    pairs,
    primary,
    published_2014,
    results,
    verdicts,
)
from keras_transfer.analysis.contrasts import THESE
from keras_transfer.analysis.results import RANGES, Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.errors import UserError
from keras_transfer.reports import summary
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import write_atomically

TITLE = "Yosinski et al. 2014, from the published logs"
BOOSTS = ("BnB+", "AnB+")


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    log_dir: str = "logs"
    """Folder that reanalyse_2014/ is written to."""


def own_gains(rows: list[Row], treatment: str) -> list[tuple[int, float]]:
    """Returns `(n, accuracy minus that of the own target's base)`.

    Args:
        rows: List of `Row`, bases among them.
        treatment: String, such as `"AnB+"`.
    """
    gains = pairs.own_gains(rows)
    return [
        (row.spec.n, gains[row.spec]) for row in results.select(rows, treatment)
    ]


def pooled_gains(rows: list[Row], treatment: str) -> list[tuple[int, float]]:
    """Returns `(n, accuracy minus the mean of all bases)`.

    Args:
        rows: List of `Row`, bases among them.
        treatment: String, such as `"AnB+"`.
    """
    bases = [row.accuracy for row in results.select(rows, "base")]
    level = math.fsum(bases) / len(bases)
    return [
        (row.spec.n, row.accuracy - level)
        for row in results.select(rows, treatment)
    ]


def _mean(points, low: int, high: int) -> float:
    values = [value for n, value in points if low <= n <= high]
    return math.fsum(values) / len(values)


def boost_table(rows: list[Row]) -> list[str]:
    """Returns Table 1, pooled as printed beside the gains over own bases.

    Args:
        rows: List of `Row`, the networks of 2014.

    Returns:
        List of strings, one a line.
    """
    lines = [
        "| n | AnB+ - base, pooled | AnB+ - BnB+, pooled | AnB+ - own base "
        "| BnB+ - own base |",
        "| --- | --- | --- | --- | --- |",
    ]
    own = {name: own_gains(rows, name) for name in BOOSTS}
    for low, high in RANGES:
        over_base = results.pooled_difference(rows, "AnB+", "base", low, high)
        over_selffer = results.pooled_difference(
            rows, "AnB+", "BnB+", low, high
        )
        transfer, selffer = (
            _mean(own[name], low, high) for name in ("AnB+", "BnB+")
        )
        values = (over_base, over_selffer, transfer, selffer)
        cells = " | ".join(rounded(100 * value, 2) for value in values)
        lines.append(f"| {low}-{high} | {cells} |")
    return lines


def effects_table() -> list[str]:
    """Returns the effects of section 4.1 with 95 % intervals."""
    evidence = published_2014.published_evidence()
    lines = [
        "| effect | estimate | splits | verdict | mixed model of all |",
        "| --- | --- | --- | --- | --- |",
    ]
    parts = [[evidence.part(one)] for one in published_2014.EFFECTS]
    for comparison, verdict in zip(
        published_2014.EFFECTS, verdicts.judge(parts), strict=True
    ):
        layers = evidence.layers(comparison)
        found = published_2014.published_effect(comparison)
        model = published_2014.published_model(comparison.outcome)
        check = model.estimate(comparison.weigh(comparison, layers))
        cells = (
            comparison.name(layers),
            comparison.in_unit(found, 2),
            f"{found.splits}" + f", {THESE}" * (found.scope == THESE),
            verdict.name,
            comparison.in_unit(check, 2),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def boost_lines(pooled: float) -> list[str]:
    """Returns the boost by yardstick, and what that says, in Markdown.

    Args:
        pooled: Float, AnB+ - BnB+ as it was published, a share of 1.

    Returns:
        List of strings, one a line.
    """
    found = published_2014.boost_by_yardstick()
    lines = ["| halves judged by | AnB+ - BnB+, n 1 to 7 |", "| --- | --- |"]
    lines += [f"| {k} | {e.in_points(2)} |" for k, e in found.items()]
    means = [100 * e.mean for e in found.values()]
    highest = max(100 * e.high for e in found.values())
    return [
        f"**Published {100 * pooled:.1f} points; between {min(means):.1f} and "
        f"{max(means):.1f} by yardstick, at most {highest:.2f}, once halves "
        "are adjusted.** No half had both treatments, so these intervals are "
        "the mixed model's, and too short if one treatment varies more "
        "between splits than the others.",
        "",
        *lines,
    ]


def _targets_of(rows: list[Row], treatment: str) -> str:
    counts: dict[str, int] = {}
    for row in results.select(rows, treatment):
        half = f"{row.spec.data.split}{row.spec.target}"
        counts[half] = counts.get(half, 0) + 1
    return ", ".join(f"{half} ({n} networks)" for half, n in counts.items())


def summary_text(rows: list[Row]) -> str:
    """Returns the reanalysis in words and tables.

    Args:
        rows: List of `Row`, the networks of 2014 on halves.
    """
    drops = {
        name: dict(points)
        for name, points in published_2014.published_drops().items()
    }
    bases = {
        f"{row.spec.data.split}{row.spec.target}": row.accuracy
        for row in results.select(rows, "base")
    }
    done, gate = claims.trained_out(published_2014.published_evidence())
    random = published_2014.random_curve()
    whole = dict(random)[0]
    deep = max(value for n, value in random if n > 2)
    stuck = rounded(published_2014.random_losses()[3], 3, signed=False)
    mean = math.fsum(bases.values()) / len(bases)
    similar = -100 * drops["random halves"][7]
    dissimilar = -100 * drops["man-made / natural"][7]
    lines = [
        f"# {TITLE}",
        "",
        "    python -m experiments.reanalyse_2014",
        "",
        "148 of the 170 networks have a log; an accuracy is the mean of the "
        "10 highest validation accuracies, as in the paper.",
        "",
        f"- Base networks on halves: {mean:.3f} (8 networks); on all 1000 "
        f"classes: {whole:.3f}.",
        f"- Freezing 7 layers costs {similar:.1f} points between random "
        f"halves and {dissimilar:.1f} between natural and man-made classes.",
        "- Three and more random layers score at most "
        f"{100 * deep:.1f} %. "
        f"The network with three ended at a training loss of {stuck}, where "
        f"it began (ln 1000 = {math.log(published_2014.CLASSES):.3f}), as did "
        "those of figure S1 with 5 to 100 images a class: failures of "
        "optimisation, which say nothing about features.",
        "",
        "## Accuracy against n",
        "",
        *summary.accuracy_table(rows),
        "",
        "## Table 1, and what it mixes",
        "",
        "In points of accuracy, means over networks.",
        "",
        *boost_table(rows),
        "",
        f"AnB+ has logs for the targets {_targets_of(rows, 'AnB+')}, BnB+ for "
        f"{_targets_of(rows, 'BnB+')}. Half 0B is the easiest of the eight "
        f"(base {bases['0B']:.3f}), 0A the hardest ({bases['0A']:.3f}), so "
        "the pooled comparison adds the halves' difficulty to the treatment. "
        "No half was the target of both: how difficult each is, other "
        "networks have to tell.",
        "",
        *boost_lines(results.pooled_difference(rows, "AnB+", "BnB+", 1, 7)),
        "",
        "## What the other effects are, with intervals",
        "",
        "Points of accuracy, nats of training loss, and 95 % intervals: "
        f"{primary.RULE}. Networks are "
        "compared with others of their own target; directions and n are "
        f"averaged first. Verdicts are {verdicts.TOGETHER}. Beside them, as "
        "a check, the mixed model of all networks of all splits, halves as "
        "fixed effects.",
        "",
        *effects_table(),
        "",
        f"Bases {'are' if done else 'are not'} trained out ({gate}), so "
        "effects of cutting and fine-tuning are of that length "
        "of training.",
        "",
        "Limits: one run a network and one base a half; AnB+ and BnB+ have "
        "logs of two splits alone; 22 logs are missing.",
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> list[Path]:
    """Writes every figure and the summary.

    Args:
        folder: Path.

    Returns:
        List of the paths written, the summary last.
    """
    from keras_transfer.reports import figure2 as figures
    from keras_transfer.reports import figure3, learning_curves, schematic

    rows = published_2014.published_rows()
    folder.mkdir(parents=True, exist_ok=True)
    paths = schematic.plot_treatments(3, folder / "figure1")
    paths += figures.plot_figure2(rows, TITLE, folder / "figure2")
    paths += figures.plot_losses(rows, TITLE, folder / "losses")
    paths += figure3.plot_figure3(
        published_2014.dissimilar_curves(),
        {"random layers, base on all classes": published_2014.random_curve()},
        published_2014.published_drops(),
        TITLE,
        folder / "figure3",
    )
    paths += figure3.plot_reduced(
        published_2014.reduced_curve(),
        f"{TITLE}: fewer images",
        folder / "figureS1",
    )
    paths += figure3.plot_boost(
        {
            "pooled, as in Table 1: minus the mean of all 8 bases": {
                name: pooled_gains(rows, name) for name in BOOSTS
            },
            "paired: minus the base of the own target": {
                name: own_gains(rows, name) for name in BOOSTS
            },
        },
        TITLE,
        folder / "boost",
    )
    paths += learning_curves.plot_courses(
        learning_curves.published_panels(),
        TITLE,
        folder / "learning_curves",
        "1000 iterations",
    )
    path = folder / "summary.md"
    write_atomically(path, summary_text(rows))
    return [*paths, path]


def _run_script(options: Options, console: Console) -> int:
    """Writes every figure and prints the summary."""
    folder = user_path(options.log_dir) / "reanalyse_2014"
    try:
        paths = write(folder)
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error.strerror}). Choose another "
            "`--log-dir`."
        ) from error
    console.print(
        paths[-1].read_text(), markup=False, highlight=False, soft_wrap=True
    )
    for path in paths:
        if path.suffix != ".png":
            console.print(f"{path}", soft_wrap=True, highlight=False)
    return 0


main = functools.partial(
    plain_main, "reanalyse_2014", __doc__, Options, _run_script
)

if __name__ == "__main__":
    sys.exit(main())
