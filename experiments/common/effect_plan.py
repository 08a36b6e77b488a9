"""How sure a study will be of its effects, said before it is trained.

Widths follow from components of variance of committed studies, see
`keras_transfer.analysis.components`, by the rule that the report will judge
by. Each script says which effects it judges.
"""

import dataclasses
from collections.abc import Callable, Iterable

from keras_transfer.analysis import components, power, verdicts
from keras_transfer.analysis.contrasts import (
    ModelEstimate,
    Observation,
    Weights,
    source_of,
)
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.studies.dataset_facts import DatasetFacts

NOT_KNOWN = "not known: no committed components"
TOO_FEW = "too few networks for an interval"


@dataclasses.dataclass(frozen=True)
class Foreseen:
    """An effect that a study will judge.

    Args:
        name: String, what is compared.
        expected: `ModelEstimate` of 0 with the expected error, or the reason
            why there is none.
    """

    name: str
    expected: ModelEstimate | str

    def line(self) -> str:
        """Says how wide its interval will be, and what it can tell."""
        if isinstance(self.expected, str):
            return f"{self.name}: {self.expected}"
        numbers = self.expected.error, self.expected.df, self.expected.scope
        return power.expected_of(*numbers).line(self.name, verdicts.MARGIN)


def foreseen(
    name: str,
    effect: str,
    networks: Iterable[Observation],
    weights: Weights,
    test_images: int | None,
) -> Foreseen:
    """Foresees an effect by the components of a committed study.

    Args:
        name: String, what is compared.
        effect: String, that of a `Component`.
        networks: Iterable of `Observation` to come.
        weights: Dict from `Cell` to number.
        test_images: Integer, of a half; `None` for those of the study.
    """
    component = components.known().get(effect)
    if component is None:
        return Foreseen(name, NOT_KNOWN)
    found = component.expect(networks, weights, test_images)
    if found is None:
        return Foreseen(name, NOT_KNOWN)
    return Foreseen(name, TOO_FEW if found.error is None else found)


def told(rows: Iterable[Foreseen], networks: int) -> list[str]:
    """Says what a study will be able to tell.

    Args:
        rows: Iterable of `Foreseen`; what is alike is said once.
        networks: Integer, how many there will be.

    Returns:
        List of strings: a head, a line for each effect, and what else counts;
        empty without rows.
    """
    lines = list(dict.fromkeys(row.line() for row in rows))
    if not lines:
        return []
    return [
        f"What {networks} networks can tell, at 95 % (spread of splits and "
        "noise of networks as in the committed studies, "
        "keras_transfer/analysis/components.csv):",
        *lines,
        "Each line is by itself; Holm's correction for all of them asks for "
        "more.",
    ]


def not_known(*_) -> list[str]:
    """Says of a study that nothing tells how wide its intervals will be.

    Args:
        *_: What an `Experiment` or a `Foresee` is asked with; not read.

    Returns:
        List of one string.
    """
    return [f"How wide its intervals will be: {NOT_KNOWN}."]


def no_intervals(*_) -> list[str]:
    """Says of a study that its report gives no intervals.

    Args:
        *_: What an `Experiment` or a `Foresee` is asked with; not read.

    Returns:
        List of one string.
    """
    return ["Its report gives means, without intervals or verdicts."]


def planned(
    specs: Iterable[NetworkSpec],
    treatment: Callable[[NetworkSpec], str] = lambda spec: spec.treatment,
) -> list[Observation]:
    """Turns settings of networks into observations without values.

    Args:
        specs: Iterable of `NetworkSpec`.
        treatment: Callable of a `NetworkSpec` that names its treatment.
            Defaults to its own.

    Returns:
        List of `Observation` of value 0.
    """
    return [
        Observation(
            split=spec.division,
            half=spec.target,
            seed=spec.seed,
            treatment=treatment(spec),
            n=spec.n,
            source=source_of(spec.base),
            value=0.0,
            target_images=spec.target_images,
        )
        for spec in specs
    ]


def half_images(
    facts: DatasetFacts | None, specs: Iterable[NetworkSpec]
) -> int | None:
    """Returns the test images of the halves that networks are tested on.

    Args:
        facts: `DatasetFacts`, or `None` if they are not known.
        specs: Iterable of `NetworkSpec`.

    Returns:
        Integer, the harmonic mean, as noise goes with the inverse; `None`
        without facts, or if test images are to be cut off the others.
    """
    if facts is None or not facts.test_images:
        return None
    parts = [1 / (facts.test_images * _share(s, facts)) for s in specs]
    return round(len(parts) / sum(parts))


def _share(spec: NetworkSpec, facts: DatasetFacts) -> float:
    if spec.target == "all":
        return 1.0
    if spec.data.halves is not None:
        sides = dict(zip("AB", spec.data.halves, strict=True))
        return len(sides[spec.target]) / facts.num_classes
    if spec.data.classes_per_half is not None:
        return spec.data.classes_per_half / facts.num_classes
    return 0.5
