"""Do intervals labelled 95 % cover 95 %? Studies made up by the thousand.

Claim: the interval that is judged by (`keras_transfer.analysis.primary`: t
over splits from three splits on, with fewer the mixed model's, about these
halves) holds the true effect in 95 of 100 studies, give or take 2, from 1
split to 8 and from 1 seed to 4, whether effects vary between splits or not,
all treatments alike or one alone. With fewer than three splits and one seed it
holds it more often if a treatment that is not compared differs by points
between halves, or treatments differ at each n by itself. The mixed model from
three splits on does not if one treatment varies alone, and an interval over
pairs of split, half and seed does not if effects vary at all.

    python -m experiments.coverage

Cost: about 20 minutes of one core; trains nothing. Expected: 93 to 97 % in
each line of `logs/published/coverage`, give or take what a line is known to
(0.5 points below three splits), but for the six of one seed that are wide.
"""

import csv
import dataclasses
import functools
import io
import itertools
import sys

from rich.console import Console
from rich.progress import track

from experiments.common.made_up_studies import (
    APART,
    BASES,
    CHEAP,
    COLUMNS,
    EACH_N,
    HALF,
    LOSS,
    MODEL,
    NOISE,
    NOISIER,
    NOISY,
    ONE,
    OVER_SPLITS,
    TAU,
    Case,
    simulate,
)
from experiments.common.terminal import plain_main
from keras_transfer.analysis import contrasts, primary
from keras_transfer.analysis.rounding import rounded
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.treatments import TREATMENTS
from keras_transfer.storage.files import write_atomically

CASES = (
    *(
        Case(*values)
        for values in itertools.product(
            (1, 2, 3, 4, 8), (1, 2, 3, 4), (0.0, TAU)
        )
    ),
    *(
        Case(splits, seeds, TAU, scenario)
        for scenario in (ONE, BASES)
        for splits, seeds in itertools.product((1, 2, 3, 4, 8), (1, 2))
    ),
    *(
        Case(splits, seeds, LOSS, APART)
        for splits, seeds in itertools.product((1, 2), (1, 2, 3, 4))
    ),
    *(
        Case(splits, seeds, TAU, at_one_n=True)
        for splits, seeds in itertools.product((1, 2, 3, 4, 8), (1, 2, 3, 4))
    ),
    *(
        Case(splits, seeds, TAU, scenario, at_one_n=True)
        for scenario in (BASES, NOISY)
        for splits, seeds in itertools.product((1, 2), (2, 4))
    ),
    # With more seeds, or splits, an effect is estimated by itself.
    *(Case(splits, 1, TAU, EACH_N, at_one_n=True) for splits in (1, 2)),
)


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    repetitions: int = 2000
    """Studies made up for each line below three splits; from there on five
    times as many."""
    seed: int = 0
    """Of the random numbers."""
    log_dir: str = "logs"
    """Folder that coverage/ is written to."""


def table_text(lines: list[dict]) -> str:
    """Returns `coverage.csv`.

    Args:
        lines: List of dicts with the keys `COLUMNS`, as of `simulate`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def judged_range(lines: list[dict]) -> tuple[str, str, str]:
    """Returns lowest, mean and highest coverage of what is judged by, in %.

    Args:
        lines: List of dicts with the keys `COLUMNS`; those that are too wide
            do not count; see `too_wide`.
    """
    values = [float(e["judged_by"]) for e in lines if not too_wide(e)]
    found = min(values), sum(values) / len(values), max(values)
    low, mean, high = (rounded(value, signed=False) for value in found)
    return low, mean, high


def too_wide(line: dict) -> bool:
    """Tells where an interval has to cover more than it says.

    With one seed of fewer than three splits all networks tell the noise, and
    one treatment that differs by points from half to half widens all; so do
    treatments that differ at each n by itself, from two splits on.

    Args:
        line: Dict with the keys `COLUMNS`.
    """
    apart = line["scenario"] == APART
    apart |= line["scenario"] == EACH_N and str(line["splits"]) == "2"
    return apart and str(line["seeds"]) == "1"


def _span(lines: list[dict], without: str) -> str:
    """Says between what the intervals of some lines cover, in %."""
    values = [float(line["judged_by"]) for line in lines]
    return f"{min(values):.1f} to {max(values):.1f} %" if values else without


def error(studies: int) -> float:
    """Returns the standard error of a coverage of 95 %, in points.

    Args:
        studies: Integer.
    """
    share = contrasts.LEVEL
    return 100 * (share * (1 - share) / studies) ** 0.5


def summary_text(lines: list[dict]) -> str:
    """Returns `coverage.md`.

    Args:
        lines: List of dicts with the keys `COLUMNS`, as of `simulate`.
    """
    header = (
        "what varies",
        "splits",
        "seeds",
        "tau, points",
        "effect",
        "judged by",
        "covers, %",
        "width",
        "mixed model, %",
        "its width",
        "t over pairs, %",
    )
    hidden = ("about", "studies", "model_studies")
    columns = [c for c in COLUMNS if c not in hidden]
    low, mean, high = judged_range(lines)
    studies = {line["method"]: int(line["studies"]) for line in reversed(lines)}
    alone = [
        float(line["model"])
        for line in lines
        if line["scenario"] == ONE
        and line["method"] == OVER_SPLITS
        and line["model"]
    ]
    wide = [line for line in lines if too_wide(line)]
    widest, by_n = (
        _span([e for e in wide if e["scenario"] == name], "more")
        for name in (APART, EACH_N)
    )
    counted = len(lines) - len(wide)
    of_bases = [
        line
        for line in lines
        if (line["scenario"], line["method"]) == (BASES, MODEL)
    ]
    alike = [line for line in of_bases if str(line["seeds"]) == "1"]
    at_one_n = [e for e in of_bases if "n = " in e["effect"]]
    noisy = [
        line
        for line in lines
        if line["scenario"] == NOISY and "- AnB" in line["effect"]
    ]
    least, shared = _span(alike, "less"), _span(at_one_n, "more")
    worst = f"{min(alone):.1f} to {max(alone):.1f} %" if alone else "fewer"
    rows = [header, ["---"] * len(header)]
    rows += [[str(line[c]) for c in columns] for line in lines]
    known = ", ".join(
        f"{method}: {count} studies a line, known to {error(count):.1f} points"
        for method, count in sorted(studies.items())
    )
    return "\n".join(
        [
            "# Do intervals labelled 95 % cover 95 %?",
            "",
            "    python -m experiments.coverage",
            "",
            "Made-up studies: cnn8's halves A and B, a base and "
            f"{', '.join(TREATMENTS)} at n = 3, 5, 7; a network's noise "
            f"{NOISE} points, a half's difficulty {HALF:.0f}. An effect "
            "varies between splits by `tau`. Below three splits an interval "
            "is about the effect in these halves, else about that in random "
            "halves.",
            "",
            f"Effects are judged by {primary.RULE}. That covers {low} to "
            f"{high} % in {counted} lines, {mean} in the mean ({known}; "
            "one standard error). With one seed and fewer than three splits "
            f"they cover {widest} where AnB differs by {LOSS:.0f} points "
            "between halves, and are wide: one noise has to serve for all "
            f"treatments; {by_n} where in two splits each treatment differs at "
            "each n by itself, for that is noise to a model of all n. "
            f"They cover {least} where networks copied from one "
            "base are alike, which so few of them do not tell; of one n and "
            f"with seeds {shared}, as what they share is noise then. Of one n "
            f"with seeds, BnB - AnB is covered by {_span(noisy, 'less')} where "
            f"AnB is {NOISIER} times as noisy as the others.",
            "",
            "Beside it, what is not used. The mixed model from three splits "
            f"on has one variance for all treatments: where `{ONE}` varies it "
            f"covers {worst} (a check of fewer studies, and of two seeds at "
            "most). t over pairs of split, half and seed takes pairs of one "
            "split as independent, which they are not once effects vary.",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
        ]
    )


def _run_script(options: Options, console: Console) -> int:
    """Simulates each kind of study; writes and prints the table."""
    if options.repetitions < 1:
        raise UserError(
            "Expected `--repetitions` of at least 1. "
            f"Received: {options.repetitions}."
        )
    folder = user_path(options.log_dir) / "coverage"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        console.print(
            f"{len(CASES)} kinds of study, {options.repetitions} of each or "
            f"{CHEAP} times as many."
        )
        lines = []
        for case in track(CASES, "simulating", console=console):
            lines += simulate(case, options.repetitions, options.seed)
        text = summary_text(lines)
        write_atomically(folder / "coverage.csv", table_text(lines))
        write_atomically(folder / "coverage.md", text)
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error.strerror}). Choose another "
            "`--log-dir`."
        ) from error
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


main = functools.partial(plain_main, "coverage", __doc__, Options, _run_script)

if __name__ == "__main__":
    sys.exit(main())
