"""What weights and probes say of copying beside trained networks."""

import keras
import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.models.training_seen import compare_with_draws
from keras_transfer.recommendation.copying import compare_with_fresh
from keras_transfer.recommendation.decision import Candidate, decide
from keras_transfer.recommendation.drawn import Beside, compare_probes
from keras_transfer.recommendation.sentence import copying_text, weights_text


def small(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(8, 3, kernel_initializer="he_normal"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(4, kernel_initializer="orthogonal"),
        ]
    )


def test_weights_that_are_a_draw_show_no_training():
    found = [compare_with_draws(small(seed)) for seed in range(10)]
    # A kernel and a bias, four of the normalisation, a kernel and a bias; all
    # but the kernels are constants.
    assert {(one.tensors, one.constant) for one in found} == {(8, 6)}
    # Of ten times two kernels none is to differ at a level of 1 % over all.
    assert [one.differs for one in found] == [""] * 10


@pytest.mark.parametrize(
    "place, change",
    [
        (0, lambda kernel: kernel * 3),  # its distribution
        (1, lambda bias: bias + 1e-6),  # a constant, however little
        (4, lambda mean: mean + 0.1),  # a moment
        (6, lambda kernel: np.full_like(kernel, np.nan)),
    ],
)
def test_what_training_moves_is_seen(place, change):
    model = small()
    weights = model.get_weights()
    weights[place] = change(weights[place])
    model.set_weights(weights)
    assert not compare_with_draws(model).untrained


def test_a_network_that_was_trained_is_not_taken_for_a_draw():
    model = small()
    model.compile("adam", "mse", jit_compile=False)
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(4, 8, 8, 3)), rng.normal(size=(4, 4)), verbose=0)
    assert not compare_with_draws(model).untrained


def right(share, images=200):
    return np.arange(images) < round(share * images)


def test_probes_are_compared_at_a_level_divided_among_stages():
    copied = [right(0.5), right(0.9)]
    fresh = [[right(0.5), right(s)] for s in (0.48, 0.5, 0.52)]
    found = compare_probes([3, 7], copied, fresh)
    assert (found.draws, found.images) == (3, 200)
    first, second = found.stages
    assert (first.mean, first.low, first.high) == (
        pytest.approx(0.0),
        -first.high,
        first.high,
    )
    # All draws alike: only chance of images is left, 2 images that disagree.
    alone = compare_with_fresh(
        [right(0.9)], [right(s) for s in (0.48, 0.5, 0.52)], level=0.975
    )
    assert (second.low, second.high) == (alone.low, alone.high)
    assert second.mean == pytest.approx(0.4) and second.low > 0
    assert found.helps and found.largest == second
    with pytest.raises(UserError, match="2 draws or more"):
        compare_probes([3, 7], copied, fresh[:1])
    with pytest.raises(UserError, match="for 1 stages"):
        compare_probes([3], copied, fresh)


def test_one_more_draw_is_rarely_said_to_probe_better():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        level = rng.normal(0.5, 0.03, (6, 4, 1))
        drawn = rng.random((6, 4, 200)) < level
        wrong += compare_probes([1, 2, 3, 4], drawn[0], drawn[1:]).helps
    assert wrong / 300 <= 0.05


ALIKE = compare_probes(
    [1, 2], [right(0.5), right(0.6)], [[right(0.5), right(0.6)]] * 3
)
BETTER = compare_probes(
    [1, 2], [right(0.5), right(0.9)], [[right(0.5), right(0.4)]] * 3
)


FOUND = decide([Candidate("finetuned", 0)], [[right(0.9)]], 0.01)


def test_copying_a_draw_is_said_not_to_help():
    copying = compare_with_fresh(
        [right(0.55)], [right(s) for s in (0.5, 0.56, 0.53)]
    )
    # Trained networks alone leave several points open.
    assert copying.low < 0 and copying.high > 0.01
    assert "cannot tell" in copying_text(FOUND, copying)
    beside = Beside(True, 137, ALIKE)
    text = copying_text(FOUND, copying, beside)
    assert text.startswith(
        "Linear probes of its stages gain at most +0.0 points ["
    )
    assert "over 3 networks drawn anew, at stage " in text
    assert text.endswith(
        "; 3 networks with weights drawn anew, trained alike, reach 53.0 %, "
        f"copied weights +2.0 points [{100 * copying.low:.1f}, "
        f"{100 * copying.high:.1f}]."
    )
    assert copying_text(FOUND, None, Beside(True, 137)) == ""
    # What was measured may deny it.
    assert not Beside(True, 137, BETTER).nothing
    helps = compare_with_fresh([right(0.9)], [right(0.5)] * 3)
    assert copying_text(FOUND, helps, beside).startswith("Copying is worth")


def test_probes_tell_where_trained_networks_cannot_or_there_are_none():
    copying = compare_with_fresh(
        [right(0.55)], [right(s) for s in (0.5, 0.56, 0.53)]
    )
    text = copying_text(FOUND, copying, Beside(False, 2, BETTER))
    assert text.startswith("These draws cannot tell whether copying helps: ")
    assert "; a linear probe of stage 2 gains +50.0 points [" in text
    text = copying_text(FOUND, None, Beside(False, 2, BETTER))
    # Probes of frozen features are no trained networks.
    assert text.startswith(
        "No network drawn anew was trained; a linear probe of stage 2 gains "
    )
    text = copying_text(FOUND, None, Beside(False, 2, ALIKE))
    assert text.startswith("These draws cannot tell whether copying helps: l")
    assert copying_text(FOUND, None) == ""


def test_where_every_probe_loses_none_is_said_to_gain():
    worse = compare_probes(
        [1, 2], [right(0.4), right(0.3)], [[right(0.5), right(0.6)]] * 3
    )
    text = copying_text(FOUND, None, Beside(False, 2, worse))
    assert "gain at most" not in text
    assert (
        "no linear probe of its stages gains over 3 networks drawn anew; the "
        "nearest, of stage 1, -10.0 points ["
    ) in text


def test_weights_alone_are_told_before_anything_is_trained():
    # Whatever probes or trained networks say of copying.
    assert weights_text(Beside(True, 1234, BETTER)) == (
        "The model's weights show no training: each of 1,234 tensors below "
        "the new head is as its layer draws it."
    )
    assert weights_text(Beside(False, 3)) == weights_text(Beside()) == ""
