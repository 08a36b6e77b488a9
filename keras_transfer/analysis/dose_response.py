"""Effects against the length of training, from one table of networks.

Everything that is said of them is computed from `results.csv`, so that a
committed table is enough to check each number.
"""

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from keras_transfer.analysis.comparisons import (
    ACCURACY,
    TRAIN_LOSS,
    Comparison,
    Evidence,
)
from keras_transfer.analysis.contrasts import Observation
from keras_transfer.analysis.results import Row
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import BASE, TWICE

_OUTCOMES = ("test_accuracy", "test_loss", "train_accuracy", "train_loss")
COLUMNS = (
    "regime",
    "epochs",
    "split",
    "seed",
    "target",
    "base",
    "treatment",
    "n",
    *_OUTCOMES,
    "val_accuracy",
    "steps",
    "seconds",
    "network_id",
)
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


EFFECTS = (
    Effect(
        "co-adaptation",
        Comparison("BnB-keep", "BnB", 4, 5),
        "n = 4 and 5: layers above kept or drawn anew, as many steps",
    ),
    Effect(
        "boost, equal steps in all",
        Comparison("AnB+", "BnB+", 5, 5),
        "n = 5: E epochs elsewhere or on the target, then E on the target",
    ),
    Effect(
        "boost, equal target steps",
        Comparison("AnB+", BASE, 5, 5),
        "n = 5: E epochs on the target, after others or from scratch",
    ),
    Effect(
        "training longer",
        Comparison("BnB+", BASE, 5, 5),
        "n = 5: 2E epochs on the target in two schedules, or E",
    ),
    Effect(
        "gate",
        Comparison(TWICE, BASE, margin=None, threshold=0.005),
        "2E epochs from scratch in one schedule, or E",
    ),
)


def results_csv(rows: Iterable[Row], regime: Callable[[NetworkSpec], str]):
    """Writes a line for each network.

    Args:
        rows: Iterable of `Row`.
        regime: Callable of a `NetworkSpec` that names its regime.

    Returns:
        String, the content of a CSV file with the columns `COLUMNS`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        spec, result = row.spec, row.result
        line = {
            "regime": regime(spec),
            "epochs": spec.solver.epochs,
            "split": spec.data.split,
            "seed": spec.seed,
            "target": spec.target,
            "base": spec.base or "",
            "treatment": spec.treatment,
            "n": spec.n,
            "steps": result.steps,
            "seconds": f"{result.seconds:.1f}",
            "network_id": spec.network_id,
        }
        for name in (*_OUTCOMES, "val_accuracy"):
            line[name] = f"{getattr(result, name):.4f}"
        writer.writerow(line)
    return text.getvalue()


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
        found.append(
            Observation(
                split=int(line["split"]),
                half=line["target"],
                seed=int(line["seed"]),
                treatment=lengths[length] or name,
                n=int(line["n"]),
                source=line["base"],
                value=float(line[outcome]),
            )
        )
    return tuple(found)
