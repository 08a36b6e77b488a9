"""What copied stages of a pretrained model are worth on another data set.

The networks of one data set and recipe, told apart by treatment, n and seed.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import cached_property

from keras_transfer.analysis import primary
from keras_transfer.analysis.balanced import unequal_classes
from keras_transfer.analysis.contrasts import (
    Cell,
    ModelEstimate,
    Observation,
    difference,
)
from keras_transfer.analysis.results import Row
from keras_transfer.specs.treatments import (
    FROM_MODEL,
    WHOLE_BASE,
    find_treatment,
)

SCRATCH: Cell = (WHOLE_BASE, 0, None)


@dataclasses.dataclass(frozen=True)
class CopiedStages:
    """The networks of one data set and what is estimated from them.

    Seeds stand where halves have splits: a seed shifts all its networks
    (their views and order), and the networks of one treatment further.
    Intervals are over seeds, on these training and test images, by the rule of
    `primary`: networks from scratch vary more between seeds than frozen ones.

    Args:
        observations: Tuple of `Observation`, of test accuracy.
    """

    observations: tuple[Observation, ...]

    @cached_property
    def _by_seed(self) -> tuple[Observation, ...]:
        # One source for all: no effect of its own, unlike the base of a half.
        return tuple(
            dataclasses.replace(o, split=o.seed, source="")
            for o in self.observations
        )

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return sorted({o.seed for o in self.observations})

    @property
    def treatments(self) -> list[str]:
        """Those of copied stages that have networks, in reading order."""
        found = {o.treatment for o in self.observations}
        return [name for name in FROM_MODEL if name in found]

    def stages(self, treatment: str | None = None) -> list[int]:
        """Returns the n that have networks.

        Args:
            treatment: String, or `None` for any. Defaults to `None`.
        """
        chosen = (
            o.n
            for o in self.observations
            if o.n and treatment in (None, o.treatment)
        )
        return sorted(set(chosen))

    def values(self, cell: Cell) -> list[float]:
        """Returns the accuracies of a cell, a network each.

        Args:
            cell: `Cell`.
        """
        return [o.value for o in self.observations if o.cell == cell]

    def mean(self, cell: Cell) -> float | None:
        """Averages a cell; `None` if it has no network.

        Args:
            cell: `Cell`.
        """
        values = self.values(cell)
        return sum(values) / len(values) if values else None

    def compare(self, first: Cell, second: Cell) -> ModelEstimate | None:
        """Estimates the first cell's accuracy minus the second's.

        Args:
            first, second: `Cell`.

        Returns:
            `ModelEstimate`, without an interval for one seed; `None` if a
            cell has no network.
        """
        return primary.estimate(self._by_seed, difference([first], [second]))

    def answers(self) -> list[tuple[str, int, ModelEstimate]]:
        """Returns what the questions of the treatments' rows come to.

        Returns:
            List of `(difference, n, estimate)`, in reading order.
        """
        found = []
        for name in self.treatments:
            for question in find_treatment(name).questions:
                for n in self.stages(name):
                    first = question.first, n, None
                    second = question.second, n, None
                    if question.second == WHOLE_BASE:
                        second = SCRATCH
                    value = self.compare(first, second)
                    if value is not None:
                        found.append((str(question), n, value))
        return found


def _accuracy(row: Row) -> float:
    return row.accuracy


def balanced_stages(rows: list[Row]) -> CopiedStages | None:
    """Collects balanced accuracies, where they say something of their own.

    Args:
        rows: List of `Row`, as of `stages_of`.

    Returns:
        `CopiedStages`; `None` where all test classes are of one size, or a
        network was filed before it was measured.
    """
    known = all(r.result.test_balanced_accuracy is not None for r in rows)
    if not known or not unequal_classes(rows):
        return None
    return stages_of(rows, lambda row: row.result.test_balanced_accuracy)


def stages_of(
    rows: Iterable[Row], value: Callable[[Row], float] = _accuracy
) -> CopiedStages:
    """Collects the networks of copied stages and those from scratch.

    Args:
        rows: Iterable of `Row`, of one data set and recipe.
        value: Callable of a `Row`, the outcome. Defaults to its accuracy.

    Returns:
        `CopiedStages`.
    """
    return CopiedStages(
        tuple(
            Observation(
                split=row.spec.division,
                half=row.spec.target,
                seed=row.spec.seed,
                treatment=row.spec.treatment,
                n=row.spec.n,
                source="",
                value=value(row),
                target_images=None,
            )
            for row in rows
            if row.spec.treatment in (WHOLE_BASE, *FROM_MODEL)
        )
    )
