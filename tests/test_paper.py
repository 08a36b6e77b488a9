"""All experiments of the paper, as one plan."""

import collections

from experiments import paper
from experiments.common.study_settings import GridSettings as Settings


def counts(specs):
    return collections.Counter(spec.treatment for spec in specs)


def test_preset_paper_is_the_authors_170_networks():
    settings = Settings(dataset="imagenet2012", preset="paper")
    specs = paper.study(settings).specs
    assert len(specs) == len({spec.network_id for spec in specs}) == 170
    assert counts(specs) == {
        "base": 8 + 2,  # of random halves; natural and man-made
        "BnB": 28,
        "AnB": 56 + 14,
        "BnB+": 14,
        "AnB+": 28,
        "baseAll": 1 + 12,  # and the supplement's, at its own schedule
        "random (gaussian)": 7,
    }
    solvers = {spec.solver for spec in specs}
    assert len(solvers) == 2  # the authors' two solver files
    assert {s.epochs * s.steps_per_epoch for s in solvers} == {450_000, 200_000}


def test_every_base_comes_before_what_needs_it():
    for preset in ("smoke", "default", "paper"):
        settings = Settings(dataset="imagenet2012", preset=preset)
        specs = paper.study(settings).specs
        place = {spec: i for i, spec in enumerate(specs)}
        for spec in specs:
            if spec.source is not None:
                assert place[spec.source] < place[spec]


def test_smoke_runs_every_section():
    specs = paper.study(Settings(preset="smoke")).specs
    assert {
        "base",
        "baseAll",
        "BnB",
        "AnB+",
        "random (he)",
        "AnB, 1 kept",
    } <= set(counts(specs))
    assert any(spec.data.halves for spec in specs)
    assert any(spec.target_images for spec in specs)
