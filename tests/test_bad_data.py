"""Data that cannot be used: which record, and before training starts."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_transfer import integrity, pools, records
from keras_transfer.errors import UserError
from keras_transfer.store import RunStore
from keras_transfer.study import run_study
from tests.test_pools import example_set


def examples(labels):
    return tf.data.Dataset.from_tensor_slices({"label": labels})


def test_label_out_of_range_is_named_with_its_place():
    with pytest.raises(UserError) as error:
        records.read_labels(examples([0, 3, -1, 4, -2]), 4, "odd", "train")
    assert str(error.value) == (
        "Record 3 of part 'train' of 'odd' has label 4: expected 0 to 3, or "
        "-1 for none (2 such records in all)."
    )
    labels = records.read_labels(examples([0, 3, -1]), 4, "odd", "train")
    assert labels.tolist() == [0, 3, -1]


def test_part_without_a_label_is_named():
    with pytest.raises(UserError, match="'test' of 'odd' has no labelled"):
        records.read_labels(examples([-1, -1]), 4, "odd", "test")


@pytest.mark.parametrize(
    "shape, dtype, received",
    [
        ((20, 20, 3), np.uint16, r"shape \(20, 20, 3\) of uint16"),
        ((None, None, 1), np.float32, r"shape \(None, None, 1\) of float32"),
    ],
)
def test_images_of_other_numbers_are_refused(shape, dtype, received):
    feature = tfds.features.Image(shape=shape, dtype=dtype)
    with pytest.raises(UserError, match=f"'deep'.*of uint8.*{received}"):
        records.check_image_feature("deep", feature)


def test_images_with_an_alpha_channel_lose_it(tmp_path):
    name = example_set("see_through", (20, 20, 4), [0, 1, 2, 3])
    pool = pools.prepare_pool(tmp_path, name, 20, str(tmp_path / "tfds"))
    assert pool.images("train").shape == (4, 20, 20, 3)


@pytest.fixture
def prepared(tmp_path):
    """Prepares a set of 8 images; returns its name and its record file."""

    def _prepared(name):
        example_set(name, (20, 20, 3), [0, 1, 2, 3] * 2)
        tfds.builder(name, data_dir=str(tmp_path)).download_and_prepare()
        return name, next(tmp_path.glob(f"{name}/*/*-train.tfrecord*"))

    return _prepared


def refusal(name, tmp_path):
    with pytest.raises(UserError) as error:
        pools.prepare_pool(tmp_path / "cache", name, 20, str(tmp_path))
    assert not list((tmp_path / "cache").glob("*/pool.json"))
    assert not list((tmp_path / "cache").glob(".*"))
    return str(error.value)


def read_records(path):
    return [r.numpy() for r in tf.data.TFRecordDataset(str(path))]


def test_image_that_cannot_be_decoded_is_named(prepared, tmp_path):
    name, path = prepared("bad_image")
    content = read_records(path)
    place = content[5].index(b"IDAT")
    content[5] = content[5][:place] + b"JUNK" + content[5][place + 4 :]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in content:
            writer.write(record)
    message = refusal(name, tmp_path)
    assert "Record 5 of part 'train' of 'bad_image' has an image" in message
    assert "{{" not in message and len(message.splitlines()) == 1


def test_damaged_record_is_named(prepared, tmp_path):
    name, path = prepared("bad_record")
    content = bytearray(path.read_bytes())
    sizes = [len(record) + 16 for record in read_records(path)]
    content[sum(sizes[:3]) + 40] ^= 1
    path.write_bytes(bytes(content))
    message = refusal(name, tmp_path)
    assert "Record 3 of part 'train' of 'bad_record' cannot be" in message
    assert "Prepare the data set again" in message


def test_class_without_an_image_is_named_before_training(
    tmp_path, tiny_pool, tiny_spec
):
    labels = tiny_pool.labels("train")
    labels[labels == 5] = 4
    np.save(tiny_pool.folder / "train_labels.npy", labels)
    path = tiny_pool.folder / "pool.json"
    meta = json.loads(path.read_text())
    del meta["sha256"]
    fingerprint, blocks = integrity.take_checksums(tiny_pool.folder)
    meta.update(fingerprint=fingerprint, blocks=blocks)
    path.write_text(json.dumps(integrity.seal(meta)))
    store = RunStore(tmp_path / "logs", "study")
    specs = [dataclasses.replace(tiny_spec, target=half) for half in "AB"]
    with pytest.raises(UserError, match="colour5"):
        run_study(specs, store)
    # Not even the half that has all its classes was begun.
    assert not list(store.log_dir.rglob("settings.json"))
