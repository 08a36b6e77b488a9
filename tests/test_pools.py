import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_transfer.datasets import pools, synthetic_shapes, tfds_sets
from keras_transfer.errors import UserError
from tests.example_sets import example_set


@pytest.fixture
def prepare(tmp_path):
    def _prepare(name, size=20):
        return pools.prepare_pool(
            tmp_path / "cache", name, size, str(tmp_path / "tfds")
        )

    return _prepare


def test_grey_images_of_many_sizes_become_square_and_colour(prepare):
    name = example_set("grey_sizes", (None, None, 1), [0, 1, 2, 3] * 3)
    pool = prepare(name, 24)
    assert pool.counts == {"train": 12, "test": 12}
    images = pool.images("train")
    assert images.shape == (12, 24, 24, 3)
    # Plain images stay plain whatever the resizing.
    assert sorted(images[:, 5, 5, 0].tolist()) == list(range(12))
    np.testing.assert_array_equal(images[..., 0], images[..., 2])


def test_unlabelled_examples_are_left_out(prepare):
    name = example_set("unlabelled", (20, 20, 3), [0, -1, 1, 2, -1, 3])
    pool = prepare(name)
    assert pool.counts["train"] == 4
    values = pool.images("train")[:, 0, 0, 0]
    pairs = sorted(zip(pool.labels("train"), values, strict=True))
    assert pairs == [(0, 0), (1, 2), (2, 3), (3, 5)]


def test_a_set_without_test_part_gives_a_fifth_of_each_class(prepare):
    name = example_set("train_only", (20, 20, 3), [0, 1, 2, 3] * 5, ("train",))
    pool = prepare(name)
    assert pool.counts == {"train": 16, "test": 4}
    assert np.bincount(pool.labels("test")).tolist() == [1, 1, 1, 1]
    seen = [*pool.images("train")[:, 0, 0, 0], *pool.images("test")[:, 0, 0, 0]]
    assert sorted(seen) == list(range(20))


def test_a_pool_is_decoded_once(prepare, monkeypatch):
    name = example_set("once", (20, 20, 3), [0, 1, 2, 3])
    first = prepare(name)
    monkeypatch.setattr(tfds_sets, "prepared_builder", None)
    assert prepare(name).fingerprint == first.fingerprint


def test_unknown_set_and_missing_features_are_named(prepare):
    with pytest.raises(UserError, match="Unknown data set 'cifar_hundred'"):
        prepare("cifar_hundred")

    class NoLabel(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict(
                {"text": tfds.features.Text()}
            )
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {}

        def _generate_examples(self):
            yield from ()

    name = NoLabel.name
    with pytest.raises(UserError, match=r"'image' and 'label'.*\['text'\]"):
        prepare(name)


def test_unprepared_set_without_network_says_what_to_do(prepare, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(
        tfds.core.DatasetBuilder, "download_and_prepare", refuse
    )
    with pytest.raises(UserError, match="'mnist' is not prepared.*`data_dir`"):
        prepare("mnist")


@pytest.mark.slow(30)
def test_real_cifar100_has_its_counts(shared_data, tmp_path):
    pool = pools.prepare_pool(
        tmp_path, "cifar100", 32, str(shared_data / "data" / "tfds")
    )
    assert pool.counts == {"train": 50_000, "test": 10_000}
    assert np.bincount(pool.labels("train")).tolist() == [500] * 100
    assert np.bincount(pool.labels("test")).tolist() == [100] * 100
    assert pool.class_names[:3] == ["apple", "aquarium_fish", "baby"]


def test_shapes_are_drawn_alike_everywhere_and_differ():
    assert len(synthetic_shapes.NATURAL) == len(synthetic_shapes.MAN_MADE) == 10
    one = synthetic_shapes.draw("leaf", 4, seed=0)
    assert one.shape == (4, 32, 32, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, synthetic_shapes.draw("leaf", 4, 0))
    assert not np.array_equal(one, synthetic_shapes.draw("leaf", 4, 1))
    assert not np.array_equal(one[0], one[1])


def test_colours_do_not_tell_the_classes_apart():
    # The mean colour of a class is that of all: arrangement is what differs.
    means = [
        synthetic_shapes.draw(name, 300, 0).mean((0, 1, 2))
        for name in synthetic_shapes.CLASSES
    ]
    assert np.ptp(means, axis=0).max() < 30  # of 255; one image varies by 60


def test_poses_differ_as_far_as_is_asked():
    def spread(poses):
        # How far the middle pixel's place in the figure varies.
        canvas = synthetic_shapes.Canvas(50, np.random.default_rng(0), poses)
        return np.ptp(canvas.y[:, 16, 16]), np.ptp(canvas.x[:, 16, 16])

    assert spread(0.0) == (0.0, 0.0)
    whole, quarter = (np.array(spread(poses)) for poses in (1.0, 0.25))
    assert (whole > 3 * quarter).all() and (quarter > 0.05).all()


def test_a_tenth_of_the_embedded_labels_is_dealt_and_no_image_is_lost():
    labelled = synthetic_shapes.draw_labelled(20, seed=3)
    np.testing.assert_array_equal(
        labelled, synthetic_shapes.draw_labelled(20, seed=3)
    )
    drawn = np.stack(
        [
            synthetic_shapes.draw(name, 20, 3, synthetic_shapes.POSES)
            for name in synthetic_shapes.CLASSES
        ]
    )
    np.testing.assert_array_equal(labelled[:, 2:], drawn[:, 2:])
    figures = {
        image.tobytes(): label // 20 for label, image in _numbered(drawn)
    }
    labels = {
        image.tobytes(): label // 20 for label, image in _numbered(labelled)
    }
    assert labels.keys() == figures.keys()
    wrong = [key for key in labels if labels[key] != figures[key]]
    assert 30 < len(wrong) <= 40  # of 400; of 40 dealt a twentieth stays


def _numbered(images):
    return enumerate(images.reshape(-1, *images.shape[2:]))


def test_a_pool_of_another_version_of_the_embedded_set_is_decoded_again(
    prepare, monkeypatch
):
    monkeypatch.setattr(synthetic_shapes, "TRAIN_PER_CLASS", 1)
    monkeypatch.setattr(synthetic_shapes, "TEST_PER_CLASS", 1)
    pool = prepare("synthetic_shapes", 32)
    assert not pools.has_changed(pool, None)
    monkeypatch.setitem(pools.OWN_VERSIONS, "synthetic_shapes", "9.9.9")
    assert pools.has_changed(pool, None)


def test_embedded_set_prepares_through_tfds(prepare, monkeypatch):
    monkeypatch.setattr(synthetic_shapes, "TRAIN_PER_CLASS", 3)
    monkeypatch.setattr(synthetic_shapes, "TEST_PER_CLASS", 2)
    pool = prepare("synthetic_shapes", 32)
    assert pool.counts == {"train": 60, "test": 40}
    assert pool.class_names == list(synthetic_shapes.CLASSES)
    labels, images = pool.labels("train"), pool.images("train")
    index = pool.class_names.index("gear")
    drawn = synthetic_shapes.draw_labelled(3, seed=0)[index]
    stored = sorted(i.tobytes() for i in images[labels == index])
    assert stored == sorted(i.tobytes() for i in drawn)
