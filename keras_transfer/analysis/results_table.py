"""`results.csv`: a line for each network of a study."""

import csv
import io
from collections.abc import Callable, Iterable

from keras_transfer.analysis import pairs
from keras_transfer.analysis.results import Row, names_of_bases
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import BASE
from keras_transfer.storage.result import LEAST_LOOKS
from keras_transfer.storage.stored_proof import count_tensors

COLUMNS = (
    "name",
    "network_id",
    "dataset",
    "split",
    "seed",
    "label",
    "treatment",
    "base",
    "target",
    "n",
    "target_images",
    "draw",
    "test_accuracy",
    "test_balanced_accuracy",
    "minus_own_base",
    "val_accuracy",
    "val_best10",
    "train_accuracy",
    "train_loss",
    "test_loss",
    "frozen_tensors",
    "copied_tensors",
    "seconds",
)

_OUTCOMES = ("test_accuracy", "test_loss", "train_accuracy", "train_loss")
SHORT = (
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


def short_csv(
    rows: Iterable[Row], first: dict[str, Callable[[Row], object]]
) -> str:
    """Writes one line a network of a study of several recipes.

    Args:
        rows: Iterable of `Row`.
        first: Dict from the name of a column, which tells recipes apart, to a
            callable of a `Row` that returns what it holds.

    Returns:
        String, the content of a CSV file with those columns and `SHORT`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, (*first, *SHORT), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        spec, result = row.spec, row.result
        line = {name: value(row) for name, value in first.items()}
        line |= place_columns(spec)
        line |= {"steps": result.steps, "seconds": f"{result.seconds:.1f}"}
        for name in (*_OUTCOMES, "val_accuracy"):
            line[name] = f"{getattr(result, name):.4f}"
        writer.writerow(line)
    return text.getvalue()


def place_columns(spec: NetworkSpec) -> dict[str, object]:
    """Returns those columns of `SHORT` that are known before training.

    Args:
        spec: `NetworkSpec`.
    """
    return {
        "split": spec.data.split,
        "seed": spec.seed,
        "target": spec.target,
        "base": spec.base or "",
        "treatment": spec.treatment,
        "n": spec.n,
        "network_id": spec.network_id,
    }


def results_csv(rows: list[Row]) -> str:
    """Writes one line a network, every seed kept.

    Args:
        rows: List of `Row`, bases among them, or the column `minus_own_base`
            stays empty.

    Returns:
        String, the content of a CSV file with the columns `COLUMNS`. A base
        of twice the epochs of the others has the treatment `TWICE`, so that
        no reader averages both.
    """
    gains = pairs.own_gains(rows)
    bases = names_of_bases(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        spec, result = row.spec, row.result
        counts = count_tensors(result.proof)
        gain = gains.get(spec)
        writer.writerow(
            {
                "name": spec.name,
                "network_id": spec.network_id,
                "dataset": spec.data.name,
                "split": spec.data.split,
                "seed": spec.seed,
                "label": spec.label,
                "treatment": (
                    bases.get(spec.solver.epochs, BASE)
                    if spec.treatment == BASE
                    else spec.treatment
                ),
                "base": spec.base or "",
                "target": spec.target,
                "n": spec.n,
                "target_images": spec.target_images or "",
                "draw": "" if spec.draw is None else spec.draw,
                "test_accuracy": f"{row.accuracy:.4f}",
                "test_balanced_accuracy": _number(
                    result.test_balanced_accuracy
                ),
                "minus_own_base": "" if gain is None else f"{gain:+.4f}",
                "val_accuracy": f"{result.val_accuracy:.4f}",
                "val_best10": _best10(row),
                "train_accuracy": f"{result.train_accuracy:.4f}",
                "train_loss": f"{result.train_loss:.4f}",
                "test_loss": f"{result.test_loss:.4f}",
                "frozen_tensors": counts.frozen,
                "copied_tensors": counts.planned,
                "seconds": f"{result.seconds:.1f}",
            }
        )
    return text.getvalue()


def _best10(row: Row) -> str:
    # Results of earlier versions hold it for any number of looks.
    value = row.result.val_best10
    few = row.spec.solver.epochs < LEAST_LOOKS
    return _number(None if few else value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
