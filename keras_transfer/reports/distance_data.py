"""Sections 4.2 and 4.3: what the distance between two tasks costs.

Random halves are similar tasks, natural and man-made classes dissimilar ones,
and layers that were never trained are the floor. Sides differ in their number
of classes and their difficulty, so every network is compared with its own
base: same division, target and seed.
"""

import dataclasses

from keras_transfer.analysis import contrasts, primary, results, verdicts
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.curves import changes
from keras_transfer.analysis.observed import observe_all
from keras_transfer.analysis.results import Claim, Row
from keras_transfer.datasets.class_kinds import name_sides
from keras_transfer.specs.origins import HALVES, INITIALIZATIONS
from keras_transfer.specs.treatments import (
    BASE,
    BASES,
    RANDOM_LAYERS,
    SELFFER,
    TRANSFER,
)

SIMILAR = "random halves"
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


def claims(rows: list[Row], names: Names | None = None) -> list[Claim]:
    """Puts what sections 4.2 and 4.3 say to these data.

    Args:
        rows: List of `Row`.
        names: As of `sorts_of`.

    Returns:
        List of `Claim`, one for each comparison that can be made. Their
        verdicts are at 95 % for all of them together.
    """
    asked = _asked(rows, names)
    parts = [[verdicts.Part(one.effect)] for one in asked]
    return [
        Claim(one.section, one.text, one.said, verdict.name, one.why)
        for one, verdict in zip(asked, verdicts.judge(parts), strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A claim before it is judged.

    Args:
        section: String, of the paper.
        text: String, the claim.
        name: String, what is compared.
        changes: Tuple of `ModelEstimate` or `None`, of the better side and of
            the worse one.
    """

    section: str
    text: str
    name: str
    changes: tuple[ModelEstimate | None, ModelEstimate | None]

    @property
    def effect(self) -> ModelEstimate | None:
        """By how much the second change is worse; `None` if not measured."""
        if None in self.changes:
            return None
        return contrasts.subtract(*self.changes)

    @property
    def said(self) -> str:
        """The effect in words."""
        effect = self.effect
        found = "not measured" if effect is None else effect.in_points()
        return f"{self.name} {found}"

    @property
    def why(self) -> str:
        """What the verdict rests on; empty if it was not measured."""
        effect = self.effect
        if effect is None:
            return ""
        counts = " and of ".join(str(c.splits) for c in self.changes)
        return (
            f"of {counts} divisions of the classes, not paired with each "
            f"other; the interval is about {effect.scope}; present above 0, "
            "absent within 0.5 point"
        )


def _asked(rows: list[Row], names: Names | None) -> list[_Asked]:
    sorts = sorts_of(rows, names)
    dissimilar = [name for name in sorts if sorts[name].sides is not None]
    found = []
    for kind in dissimilar:
        of_kind = f", {kind}" if len(dissimilar) > 1 else ""
        if SIMILAR in sorts:
            found.append(
                _claim(
                    "4.2",
                    "Frozen layers lose more between dissimilar tasks than "
                    f"between similar ones{of_kind}.",
                    "dissimilar - similar",
                    sorts[SIMILAR],
                    sorts[kind],
                )
            )
            found += _specificity(sorts[SIMILAR], sorts[kind], of_kind)
        for name in map(random_name, INITIALIZATIONS):
            if name in sorts:
                found.append(
                    _claim(
                        "4.3",
                        "Features of a distant task are better than random "
                        f"ones, {name}{of_kind}.",
                        "random - dissimilar",
                        sorts[kind],
                        sorts[name],
                    )
                )
    return found


def _claim(section, text, name, better: Sort, worse: Sort) -> _Asked:
    layers = sorted(_upper_layers(better) & _upper_layers(worse))
    changes = _mean_change(better, layers), _mean_change(worse, layers)
    return _Asked(section, text, f"loss{_where(layers)}, {name}:", changes)


def _specificity(similar: Sort, kinds: Sort, of_kind: str) -> list[_Asked]:
    """Asks the same of BnB - AnB, if both have selffers: what kinds lose
    beside being cut."""
    sides = (similar, kinds)
    layers = sorted(
        set.intersection(
            *(_upper_layers(s) & _upper_layers(s, SELFFER) for s in sides)
        )
    )
    if not layers:
        return []
    changes = tuple(_mean_specificity(sort, layers) for sort in sides)
    if None in changes:
        return []
    name = f"{SELFFER} - {TRANSFER}{_where(layers)}, dissimilar - similar:"
    text = "Layers are more specific to dissimilar tasks than to similar ones"
    # Both are losses with a minus sign, as changes from the own base are.
    return [_Asked("4.2", f"{text}{of_kind}.", name, changes)]


def _where(layers: list[int]) -> str:
    return f" at n = {', '.join(map(str, layers))}" if layers else ""


def _upper_layers(sort: Sort, treatment: str | None = None) -> set[int]:
    """Returns the n from 4 on, where the paper sees the difference."""
    chosen = results.select(sort.rows, treatment or sort.treatment)
    return {n for n in results.layers_of(chosen) if n >= 4}


def _mean_change(sort: Sort, layers: list[int]) -> ModelEstimate | None:
    """Estimates the change from the own base, the mean over `layers`."""
    if not layers:
        return None
    cells = [(sort.treatment, n, None) for n in layers]
    weights = contrasts.difference(cells, [(BASE, 0, None)])
    return primary.estimate(observe_all(sort.compared), weights)


def _mean_specificity(sort: Sort, layers: list[int]) -> ModelEstimate | None:
    """Estimates AnB - BnB, the mean over `layers`."""
    cells = ([(name, n, None) for n in layers] for name in (TRANSFER, SELFFER))
    data = observe_all(sort.of(TRANSFER, SELFFER))
    return primary.estimate(data, contrasts.difference(*cells))
