"""Which rates of the map were searched, and how far, from its best.json."""

import dataclasses
import json
import math
from collections.abc import Iterable
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.rates import read_rates

_AGAIN = (
    "Cure: search again; `--tune` reads finished networks and writes the file "
    "anew."
)


@dataclasses.dataclass(frozen=True)
class Search:
    """How the rates of a map were found.

    Args:
        splits: Tuple of integers, whose validation images chose.
        between: Tuple of strings, tasks whose best rate lies between two
            others that were tried.
        edge: Tuple of strings, tasks whose best is the lowest or the highest
            that was tried.
        taken: Tuple of strings, tasks whose rate was not searched.
    """

    splits: tuple[int, ...]
    between: tuple[str, ...]
    edge: tuple[str, ...]
    taken: tuple[str, ...]

    @classmethod
    def read(cls, path: Path | str) -> "Search":
        """Reads a `best.json` that `when_to_freeze --tune` wrote.

        Args:
            path: Path or string.

        Returns:
            `Search`.

        Raises:
            UserError: As of `read_best`.
        """
        return cls.of(read_best(path))

    @classmethod
    def of(cls, content: dict) -> "Search":
        """Says how the rates were found that a `best.json` holds.

        Args:
            content: Dict of `read_best`.

        Returns:
            `Search`.
        """
        found: dict[str, list[str]] = {"between": [], "edge": [], "taken": []}
        for task, values in content["rates"].items():
            tried = sorted(content["tried"].get(task, ()))
            best = values["learning_rate"]
            if not tried:
                kind = "taken"
            else:
                kind = "between" if tried[0] < best < tried[-1] else "edge"
            found[kind].append(task)
        groups = {kind: tuple(tasks) for kind, tasks in found.items()}
        return cls(tuple(sorted(set(content["splits"].values()))), **groups)

    def __len__(self) -> int:
        """Counts the tasks."""
        return len(self.between) + len(self.edge) + len(self.taken)

    def in_words(self) -> str:
        """Says in a word or two how many of the rates were searched."""
        taken = len(self.taken)
        if not taken and not self.edge:
            return "rates tuned"
        if taken == len(self):
            return "rates given, none tuned"
        said = f"rates tuned but for {taken} of {len(self)}"
        if not self.edge:
            return said
        return f"{said}, {len(self.edge)} at an end of those tried"

    def check_apart(self, splits: Iterable[int]) -> None:
        """Refuses a map whose own validation images chose its rates.

        Args:
            splits: Iterable of integers, of the map.

        Raises:
            UserError: If a rate was chosen on one of them.
        """
        shared = sorted(set(self.splits) & set(splits))
        if shared:
            raise UserError(
                "Expected `learning_rates` that were searched on splits which "
                "the map does not have. Received rates searched on "
                f"split {', '.join(map(str, shared))}, which it has. Cure: "
                "other `splits`, or a search on another `tuning_split`."
            )


def read_best(path: Path | str) -> dict:
    """Reads and checks a `best.json` of the map.

    Args:
        path: Path or string.

    Returns:
        Dict with `"rates"`, fields of a solver by task; `"tried"`, lists of
        learning rates by task that was searched; `"splits"`, the split of
        each of these whose validation images chose; `"val_accuracy"`, that of
        the best of each.

    Raises:
        UserError: If the file cannot be read or holds something else.
    """
    rates = read_rates(str(path))  # refuses what is no best.json
    content = json.loads(user_path(str(path)).read_text(encoding="utf-8-sig"))
    checks = {
        "tried": ("a list of positive rates", _is_tried),
        "splits": ("a split", _is_split),
        "val_accuracy": ("an accuracy", _is_number),
    }
    found: dict[str, dict] = {"rates": rates}
    for key, (what, is_right) in checks.items():
        values = content.get(key, {})
        if not isinstance(values, dict) or not all(
            map(is_right, values.values())
        ):
            raise UserError(
                f"{path}: expected {key!r} to hold {what} for each task that "
                f"was searched. Received: {values!r}. {_AGAIN}"
            )
        found[key] = values
    for task, tried in found["tried"].items():
        best = rates.get(task, {}).get("learning_rate")
        if best not in tried:
            raise UserError(
                f"{path}: expected the rate of {task!r} to be one of those "
                f"that were tried, {tried}. Received: {best}. {_AGAIN}"
            )
        if task not in found["splits"]:
            raise UserError(
                f"{path}: expected 'splits' to say on which split the rate of "
                f"{task!r} was searched. Received: "
                f"{found['splits']!r}. {_AGAIN}"
            )
    return found


def _is_number(value) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _is_tried(value) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(_is_number(rate) and rate > 0 for rate in value)
    )


def _is_split(value) -> bool:
    return type(value) is int and value >= 0
