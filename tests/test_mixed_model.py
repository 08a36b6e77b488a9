"""The mixed model against closed forms, statsmodels and an audit's table."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from keras_transfer.analysis.contrasts import (
    OTHERS,
    THESE,
    Observation,
    difference,
    estimate_over_splits,
    read_observations,
    trend,
)
from keras_transfer.analysis.mixed_model import fit_model
from keras_transfer.errors import UserError

PUBLISHED = Path(__file__).parents[1] / "logs" / "published"
BASE = [("base", 0, None)]
FROZEN = [("BnB", 4, None)]


def cells(treatment, layers):
    return [(treatment, n, None) for n in layers]


def small_study(values):
    """A base and one frozen selffer a split, target A."""
    found = []
    for split, (base, frozen) in enumerate(values):
        found.append(Observation(split, "A", 0, "base", 0, "", base))
        found.append(Observation(split, "A", 0, "BnB", 4, "A", frozen))
    return found


def boost():
    """The committed boost study; the long bases come second in it."""
    seen, found = set(), []
    for o in read_observations(PUBLISHED / "cifar100-boost/results.csv"):
        key = o.split, o.half, o.seed, o.cell, o.source
        if key in seen:
            o = dataclasses.replace(o, treatment="long base")
        seen.add(key)
        found.append(o)
    return found


def test_two_treatments_give_the_paired_t_test():
    study = small_study([(0.60, 0.61), (0.70, 0.73), (0.66, 0.68)])
    found = fit_model(study, halves="fixed").estimate(difference(FROZEN, BASE))
    # Differences 1, 3, 2 points: mean 2, standard error 1 / sqrt(3).
    assert found.mean == pytest.approx(0.02)
    assert found.error == pytest.approx(0.01 / 3**0.5, rel=1e-5)
    assert found.df == pytest.approx(2, rel=1e-4)
    assert found.low == pytest.approx(0.02 - 0.0430265 / 3**0.5, abs=1e-6)
    assert (found.scope, found.splits, found.count) == (OTHERS, 3, 3)
    check = estimate_over_splits(study, difference(FROZEN, BASE))
    assert (check.low, check.high) == pytest.approx((found.low, found.high))
    assert check.df == 2


def test_seeds_of_a_split_do_not_count_as_splits():
    # The effect differs by split (1, 2, 3, 6 points), hardly by seed: the
    # model has the degrees of freedom of the splits, 3, and their interval.
    rng = np.random.default_rng(0)
    study = []
    for split, effect in enumerate((0.01, 0.02, 0.03, 0.06)):
        for seed in range(6):
            noise = rng.normal(0, 0.0005, 2)
            study += [
                Observation(split, "A", seed, "base", 0, "", 0.6 + noise[0]),
                Observation(
                    split, "A", seed, "BnB", 4, "A", 0.6 + effect + noise[1]
                ),
            ]
    weights = difference(FROZEN, BASE)
    found = fit_model(study, halves="fixed").estimate(weights)
    check = estimate_over_splits(study, weights)
    assert found.df == pytest.approx(3, abs=0.02)
    assert (found.low, found.high) == pytest.approx(
        (check.low, check.high), abs=1e-4
    )
    assert check.mean == pytest.approx(0.03, abs=3e-4)
    pairs = stats.t.ppf(0.975, 23) * check.error / 6**0.5
    assert found.high - found.mean > 3 * pairs


def test_below_three_splits_halves_are_fixed_and_it_says_so():
    # Two halves and four n: the additive model, by hand.
    levels = {"A": 0.0, "B": 0.1}
    wiggle = iter([0.001, -0.001, 0.002, -0.002, 0.0, 0.003, 0.001, -0.001])
    study = [
        Observation(0, half, 0, "BnB", n, half, 0.6 + level + next(wiggle))
        for half, level in levels.items()
        for n in (1, 3, 5, 7)
    ]
    weights = difference(cells("BnB", (5, 7)), cells("BnB", (1, 3)))
    found = fit_model(study).estimate(weights)
    values = np.array([o.value for o in study]).reshape(2, 4)
    fit = values.mean(0) + values.mean(1)[:, None] - values.mean()
    variance = ((values - fit) ** 2).sum() / 3  # 8 - 4 cells - 1 half
    assert found.scope == THESE
    assert found.df == pytest.approx(3)
    assert found.error == pytest.approx((variance * 4 / 8) ** 0.5)
    assert estimate_over_splits(study, weights).low is None


def test_an_effect_in_half_a_alone_is_no_noise_below_three_splits():
    # AnB loses 4 points in half A and 2 in B; all else is exact but for one
    # network. The effect in these halves is -3, whatever the two differ by.
    study = []
    for half, level, loss in (("A", 0.6, 0.04), ("B", 0.7, 0.02)):
        study.append(Observation(0, half, 0, "base", 0, "", level))
        for n in (1, 2, 3):
            other = "B" if half == "A" else "A"
            wiggle = 0.0003 * (n == 2) * (half == "A")
            study.append(
                Observation(0, half, 0, "AnB", n, other, level - loss + wiggle)
            )
    found = fit_model(study).estimate(difference(cells("AnB", (1, 2, 3)), BASE))
    assert found.mean == pytest.approx(-0.03, abs=1e-4)
    assert found.high - found.low < 0.002


def test_variances_and_degrees_of_freedom_of_a_balanced_design():
    # Mean squares of treatment by split, and of the residual, by hand.
    rng = np.random.default_rng(5)
    splits, treatments, seeds = 6, 3, 4
    names = ("base", "BnB", "AnB")
    values = (
        rng.normal(0, 1, (splits, 1, 1))
        + rng.normal(0, 1, (splits, treatments, 1))
        + rng.normal(0, 0.5, (splits, treatments, seeds))
    )
    study = [
        Observation(s, "A", r, names[t], 0, "", values[s, t, r])
        for s in range(splits)
        for t in range(treatments)
        for r in range(seeds)
    ]
    means = values.mean(2)
    rest = means - means.mean(0) - means.mean(1)[:, None] + means.mean()
    square = seeds * (rest**2).sum() / ((splits - 1) * (treatments - 1))
    noise = ((values - means[..., None]) ** 2).sum() / (
        splits * treatments * (seeds - 1)
    )
    model = fit_model(study)
    assert model.effects == ("split", "split x treatment")
    assert model.components["residual"] == pytest.approx(noise**0.5, rel=1e-3)
    assert model.components["split x treatment"] == pytest.approx(
        ((square - noise) / seeds) ** 0.5, rel=1e-3
    )
    found = model.estimate(difference([("AnB", 0, None)], BASE))
    assert found.error == pytest.approx(
        (2 * square / seeds / splits) ** 0.5, rel=1e-3
    )
    assert found.df == pytest.approx((splits - 1) * (treatments - 1), rel=1e-3)


def made_up(splits):
    """Networks with every kind of spread, each large enough to be seen."""
    rng = np.random.default_rng(3)
    levels = {}

    def draw(deviation, *key):
        return levels.setdefault(key, rng.normal(0, deviation))

    study = []
    for s in range(splits):
        for half, seed, treatment, n in itertools.product(
            "AB", (0, 1), ("BnB", "AnB", "AnB+"), (3, 5)
        ):
            source = half if treatment == "BnB" else "BA"[half == "B"]
            value = (
                draw(3.0, "split", s)
                + draw(1.0, "half", s, half)
                + draw(1.0, "split x treatment", s, treatment)
                + draw(0.8, "half x treatment", s, half, treatment)
                + draw(0.7, "source", s, seed, source)
                + rng.normal(0, 0.4)
            )
            study.append(
                Observation(s, half, seed, treatment, n, source, value)
            )
    return study


def test_statsmodels_finds_the_same_variances():
    formula = pytest.importorskip("statsmodels.formula.api")
    import pandas

    study = made_up(8)
    model = fit_model(study)
    frame = pandas.DataFrame(map(dataclasses.asdict, study))
    frame["cell"] = [str(o.cell) for o in study]
    frame["both"] = frame.half + frame.treatment
    frame["base"] = frame.source + frame.seed.astype(str)
    effects = {
        "half": "0 + C(half)",
        "half x treatment": "0 + C(both)",
        "source base": "0 + C(base)",
        "split x treatment": "0 + C(treatment)",
    }
    other = formula.mixedlm(
        "value ~ 0 + C(cell)",
        frame,
        groups="split",
        re_formula="1",
        vc_formula=effects,
    ).fit(reml=True, method="lbfgs")
    found = dict(zip(effects, other.vcomp**0.5, strict=True))
    found |= {
        "split": float(other.cov_re.iloc[0, 0]) ** 0.5,
        "residual": other.scale**0.5,
    }
    assert model.components == pytest.approx(found, rel=0.02, abs=0.05)
    weights = difference(cells("AnB+", (3, 5)), cells("BnB", (3, 5)))
    vector = np.array([weights.get(cell, 0.0) for cell in model.cells])
    ours = model.estimate(weights)
    assert ours.mean == pytest.approx(vector @ other.fe_params, abs=1e-3)
    square = vector @ other.cov_params().iloc[:6, :6].to_numpy() @ vector
    assert ours.error == pytest.approx(square**0.5, rel=0.02)


# The audit's table 2c, in points: the same 58 networks, one split.
TABLE_2C = {
    "2": (difference(BASE, cells("BnB", (3, 4, 5, 6))), -0.6, -1.3, 0.1),
    "2, n 4 to 5": (difference(BASE, cells("BnB", (4, 5))), -0.5, -1.2, 0.3),
    "3": (difference(cells("BnB+", range(1, 8)), BASE), 2.9, 2.2, 3.5),
    "4a": (difference(cells("AnB", (1, 2)), BASE), 0.8, 0.1, 1.6),
    "4b": (
        difference(cells("BnB", (6, 7)), cells("AnB", (6, 7))),
        *(11.6, 11.0, 12.3),
    ),
    "5a": (difference(cells("AnB+", range(1, 8)), BASE), 2.9, 2.2, 3.5),
    "5b": (
        difference(cells("AnB+", range(1, 8)), cells("BnB+", range(1, 8))),
        *(0.0, -0.3, 0.35),
    ),
}


@pytest.fixture(scope="module")
def similar():
    path = PUBLISHED / "cifar100-similar/results.csv"
    return fit_model(read_observations(path))


@pytest.mark.parametrize("name", TABLE_2C)
def test_table_2c_of_the_audit(similar, name):
    weights, *expected = TABLE_2C[name]
    found = similar.estimate(weights)
    values = [100 * x for x in (found.mean, found.low, found.high)]
    assert values == pytest.approx(expected, abs=0.1)
    assert found.scope == THESE
    assert 100 * similar.components["residual"] == pytest.approx(0.44, abs=0.02)


def test_boost_has_the_audits_components():
    model = fit_model(boost())
    points = {name: 100 * sd for name, sd in model.components.items()}
    assert points["residual"] == pytest.approx(0.42, abs=0.015)
    assert points["source base"] == 0
    both = np.hypot(points["half x treatment"], points["split x treatment"])
    assert both == pytest.approx(0.35, abs=0.03)
    layers = (3, 5, 7)
    over = model.estimate(
        difference(cells("AnB+", layers), cells("BnB+", layers))
    )
    assert 100 * over.mean == pytest.approx(-0.04, abs=0.005)
    assert 100 * (over.high - over.mean) == pytest.approx(0.5, abs=0.15)
    assert over.scope == OTHERS


def test_a_trend_is_the_slope_of_a_line():
    study = []
    for split in range(4):
        for n in (1, 3, 7):
            wiggle = 0.001 * (-1) ** (split + n // 3)
            for treatment, slope in (("BnB", 0.0), ("AnB", -0.02)):
                study.append(
                    Observation(
                        split, "A", 0, treatment, n, "A", 0.6 + slope * n
                    )
                )
            study[-1] = dataclasses.replace(
                study[-1], value=study[-1].value + wiggle
            )
    found = fit_model(study, "fixed").estimate(trend("BnB", "AnB", (1, 3, 7)))
    assert found.mean == pytest.approx(0.02, abs=1e-4)
    assert found.low < 0.02 < found.high


def test_treatments_that_share_no_half_are_linked_by_others():
    apart = [
        Observation(0, "A", 0, "BnB+", 3, "A", 0.61),
        Observation(0, "B", 0, "AnB+", 3, "A", 0.65),
        Observation(0, "A", 1, "BnB+", 3, "A", 0.62),
        Observation(0, "B", 1, "AnB+", 3, "A", 0.66),
    ]
    weights = difference([("AnB+", 3, None)], [("BnB+", 3, None)])
    assert fit_model(apart).estimate(weights) is None
    assert estimate_over_splits(apart, weights) is None
    bases = [
        Observation(0, half, 0, "base", 0, "", value)
        for half, value in (("A", 0.60), ("B", 0.64))
    ]
    linked = fit_model([*apart, *bases]).estimate(weights)
    assert linked.mean == pytest.approx(0.0, abs=1e-9)


def test_too_few_networks_have_no_interval():
    found = fit_model(small_study([(0.60, 0.63)])).estimate(
        difference(FROZEN, BASE)
    )
    assert found.low is None
    assert found.in_points() == "+3.0 (too few networks for an interval)"
    assert fit_model(small_study([(0.6, 0.63)])).estimate({}) is None


def test_intervals_of_another_level_and_words():
    study = small_study([(0.60, 0.61), (0.70, 0.73), (0.66, 0.68)])
    found = fit_model(study).estimate(difference(FROZEN, BASE))
    low, high = found.interval(0.90)
    assert low == pytest.approx(0.02 - 2.919986 * found.error, rel=1e-3)
    assert found.low < low < high < found.high
    assert found.in_points() == "+2.0 [-0.5, +4.5]"


def test_mistakes_are_told():
    with pytest.raises(UserError, match="Expected networks to model"):
        fit_model([])
    with pytest.raises(UserError, match="'random' or 'fixed'. Received: 'no'"):
        fit_model(small_study([(0.6, 0.6)]), halves="no")


def test_few_target_images_are_cells_of_their_own():
    rows = read_observations(PUBLISHED / "cifar100-target-size/results.csv")
    assert {o.target_images for o in rows} >= {None, 5, 100}
    model = fit_model(rows)
    assert ("AnB", 7, 25) in model.cells
    assert model.scope == THESE
