"""Effects against the length of training, from one table of networks.

Everything that is said of them is computed from `results.csv`, so that a
committed table is enough to check each number.
"""

import csv
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from keras_transfer.analysis import contrasts, verdicts
from keras_transfer.analysis import published_2014 as of_2014
from keras_transfer.analysis.claims import DOUBLING, NOT_TRAINED_OUT
from keras_transfer.analysis.comparisons import ACCURACY, TRAIN_LOSS, Comparison
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.evidence import Evidence
from keras_transfer.analysis.results import Row
from keras_transfer.analysis.results_table import short_csv
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import BASE, TWICE

Dose = tuple[str, int]  # regime, epochs


@dataclasses.dataclass(frozen=True)
class Effect:
    """A question that is asked at every dose.

    Args:
        name: String, for figures and tables.
        comparison: `Comparison`, of test accuracy.
        meaning: String, what is alike on both sides.
    """

    name: str
    comparison: Comparison
    meaning: str

    def of(self, outcome: str) -> Comparison:
        """Returns its comparison of an outcome.

        Args:
            outcome: String, `ACCURACY` or `TRAIN_LOSS`; a training loss has
                no margin within which it counts as none.
        """
        margin = None if outcome == TRAIN_LOSS else self.comparison.margin
        return dataclasses.replace(
            self.comparison, outcome=outcome, margin=margin
        )


CUT = Effect(
    "co-adaptation",
    Comparison("BnB-keep", "BnB", 4, 5),
    "layers above the frozen ones kept, minus drawn anew; as many steps",
)
CUT_LAYERS = (3, 6)  # where 2014's selffers lost accuracy
BOOST = Effect(
    "boost, equal steps in all",
    Comparison("AnB+", "BnB+", 5, 5),
    "E epochs on the other half, minus E on the target; then E on the target",
)
SPECIFICITY = Effect(
    "specificity",
    Comparison("BnB", "AnB", 6, 7),
    "frozen layers learnt on the target, minus learnt on the other half; as "
    "many steps",
)
FINE_TUNED = (
    Effect(
        "boost, equal target steps",
        Comparison("AnB+", BASE, 5, 5),
        "E epochs on the target, after E on the other half, minus from scratch",
    ),
    Effect(
        "training longer",
        Comparison("BnB+", BASE, 5, 5),
        "E epochs on the target twice, in two schedules, minus once",
    ),
)
# Each is judged; what doubling the epochs adds says what it is worth.
EFFECTS = (CUT, BOOST, *FINE_TUNED, SPECIFICITY)
GATE = Effect(
    "doubling",
    Comparison(TWICE, BASE, margin=None),
    "2E epochs from scratch in one schedule, minus E",
)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was found of one effect at one dose.

    Args:
        effect: `Effect`.
        regime: String.
        epochs: Integer.
        accuracy: `ModelEstimate`, of test accuracy from 0 to 1.
        loss: `ModelEstimate` or `None`, of training loss in nats.
        layers: Tuple of integers, the n that were trained.
        verdict: `verdicts.Verdict`, corrected for all answers of a study.
        trained_out: Boolean, whether bases of twice the epochs are better by
            at most half a point, in the mean; `None` without such bases.
    """

    effect: Effect
    regime: str
    epochs: int
    accuracy: ModelEstimate
    loss: ModelEstimate | None
    layers: tuple[int, ...]
    verdict: verdicts.Verdict
    trained_out: bool | None

    @property
    def bases(self) -> str:
        """Says whether the bases of the dose are trained out."""
        if self.trained_out is None:
            return "not known if bases are trained out"
        return "bases trained out" if self.trained_out else NOT_TRAINED_OUT


@dataclasses.dataclass(frozen=True)
class Cut:
    """Co-adaptation at some n of one dose, which is not judged.

    Args:
        regime: String.
        epochs: Integer.
        layers: Tuple of integers, the n.
        accuracy: `ModelEstimate`, of test accuracy from 0 to 1.
        loss: `ModelEstimate`, of training loss in nats.
    """

    regime: str
    epochs: int
    layers: tuple[int, ...]
    accuracy: ModelEstimate
    loss: ModelEstimate


def answers(doses: dict[Dose, Evidence]) -> list[Answer]:
    """Estimates each effect at each dose and judges all of them together.

    Args:
        doses: Dict from `(regime, epochs)` to `Evidence`.

    Returns:
        List of `Answer`, by effect, then regime, then epochs; what was not
        measured is left out. Holm's correction is over all of them, doubling
        the epochs aside.
    """
    measured = [
        (effect, dose)
        for effect in EFFECTS
        for dose, evidence in doses.items()
        if evidence.estimate(effect.comparison) is not None
    ]
    judged = verdicts.judge(
        [[doses[dose].part(effect.comparison)] for effect, dose in measured]
    )
    return [
        _answer(effect, dose, doses[dose], verdict)
        for (effect, dose), verdict in zip(measured, judged, strict=True)
    ]


def doublings(doses: dict[Dose, Evidence]) -> list[Answer]:
    """Estimates what twice the epochs add to a base, at each dose.

    Args:
        doses: Dict from `(regime, epochs)` to `Evidence`.

    Returns:
        List of `Answer`, whose verdict pays for no other test.
    """
    return [
        _answer(GATE, dose, evidence, verdicts.judge_one(part))
        for dose, evidence in doses.items()
        if (part := evidence.part(GATE.comparison)).estimate is not None
    ]


def cuts(doses: dict[Dose, Evidence]) -> list[Cut]:
    """Estimates co-adaptation at each n by itself, and over all of them.

    Args:
        doses: Dict from `(regime, epochs)` to `Evidence`.

    Returns:
        List of `Cut`, by dose and then n. Those of a dose have the same
        splits, that have each n; a dose without such a split has none.
    """
    low, high = CUT_LAYERS
    every = tuple(range(low, high + 1))
    asked = [CUT.comparison.weigh(CUT.comparison, (n,)) for n in every]
    needed = set().union(*asked)
    found = []
    for dose, evidence in doses.items():
        whole = {
            split
            for split, cells in evidence.accuracies.cells_of_splits
            if needed <= cells
        }
        own = of_splits(evidence, whole)
        for layers in (*((n,) for n in every), every) if whole else ():
            ends = {"low": layers[0], "high": layers[-1]}
            one = dataclasses.replace(CUT.comparison, **ends)
            effect = dataclasses.replace(CUT, comparison=one)
            estimates = (
                own.estimate(effect.of(name)) for name in (ACCURACY, TRAIN_LOSS)
            )
            found.append(Cut(*dose, layers, *estimates))
    return found


def of_splits(evidence: Evidence, splits: Iterable[int]) -> Evidence:
    """Returns the networks of some splits.

    Args:
        evidence: `Evidence`.
        splits: Iterable of integers.
    """
    chosen = set(splits)
    return dataclasses.replace(
        evidence,
        accuracies=tuple(o for o in evidence.accuracies if o.split in chosen),
        losses=tuple(o for o in evidence.losses if o.split in chosen),
    )


def _answer(effect: Effect, dose: Dose, evidence: Evidence, verdict) -> Answer:
    # Selffers, which have had as many epochs, are fewer and in two schedules:
    # beside doses that have such bases they would be another yardstick.
    doubling = evidence.estimate(GATE.comparison)
    return Answer(
        effect,
        *dose,
        evidence.estimate(effect.comparison),
        evidence.estimate(effect.of(TRAIN_LOSS)),
        evidence.layers(effect.comparison),
        verdict,
        None if doubling is None else doubling.mean <= DOUBLING,
    )


def effects_of_2014() -> dict[str, list[ModelEstimate]]:
    """Returns what the published networks of 2014 say of each effect.

    Layers above the cut were not kept there, so its co-adaptation is base -
    BnB at n = 4 and 5: a base had half the steps of BnB. The boost is that of
    n = 1 to 7, by each yardstick of how difficult a half is. Specificity is
    that of the layers that are asked here, n = 6 and 7.

    Returns:
        Dict from the name of an `Effect` to a list of `ModelEstimate`, of
        accuracy from 0 to 1.
    """
    return {
        CUT.name: [of_2014.published_effect(Comparison(BASE, "BnB", 4, 5))],
        BOOST.name: list(of_2014.boost_by_yardstick().values()),
        **{
            effect.name: [
                of_2014.published_effect(
                    dataclasses.replace(effect.comparison, low=1, high=7)
                )
            ]
            for effect in FINE_TUNED
        },
        SPECIFICITY.name: [of_2014.published_effect(SPECIFICITY.comparison)],
    }


def loss_at_the_cut_of_2014() -> ModelEstimate:
    """Returns by how much a base of 2014 fitted its images better than BnB.

    Returns:
        `ModelEstimate` of training loss, base - BnB at n = 4 and 5, in nats;
        BnB had twice the steps of a base.
    """
    cut = Comparison(BASE, "BnB", 4, 5, outcome=TRAIN_LOSS, margin=None)
    return of_2014.published_effect(cut)


def results_csv(rows: Iterable[Row], regime: Callable[[NetworkSpec], str]):
    """Writes a line for each network.

    Args:
        rows: Iterable of `Row`.
        regime: Callable of a `NetworkSpec` that names its regime.

    Returns:
        String, the content of a CSV file.
    """
    first = {
        "regime": lambda row: regime(row.spec),
        "epochs": lambda row: row.spec.solver.epochs,
    }
    return short_csv(rows, first)


def read_doses(path: Path) -> dict[Dose, Evidence]:
    """Reads the networks of each dose, bases of twice the epochs beside.

    Args:
        path: Path of a `results.csv`.

    Returns:
        Dict from `(regime, epochs)`, in the order of regimes in the file and
        then of epochs, to `Evidence`.
    """
    with Path(path).open(newline="") as file:
        lines = list(csv.DictReader(file))
    regimes = list(dict.fromkeys(line["regime"] for line in lines))
    doses = {(line["regime"], int(line["epochs"])) for line in lines}
    return {
        dose: Evidence(*(_observe(lines, dose, name) for name in _JUDGED))
        for dose in sorted(doses, key=lambda d: (regimes.index(d[0]), d[1]))
    }


_JUDGED = (ACCURACY, TRAIN_LOSS)


def _observe(lines: list[dict], dose: Dose, outcome: str):
    regime, epochs = dose
    lengths = {epochs: None, 2 * epochs: TWICE}
    found = []
    for line in lines:
        length, name = int(line["epochs"]), line["treatment"]
        if line["regime"] != regime or length not in lengths:
            continue
        if length != epochs and name != BASE:
            continue
        treatment = lengths[length]
        found.append(contrasts.observation_of(line, outcome, treatment))
    return tuple(found)
