"""Do intervals labelled 95 % cover 95 %? Studies made up by the hundred.

Claim: the mixed model's intervals hold the true effect in 95 of 100 studies,
give or take 2 and the table's own error, from 1 split to 8 and from 1 seed to
4, whether or not effects vary between splits, as long as all treatments vary
alike; an interval over pairs of split, half and seed does not.

    python -m experiments.coverage

Cost: not measured; trains nothing. Expected: 93 to 97 %, give
or take the table's own error (see `logs/published/coverage`).
"""

import csv
import dataclasses
import functools
import io
import itertools
import sys

import numpy as np
from rich.console import Console
from rich.progress import track

from experiments.common.terminal import plain_main
from keras_transfer.analysis import contrasts, mixed_model
from keras_transfer.analysis.contrasts import FEWEST_SPLITS, Observation
from keras_transfer.analysis.intervals import t_interval
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.treatments import OWN, TREATMENTS, find_treatment
from keras_transfer.storage.files import write_atomically

LAYERS = (3, 5, 7)
NOISE = 0.47  # points, of a network; see `keras_transfer.analysis.power`
HALF = 2.0  # points, of the difficulty of a half
COLUMNS = (
    "scenario",
    "splits",
    "seeds",
    "tau",
    "effect",
    "about",
    "repetitions",
    "model",
    "over_splits",
    "over_pairs",
    "model_width",
    "over_splits_width",
)
EVERY, ONE, BASES = "every treatment", "AnB+ alone", "source bases"
EFFECTS = {
    "AnB+ - base": contrasts.difference(
        [("AnB+", n, None) for n in LAYERS], [("base", 0, None)]
    ),
    "AnB+ - BnB+": contrasts.difference(
        [("AnB+", n, None) for n in LAYERS],
        [("BnB+", n, None) for n in LAYERS],
    ),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What this script can be told."""

    repetitions: int = 500
    """Studies made up for each line of the table."""
    seed: int = 0
    """Of the random numbers."""
    log_dir: str = "logs"
    """Folder that coverage/ is written to."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of study.

    Args:
        splits, seeds: Integers.
        tau: Float, points: how much an effect varies between splits.
        scenario: String, what varies: `EVERY` treatment, so that each
            difference of two does by `tau`; `ONE`, which the model's single
            variance does not foresee; or `BASES`, as `EVERY`, and networks
            that copy from one base share 0.2 points.
    """

    splits: int
    seeds: int
    tau: float
    scenario: str = EVERY


CASES = (
    *(
        Case(*values)
        for values in itertools.product((1, 2, 3, 4, 8), (1, 4), (0.0, 0.5))
    ),
    *(
        Case(splits, seeds, 0.5, scenario)
        for scenario in (ONE, BASES)
        for splits, seeds in ((4, 1), (8, 2))
    ),
)


def networks(case: Case) -> list[Observation]:
    """Lists the networks of a study, without values.

    Args:
        case: `Case`, gives the numbers of splits and seeds.

    Returns:
        List of `Observation`, each with the value 0.
    """
    found = []
    for split, seed, half in itertools.product(
        range(case.splits), range(case.seeds), "AB"
    ):
        other = "B" if half == "A" else "A"
        place = split, half, seed
        found.append(Observation(*place, "base", 0, "", 0.0))
        for treatment, n in itertools.product(TREATMENTS, LAYERS):
            own = find_treatment(treatment).source == OWN
            source = half if own else other
            found.append(Observation(*place, treatment, n, source, 0.0))
    return found


def _levels(keys: list) -> np.ndarray:
    known = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([known[key] for key in keys])


@dataclasses.dataclass(frozen=True)
class Simulation:
    """Draws values for the networks of a case; effects are truly zero.

    Args:
        case: `Case`, says how much is drawn for what.
        data: Tuple of `Observation`, the networks; their values are not read.
    """

    case: Case
    data: tuple[Observation, ...]

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns values, and the part of them that varies by split.

        Args:
            rng: `numpy.random.Generator`.

        Returns:
            Tuple of two float arrays of shape `(networks,)`, in points.
        """
        case, data = self.case, self.data
        halves = _levels([(o.split, o.half) for o in data])
        groups = _levels([(o.split, o.treatment) for o in data])
        varied = rng.normal(0, case.tau / 2**0.5, groups.max() + 1)[groups]
        if case.scenario == ONE:
            alone = np.array([o.treatment == "AnB+" for o in data])
            varied = 2**0.5 * varied * alone
        values = rng.normal(0, HALF, halves.max() + 1)[halves] + varied
        values += rng.normal(0, NOISE, len(data))
        if case.scenario == BASES:
            source = _levels([(o.split, o.seed, o.source) for o in data])
            copied = np.array([bool(o.source) for o in data])
            values += copied * rng.normal(0, 0.2, source.max() + 1)[source]
        return values, varied


def simulate(case: Case, repetitions: int, seed: int) -> list[dict]:
    """Counts how often each interval covers the true effect.

    Args:
        case: `Case`.
        repetitions: Integer, studies made up.
        seed: Integer.

    Returns:
        List of dicts with the keys `COLUMNS`, one for each of `EFFECTS`.
    """
    rng = np.random.default_rng(
        [seed, case.splits, case.seeds, int(100 * case.tau)]
    )
    model = mixed_model.fit_model(networks(case))
    simulation = Simulation(case, model.observations)
    few = case.splits < FEWEST_SPLITS
    groups = {
        name: _pair_weights(model.observations, weights)
        for name, weights in EFFECTS.items()
    }
    hits = {name: np.zeros((repetitions, 5)) for name in EFFECTS}
    for repetition in range(repetitions):
        values, varied = simulation.draw(rng)
        fitted = model.refit(values)
        for name, weights in EFFECTS.items():
            by_pair = groups[name] @ values
            # Below three splits: the effect in these halves.
            truth = (groups[name] @ varied).mean() if few else 0.0
            splits = by_pair.reshape(case.splits, -1).mean(1)
            found = fitted.estimate(weights)
            intervals = (
                (found.low, found.high),
                (np.nan, np.nan) if few else t_interval(splits),
                t_interval(by_pair),
            )
            hits[name][repetition] = [
                *(low <= truth <= high for low, high in intervals),
                *(high - low for low, high in intervals[:2]),
            ]
    return [
        _line(case, name, few, repetitions, found)
        for name, found in hits.items()
    ]


def _pair_weights(data, weights) -> np.ndarray:
    """Returns a row for each pair, which turns values into its difference."""
    pairs = _levels([(o.split, o.seed, o.half) for o in data])
    value = np.array([weights.get(o.cell, 0.0) for o in data])
    return (pairs[None] == np.arange(pairs.max() + 1)[:, None]) * value


def _line(case, name, few, repetitions, found) -> dict:
    model, splits, pairs, width, other = found.mean(0)
    return {
        "scenario": case.scenario,
        "splits": case.splits,
        "seeds": case.seeds,
        "tau": case.tau,
        "effect": name,
        "about": contrasts.THESE if few else contrasts.OTHERS,
        "repetitions": repetitions,
        "model": f"{100 * model:.1f}",
        "over_splits": "" if few else f"{100 * splits:.1f}",
        "over_pairs": f"{100 * pairs:.1f}",
        "model_width": f"{width:.2f}",
        "over_splits_width": "" if few else f"{other:.2f}",
    }


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


def _error(lines: list[dict]) -> float:
    """Returns the standard error of a coverage of 95 %, in points."""
    return 100 * (0.95 * 0.05 / int(lines[0]["repetitions"])) ** 0.5


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
        "mixed model, %",
        "t over splits, %",
        "t over pairs, %",
        "width, model",
        "width, over splits",
    )
    columns = [c for c in COLUMNS if c not in ("about", "repetitions")]
    kept = [x for x in lines if x["scenario"] == EVERY]
    covered = [float(line["model"]) for line in kept]
    rows = [header, ["---"] * len(header)]
    rows += [[str(line[c]) for c in columns] for line in lines]
    return "\n".join(
        [
            "# Do intervals labelled 95 % cover 95 %?",
            "",
            "    python -m experiments.coverage",
            "",
            f"{lines[0]['repetitions']} made-up studies a line: cnn8's "
            f"halves A and B, a base and {', '.join(TREATMENTS)} at n = 3, 5, "
            f"7; a network's noise {NOISE} points, a half's difficulty "
            f"{HALF:.0f}. An effect varies between splits by `tau`. With "
            "fewer than three splits the interval is about the effect in "
            "these halves, else about that in random halves.",
            "",
            f"Where every treatment varies alike, the mixed model covers "
            f"{min(covered):.1f} to {max(covered):.1f} %, "
            f"{sum(covered) / len(covered):.1f} in the mean; a line is known "
            f"to {_error(lines):.1f} points (one standard error). t over "
            "pairs of "
            "split, half and seed takes pairs of one split as independent, "
            "which they are not once effects vary. The last lines leave the "
            f"model's assumptions: `{ONE}` varies, which its one variance for "
            "all treatments takes too small, so that t over splits is the "
            "one to believe where both differ; or networks share the noise "
            "of their base network as well.",
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
            f"{len(CASES)} kinds of study, {options.repetitions} of each: "
            f"about {len(CASES) * options.repetitions / 3000 + 1:.0f} min."
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
