import dataclasses

import numpy as np
import pytest

from keras_transfer.datasets import batches, halves


def streamed_batches(
    part, mean, spec, start, stop, seed=3, size=8, readers=None
):
    course = batches.Course(len(part), size, seed, start, stop)
    stream = batches.train_batches(part, mean, spec, course, readers)
    return [(x.numpy(), y.numpy()) for x, y in stream]


@pytest.fixture
def half(tiny_pool, tiny_spec):
    return halves.load_half(tiny_pool, tiny_spec.data, "A")


def test_a_resumed_stream_continues_bit_by_bit(half, tiny_pool, tiny_spec):
    mean = tiny_pool.mean_image(half.train.indices)
    whole = streamed_batches(half.train, mean, tiny_spec.data, 0, 12)
    rest = streamed_batches(half.train, mean, tiny_spec.data, 7, 12)
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
    shown = streamed_batches(half.train, mean, spec, 0, 8, size=11)
    images = np.concatenate([x for x, _ in shown]) / spec.scale
    stored = np.array(half.train.images[half.train.indices], np.float32)
    keys = [image.tobytes() for image in stored]
    places = [keys.index(i.astype(np.float32).tobytes()) for i in images]
    first, second = places[:44], places[44:]
    assert sorted(first) == sorted(second) == list(range(44))
    assert first != second
    other = streamed_batches(half.train, mean, spec, 0, 1, seed=4, size=11)
    assert not np.array_equal(other[0][0], shown[0][0])


def test_crops_are_parts_of_their_image_sometimes_mirrored(tiny_spec):
    # One image whose pixel values are its coordinates.
    y, x = np.mgrid[0:20, 0:20]
    image = np.stack([y, x, y], -1).astype(np.uint8)[None]
    images = np.repeat(image, 64, 0)
    part = halves.Part(images, np.arange(64), np.zeros(64, np.int32))
    spec = dataclasses.replace(tiny_spec.data, scale=1.0)
    mean = np.zeros((20, 20, 3), np.float32)
    ((crops, _),) = streamed_batches(part, mean, spec, 0, 1, size=64)
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
    shown = list(batches.evaluation_batches(half.test, mean, tiny_spec.data, 7))
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
    resident = streamed_batches(half.train, mean, tiny_spec.data, 0, 6)
    monkeypatch.setattr(batches, "MEMORY_SHARE", 0.0)
    streamed = streamed_batches(half.train, mean, tiny_spec.data, 0, 6)
    for (x, y), (u, v) in zip(resident, streamed, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


@pytest.mark.parametrize(
    "channels, scale, crop",
    [(None, 1 / 64, 18), ("bgr", 1.0, 18), (None, 1.0, (13, 18))],
)
def test_crops_cut_one_by_one_have_the_same_bits(
    half, tiny_pool, tiny_spec, monkeypatch, channels, scale, crop
):
    spec = dataclasses.replace(
        tiny_spec.data, channels=channels, scale=scale, crop=crop
    )
    mean = tiny_pool.mean_image(half.train.indices)
    together = streamed_batches(half.train, mean, spec, 0, 6)
    shown = list(batches.evaluation_batches(half.test, mean, spec))
    monkeypatch.setattr(batches, "LARGE_CROP", 1)
    one_by_one = streamed_batches(half.train, mean, spec, 0, 6, readers=4)
    for (x, y), (u, v) in zip(together, one_by_one, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)
    ((x, _),), ((u, _),) = (
        shown,
        batches.evaluation_batches(half.test, mean, spec, readers=4),
    )
    np.testing.assert_array_equal(x, u)


def test_bgr_is_rgb_backwards(half, tiny_pool, tiny_spec):
    mean = tiny_pool.mean_image(half.train.indices)
    spec = dataclasses.replace(tiny_spec.data, channels="bgr")
    ((rgb, _),) = streamed_batches(half.train, mean, tiny_spec.data, 0, 1)
    ((bgr, _),) = streamed_batches(half.train, mean, spec, 0, 1)
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
        sizes = batches.evaluation_sizes(count, batch_size, replicas)
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
    assert list(batches.evaluation_sizes(count, batch_size, replicas)) == sizes
