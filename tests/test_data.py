import dataclasses

import numpy as np
import pytest

from keras_transfer import data
from keras_transfer.errors import UserError


def batches(part, mean, spec, start, stop, seed=3, size=8):
    course = data.Course(len(part), size, seed, start, stop)
    stream = data.train_batches(part, mean, spec, course)
    return [(x.numpy(), y.numpy()) for x, y in stream]


@pytest.fixture
def half(tiny_pool, tiny_spec):
    return data.load_half(tiny_pool, tiny_spec.data, "A")


def test_three_parts_are_disjoint_and_complete(tiny_pool, tiny_spec):
    halves = [data.load_half(tiny_pool, tiny_spec.data, h) for h in "AB"]
    seen = []
    for half in halves:
        assert half.num_classes == 4
        assert [len(half.train), len(half.validation), len(half.test)] == [
            44,
            4,
            20,
        ]
        assert np.bincount(half.train.labels).tolist() == [11] * 4
        assert np.bincount(half.validation.labels).tolist() == [1] * 4
        names = [f"colour{c}" for c in half.classes]
        assert half.class_names == names
        seen += [*half.train.indices, *half.validation.indices]
        # Labels are ranks of the pool's own labels.
        own = tiny_pool.labels("train")[half.train.indices]
        np.testing.assert_array_equal(half.classes[half.train.labels], own)
    assert sorted(seen) == list(range(96))


def test_fewer_images_of_each_class(half, tiny_pool, tiny_spec):
    few = dataclasses.replace(tiny_spec.data, images_per_class=5)
    fewer = dataclasses.replace(tiny_spec.data, images_per_class=2)
    kept = data.load_half(tiny_pool, few, "A")
    less = data.load_half(tiny_pool, fewer, "A")
    assert np.bincount(kept.train.labels).tolist() == [5] * 4
    assert np.bincount(less.train.labels).tolist() == [2] * 4
    assert set(less.train.indices) < set(kept.train.indices)
    assert set(kept.train.indices) < set(half.train.indices)
    # What is looked at and tested on stays the same.
    for part in ("validation", "test"):
        np.testing.assert_array_equal(
            getattr(kept, part).indices, getattr(half, part).indices
        )


def test_a_resumed_stream_continues_bit_by_bit(half, tiny_pool, tiny_spec):
    mean = tiny_pool.mean_image(half.train.indices)
    whole = batches(half.train, mean, tiny_spec.data, 0, 12)
    rest = batches(half.train, mean, tiny_spec.data, 7, 12)
    assert len(rest) == 5
    for (x, y), (u, v) in zip(whole[7:], rest, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def test_order_differs_by_pass_and_seed_and_is_a_permutation(
    half, tiny_pool, tiny_spec
):
    # Batches of 11 divide the 44 images, so a pass shows each image once.
    spec = dataclasses.replace(tiny_spec.data, crop=20, mirror=False)
    mean = np.zeros((20, 20, 3), np.float32)
    shown = batches(half.train, mean, spec, 0, 8, size=11)
    images = np.concatenate([x for x, _ in shown]) / spec.scale
    stored = np.array(half.train.images[half.train.indices], np.float32)
    keys = [image.tobytes() for image in stored]
    places = [keys.index(i.astype(np.float32).tobytes()) for i in images]
    first, second = places[:44], places[44:]
    assert sorted(first) == sorted(second) == list(range(44))
    assert first != second
    other = batches(half.train, mean, spec, 0, 1, seed=4, size=11)
    assert not np.array_equal(other[0][0], shown[0][0])


def test_crops_are_parts_of_their_image_sometimes_mirrored(tiny_spec):
    # One image whose pixel values are its coordinates.
    y, x = np.mgrid[0:20, 0:20]
    image = np.stack([y, x, y], -1).astype(np.uint8)[None]
    images = np.repeat(image, 64, 0)
    part = data.Part(images, np.arange(64), np.zeros(64, np.int32))
    spec = dataclasses.replace(tiny_spec.data, scale=1.0)
    mean = np.zeros((20, 20, 3), np.float32)
    ((crops, _),) = batches(part, mean, spec, 0, 1, size=64)
    steps = crops[:, 0, 1, 1] - crops[:, 0, 0, 1]
    assert set(steps) == {1.0, -1.0}  # left to right, and mirrored
    assert 16 <= (steps == -1).sum() <= 48
    corners = {
        (c[0, 0, 0], min(c[0, 0, 1], c[0, -1, 1]))
        for c in crops.tolist()
        for c in [np.array(c)]
    }
    assert corners == {(a, b) for a in range(3) for b in range(3)}
    for crop in crops:
        assert crop[-1, 0, 0] - crop[0, 0, 0] == 17


def test_evaluation_shows_centre_crops_in_order_minus_the_mean(
    half, tiny_pool, tiny_spec
):
    mean = tiny_pool.mean_image(half.train.indices)
    shown = list(data.evaluation_batches(half.test, mean, tiny_spec.data, 7))
    assert [len(y) for _, y in shown] == [7, 7, 6]
    images = np.concatenate([x.numpy() for x, _ in shown])
    stored = np.array(half.test.images[half.test.indices], np.float32)
    expected = (stored - mean)[:, 1:19, 1:19] / 64
    np.testing.assert_array_equal(images, expected)


def test_mean_image_is_the_mean_of_the_training_half(half, tiny_pool):
    mean = tiny_pool.mean_image(half.train.indices)
    images = half.train.images[half.train.indices].astype(np.float64)
    np.testing.assert_allclose(mean, images.mean(0), rtol=1e-6)
    # The kept file gives the same.
    again = tiny_pool.mean_image(half.train.indices)
    np.testing.assert_array_equal(mean, again)


def test_streaming_gives_the_same_bits_as_memory(
    half, tiny_pool, tiny_spec, monkeypatch
):
    mean = tiny_pool.mean_image(half.train.indices)
    resident = batches(half.train, mean, tiny_spec.data, 0, 6)
    monkeypatch.setattr(data, "MEMORY_SHARE", 0.0)
    streamed = batches(half.train, mean, tiny_spec.data, 0, 6)
    for (x, y), (u, v) in zip(resident, streamed, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def rewrite(pool, part, keep):
    """Drops the images of a part whose label `keep` refuses."""
    labels, images = pool.labels(part), pool.images(part)[:]
    kept = keep(labels)
    np.save(pool.folder / f"{part}_labels.npy", labels[kept])
    np.save(pool.folder / f"{part}_images.npy", images[kept])


def test_a_class_with_one_image_keeps_it_and_is_named(tiny_pool, tiny_spec):
    # Of colour0 the last image is left.
    rewrite(
        tiny_pool,
        "train",
        lambda y: (y != 0) | (np.arange(len(y)) >= len(y) - 8),
    )
    rewrite(tiny_pool, "test", lambda y: y != 0)
    spec = dataclasses.replace(
        tiny_spec.data, halves=((0, 1, 2, 3), (4, 5, 6, 7))
    )
    half = data.load_half(tiny_pool, spec, "A")
    assert half.train.counts(4).tolist() == [1, 11, 11, 11]
    assert half.validation.counts(4).tolist() == [0, 1, 1, 1]
    assert half.absent_classes() == {
        "validation": ["colour0"],
        "test": ["colour0"],
    }
    other = data.load_half(tiny_pool, spec, "B")
    assert other.absent_classes() == {"validation": [], "test": []}


@pytest.mark.parametrize(
    "part, keep, text",
    [
        ("train", lambda y: y != 2, r"without a training image.*'colour2'"),
        ("train", lambda y: np.arange(len(y)) < 8, "two training images"),
        ("test", lambda y: y > 3, "half A of tiny_colours has no test image"),
    ],
)
def test_halves_that_cannot_be_trained_are_refused(
    tiny_pool, tiny_spec, part, keep, text
):
    rewrite(tiny_pool, part, keep)
    spec = dataclasses.replace(
        tiny_spec.data, halves=((0, 1, 2, 3), (4, 5, 6, 7))
    )
    with pytest.raises(UserError, match=f"(?i){text}"):
        data.load_half(tiny_pool, spec, "A")


def test_more_images_than_any_class_has_are_refused(tiny_pool, tiny_spec):
    most = dataclasses.replace(tiny_spec.data, images_per_class=11)
    assert len(data.load_half(tiny_pool, most, "A").train) == 44
    more = dataclasses.replace(tiny_spec.data, images_per_class=12)
    with pytest.raises(UserError, match="at most 11.*Received: 12"):
        data.load_half(tiny_pool, more, "A")
    with pytest.raises(UserError, match="`--images` of at most 11"):
        data.load_half(tiny_pool, tiny_spec.data, "A", 12)


@pytest.mark.parametrize("channels, scale", [(None, 1 / 64), ("bgr", 1.0)])
def test_crops_cut_one_by_one_have_the_same_bits(
    half, tiny_pool, tiny_spec, monkeypatch, channels, scale
):
    spec = dataclasses.replace(tiny_spec.data, channels=channels, scale=scale)
    mean = tiny_pool.mean_image(half.train.indices)
    together = batches(half.train, mean, spec, 0, 6)
    shown = list(data.evaluation_batches(half.test, mean, spec))
    monkeypatch.setattr(data, "LARGE_CROP", 1)
    monkeypatch.setattr(data, "_readers", lambda spec: 4)
    one_by_one = batches(half.train, mean, spec, 0, 6)
    for (x, y), (u, v) in zip(together, one_by_one, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)
    ((x, _),), ((u, _),) = shown, data.evaluation_batches(half.test, mean, spec)
    np.testing.assert_array_equal(x, u)


def test_bgr_is_rgb_backwards(half, tiny_pool, tiny_spec):
    mean = tiny_pool.mean_image(half.train.indices)
    spec = dataclasses.replace(tiny_spec.data, channels="bgr")
    ((rgb, _),) = batches(half.train, mean, tiny_spec.data, 0, 1)
    ((bgr, _),) = batches(half.train, mean, spec, 0, 1)
    np.testing.assert_array_equal(bgr, rgb[..., ::-1])
    ids = [
        dataclasses.replace(tiny_spec, data=part).network_id
        for part in (tiny_spec.data, spec)
    ]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("replicas", [2, 3, 4, 8])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_every_replica_gets_images_of_every_evaluation_batch(
    replicas, batch_size
):
    for count in range(replicas**2, 300):
        sizes = data.evaluation_sizes(count, batch_size, replicas)
        assert sizes.sum() == count
        assert sizes[0] % replicas == 0
        # `tf.distribute` deals out shares of this size until none are left.
        shares = np.ceil(sizes / replicas)
        assert (sizes > (replicas - 1) * shares).all()


@pytest.mark.parametrize(
    "count, batch_size, replicas, sizes",
    [
        (1000, 500, 2, [500, 500]),
        (1003, 500, 2, [500, 500, 3]),
        (501, 500, 2, [498, 3]),  # a single image would be one replica's
        (25, 8, 4, [8, 17]),
        (16, 500, 4, [4, 12]),
    ],
)
def test_evaluation_batches_by_hand(count, batch_size, replicas, sizes):
    assert list(data.evaluation_sizes(count, batch_size, replicas)) == sizes
