"""Arrays, tf.data and PyDataset become a folder that studies read."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_transfer as kt
from keras_transfer.datasets.image_folder import ImageFolder
from keras_transfer.datasets.image_writing import write_images

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), np.uint8)
LABELS = np.array([1, 0, 2, 1, 0, 2])
NAMES = ["ant", "bee", "cat"]


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(2 * index, 2 * index + 2)
        return IMAGES[part], keras.utils.to_categorical(LABELS, 3)[part]


def tensors():
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))


FORMS = {
    "array": (IMAGES, LABELS),
    "integers": (IMAGES.astype("int64"), list(LABELS)),
    "fractions": (IMAGES.clip(0, 254) + 0.3, LABELS),
    "one-hot": (IMAGES, np.eye(3)[LABELS]),
    "column": (IMAGES, LABELS[:, None]),
    "tf.data": (tensors(), None),
    "batches": (tensors().batch(4), None),
    "one-hot one by one": (
        tensors().map(lambda x, y: (x, tf.one_hot(y, 3))),
        None,
    ),
    "PyDataset": (Pairs(), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_is_what_was_given(form, tmp_path):
    data, labels = FORMS[form]
    assert write_images(tmp_path / "set", data, labels, NAMES) == 6
    folder = ImageFolder(tmp_path / "set")
    assert folder.class_names == NAMES
    found = {}
    for path in sorted((tmp_path / "set").rglob("*.png")):
        found[int(path.stem)] = path.parent.name, np.array(Image.open(path))
    for number, (name, pixels) in found.items():
        assert name == NAMES[LABELS[number]]
        most = 254 if form == "fractions" else 255
        np.testing.assert_array_equal(pixels, IMAGES[number].clip(0, most))
    assert len(found) == 6


def test_the_front_door_leads_here():
    assert kt.write_images is write_images


def test_grey_images_and_numbers_as_names(tmp_path):
    grey = IMAGES[..., 0]
    for data in (grey, grey[..., None]):
        folder = tmp_path / str(data.ndim)
        write_images(folder, data, LABELS)
        assert ImageFolder(folder).class_names == ["00000", "00001", "00002"]
        pixels = np.array(Image.open(folder / "00001" / "0000000.png"))
        np.testing.assert_array_equal(pixels, grey[0])


@pytest.mark.parametrize("kind", [3, 1])
def test_one_image_with_as_many_classes_as_rows(kind, tmp_path):
    """No batch of ten grey images that are 3 or 1 pixels wide."""
    images = np.random.default_rng(0).integers(0, 256, (4, 10, 7, kind))
    labels = [9, 0, 4, 9]
    data = zip(images, np.eye(10)[labels], strict=True)
    assert write_images(tmp_path / "set", data) == 4
    for number, label in enumerate(labels):
        path = tmp_path / "set" / f"{label:05d}" / f"{number:07d}.png"
        pixels = np.array(Image.open(path)).reshape(10, 7, kind)
        np.testing.assert_array_equal(pixels, images[number])


def test_a_grey_image_with_as_many_classes_as_rows(tmp_path):
    data = [(IMAGES[0, :, :, 0], np.eye(5)[3])]
    assert write_images(tmp_path / "set", data) == 1
    pixels = np.array(Image.open(tmp_path / "set/00003/0000000.png"))
    np.testing.assert_array_equal(pixels, IMAGES[0, :, :, 0])


def test_batches_of_grey_images_with_numbers_as_labels(tmp_path):
    data = [(IMAGES[..., 0], LABELS)]
    assert write_images(tmp_path / "set", data) == 6


def test_a_black_image_among_fractions_is_not_scaled(tmp_path):
    """One by one it is a batch of its own, whose values end at 0."""
    images = IMAGES.astype("float32")
    images[2] = 0
    data = zip(images, LABELS, strict=True)
    assert write_images(tmp_path / "set", data) == 6
    pixels = np.array(Image.open(tmp_path / "set/00002/0000002.png"))
    assert not pixels.any()


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return IMAGES, LABELS


BAD = {
    "labels missing": (IMAGES, None, "`labels` beside an array.*none"),
    "scaled": (IMAGES / 255, LABELS, "looks scaled to 1. Multiply"),
    "scaled, one by one": (
        list(zip(IMAGES / 255, LABELS, strict=True)),
        None,
        "at most 1, which looks scaled to 1. Multiply",
    ),
    "centred": (IMAGES - 128.0, LABELS, "0 to 255. Received: -128 to 127"),
    "not a number": (IMAGES * np.nan, LABELS, "0 to 255. Received: nan"),
    "words": (IMAGES.astype(str), LABELS, "images of numbers"),
    "alpha": (np.zeros((6, 5, 4, 4)), LABELS, "1 or 3.*5, 4, 4"),
    "too few": (IMAGES, LABELS[:5], "6 images and 5 labels"),
    "no class": (IMAGES, LABELS + 1, "`labels` of 0 to 2. Received: 3"),
    "negative": (IMAGES, LABELS - 1, "`labels` of 0 to 2. Received: -1"),
    "half": (IMAGES, LABELS + 0.5, "whole numbers"),
    "many labels": (IMAGES, np.ones((6, 3)), "one label an image"),
    "names as labels": (IMAGES, np.array(list("abcabc")), "whole numbers"),
    "weights": (
        tensors().map(lambda x, y: (x, y, 1.0)),
        None,
        "without weights. Received: 3",
    ),
    "endless": (tensors().repeat(), None, "Leave `repeat"),
    "no length": (Endless(), None, "give it a length"),
    "images alone": (tensors().map(lambda x, y: x), None, "Received: 1 values"),
    "nothing": (tensors().take(0), None, "at least one image"),
    "a number": (3, None, "an iterable of images and labels. Received: int"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_none_is_named_and_nothing_is_left(name, tmp_path):
    data, labels, message = BAD[name]
    with pytest.raises(kt.UserError, match=message):
        write_images(tmp_path / "set", data, labels, NAMES)
    assert not list(tmp_path.iterdir())


def test_folders_and_names_that_will_not_do(tmp_path):
    with pytest.raises(kt.UserError, match="new one. Received: .*there"):
        write_images(tmp_path, IMAGES, LABELS)
    for name in ("", "..", "a/b", ".hidden"):
        with pytest.raises(kt.UserError, match="names of folders"):
            write_images(tmp_path / "set", IMAGES, LABELS, [name, "b", "c"])
    with pytest.raises(kt.UserError, match="differ.*Received: a, b, a"):
        write_images(tmp_path / "set", IMAGES, LABELS, ["a", "b", "a"])
    assert not (tmp_path / "set").exists()
