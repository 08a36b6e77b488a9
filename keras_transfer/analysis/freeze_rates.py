"""Which rates of the map were searched, and how far, from its best.json."""

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Search:
    """How the rates of a map were found.

    Args:
        split: Integer or `None`, whose validation images chose.
        between: Tuple of strings, tasks whose best rate lies between two
            others that were tried.
        edge: Tuple of strings, tasks whose best is the lowest or the highest
            that was tried.
        taken: Tuple of strings, tasks whose rate was not searched.
    """

    split: int | None
    between: tuple[str, ...]
    edge: tuple[str, ...]
    taken: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Search":
        """Reads a `best.json` that `when_to_freeze --tune` wrote.

        Args:
            path: Path.

        Returns:
            `Search`.
        """
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        found: dict[str, list[str]] = {"between": [], "edge": [], "taken": []}
        for task, values in content["rates"].items():
            tried = sorted(content.get("tried", {}).get(task, ()))
            best = values["learning_rate"]
            if not tried:
                kind = "taken"
            else:
                kind = "between" if tried[0] < best < tried[-1] else "edge"
            found[kind].append(task)
        groups = {kind: tuple(tasks) for kind, tasks in found.items()}
        return cls(content.get("split"), **groups)

    def __len__(self) -> int:
        """Counts the tasks."""
        return len(self.between) + len(self.edge) + len(self.taken)
