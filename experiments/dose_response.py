"""Dose-response: which findings of 2014 survive longer training?

Claims (section 4.1): freezing n layers and drawing those above anew breaks
co-adapted layers apart, the last layers are specific to their classes, and
fine-tuned transfer (AnB+) beats the selffer (BnB+). All are asked at several
lengths of training, in 2014's regime and in today's: an effect of training
too short falls as the epochs grow.

    python -m experiments.dose_response --dataset cifar100

Trains in pieces, what decides most first; the same command goes on, `--hours`
ends it at a piece, and each piece writes the report anew. `results.csv`, copied
to logs/published/dose-response, is all that `experiments.findings` needs.
Cost: `--plan` says how long; a base of 12 epochs is 60,000 images. Expected:
the last layers are specific at each length, 2.5 to 9.5 points. Drawing layers
anew above n = 4 and 5 costs -0.2 to 0.5 points; in training loss it grows with
the length in the regime of 2014, 0.01 to 0.40 nats, and goes in today's.
"""

import dataclasses
import functools
import sys
import time
from typing import Literal

from rich.console import Console

from experiments.common.effect_plan import (
    Foreseen,
    foreseen,
    half_images,
    planned,
    told,
)
from experiments.common.running import (
    DONE,
    Study,
    command_main,
    run_study_script,
)
from experiments.common.study_settings import Splits, StudySettings
from experiments.common.training import training
from keras_transfer.analysis import dose_response as dose_effects
from keras_transfer.analysis import results
from keras_transfer.errors import UserError
from keras_transfer.reports import dose_response
from keras_transfer.reports.dose_text import recipe_name
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import REGIMES, Recipe
from keras_transfer.specs.rates import with_rates
from keras_transfer.specs.treatments import TWICE
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids
from keras_transfer.studies.dataset_facts import DatasetFacts

NAME = "dose_response"
# Rates at width 16, by validation images at 12 epochs: of 2014's regime see
# logs/published/regime-2014, of today's (150 images a class, a few rates)
# experiments/README.md#the-regime-of-2014.
RATES = {"2014": 0.03, "today": 0.46}
_CUT = ("BnB", "BnB-keep")
_BOOST = ("BnB+", "AnB+")
_SPECIFIC = ("BnB", "AnB")


@dataclasses.dataclass(frozen=True)
class Row:
    """Networks of one length, with the bases that they need.

    Args:
        epochs: Integer.
        treatments: Tuple of strings; empty for the bases alone.
        layers: Tuple of integers, the n.
    """

    epochs: int
    treatments: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()


# What decides most for its price comes first. Bases of twice the epochs tell
# whether those of E are trained out.
ROWS = (
    Row(12, _CUT, (4, 5)),
    Row(24),
    Row(24, _CUT, (4, 5)),
    Row(12, _BOOST, (5,)),
    Row(12, _SPECIFIC, (6, 7)),
    Row(6, _CUT, (4, 5)),
    Row(24, _SPECIFIC, (6, 7)),
    Row(48),
    Row(24, _BOOST, (5,)),
    Row(48, _CUT, (4, 5)),
    Row(48, _BOOST, (5,)),
    Row(48, _SPECIFIC, (6, 7)),
    Row(6, _BOOST, (5,)),
    Row(6, _SPECIFIC, (6, 7)),
    Row(96),
    Row(12, _CUT, (3, 6)),
    Row(24, _CUT, (3, 6)),
    Row(48, _CUT, (3, 6)),
    Row(6, _CUT, (3, 6)),
    Row(96, _BOOST, (5,)),
)


@dataclasses.dataclass(frozen=True)
class DoseSettings(Splits, StudySettings):
    """What this study can be told; treatments and layers are its own."""

    regime: tuple[Literal["2014", "today"], ...] = tuple(reversed(REGIMES))
    """Recipes, in this order within a piece."""
    epochs: tuple[int, ...] = (6, 12, 24, 48, 96)
    """Lengths of training, among these."""
    splits: tuple[int, ...] = (0, 1, 2, 3)
    """Random splits of the classes into halves A and B."""
    width: int | None = 16
    """Channels of conv1."""
    images_per_class: int | None = 100
    """Training images of each class: bases train out in fewer steps."""
    pieces: tuple[int, ...] | None = None
    """Numbers of the pieces to train (all); `--plan` lists them."""
    hours: float | None = None
    """Begin no piece after so many hours."""

    def recipe(self, regime: str, epochs: int) -> Recipe:
        """Returns the recipe of a dose.

        Args:
            regime: String, one of `REGIMES`.
            epochs: Integer.
        """
        fields = [field.name for field in dataclasses.fields(StudySettings)]
        values = {name: getattr(self, name) for name in fields}
        rate = self.learning_rate or RATES[regime]
        changes = {"regime": regime, "epochs": epochs, "learning_rate": rate}
        return StudySettings(**{**values, **changes}).resolve()

    def resolve(self) -> Recipe:
        """Returns the recipe that names the report."""
        return self.recipe("2014", ROWS[0].epochs)


def pieces(settings: DoseSettings) -> list[tuple[str, list[NetworkSpec]]]:
    """Lists the pieces in order: rows, and splits within a row.

    Args:
        settings: `DoseSettings`.

    Returns:
        List of pairs: a name, and `NetworkSpec` with their bases.

    Raises:
        UserError: If nothing is left by the settings.
    """
    found = []
    for row in ROWS:
        if row.epochs not in settings.epochs:
            continue
        for split in settings.splits:
            specs = _networks(settings, row, split)
            told = f"{' '.join(row.treatments)} n {row.layers}"
            name = told if row.layers else "bases"
            text = f"{row.epochs} epochs, split {split}: {name}"
            found.append((text, with_rates(specs, settings.rates())))
    if not found or not settings.regime:
        raise UserError(
            f"Expected `epochs` among {sorted({r.epochs for r in ROWS})}, a "
            f"split and a regime. Received: {settings.epochs}, "
            f"{settings.splits}, {settings.regime}."
        )
    return found


def _networks(settings: DoseSettings, row: Row, split: int):
    recipes = [settings.recipe(r, row.epochs) for r in settings.regime]
    return [
        spec
        for recipe in recipes
        for spec in grids.similar_networks(
            settings.dataset,
            recipe,
            grids.Grid((split,), recipe.seeds, row.layers, row.treatments),
            settings.mean,
        )
    ]


def study(settings: DoseSettings) -> Study:
    """Lists the networks of all pieces and says how they are reported.

    Args:
        settings: `DoseSettings`.

    Returns:
        `Study`.
    """
    specs = [spec for _, own in pieces(settings) for spec in own]
    write = functools.partial(_report, settings)
    specs = list(dict.fromkeys(specs))
    return Study(NAME, specs, write, whole=False, foresee=foresee)


def regime_of(spec: NetworkSpec) -> str:
    """Names the regime of a network: 2014's has a network of its own.

    Args:
        spec: `NetworkSpec`.
    """
    return "2014" if spec.model.name.endswith("-2014") else "today"


def foresee(specs: list[NetworkSpec], facts: DatasetFacts | None) -> list[str]:
    """Says how wide the interval of each effect will be at each length.

    Args:
        specs: List of `NetworkSpec`.
        facts: `DatasetFacts`, or `None` if they are not known.

    Returns:
        List of strings; lengths whose intervals are alike share a line.
    """
    lengths: dict[str, list[int]] = {}
    expected: dict[str, Foreseen] = {}
    doses = {(regime_of(spec), spec.solver.epochs) for spec in specs}
    for effect in dose_effects.EFFECTS:
        for regime, epochs in sorted(doses):
            one = _expected(specs, facts, effect, regime, epochs)
            if one is not None:
                expected[one.line()] = one
                lengths.setdefault(one.line(), []).append(epochs)
    rows = [
        dataclasses.replace(
            one, name=f"{one.name}, {' '.join(map(str, lengths[line]))} epochs"
        )
        for line, one in expected.items()
    ]
    return told(rows, len(specs))


def _expected(specs, facts, effect, regime, epochs) -> Foreseen | None:
    own = [s for s in specs if regime_of(s) == regime]
    at = [s for s in own if s.solver.epochs == epochs]
    networks = planned(at)
    layers = effect.comparison.layers({o.cell for o in networks})
    if not layers:
        return None
    weights = effect.comparison.weigh(effect.comparison, layers)
    long = [s for s in own if s.is_base and s.solver.epochs == 2 * epochs]
    networks += planned(long, lambda spec: TWICE)
    name = f"{effect.comparison.name(layers)}, {recipe_name(regime)} recipe"
    return foreseen(
        name,
        f"{effect.name}, {regime}",
        networks,
        weights,
        half_images(facts, at),
    )


def _report(settings: DoseSettings, rows, command, folder):
    """Writes figure, table and text of all that is finished."""
    title = f"Dose-response on {settings.dataset}"
    return dose_response.write(rows, regime_of, title, command, folder)


def run(
    command: tuple[str, ...], settings: DoseSettings, console: Console
) -> int:
    """Trains the pieces that are not finished and reports after each.

    Args:
        command: Tuple of strings, the words of the command that runs it.
        settings: `DoseSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    every = pieces(settings)
    numbers = _chosen(settings, len(every))
    store = RunStore(settings.log_dir, NAME, command=command)
    if settings.plan:
        specs = [spec for number in numbers for spec in every[number - 1][1]]
        specs = list(dict.fromkeys(specs))
        with training(settings, specs, store, console, foresee=foresee):
            for number in numbers:
                console.print(f"{number}. {every[number - 1][0]}")
        return DONE
    whole, begun, status = study(settings), time.monotonic(), DONE

    def write(rows, command, folder):
        rows = results.collect(whole.specs, store)
        return whole.write(rows, command, folder)

    for number in numbers:
        text, specs = every[number - 1]
        done = all(store.result(spec) is not None for spec in specs)
        if done and number != numbers[-1]:
            continue
        late = time.monotonic() - begun > 3600 * (settings.hours or 1e9)
        if late:
            console.print(f"Time is up before piece {number}: {text}.")
            break
        console.print(f"Piece {number} of {len(every)}: {text}")
        piece = Study(NAME, specs, write, whole=False)
        status = max(
            status, run_study_script(settings, piece, console, command)
        )
        store.look_again()
    return status


def _chosen(settings: DoseSettings, count: int) -> list[int]:
    numbers = list(settings.pieces or range(1, count + 1))
    wrong = [number for number in numbers if not 1 <= number <= count]
    if wrong:
        raise UserError(
            f"Expected `pieces` from 1 to {count}. Received: {wrong}."
        )
    return numbers


main = functools.partial(command_main, NAME, __doc__, run, DoseSettings)

if __name__ == "__main__":
    sys.exit(main())
