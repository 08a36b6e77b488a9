import json

import numpy as np
import pytest

from keras_transfer.datasets import splits
from keras_transfer.errors import UserError
from keras_transfer.specs import seeds


@pytest.mark.parametrize(
    "split, first_of_a, first_of_b",
    [
        (0, [0, 1, 2, 5, 9], [3, 4, 6, 7, 8]),
        (1, [1, 5, 7, 9, 15], [0, 2, 3, 4, 6]),
        (2, [0, 2, 4, 5, 8], [1, 3, 6, 7, 11]),
        (3, [0, 5, 6, 7, 8], [1, 2, 3, 4, 9]),
    ],
)
def test_halves_of_1000_classes_begin_as_the_authors(
    split, first_of_a, first_of_b
):
    halves = splits.class_halves(1000, split)
    assert halves["A"][:5].tolist() == first_of_a
    assert halves["B"][:5].tolist() == first_of_b
    assert len(halves["A"]) == len(halves["B"]) == 500


def test_halves_equal_the_authors_whole_lists(shared_data):
    path = shared_data / "reference" / "splits_class_indices.json"
    published = json.loads(path.read_text())
    for split in range(4):
        for half, classes in splits.class_halves(1000, split).items():
            assert classes.tolist() == published[f"half{split}{half}"]


def test_odd_number_of_classes_gives_b_one_more():
    halves = splits.class_halves(5, 0)
    assert [len(halves["A"]), len(halves["B"])] == [2, 3]
    assert sorted([*halves["A"], *halves["B"]]) == [0, 1, 2, 3, 4]


def test_fewer_classes_of_a_half_are_drawn_of_it():
    whole = splits.class_halves(100, 2)
    ten, thirty = (splits.class_halves(100, 2, count) for count in (10, 30))
    for half in "AB":
        assert (len(ten[half]), len(thirty[half])) == (10, 30)
        assert set(ten[half]) < set(thirty[half]) < set(whole[half])
        assert thirty[half].tolist() == sorted(thirty[half])
    other = splits.class_halves(100, 3, 30)
    assert set(other["A"]) != set(thirty["A"])
    for count in (1, 51):
        with pytest.raises(UserError, match=f"from 2 to 50.*: {count}"):
            splits.class_halves(100, 2, count)


def test_three_classes_are_too_few():
    with pytest.raises(UserError, match="at least 4 classes.*Received: 3"):
        splits.class_halves(3, 0)


def test_labels_become_ranks():
    ranks = splits.remap_labels(np.array([7, 2, 9, 2]), np.array([2, 7, 9]))
    assert ranks.tolist() == [1, 0, 2, 0]


def test_cut_takes_its_share_of_each_class_and_never_all():
    labels = np.repeat([0, 1, 2], [10, 20, 2])
    kept, cut = splits.stratified_cut(labels, 0.1)
    assert np.bincount(labels[cut]).tolist() == [1, 2, 1]
    assert sorted([*kept, *cut]) == list(range(32))


def test_a_class_keeps_its_cut_whatever_the_half():
    # Class 5 with the same images, in the company of other classes.
    _, one = splits.stratified_cut(np.repeat([5, 6], 10), 0.3)
    _, two = splits.stratified_cut(np.repeat([5, 9], 10), 0.3)
    assert one[one < 10].tolist() == two[two < 10].tolist()


def test_derived_seed_is_the_hash_of_its_labels():
    # sha256("0/A3B/conv4") begins 0x..., cut to 31 bits.
    import hashlib

    digest = hashlib.sha256(b"0/A3B/conv4").digest()
    expected = int.from_bytes(digest[:4], "big") % 2**31
    assert seeds.derive_seed(0, "A3B", "conv4") == expected
    assert seeds.derive_seed(0, "A3B", "conv5") != expected
