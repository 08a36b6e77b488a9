"""Sections 4.2 and 4.3: what the distance between two tasks costs.

Random halves are similar tasks, natural and man-made classes dissimilar ones,
and layers that were never trained are the floor. Sides differ in their number
of classes and their difficulty, so every network is compared with its own
base: same division, target and seed.
"""

import dataclasses

from keras_transfer.analysis import results
from keras_transfer.analysis.curves import changes
from keras_transfer.analysis.results import Row
from keras_transfer.datasets.class_kinds import name_sides
from keras_transfer.specs.origins import HALVES, INITIALIZATIONS
from keras_transfer.specs.treatments import (
    BASE,
    BASES,
    RANDOM_LAYERS,
    SELFFER,
    TRANSFER,
)

SIMILAR, KINDS = "random halves", "kinds"
# From halves, a pair of tuples of class indices, to the names of A and B.
Names = dict[tuple, tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Sort:
    """Networks whose frozen layers come from tasks equally far away.

    Args:
        rows: List of `Row`, bases included.
        treatment: String, the one that is compared with the base.
        sides: Pair of strings, names of A and B of a division by kind, or
            `None` for random halves.
    """

    rows: list[Row]
    treatment: str
    sides: tuple[str, str] | None = None

    @property
    def compared(self) -> list[Row]:
        """Its networks and the bases, without those of other treatments."""
        return self.of(self.treatment)

    def of(self, *treatments: str) -> list[Row]:
        """Returns the networks of some treatments, and the bases.

        Args:
            *treatments: Strings, such as `"AnB"`.
        """
        kept = (*treatments, *BASES)
        return [row for row in self.rows if row.spec.treatment in kept]

    @property
    def kind(self) -> str:
        """How the classes are divided, whatever the sides are called."""
        return SIMILAR if self.sides is None else KINDS

    @property
    def untrained(self) -> bool:
        """Whether the frozen layers are random ones."""
        return self.treatment != TRANSFER


def random_name(initialization: str) -> str:
    """Names the treatment of random layers: `random (he)`.

    Args:
        initialization: String, one of `INITIALIZATIONS`.
    """
    return RANDOM_LAYERS.format(initialization=initialization)


def sorts_of(rows: list[Row], names: Names | None = None) -> dict[str, Sort]:
    """Sorts networks by the distance of their tasks.

    Args:
        rows: List of `Row` of all three sections.
        names: Dict from halves to the names of both sides; those that it
            lacks are named by what is known of the data set.

    Returns:
        Dict from a name to its `Sort`; names without a network are absent.
        Every division by kind has one of its own.
    """
    split = [row for row in rows if row.spec.data.halves is None]
    sorts = {SIMILAR: Sort(split, TRANSFER)}
    divisions = dict.fromkeys(
        row.spec.data.halves for row in rows if row.spec.data.halves
    )
    for halves in divisions:
        kinds = [row for row in rows if row.spec.data.halves == halves]
        data_set = kinds[0].spec.data.name
        sides = (names or {}).get(halves) or name_sides(data_set, halves)
        name = " / ".join(sides)
        if name in sorts:  # balanced or not, of other files
            name += f" ({len(halves[0])} and {len(halves[1])} classes)"
        while name in sorts:
            name += "'"
        sorts[name] = Sort(kinds, TRANSFER, sides)
    for name in map(random_name, INITIALIZATIONS):
        sorts[name] = Sort(split, name)
    return {
        name: sort
        for name, sort in sorts.items()
        if results.select(sort.rows, sort.treatment)
    }


def kinds(rows: list[Row], names: Names | None) -> str:
    """Says what the classes of the dissimilar tasks are.

    Args:
        rows: List of `Row`.
        names: As of `sorts_of`.
    """
    sides = {sort.sides for sort in sorts_of(rows, names).values()} - {None}
    if len(sides) == 1:
        return f"{' and '.join(*sides)} classes"
    return "classes divided by kind"


def figure3_data(
    rows: list[Row], names: Names | None = None
) -> tuple[dict, dict, dict]:
    """Returns what figure 3 draws: accuracies by side, random, and drops.

    Args:
        rows: List of `Row` of all three sections.
        names: As of `sorts_of`.
    """
    dissimilar, random, change = {}, {}, {}
    for name, sort in sorts_of(rows, names).items():
        change[name] = [(0, 0.0)] + [
            (n, value.mean, value.t_low, value.t_high)
            for n, value in changes(sort.compared, sort.treatment, BASE)
        ]
        if sort.sides is not None:
            for side, kind in zip(HALVES, sort.sides, strict=True):
                own = [row for row in sort.rows if row.spec.target == side]
                curve = f"target {kind}"
                if curve in dissimilar:
                    curve += f", {name}"
                dissimilar[curve] = _means(own, sort.treatment)
        elif sort.untrained:
            random[f"{name}, random halves"] = _means(sort.rows, sort.treatment)
    return dissimilar, random, change


def specificity_data(
    rows: list[Row], names: Names | None = None
) -> dict[str, list[tuple]]:
    """Returns BnB - AnB at each n, where selffers were trained too.

    Args:
        rows: List of `Row`.
        names: As of `sorts_of`.

    Returns:
        Dict from the name of a sort to a list of `(n, Estimate)`.
    """
    found = {
        name: changes(sort.of(SELFFER, TRANSFER), SELFFER, TRANSFER)
        for name, sort in sorts_of(rows, names).items()
        if not sort.untrained
    }
    return {name: values for name, values in found.items() if values}


def _means(rows: list[Row], treatment: str) -> list[tuple[int, float]]:
    points = []
    for n in [0, *results.layers_of(rows)]:
        chosen = (
            results.select(rows, treatment, n, n)
            if n
            else results.select(rows, BASE)
        )
        if chosen:
            mean = sum(row.accuracy for row in chosen) / len(chosen)
            points.append((n, mean))
    return points
