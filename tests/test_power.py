"""What is said beforehand is what committed studies found."""

from pathlib import Path

import pytest

from keras_transfer.analysis import power
from keras_transfer.analysis.contrasts import (
    OTHERS,
    THESE,
    difference,
    read_observations,
)
from keras_transfer.analysis.mixed_model import fit_model

SIMILAR = (
    Path(__file__).parents[1] / "logs/published/cifar100-similar/results.csv"
)
BASE = [("base", 0, None)]
BOOST = difference([("AnB+", n, None) for n in range(1, 8)], BASE)


def test_plan_foresees_the_interval_of_the_committed_study():
    layers, treatments = range(1, 8), ("BnB", "AnB", "BnB+", "AnB+")
    planned = power.planned_networks(1, 1, layers, treatments)
    expected = power.expect(planned, BOOST)
    found = fit_model(read_observations(SIMILAR)).estimate(BOOST)
    assert 2 * expected.width == pytest.approx(found.high - found.low, rel=0.1)
    assert expected.scope == THESE


def test_widths_by_hand():
    # One n, one seed, four splits of two halves: a difference varies by
    # 2 split x treatment + (2 half x treatment + 2 residual) / 2 in a split.
    networks = power.planned_networks(4, 1, (5, 6), ("AnB+",))
    model = power.plan_model(networks)
    assert set(model.effects) >= {"half x treatment", "split x treatment"}
    weights = difference([("AnB+", n, None) for n in (5, 6)], BASE)
    split, half, noise = (
        power.COMPONENTS[name] ** 2
        for name in ("split x treatment", "half x treatment", "residual")
    )
    variance = (2 * split + half + noise * (1 + 1 / 2) / 2) / 4
    assert model.estimate(weights).error == pytest.approx(variance**0.5)
    found = power.expect(networks, weights)
    # Judged over splits: Student's quantile of 3 degrees of freedom.
    assert found.width == pytest.approx(3.182446 * variance**0.5)
    assert found.scope == OTHERS
    assert found.width < found.seen
    assert found.excluded > found.width


def test_noise_falls_with_the_root_of_test_images():
    assert power.residual(20_000) == pytest.approx(0.0047 / 2)
    assert power.residual() == 0.0047


def test_components_are_those_of_the_committed_studies():
    model = fit_model(read_observations(SIMILAR))
    assert model.components["residual"] == pytest.approx(
        power.COMPONENTS["residual"], abs=0.0003
    )
    boost = read_observations(SIMILAR.parents[1] / "cifar100-boost/results.csv")
    short = [o for o in boost if o.n] + [o for o in boost if not o.n][:8]
    found = fit_model(short).components
    for name in ("half x treatment", "split x treatment", "half"):
        assert found[name] == pytest.approx(power.COMPONENTS[name], abs=0.0012)
    assert found["source base"] < 0.001


def test_without_networks_to_compare_nothing_is_expected():
    networks = power.planned_networks(1, 1, (5,), ("AnB+",))
    assert power.expect(networks, {}) is None


def test_with_seeds_the_noise_is_theirs_and_of_what_is_compared():
    networks = power.planned_networks(1, 2, (1, 7), ("AnB", "AnB+", "BnB+"))
    weights = difference(
        [("AnB+", n, None) for n in (1, 7)], [("BnB+", n, None) for n in (1, 7)]
    )
    found = power.expect(networks, weights)
    # Two halves, two seeds, two n: 8 pairs; 4 cells of 2 halves leave 8
    # degrees of freedom of 16 networks.
    error = power.COMPONENTS["residual"] * (2 / 8) ** 0.5
    assert found.width == pytest.approx(2.306004 * error)
    assert found.scope == THESE
