"""Probes of draws are filed; what fits no longer is done again."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from experiments.recommend.drawing import MOST_DRAWS, evidence
from keras_transfer.models.training_seen import compare_with_draws

IMAGES, STAGES = 200, 3


def small():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, name="first"),
            keras.layers.Dense(3, name="head"),
        ]
    )


class StubDrawn:
    """Draws that put out noise, and take no time to look at images."""

    def __init__(self):
        self.seeds, self.images = [], []

    def turn(self, seed):
        self.seeds.append(seed)

    def look(self, images):
        self.images.append(len(images))
        return pooled(len(images), seed=len(self.images)), None


def pooled(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(count, 4)) for _ in range(STAGES)]


def workshop(forward=1e-6):
    parts = "train", "validation"
    task = SimpleNamespace(
        model=small(),
        stages=list(range(STAGES + 1)),
        labels={part: np.arange(IMAGES) % 2 for part in parts},
        images={part: np.zeros((IMAGES, 1)) for part in parts},
        outputs=SimpleNamespace(
            seconds=[forward], pooled={p: pooled(IMAGES) for p in parts}
        ),
    )
    return SimpleNamespace(task=task)


def asked(path, budget, forward=1e-6):
    drawn = StubDrawn()
    found = evidence(drawn, workshop(forward), path, budget, lambda _: None)
    return found, drawn


def test_what_a_small_budget_had_no_time_for_is_done_by_a_larger_one(tmp_path):
    path = tmp_path / "drawn.json"
    # A tenth of 60 s over 12 x 0.01 s: 50 images, too few.
    found, drawn = asked(path, 60.0, forward=0.01)
    assert found.gains is None and drawn.seeds == []
    # A tenth of 1320 s over 12 x 0.1 s: 110 images.
    found, drawn = asked(path, 1320.0, forward=0.1)
    assert found.gains.images == 110 and drawn.images == [110] * 2 * MOST_DRAWS
    found, drawn = asked(path, 3600.0, forward=0.1)
    assert found.gains.images == IMAGES and drawn.seeds == [*range(MOST_DRAWS)]
    # What is there serves a smaller budget, and nothing is drawn again.
    before = path.read_text()
    again, drawn = asked(path, 1320.0, forward=0.1)
    assert again == found and drawn.seeds == []
    assert path.read_text() == before


def test_draws_that_are_missing_are_added(tmp_path):
    path = tmp_path / "drawn.json"
    whole, _ = asked(path, 1e4)
    content = json.loads(path.read_text())
    content["probes"] = content["probes"][:4]
    path.write_text(json.dumps({**content, "seconds": 400.0}))
    # Four probings took 400 s; a fifth fits in a tenth of 5,000 s.
    few, drawn = asked(path, 4999.0)
    assert few.gains.draws == 3 and drawn.seeds == []
    more, drawn = asked(path, 5001.0)
    assert more.gains.draws == MOST_DRAWS and drawn.seeds == [3, 4]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: [1],
        lambda content: {**content, "stages": [1, 2]},
        lambda content: {**content, "tensors": "2"},
        lambda content: {**content, "images": 199},
        lambda content: {**content, "seconds": float("nan")},
        lambda content: {**content, "probes": [[1, 2, 3]]},
        lambda content: {**content, "probes": content["probes"] * 2},
        lambda content: {
            **content,
            "probes": [*content["probes"][:3], ["01"] * 3],
        },
        lambda content: {
            **content,
            "probes": [row[:2] for row in content["probes"]],
        },
        # What earlier versions filed.
        lambda content: {
            name: content[name]
            for name in ("tensors", "untrained", "stages", "probes")
        },
    ],
)
def test_what_does_not_fit_counts_as_absent(tmp_path, change):
    path = tmp_path / "drawn.json"
    first, _ = asked(path, 1e4)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))
    again, drawn = asked(path, 1e4)
    assert again.gains.draws == MOST_DRAWS == len(drawn.seeds)
    assert again.untrained and again.tensors == first.tensors
    assert {**json.loads(path.read_text()), "seconds": 0} == {
        **content,
        "seconds": 0,
    }


def test_one_draw_alone_gets_company(tmp_path):
    path = tmp_path / "drawn.json"
    whole, _ = asked(path, 1e4)
    content = json.loads(path.read_text())
    content["probes"] = content["probes"][:2]
    path.write_text(json.dumps(content))
    again, drawn = asked(path, 1e4)
    assert again.gains.draws == MOST_DRAWS and drawn.seeds == [1, 2, 3, 4]


def test_the_head_that_was_drawn_for_the_task_is_not_compared(tmp_path):
    found, _ = asked(tmp_path / "drawn.json", 1e4)
    # A kernel and a bias of the first layer.
    assert (found.tensors, found.untrained) == (2, True)
    assert compare_with_draws(small()).tensors == 4
