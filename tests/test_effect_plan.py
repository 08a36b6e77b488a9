"""Plans say how wide intervals will be; published intervals were about so."""

import dataclasses
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats

from experiments import all_classes, boost, dose_response
from experiments.common import distances
from experiments.common.effect_plan import (
    NOT_KNOWN,
    TOO_FEW,
    foreseen,
    half_images,
    planned,
    told,
)
from experiments.findings import doses, freezing, numbers, sizes, spreads
from experiments.findings.committed import committed_rows
from experiments.when_to_freeze import widths
from keras_transfer.analysis import components, primary
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.components import Component, measure
from keras_transfer.analysis.contrasts import (
    OTHERS,
    THESE,
    Observation,
    difference,
)
from keras_transfer.analysis.dose_response import EFFECTS, read_doses
from keras_transfer.analysis.evidence import evidence_of
from keras_transfer.analysis.power import planned_networks
from keras_transfer.reports import distance_claims
from keras_transfer.reports.boost import CONTROLS
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.treatments import BASE, SAME_STEPS, WHOLE_BASE
from keras_transfer.studies import grids
from keras_transfer.studies.dataset_facts import KNOWN_FACTS

ROOT = Path(__file__).parents[1]
CIFAR = KNOWN_FACTS["cifar100"]
# One n against the base: squares of the weights sum to 2.
WEIGHTS = difference([("AnB+", 5, None)], [(BASE, 0, None)])
KNOWN = Component("s", "e", 0.3, 0.6, 0.8, 5000, 4)


def width_of(line):
    return float(re.search(r"± ([0-9.]+) points", line)[1])


def reach(estimate):
    return (estimate.high - estimate.low) / 2


def test_t_width_by_hand():
    def found(seeds, images=None):
        networks = planned_networks(4, seeds, (5,), ("AnB+",))
        return KNOWN.expect(networks, WEIGHTS, images)

    # In a split: 0.3 squared, and 0.6 squared twice over two halves.
    assert found(1).error == pytest.approx(math.sqrt(0.45 / 4) / 100)
    assert (found(1).df, found(1).scope) == (3, OTHERS)
    assert reach(found(1)) == pytest.approx(3.182446 * found(1).error)
    # Twice the seeds: half the noise; half the test images: twice.
    assert found(2).error == pytest.approx(math.sqrt(0.27 / 4) / 100)
    assert found(1, 2500).error == pytest.approx(math.sqrt(0.81 / 4) / 100)


def test_below_three_splits_the_model_has_the_noise():
    networks = planned_networks(1, 2, (5,), ("AnB+",))
    found = KNOWN.expect(networks, WEIGHTS)
    # Two seeds of two halves: 4 pairs, 4 degrees of freedom.
    assert found.error == pytest.approx(0.006 * math.sqrt(2 / 4))
    assert found.df == pytest.approx(4)
    assert found.scope == THESE
    # With one seed other treatments tell the noise, and it is another.
    networks = planned_networks(1, 1, (3, 5, 7), ("AnB+", "BnB+"))
    found = KNOWN.expect(networks, WEIGHTS)
    assert found.error == pytest.approx(0.008 * math.sqrt(2 / 2))
    # Without other networks there is nothing to tell it by.
    one = planned_networks(1, 1, (5,), ("AnB+",))
    assert KNOWN.expect(one, WEIGHTS).error is None


def test_what_no_table_tells_is_not_made_up():
    three = planned_networks(3, 1, (5,), ("AnB+",))
    of_one_split = dataclasses.replace(KNOWN, splits=0)
    assert of_one_split.expect(three, WEIGHTS) is None
    two = planned_networks(1, 2, (5,), ("AnB+",))
    assert dataclasses.replace(KNOWN, noise=0.0).expect(two, WEIGHTS) is None
    unknown = foreseen("a", "no such effect", three, WEIGHTS, None)
    assert unknown.line() == f"a: {NOT_KNOWN}"
    one = planned_networks(1, 1, (5,), ("AnB+",))
    few = foreseen("a", "AnB+ - base", one, WEIGHTS, None)
    assert few.line() == f"a: {TOO_FEW}"
    assert told([], 3) == []


def study_of(effects, noise=0.0):
    """Two seeds and halves of each split, which differ by its effect."""
    return [
        Observation(
            split, half, seed, treatment, 5 * (treatment != BASE), "", value
        )
        for split, effect in enumerate(effects)
        for half in "AB"
        for seed in (0, 1)
        for treatment, value in (
            (BASE, 0.5 + noise * (-1) ** seed),
            ("AnB+", 0.5 + effect - noise * (-1) ** seed),
        )
    ]


def test_components_by_hand():
    found = measure("s", "e", [(study_of((0.01, 0.02, 0.03)), WEIGHTS)], 100)
    assert (found.spread, found.noise, found.splits) == (1.0, 0.0, 3)
    # Two seeds at plus and minus half a point: noise of its root of two. The
    # mean over seeds keeps the effect, and noise that it could have explains
    # 2 * 0.5 / 4 of the variance.
    noisy = study_of((0.01, 0.02, 0.03), noise=0.005)
    found = measure("s", "e", [(noisy, WEIGHTS)], 100)
    assert found.noise == pytest.approx(math.sqrt(0.5), abs=1e-4)
    assert found.spread == pytest.approx(math.sqrt(1 - 0.25), abs=1e-4)
    # The same effect twice: variances of 1 and 4 points are averaged.
    wide = study_of((0.02, 0.04, 0.06))
    both = [(study_of((0.01, 0.02, 0.03)), WEIGHTS), (wide, WEIGHTS)]
    assert measure("s", "e", both, 100).spread == pytest.approx(2.5**0.5, 1e-4)


def test_committed_components_are_those_of_the_committed_tables():
    assert components.FILE.read_text() == spreads.table()
    assert len(components.known()) == len(spreads.all_components())


def published():
    """Yields name, planned and published estimate of each effect."""
    known = components.known()
    rows = committed_rows("cifar100-boost", **numbers.NARROW)
    evidence = evidence_of(rows)
    asked = [Comparison("AnB+", control) for control in CONTROLS]
    for one in asked:
        weights = one.weigh(one, evidence.layers(one))
        component = known[f"{one.first} - {one.second}"]
        plan = component.expect(evidence.accuracies, weights)
        yield one.name(()), plan, evidence.estimate(one)
    for (regime, epochs), evidence in read_doses(doses.table()).items():
        for effect in EFFECTS:
            one = effect.comparison
            layers = evidence.layers(one)
            if not layers:
                continue  # of the longest there are fine-tuned networks alone
            weights = one.weigh(one, layers)
            component = known[f"{effect.name}, {regime}"]
            plan = component.expect(evidence.accuracies, weights)
            name = f"{effect.name}, {regime}, {epochs}"
            yield name, plan, evidence.estimate(one)
    freeze = freezing.found()
    for question in freeze.asked():
        plan = known[question.effect].expect(
            freeze.observations, question.weights
        )
        found = primary.estimate(freeze.observations, question.weights)
        yield f"{question.effect} {question.place}", plan, found


def test_published_intervals_are_as_wide_as_planned_but_for_chance():
    found = list(published())
    # At 96 epochs, of both recipes, there are networks of three effects.
    assert len(found) == 3 + (5 * 8 + 3 * 2) + 40 + 19
    # The squared error of a study over that of its plan is a chi square over
    # its degrees of freedom; 1 of 100 such lists has one beyond these ends.
    share = 0.01 / 2 / len(found)
    for name, plan, real in found:
        assert plan.df == real.df, name
        ratio = (real.error / plan.error) ** 2 * real.df
        low, high = stats.chi2.ppf([share, 1 - share], real.df)
        assert low < ratio < high, name
    # They are neither too wide nor too narrow in the mean.
    mean = sum((r.error / p.error) ** 2 for _, p, r in found) / len(found)
    assert 0.7 < mean < 1.3


def test_claim_1_is_planned_as_it_was_found():
    rows = sizes.all_rows()
    specs = [row.spec for row in rows]
    lines = all_classes.STUDY.foresee(None, specs, CIFAR)
    evidence = evidence_of(rows)
    for line, name in zip(lines[1:3], (WHOLE_BASE, SAME_STEPS), strict=True):
        real = 100 * reach(evidence.estimate(Comparison(BASE, name)))
        assert width_of(line) == pytest.approx(real, rel=0.35)
        assert line.endswith(f"({OTHERS})")
    assert lines[1].startswith("1. halves - all classes: ±")
    assert lines[2].startswith("1. halves - all classes in as many steps: ±")
    assert lines[3].startswith("Each line is by itself; Holm's correction")
    few = [s for s in specs if s.target == "all" or s.data.split < 2]
    (line,) = all_classes.STUDY.foresee(None, few, CIFAR)[1:-2]
    assert "no interval below 3 splits" in line


def test_claim_1_by_hand(monkeypatch):
    known = {
        BASE: Component("s", BASE, 0.3, 0.6, 0.6, 5000, 4),
        WHOLE_BASE: Component("s", WHOLE_BASE, 0.0, 0.6, 0.6, 10_000, 0),
    }
    monkeypatch.setattr(components, "known", lambda: known)
    specs = [r.spec for r in sizes.all_rows() if r.spec.seed < 2]
    line = all_classes.STUDY.foresee(None, specs, CIFAR)[1]
    # Four splits of two halves and seeds: (0.09 + 0.36 / 4) / 4 = 0.045 with
    # 3 degrees of freedom; two on all classes: 0.36 / 2 = 0.18 with 1.
    df = 0.225**2 / (0.045**2 / 3 + 0.18**2 / 1)
    expected = stats.t.ppf(0.975, df) * math.sqrt(0.225)
    assert width_of(line) == pytest.approx(expected, abs=0.05)


def kinds_and_halves(folder, changes):
    rows = committed_rows(folder, **changes)
    return distance_claims.asked(rows), rows


@pytest.mark.parametrize(
    "folder, changes",
    [
        (sizes.BALANCED, sizes.KINDS),
        # Whose intervals the components of 4.2 do not come from.
        ("cifar100-dissimilar", numbers.NARROW),
    ],
)
def test_sections_4_2_and_4_3_are_planned_as_they_were_found(folder, changes):
    asked, _ = kinds_and_halves(folder, changes)
    assert asked
    for one in asked:
        line = distances._foreseen(one, CIFAR).line()
        assert line.startswith(f"{one.section} {one.name.rstrip(':')}")
        assert line.endswith(f"({THESE})")
        ratio = width_of(line) / (100 * reach(one.effect))
        assert 0.5 < ratio < 2, line


def test_noise_is_that_of_the_test_images_of_a_half():
    recipe = find_recipe("cifar100", "default", None)

    def halves(**changes):
        changed = dataclasses.replace(recipe, **changes)
        grid = grids.Grid((0,), (0,))
        return grids.similar_networks("cifar100", changed, grid)

    assert half_images(CIFAR, halves()) == 5000
    assert half_images(CIFAR, halves(classes_per_half=30)) == 3000
    sides = tuple(range(20)), tuple(range(20, 100))
    uneven = grids.similar_networks(
        "cifar100", recipe, grids.Grid((0,), (0,)), "target", sides
    )
    # 2,000 and 8,000: the mean of the inverses is that of 3,200.
    assert half_images(CIFAR, uneven) == 3200
    assert half_images(CIFAR, grids.all_class_networks(halves())) == 10_000
    assert half_images(None, halves()) is None


def test_the_boost_has_a_line_for_each_control():
    rows = committed_rows("cifar100-boost", **numbers.NARROW)
    lines = boost.STUDY.foresee(None, [r.spec for r in rows], CIFAR)
    assert len(lines) == 2 + len(CONTROLS)
    for control, line in zip(CONTROLS, lines[1:-1], strict=True):
        assert line.startswith(f"AnB+ - {control}, n 3, 5, 7: ±")


def test_doses_that_are_planned_alike_share_a_line():
    settings = dose_response.DoseSettings(
        dataset="cifar100", epochs=(12, 24), regime=("2014", "today")
    )
    lines = dose_response.foresee(dose_response.study(settings).specs, CIFAR)
    # Bases of 24 epochs tell only about those of 12.
    assert len(lines) == 2 + 2 * len(EFFECTS)
    assert lines[1].startswith(
        "BnB-keep - BnB, n 4 to 5, 2014-like recipe, 12 24 epochs: ±"
    )


def test_a_map_says_once_what_is_alike_at_each_width():
    known = freezing.found()
    specs = [
        dataclasses.replace(
            spec,
            model=dataclasses.replace(spec.model, width=width),
            target_images=images,
            draw=None if images is None else 0,
        )
        for spec in (
            s
            for split in range(3)
            for s in grids.similar_networks(
                "cifar100",
                find_recipe("cifar100", "default", None),
                grids.Grid((split,), (0,), (7,), ("AnB", "AnB+")),
            )
            if s.target == "B"
        )
        for width in known.widths[:2]
        for images in (5, 7, None)
    ]
    lines = widths.foresee(100, specs, CIFAR)
    named = [line.partition(": ±")[0].partition(": not")[0] for line in lines]
    assert named[1:4] == [
        f"n = 7: AnB - AnB+, {images} images a class" for images in (5, 7, 100)
    ]
    assert lines[2].endswith(NOT_KNOWN)
    assert "n = 7: AnB - AnB+, 5 minus 100 images a class" in named
    wider = "n = 7: AnB - AnB+, wider minus narrower, 5 images a class"
    assert wider in named
    assert len(lines) == len(set(lines))


def test_planned_networks_have_the_settings_alone():
    rows = sizes.balanced_rows()
    for row, o in zip(rows, planned(r.spec for r in rows), strict=True):
        assert (o.half, o.n, o.treatment) == (
            row.spec.target,
            row.spec.n,
            row.spec.treatment,
        )
        assert o.value == 0.0


@pytest.mark.parametrize(
    "words, said",
    [
        (["all_classes", "--splits", "0", "1", "2", "--seeds", "0", "1"], "±"),
        (["dissimilar_datasets", "--treatments", "AnB"], "4.2 loss at n = "),
        (["random_weights"], f"random (paper): {NOT_KNOWN}"),
        (["keep_layers"], f"intervals will be: {NOT_KNOWN}"),
        (["reduced_data"], "means, without intervals"),
        (["paper", "--preset", "smoke"], "all_classes:"),
    ],
)
def test_plans_say_it_without_tensorflow(words, said, tmp_path):
    script, *flags = words
    code = (
        f"import sys; from experiments import {script} as s;"
        "code = s.main(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules);"
        "sys.exit(code)"
    ).replace("s.main", "getattr(s, 'STUDY', s).main")
    flags += ["--plan", "--guess", "--log-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
