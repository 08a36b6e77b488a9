"""What sections 4.2 and 4.3 claim, put to networks that are or are to come."""

import dataclasses
import functools

from keras_transfer.analysis import contrasts, primary, results, verdicts
from keras_transfer.analysis.contrasts import ModelEstimate
from keras_transfer.analysis.observed import observe_all
from keras_transfer.analysis.results import Claim, Row
from keras_transfer.reports.distance_data import (
    SIMILAR,
    Names,
    Sort,
    random_name,
    sorts_of,
)
from keras_transfer.specs.origins import INITIALIZATIONS
from keras_transfer.specs.treatments import BASE, SELFFER, TRANSFER


def claims(rows: list[Row], names: Names | None = None) -> list[Claim]:
    """Puts what sections 4.2 and 4.3 say to these data.

    Args:
        rows: List of `Row`.
        names: As of `sorts_of`.

    Returns:
        List of `Claim`, one for each comparison that can be made. Their
        verdicts are at 95 % for all of them together.
    """
    every = asked(rows, names)
    kept = [one for one in every if one.effect is not None or not one.beside]
    parts = [[verdicts.Part(one.effect)] for one in kept]
    return [
        Claim(one.section, one.text, one.said, verdict.name, one.why)
        for one, verdict in zip(kept, verdicts.judge(parts), strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class Change:
    """What freezing changes in one sort of networks.

    Args:
        effect: String, the change and the sort, however the sides are called.
        rows: List of `Row`, the networks it is measured on.
        weights: Dict from `Cell` to number; empty if there is nothing to
            compare.
    """

    effect: str
    rows: list[Row]
    weights: contrasts.Weights

    @functools.cached_property
    def estimate(self) -> ModelEstimate | None:
        """The change; `None` if it was not measured."""
        if not self.weights:
            return None
        return primary.estimate(observe_all(self.rows), self.weights)


@dataclasses.dataclass(frozen=True)
class Asked:
    """A claim before it is judged.

    Args:
        section: String, of the paper.
        text: String, the claim.
        name: String, what is compared.
        better, worse: `Change`s; the claim is that the second is worse.
        beside: Boolean, whether it is left out where it was not measured.
            Defaults to `False`.
    """

    section: str
    text: str
    name: str
    better: Change
    worse: Change
    beside: bool = False

    @property
    def effect(self) -> ModelEstimate | None:
        """By how much the second change is worse; `None` if not measured."""
        changes = self.better.estimate, self.worse.estimate
        return None if None in changes else contrasts.subtract(*changes)

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
        changes = self.better.estimate, self.worse.estimate
        counts = " and of ".join(str(c.splits) for c in changes)
        return (
            f"of {counts} divisions of the classes, not paired with each "
            f"other; the interval is about {effect.scope}; present above 0, "
            "absent within 0.5 point"
        )


def asked(rows: list[Row], names: Names | None = None) -> list[Asked]:
    """Lists what sections 4.2 and 4.3 claim of some networks.

    Args:
        rows: List of `Row`, of which the settings are enough.
        names: As of `sorts_of`.

    Returns:
        List of `Asked`, one for each comparison that can be made.
    """
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


def _claim(section, text, name, better: Sort, worse: Sort) -> Asked:
    layers = sorted(_upper_layers(better) & _upper_layers(worse))
    changes = _change(better, layers), _change(worse, layers)
    return Asked(section, text, f"loss{_where(layers)}, {name}:", *changes)


def _specificity(similar: Sort, kinds: Sort, of_kind: str) -> list[Asked]:
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
    changes = [_specific_change(sort, layers) for sort in sides]
    name = f"{SELFFER} - {TRANSFER}{_where(layers)}, dissimilar - similar:"
    text = "Layers are more specific to dissimilar tasks than to similar ones"
    # Both are losses with a minus sign, as changes from the own base are.
    return [Asked("4.2", f"{text}{of_kind}.", name, *changes, beside=True)]


def _where(layers: list[int]) -> str:
    return f" at n = {', '.join(map(str, layers))}" if layers else ""


def _upper_layers(sort: Sort, treatment: str | None = None) -> set[int]:
    """Returns the n from 4 on, where the paper sees the difference."""
    chosen = results.select(sort.rows, treatment or sort.treatment)
    return {n for n in results.layers_of(chosen) if n >= 4}


def _change(sort: Sort, layers: list[int]) -> Change:
    """Returns the change from the own base, the mean over `layers`."""
    cells = [(sort.treatment, n, None) for n in layers]
    weights = contrasts.difference(cells, [(BASE, 0, None)]) if layers else {}
    effect = f"{sort.treatment} - {BASE}, {sort.kind}"
    return Change(effect, sort.compared, weights)


def _specific_change(sort: Sort, layers: list[int]) -> Change:
    """Returns AnB - BnB, the mean over `layers`."""
    cells = ([(name, n, None) for n in layers] for name in (TRANSFER, SELFFER))
    effect = f"{TRANSFER} - {SELFFER}, {sort.kind}"
    rows = sort.of(TRANSFER, SELFFER)
    return Change(effect, rows, contrasts.difference(*cells))
