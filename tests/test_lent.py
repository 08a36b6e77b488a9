"""A network that is lent to weights drawn anew trains as one of their own."""

import numpy as np
import pytest

from experiments.recommend.drawing import Drawn
from experiments.recommend.trials import States, Trials
from experiments.recommend.workshop import Workshop
from keras_transfer.models.heads import new_head
from keras_transfer.models.parts import prefix
from keras_transfer.recommendation.ways import Choice
from keras_transfer.training.candidate_networks import Task
from keras_transfer.transfer.stage_outputs import find_or_compute
from tests.test_candidates import (
    CLASSES,
    plain_images,
    request_of,
    same,
    small_network,
)

RATE, SEED, EPOCHS = 0.01, 2, 2


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    model = new_head(small_network(), CLASSES, seed=0)
    # As if trained: no weight is what a layer draws.
    rng = np.random.default_rng(0)
    model.set_weights(
        [w + rng.uniform(0.1, 0.2, w.shape) for w in model.get_weights()]
    )
    images, labels = plain_images()
    # Of 36 images for training and validation, stage 2 alone has room.
    request = request_of(model, images, most_bytes=36 * 5 * 4)
    outputs = find_or_compute(request, tmp_path_factory.mktemp("outputs"))
    assert sorted(outputs.whole) == [2]
    return Task(model, request.stages, images, labels, same, outputs, 8, EPOCHS)


def workshop_of(task, folder):
    trials = Trials(folder / "trials", len(task.labels["validation"]))
    return Workshop(task, trials, States(folder / "states"))


def trained(workshop, choice):
    """Trains, and returns all weights and what is put out for test images."""
    trial = workshop.train(choice, RATE, SEED, EPOCHS)
    candidate = workshop.trained(choice, RATE, SEED)
    images = candidate.task.images["test"].astype(np.float32)
    put_out = np.asarray(candidate.target(images, training=False))
    return trial.right, [*map(np.array, candidate.target.weights), put_out]


def assert_same(first, second):
    assert first[0] == second[0]
    for one, two in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["kept@1", "kept@2", "lp_ft"])
def test_a_lent_network_trains_as_one_built_for_the_draw(task, tmp_path, name):
    choice = Choice.named(name)
    lender = workshop_of(task, tmp_path / "lender")
    before = trained(lender, choice)
    own = lender.candidate(choice)
    stored = own.stored
    assert bool(stored) == (name == "kept@2")
    drawn = Drawn(task)
    drawn.turn(SEED)
    twin_task = drawn.task_for(choice, tmp_path / "fresh")
    with lender.lend(twin_task) as twin:
        lent = trained(twin, choice)
        # It is the very network, and a trial of the twin's name.
        assert twin.candidate(choice) is own
        assert own.stored.keys() == stored.keys() and own.task is twin_task
    fresh = trained(workshop_of(twin_task, tmp_path / "own"), choice)
    assert_same(lent, fresh)
    assert not np.array_equal(lent[1][-1], before[1][-1])
    assert {trial.choice for trial in lender.trials.found.values()} == {
        name,
        f"fresh-{name}",
    }
    # What the lender has again trains as it did.
    assert own.task is task and own.stored == stored
    lender.states.keep([])
    assert_same(trained(lender, choice), before)
    assert lender.candidate(choice) is own


@pytest.mark.parametrize("name", ["kept@1", "kept@2", "lp_ft"])
def test_the_lender_has_its_own_weights_again(task, tmp_path, name):
    choice = Choice.named(name)
    lender = workshop_of(task, tmp_path)
    own = lender.candidate(choice)
    # The head is drawn for each seed, or a probe: it is no weight of its own.
    own.reset(SEED)
    weights = [np.array(w) for w in own.target.weights]
    start = own.start[:-2]
    twin_task = Drawn(task).task_for(choice, tmp_path / "fresh")
    with lender.lend(twin_task) as twin:
        twin.train(choice, RATE, SEED, EPOCHS)
    for one, two in zip(start, own.start[:-2], strict=True):
        np.testing.assert_array_equal(one, two)
    own.reset(SEED)
    for one, two in zip(weights, own.target.weights, strict=True):
        np.testing.assert_array_equal(one, np.array(two))


def test_a_draw_has_the_outputs_that_a_choice_needs(task, tmp_path):
    drawn = Drawn(task)
    drawn.turn(4)
    images = {p: task.images[p].astype(np.float32) for p in task.images}
    stored = drawn.task_for(Choice("kept", 2), tmp_path / "fresh")
    first = prefix(stored.model, 2)
    assert sorted(stored.outputs.whole) == [2]
    for part in ("train", "validation"):
        np.testing.assert_allclose(
            stored.outputs.whole[2][part], first(images[part]), atol=1e-5
        )
    other = drawn.task_for(Choice("kept", 1), tmp_path / "none")
    assert not other.outputs.whole and not (tmp_path / "none").exists()
    head = drawn.task_for(Choice("truncated", 1), tmp_path / "none")
    assert sorted(head.outputs.pooled) == ["test", "train"]
    whole = np.asarray(prefix(head.model, 1)(images["test"]))
    np.testing.assert_allclose(
        head.outputs.pooled["test"][0], whole.mean((1, 2)), atol=1e-5
    )
    # Another draw puts out something else.
    before = np.array(head.outputs.pooled["test"][0])
    drawn.turn(5)
    after = drawn.task_for(Choice("truncated", 1), tmp_path / "none")
    assert not np.allclose(before, after.outputs.pooled["test"][0])
