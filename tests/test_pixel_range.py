"""Which pixels a model takes, as far as its moments tell."""

import numpy as np
import pytest

SIDE = 12


def normalising_model():
    """Returns a small model and the batch normalisation at its start."""
    import keras

    norm = keras.layers.BatchNormalization(epsilon=0.0)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            norm,
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    return model, norm


def test_pixels_of_the_range_that_a_model_was_trained_on_are_taken(tmp_path):
    from experiments.recommend.pixels import moments_of, with_likely_range
    from experiments.recommend.settings import Options
    from experiments.recommend.source import open_model

    model, norm = normalising_model()
    path = str(tmp_path / "model.keras")
    model.save(path)
    rng = np.random.default_rng(0)
    images = rng.choice([0, 255], (20, SIDE, SIDE, 3)).astype(np.uint8)
    asked = open_model(Options(model=path))
    same, text = with_likely_range(asked, images)
    assert "no trained batch normalisation to tell by" in text
    assert same is asked

    # Trained on black and white as -1 and 1, or -2 and 2.
    for deviation in (1, 2):
        norm.moving_variance.assign(np.full(3, deviation**2 + 1e-3))
        model.save(path)
        asked = open_model(Options(model=path))
        taken, text = with_likely_range(asked, images)
        assert taken.scaling == f"pixels of -{deviation} to {deviation}"
        assert f"`--pixel-range -{deviation} {deviation}`" in text
        np.testing.assert_allclose(
            taken.scale(np.array([0.0, 255.0])), [-deviation, deviation]
        )
        assert with_likely_range(taken, images)[1] is None

    # By hand: 4 deviations instead of 2, and 2 deviations off.
    norm.moving_variance.assign(np.full(3, 4.0))
    seen = np.zeros((1, SIDE, SIDE, 3))
    seen[:, : SIDE // 2] = 8.0
    found = moments_of(model, seen)
    assert found.ratio == pytest.approx(2)
    # (4 + 4 - 1 - log 4) / 2 there, and (1/4 + 1 - 1 + log 4) / 2 back.
    assert found.gap == pytest.approx((4 + 4 - 1 + 1 / 4 + 1 - 1) / 4)
    # Half the spread is as far as twice.
    norm.moving_variance.assign(np.full(3, 4.0))
    twice, half = seen - 4, (seen - 4) / 4
    assert moments_of(model, twice).gap == pytest.approx(
        moments_of(model, half).gap
    )

    # Images stand class by class, and those of the first may be grey alone.
    grey = np.full((200, SIDE, SIDE, 3), 128, np.uint8)
    sorted_images = np.concatenate([grey, images.repeat(10, axis=0)])
    asked = open_model(Options(model=path))
    taken, _ = with_likely_range(asked, sorted_images)
    assert taken.scaling == "pixels of -2 to 2"

    # What the user says is taken, and warned of.
    given = open_model(Options(model=path, pixel_range=(0.0, 100.0)))
    same, text = with_likely_range(given, images)
    assert same is given
    assert "(pixels of 0 to 100). Try `--pixel-range -2 2`." in text


def test_made_up_photographs_have_the_moments_of_photographs():
    from experiments.recommend.pixels import photographs

    pixels = photographs((32, 48))
    assert pixels.shape == (64, 32, 48, 3)
    assert pixels.mean() == pytest.approx(118, abs=6)
    assert pixels.std() == pytest.approx(64, abs=6)  # some are cut off
    # Neighbours go together, and colours do.
    left, right = pixels[:, :, :-1].ravel(), pixels[:, :, 1:].ravel()
    assert np.corrcoef(left, right)[0, 1] > 0.8
    assert np.corrcoef(pixels.reshape(-1, 3).T)[0, 1] > 0.8


@pytest.mark.parametrize("deviation, agreed", [(0.65, True), (1.05, False)])
def test_the_range_is_in_doubt_where_photographs_tell_another(
    tmp_path, deviation, agreed
):
    from experiments.recommend.pixels import with_likely_range
    from experiments.recommend.settings import Options
    from experiments.recommend.source import open_model

    model, norm = normalising_model()
    # Black and white alone spread twice as far as photographs do, so 1.05 is
    # of drawings of -1 to 1, or of photographs of -2 to 2.
    norm.moving_variance.assign(np.full(3, deviation**2))
    path = str(tmp_path / "model.keras")
    model.save(path)
    images = np.random.default_rng(0).choice([0, 255], (20, SIDE, SIDE, 3))
    asked = open_model(Options(model=path))
    taken, text = with_likely_range(asked, images.astype(np.uint8))
    assert taken.scaling == "pixels of -1 to 1"
    assert ("It may be either" in text) != agreed
    assert ("`--pixel-range -2 2`" in text) != agreed
