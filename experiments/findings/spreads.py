"""Components of variance from committed tables, by which plans are made."""

from experiments.findings import doses, freezing, numbers, sizes
from experiments.findings.committed import committed_rows
from keras_transfer.analysis import components
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.components import Component, measure
from keras_transfer.analysis.dose_response import EFFECTS, read_doses
from keras_transfer.analysis.evidence import Evidence, evidence_of, observe
from keras_transfer.analysis.observed import observe_all
from keras_transfer.reports import boost, distance_claims
from keras_transfer.reports.distance_claims import Change
from keras_transfer.specs.treatments import (
    BASE,
    FINETUNED_TRANSFER,
    SAME_STEPS,
    WHOLE_BASE,
)

TEST_IMAGES = 100  # of each class of CIFAR-100
HALF = 50 * TEST_IMAGES


def all_components() -> list[Component]:
    """Computes the components of each effect that a plan can foresee."""
    return [
        *_of_all_classes(),
        *_of_boost(),
        *_of_kinds(),
        *_of_random_weights(),
        *_of_doses(),
        *_of_freezing(),
    ]


def table() -> str:
    """Returns `keras_transfer/analysis/components.csv`."""
    return components.table_text(all_components())


def _of_all_classes() -> list[Component]:
    data = observe(sizes.all_rows())
    halves = [o for o in data if o.treatment == BASE]
    whole = [o for o in data if o.treatment in (WHOLE_BASE, SAME_STEPS)]
    return [
        measure(
            sizes.ALL,
            effect,
            [(networks, {(effect, 0, None): 1.0})],
            images,
        )
        for effect, networks, images in (
            (BASE, halves, HALF),
            (WHOLE_BASE, whole, 2 * HALF),
        )
    ]


def _of_boost() -> list[Component]:
    folder = "cifar100-boost"
    rows = committed_rows(folder, **numbers.NARROW)
    found = evidence_of(rows)
    asked = [Comparison(FINETUNED_TRANSFER, c) for c in boost.CONTROLS]
    return [
        _of_comparison(folder, f"{c.first} - {c.second}", c, [found])
        for c in asked
    ]


def _of_comparison(
    folder: str, effect: str, comparison: Comparison, found: list[Evidence]
) -> Component:
    parts = []
    for evidence in found:
        layers = evidence.layers(comparison)
        weights = comparison.weigh(comparison, layers)
        parts.append((evidence.accuracies, weights))
    return measure(folder, effect, parts, HALF)


def _of_kinds() -> list[Component]:
    asked = distance_claims.asked(sizes.balanced_rows())
    classes = sizes.KINDS["classes_per_half"]
    changes = [c for one in asked for c in (one.better, one.worse)]
    return [
        _of_change(sizes.BALANCED, change, classes * TEST_IMAGES)
        for change in changes
    ]


def _of_random_weights() -> list[Component]:
    folder = "cifar100-dissimilar"
    rows = committed_rows(folder, **numbers.NARROW)
    asked = distance_claims.asked(rows)
    return [
        _of_change(folder, one.worse, HALF)
        for one in asked
        if one.section == "4.3"
    ]


def _of_change(folder: str, change: Change, test_images: int) -> Component:
    parts = [(observe_all(change.rows), change.weights)]
    return measure(folder, change.effect, parts, test_images)


def _of_doses() -> list[Component]:
    found = read_doses(doses.table())
    regimes = dict.fromkeys(regime for regime, _ in found)
    return [
        _of_comparison(
            doses.FOLDER,
            f"{effect.name}, {regime}",
            effect.comparison,
            [
                evidence
                for (own, _), evidence in found.items()
                if own == regime
                and evidence.estimate(effect.comparison) is not None
            ],
        )
        for effect in EFFECTS
        for regime in regimes
    ]


def _of_freezing() -> list[Component]:
    found = freezing.found()
    parts: dict[str, list] = {}
    for question in found.asked():
        part = found.observations, question.weights
        parts.setdefault(question.effect, []).append(part)
    return [
        # Only bases have two halves, so that the model tells little of copies.
        measure(freezing.FOLDER, effect, own, HALF, stand_in=False)
        for effect, own in parts.items()
    ]
