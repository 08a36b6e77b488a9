"""Data that cannot be used: which record, and before training starts."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_transfer.datasets import checksums, pools, tfds_records
from keras_transfer.errors import UserError
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.scheduler import run_study
from tests.example_sets import example_set


def examples(labels):
    return tf.data.Dataset.from_tensor_slices({"label": labels})


def test_label_out_of_range_is_named_with_its_place():
    with pytest.raises(UserError) as error:
        tfds_records.read_labels(examples([0, 3, -1, 4, -2]), 4, "odd", "train")
    assert str(error.value) == (
        "Record 3 of part 'train' of 'odd' has label 4: expected 0 to 3, or "
        "-1 for none (2 such records in all)."
    )
    labels = tfds_records.read_labels(examples([0, 3, -1]), 4, "odd", "train")
    assert labels.tolist() == [0, 3, -1]


def field_set(dataset, parts, features, example):
    """Makes a TFDS set of 6 classes, 5 images each, from its features."""

    def generate(part):
        for label in range(6):
            for index in range(5):
                pixels = np.full((20, 20, 3), 40 * label + index, np.uint8)
                yield f"{part}{label}{index}", example(part, pixels, label)

    def about(self):
        features_dict = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=features_dict)

    members = {
        "VERSION": tfds.core.Version("1.0.0"),
        "name": dataset,
        "__module__": __name__,
        "_info": about,
        "_generate_examples": lambda self, part: generate(part),
        "_split_generators": lambda self, manager: {
            part: generate(part) for part in parts
        },
    }
    type(dataset, (tfds.core.GeneratorBasedBuilder,), members)
    return dataset


IMAGE = tfds.features.Image(shape=(20, 20, 3))
LABEL = tfds.features.ClassLabel(num_classes=6)


def blind(*without_labels):
    def example(part, pixels, label):
        label = -1 if part in without_labels else label
        return {"image": pixels, "label": label}

    return {"image": IMAGE, "label": LABEL}, example


def prepare(name, tmp_path):
    return pools.prepare_pool(tmp_path / "cache", name, 20, str(tmp_path))


@pytest.mark.parametrize(
    "parts, without, counts, said",
    [
        (
            ("train", "validation", "test"),
            ("test",),
            {"train": 30, "test": 30},
            "train ('train') 30 images, test ('validation') 30 images, left "
            "out of 'test': 30 without a label",
        ),
        (
            ("train", "test"),
            ("test",),
            {"train": 24, "test": 6},  # a fifth of 5 a class
            "train ('train') 24 images, test (cut from 'train') 6 images, "
            "left out of 'test': 30 without a label",
        ),
        (
            ("train", "validation", "test"),
            (),
            {"train": 30, "test": 30},
            "train ('train') 30 images, test ('test') 30 images",
        ),
    ],
)
def test_a_part_without_labels_is_not_tested_on(
    tmp_path, parts, without, counts, said
):
    name = f"blind_{len(parts)}_{len(without)}"
    pool = prepare(field_set(name, parts, *blind(*without)), tmp_path)
    assert pool.counts == counts
    assert pool.describe_parts() == said


def test_a_set_without_any_label_is_named(tmp_path):
    name = field_set("no_labels", ("train", "test"), *blind("train", "test"))
    with pytest.raises(UserError, match="'train' of 'no_labels' has no label"):
        prepare(name, tmp_path)


ODD_FEATURES = {
    "manylabels": (
        {"label": tfds.features.Sequence(LABEL, length=2)},
        lambda pixels, label: {"image": pixels, "label": [label, 0]},
        "Feature 'label' of data set 'manylabels' cannot be used: expected "
        "one `ClassLabel` an example. Received: Sequence(",
    ),
    "clips": (
        {"image": tfds.features.Video(shape=(2, 20, 20, 3))},
        lambda pixels, label: {"image": np.stack([pixels] * 2), "label": label},
        "expected one `Image` an example. Received: Video(",
    ),
    "albums": (
        {"image": tfds.features.Sequence(IMAGE)},
        lambda pixels, label: {"image": [pixels], "label": label},
        "expected one `Image` an example. Received: Sequence(",
    ),
    "twoviews": (
        {"image": {"left": IMAGE, "right": IMAGE}},
        lambda pixels, label: {
            "image": {"left": pixels, "right": pixels},
            "label": label,
        },
        "expected one `Image` an example. Received: FeaturesDict(",
    ),
    "numbers": (
        {"image": tfds.features.Tensor(shape=(20, 20, 3), dtype=np.uint8)},
        lambda pixels, label: {"image": pixels, "label": label},
        "expected one `Image` an example. Received: Tensor(",
    ),
    "marks": (
        {"label": tfds.features.Scalar(dtype=np.int64)},
        lambda pixels, label: {"image": pixels, "label": label},
        "expected one `ClassLabel` an example. Received: Scalar(",
    ),
}


@pytest.mark.parametrize("name", list(ODD_FEATURES))
def test_features_that_are_no_image_and_label_are_named(tmp_path, name):
    changes, example, message = ODD_FEATURES[name]
    features = {"image": IMAGE, "label": LABEL, **changes}
    parts = ("train", "test")
    field_set(name, parts, features, lambda part, *rest: example(*rest))
    with pytest.raises(UserError) as error:
        prepare(name, tmp_path)
    assert message in str(error.value)


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
        tfds_records.check_image_feature("deep", feature)


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
    fingerprint, blocks = checksums.take_checksums(tiny_pool.folder)
    meta.update(fingerprint=fingerprint, blocks=blocks)
    path.write_text(json.dumps(checksums.seal(meta)))
    store = RunStore(tmp_path / "logs", "study")
    specs = [dataclasses.replace(tiny_spec, target=half) for half in "AB"]
    with pytest.raises(UserError, match="colour5"):
        run_study(specs, store)
    # Not even the half that has all its classes was begun.
    assert not list(store.log_dir.rglob("settings.json"))
