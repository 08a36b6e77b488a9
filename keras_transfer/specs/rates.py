"""Learning rates of each treatment, as `best.json` of a search holds them."""

import dataclasses
import json
import math

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.settings import SolverSpec

FIELDS = ("learning_rate", "weight_decay", "copied_rate")


def task_of(spec: NetworkSpec) -> str:
    """Names the networks that share a learning rate.

    Args:
        spec: `NetworkSpec`.

    Returns:
        String, the treatment of a base network, `"base"`, or treatment and
        number of layers of another, `"AnB+ 5"`.
    """
    return f"{spec.treatment} {spec.n}" if spec.n else spec.treatment


def read_rates(path: str) -> dict[str, dict[str, float]]:
    """Reads a `best.json`.

    Args:
        path: String.

    Returns:
        Dict from a task to its solver's changed fields.

    Raises:
        UserError: If the file cannot be read or holds something else.
    """
    try:
        with user_path(path).open(encoding="utf-8-sig") as file:
            content = json.load(file)
        rates = {
            str(task): {str(k): float(v) for k, v in values.items()}
            for task, values in content["rates"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"Expected `learning_rates` to be the best.json of a search. "
            f"Received: {path} ({type(error).__name__}: {error})."
        ) from error
    for task, values in rates.items():
        unknown = set(values) - set(FIELDS)
        finite = all(map(math.isfinite, values.values()))
        if unknown or not finite or not values.get("learning_rate", 0) > 0:
            raise UserError(
                f"{path}: expected a positive learning_rate, and among "
                f"{FIELDS}, for {task!r}. Received: {values}."
            )
    return rates


def with_rates(
    specs: list[NetworkSpec], rates: dict[str, dict[str, float]]
) -> list[NetworkSpec]:
    """Gives every network the rate of its treatment, its base the base's.

    Args:
        specs: List of `NetworkSpec`.
        rates: Dict of `read_rates`; treatments that are absent keep theirs.

    Returns:
        List of `NetworkSpec`.
    """

    def solver_of(spec: NetworkSpec) -> SolverSpec:
        changes = rates.get(task_of(spec), {})
        return dataclasses.replace(spec.solver, **changes)

    changed = []
    for spec in specs:
        solver = solver_of(spec)
        base_solver = None
        if not spec.is_base:
            own = solver_of(spec.own_base)
            base_solver = None if own == solver else own
        changed.append(
            dataclasses.replace(spec, solver=solver, base_solver=base_solver)
        )
    return changed
