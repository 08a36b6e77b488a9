"""The rule by which effects are judged: over splits, or about these halves."""

import dataclasses

import numpy as np
import pytest

from experiments.common import made_up_studies
from experiments.common.made_up_studies import EFFECTS, Case, Simulation
from keras_transfer.analysis import contrasts, primary
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.contrasts import OTHERS, THESE
from keras_transfer.analysis.evidence import Evidence
from keras_transfer.analysis.mixed_model import fit_model

BOOST = EFFECTS["AnB+ - BnB+"]


def study(splits, seeds=2, noise=0):
    """A made-up study of networks, each with a value drawn."""
    case = Case(splits, seeds, 0.5)
    data = made_up_studies.networks(case)
    rng = np.random.default_rng(noise)
    (values,), _ = Simulation(case, tuple(data)).draw(rng, 1)
    return [
        dataclasses.replace(o, value=float(value))
        for o, value in zip(data, values, strict=True)
    ]


@pytest.mark.parametrize("splits", [3, 4, 8])
def test_from_three_splits_on_it_is_t_over_splits(splits):
    data = study(splits)
    found = primary.estimate(data, BOOST)
    assert found == contrasts.estimate_over_splits(data, BOOST)
    assert (found.df, found.scope) == (splits - 1, OTHERS)


@pytest.mark.parametrize("splits", [1, 2])
def test_below_it_is_the_mixed_model_of_these_halves(splits):
    data = study(splits, seeds=1)
    found = primary.estimate(data, BOOST)
    assert found == fit_model(data).estimate(BOOST)
    assert (found.splits, found.scope) == (splits, THESE)


def test_with_seeds_it_is_the_model_of_what_is_compared():
    data = study(1)
    compared = [o for o in data if o.cell in BOOST]
    found = primary.estimate(data, BOOST)
    assert found == fit_model(compared).estimate(BOOST)
    assert (found.scope, found.networks) == (THESE, 2 * 3 * 2 * 2)
    # What AnB loses in one half at one n says nothing of AnB+ and BnB+.
    apart = [
        dataclasses.replace(o, value=o.value - 9)
        if (o.treatment, o.n, o.half) == ("AnB", 7, "A")
        else o
        for o in data
    ]
    assert primary.estimate(apart, BOOST) == found


def test_the_noise_between_seeds_by_hand():
    # BnB+ gains 1 point in half A and 5 in B; seeds differ by 0.2 in each.
    data = [
        contrasts.Observation(0, half, seed, treatment, n, source, value)
        for half, gain in (("A", 0.01), ("B", 0.05))
        for seed, noise in ((0, 0.001), (1, -0.001))
        for treatment, n, source, value in (
            ("base", 0, "", 0.6 + noise),
            ("BnB+", 5, half, 0.6 + gain - noise),
        )
    ]
    weights = contrasts.difference([("BnB+", 5, None)], [("base", 0, None)])
    found = primary.estimate(data, weights)
    # Each variance is 2e-6, and two means of four networks are compared.
    assert found.mean == pytest.approx(0.03)
    assert found.error == pytest.approx((2e-6 * 2 / 4) ** 0.5, rel=1e-3)
    assert found.df == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize(
    "spreads, freedom, quantile",
    [
        # As noisy: 2 + 2. One without noise: 2. Variances of 4 and 1:
        # (4 + 1)^2 / (4^2 / 2 + 1 / 2).
        ((0.01, 0.01), 4, 2.776445),
        ((0.01, 0.00), 2, 4.302653),
        ((0.02, 0.01), 50 / 17, 3.218759),
    ],
)
def test_at_one_n_seeds_may_be_noisier_of_one_treatment(
    spreads, freedom, quantile
):
    study = [
        contrasts.Observation(
            0, half, seed, name, n, source, mean + sign * spread / 2
        )
        for half in "AB"
        for seed, sign in ((0, 1), (1, -1))
        for (name, n, source), mean, spread in zip(
            (("base", 0, ""), ("AnB", 7, "BA"[half == "B"])),
            (0.6, 0.5),
            spreads,
            strict=True,
        )
    ]
    weights = contrasts.difference([("AnB", 7, None)], [("base", 0, None)])
    found = primary.estimate(study, weights)
    # Two seeds apart by d: a variance of d^2 / 2; four networks a cell.
    error = sum(d**2 / 2 / 4 for d in spreads) ** 0.5
    assert found.mean == pytest.approx(-0.1)
    assert found.error == pytest.approx(error, rel=1e-4)
    assert found.df == pytest.approx(freedom, rel=1e-4)
    reach = (found.high - found.low) / 2
    assert reach == pytest.approx(quantile * error, rel=1e-3)


def test_numbers_of_seeds_that_differ_are_welchs_interval():
    def network(half, seed, name, value):
        n = 7 * (name != "base")
        return contrasts.Observation(0, half, seed, name, n, "", value)

    bases = {"A": (0.60, 0.61, 0.62), "B": (0.60, 0.62)}
    copies = {"A": (0.50, 0.56), "B": (0.52, 0.54)}
    study = [
        network(half, seed, name, value)
        for name, halves in (("base", bases), ("random (he)", copies))
        for half, values in halves.items()
        for seed, value in enumerate(values)
    ]
    cells = [("random (he)", 7, None)], [("base", 0, None)]
    found = primary.estimate(study, contrasts.difference(*cells))
    # Variances of cells, from squares within halves: 0.0004 / 3 and 0.002 / 2;
    # halves count alike: (1 / 3 + 1 / 2) / 4 and (1 / 2 + 1 / 2) / 4 of them.
    parts = (0.0004 / 3 * 5 / 24, 3), (0.002 / 2 / 4, 2)
    whole = sum(part for part, _ in parts)
    assert found.mean == pytest.approx(0.53 - 0.61)
    assert found.error == pytest.approx(whole**0.5)
    freedom = whole**2 / sum(part**2 / freedom for part, freedom in parts)
    assert found.df == pytest.approx(freedom)


def test_random_layers_are_copied_from_no_network():
    row = {"split": "0", "target": "A", "seed": "0", "n": "5", "acc": "0.5"}
    row |= {"treatment": "random (he)", "base": "random"}
    assert contrasts.observation_of(row, "acc").source == ""
    assert contrasts.observation_of(row | {"base": "B"}, "acc").source == "B"


def test_the_middle_of_a_slope_has_no_weight_and_is_compared():
    data = study(1)
    slope = contrasts.trend("BnB", "AnB", (3, 5, 7))
    assert slope["BnB", 5, None] == 0
    found = primary.estimate(data, slope)
    assert found.networks == 2 * 3 * 2 * 2
    values = {o.cell: 0.0 for o in data}
    for o in data:
        values[o.cell] += o.value / 4  # two halves, two seeds
    ends = [values["BnB", n, None] - values["AnB", n, None] for n in (3, 7)]
    assert found.mean == pytest.approx((ends[1] - ends[0]) / 4)


def test_a_seed_too_few_in_one_half_and_all_networks_tell_the_noise():
    data = [
        o
        for o in study(1)
        if (o.half, o.seed, o.cell) != ("A", 1, ("AnB+", 7, None))
    ]
    found = primary.estimate(data, BOOST)
    assert found == fit_model(data).estimate(BOOST)
    assert found.networks == len(data)


def test_splits_without_the_contrast_do_not_count():
    # AnB+ in two of four splits: their networks alone are modelled.
    data = [
        o for o in study(4, 1) if o.treatment != "AnB+" or o.split in (0, 3)
    ]
    found = primary.estimate(data, BOOST)
    two = [o for o in data if o.split in (0, 3)]
    assert found == fit_model(two).estimate(BOOST)
    assert (found.splits, found.scope) == (2, THESE)


def test_a_split_with_some_n_only_is_in_the_model():
    data = [o for o in study(4) if o.treatment != "AnB+" or o.split in (0, 3)]
    data = [o for o in data if o.split != 3 or o.treatment != "AnB+" or o.n < 7]
    found = primary.estimate(data, BOOST)
    assert (found.splits, found.scope) == (2, THESE)
    # Not where there are three such: then the one whole split.
    data = [o for o in study(4) if o.split == 0 or o.cell != ("AnB+", 7, None)]
    assert primary.estimate(data, BOOST).splits == 1


@pytest.mark.parametrize("second", ["BnB+", "base"])
def test_n_of_a_few_splits_do_not_hide_the_others(second):
    # n = 7 in split 0 alone: the four splits are compared at 3 and 5.
    data = [o for o in study(4) if o.n < 7 or o.split == 0]
    comparison = Comparison("AnB+", second, 1, 7)
    found = Evidence(tuple(data))
    assert found.layers(comparison) == (3, 5)
    assert "n 3, 5:" in found.describe(comparison)
    estimate = found.estimate(comparison)
    assert (estimate.splits, estimate.scope) == (4, OTHERS)
    # Two splits are about these halves anyway, and keep all.
    few = Evidence(tuple(o for o in data if o.split < 2))
    assert few.layers(comparison) == (3, 5, 7)


def test_where_no_half_has_both_other_networks_link_them():
    data = [
        o
        for o in study(4)
        if o.treatment not in ("AnB+", "BnB+")
        or (o.half == "A") == (o.treatment == "AnB+")
    ]
    assert contrasts.estimate_over_splits(data, BOOST) is None
    assert primary.estimate(data, BOOST).splits == 4


def test_nothing_is_estimated_from_nothing():
    assert primary.estimate([], BOOST) is None
    assert primary.estimate(study(3), {}) is None
