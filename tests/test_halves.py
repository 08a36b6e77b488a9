"""Halves of the classes: three parts, and what is refused."""

import dataclasses

import numpy as np
import pytest

from keras_transfer.datasets import halves
from keras_transfer.errors import UserError


def rewrite(pool, part, keep):
    """Drops the images of a part whose label `keep` refuses."""
    labels, images = pool.labels(part), pool.images(part)[:]
    kept = keep(labels)
    np.save(pool.folder / f"{part}_labels.npy", labels[kept])
    np.save(pool.folder / f"{part}_images.npy", images[kept])


def test_three_parts_are_disjoint_and_complete(tiny_pool, tiny_spec):
    both = [halves.load_half(tiny_pool, tiny_spec.data, h) for h in "AB"]
    seen = []
    for half in both:
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


def test_fewer_images_of_each_class(tiny_pool, tiny_spec):
    half = halves.load_half(tiny_pool, tiny_spec.data, "A")
    few = dataclasses.replace(tiny_spec.data, images_per_class=5)
    fewer = dataclasses.replace(tiny_spec.data, images_per_class=2)
    kept = halves.load_half(tiny_pool, few, "A")
    less = halves.load_half(tiny_pool, fewer, "A")
    assert np.bincount(kept.train.labels).tolist() == [5] * 4
    assert np.bincount(less.train.labels).tolist() == [2] * 4
    assert set(less.train.indices) < set(kept.train.indices)
    assert set(kept.train.indices) < set(half.train.indices)
    # What is looked at and tested on stays the same.
    for part in ("validation", "test"):
        np.testing.assert_array_equal(
            getattr(kept, part).indices, getattr(half, part).indices
        )


def test_shuffled_labels_are_dealt_among_the_training_images_alone(
    tiny_pool, tiny_spec
):
    half = halves.load_half(tiny_pool, tiny_spec.data, "A")
    data = dataclasses.replace(tiny_spec.data, labels="shuffled")
    dealt = halves.load_half(tiny_pool, data, "A")
    np.testing.assert_array_equal(dealt.train.indices, half.train.indices)
    assert (dealt.train.labels != half.train.labels).mean() > 0.5
    assert np.bincount(dealt.train.labels).tolist() == [11] * 4
    again = halves.load_half(tiny_pool, data, "A").train.labels
    np.testing.assert_array_equal(dealt.train.labels, again)
    for part in ("validation", "test"):
        np.testing.assert_array_equal(
            getattr(dealt, part).labels, getattr(half, part).labels
        )


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
    half = halves.load_half(tiny_pool, spec, "A")
    assert half.train.counts(4).tolist() == [1, 11, 11, 11]
    assert half.validation.counts(4).tolist() == [0, 1, 1, 1]
    assert half.absent_classes() == {
        "validation": ["colour0"],
        "test": ["colour0"],
    }
    other = halves.load_half(tiny_pool, spec, "B")
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
        halves.load_half(tiny_pool, spec, "A")


def test_more_images_than_any_class_has_are_refused(tiny_pool, tiny_spec):
    most = dataclasses.replace(tiny_spec.data, images_per_class=11)
    assert len(halves.load_half(tiny_pool, most, "A").train) == 44
    more = dataclasses.replace(tiny_spec.data, images_per_class=12)
    with pytest.raises(UserError, match="at most 11.*Received: 12"):
        halves.load_half(tiny_pool, more, "A")
    with pytest.raises(UserError, match="`images` of at most 11"):
        halves.load_half(tiny_pool, tiny_spec.data, "A", 12)
