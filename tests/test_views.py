import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_transfer.datasets import views


@pytest.fixture
def spec(tiny_spec):
    return dataclasses.replace(tiny_spec.data, scale=1.0, views=3)


def coordinates(count):
    y, x = np.mgrid[0:20, 0:20]
    image = np.stack([y, x, y], -1).astype(np.uint8)
    return tf.constant(np.repeat(image[None], count, 0))


def shown(spec, identities, view):
    mean = np.zeros((20, 20, 3), np.float32)
    images = coordinates(len(identities))
    identities = tf.constant(identities, tf.int64)
    view = tf.constant(view, tf.int64)
    return views.random_view(images, identities, view, mean, spec).numpy()


def test_hash_is_that_of_splitmix64():
    # Its published first output from the seed 0.
    bits = views.hash64(tf.constant([0x9E3779B97F4A7C15], tf.uint64))
    assert int(bits[0]) == 0xE220A8397B1DCDAF


def test_a_view_depends_on_the_image_and_its_number_alone(spec):
    together = shown(spec, [5, 6, 7, 8], 2)
    alone = shown(spec, [7], 2)
    np.testing.assert_array_equal(together[2], alone[0])
    others = [shown(spec, [7], view) for view in range(40)]
    assert len({other.tobytes() for other in others}) > 10  # of 9 x 2


def test_all_crops_and_both_mirrors_come_equally_often(spec):
    crops = shown(spec, list(range(3600)), 0)
    mirrored = crops[:, 0, 0, 1] > crops[:, 0, -1, 1]
    assert 0.45 < mirrored.mean() < 0.55
    columns = np.minimum(crops[:, 0, 0, 1], crops[:, 0, -1, 1])
    corners = 3 * crops[:, 0, 0, 0] + columns
    counts = np.bincount(corners.astype(int), minlength=9)
    assert len(counts) == 9 and counts.min() > 320  # 400 expected


def test_a_round_goes_through_every_view_once_in_an_own_order(spec):
    def rounds(seed):
        numbers = [int(views.view_number(spec, seed, p)) for p in range(30)]
        return [tuple(numbers[i : i + 3]) for i in range(0, 30, 3)]

    assert all(sorted(r) == [0, 1, 2] for r in rounds(0))
    assert len(set(rounds(0))) > 1
    assert rounds(0) != rounds(1)


def test_endless_views_never_repeat_nor_coincide_between_seeds(spec):
    endless = dataclasses.replace(spec, views=None)
    numbers = {
        int(views.view_number(endless, seed, p))
        for seed in range(3)
        for p in range(50)
    }
    assert len(numbers) == 150


def test_centre_view_minus_the_mean(spec):
    mean = np.full((20, 20, 3), 2.0, np.float32)
    spec = dataclasses.replace(spec, scale=0.5)
    view = views.centre_view(coordinates(1), mean, spec).numpy()
    assert view.shape == (1, 18, 18, 3)
    assert view[0, 0, 0].tolist() == [-0.5, -0.5, -0.5]  # (1 - 2) / 2
    assert view[0, 17, 3].tolist() == [8.0, 1.0, 8.0]


def test_views_of_images_that_are_no_squares(spec):
    y, x = np.mgrid[0:12, 0:20]
    images = tf.constant(np.stack([y, x, y], -1)[None].astype(np.uint8))
    mean = np.zeros((12, 20, 3), np.float32)
    spec = dataclasses.replace(spec, image_size=(12, 20), crop=(8, 18))
    centre = views.centre_view(images, mean, spec).numpy()
    assert centre.shape == (1, 8, 18, 3)
    assert centre[0, 0, 0].tolist() == [2, 1, 2]
    assert centre[0, 7, 17].tolist() == [9, 18, 9]
    corners = set()
    for number in range(200):
        view = tf.constant(number, tf.int64)
        one = tf.constant([5], tf.int64)
        shown = views.random_view(images, one, view, mean, spec).numpy()[0]
        if shown[0, 0, 1] > shown[0, 1, 1]:
            shown = shown[:, ::-1]
        top, left = shown[0, 0, :2].astype(int)
        expected = images.numpy()[0, top : top + 8, left : left + 18]
        np.testing.assert_array_equal(shown, expected)
        corners.add((top, left))
    assert corners == {(i, j) for i in range(5) for j in range(3)}
