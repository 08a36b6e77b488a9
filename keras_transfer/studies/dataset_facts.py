"""What is known of a data set before it is opened; without TensorFlow."""

import dataclasses
import json
import os
from pathlib import Path

from keras_transfer.datasets.catalogue import check_known
from keras_transfer.datasets.image_folder import TEST_SHARE, ImageFolder
from keras_transfer.datasets.pools import find_pool
from keras_transfer.datasets.sources import FOLDER
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.log_folder import LogFolder


@dataclasses.dataclass(frozen=True)
class DatasetFacts:
    """What is known of a data set before it is opened: its counts.

    Args:
        num_classes: Integer.
        train_images, test_images: Integers, images of the two parts.
    """

    num_classes: int
    train_images: int
    test_images: int


# For plans before anything is prepared.
KNOWN_FACTS = {
    "synthetic_shapes": DatasetFacts(20, 6_000, 20_000),
    "cifar10": DatasetFacts(10, 50_000, 10_000),
    "cifar100": DatasetFacts(100, 50_000, 10_000),
    "imagenet2012": DatasetFacts(1_000, 1_281_167, 50_000),
}

# What TFDS itself keeps, where that matters: the JPEGs of both tars.
TFDS_BYTES = {"imagenet2012": 155 * 10**9}


def find_facts(
    store: LogFolder, name: str, image_size: int, data_dir: str | None
) -> DatasetFacts | None:
    """Reads the size of a data set from small files, without TensorFlow.

    Args:
        store: `LogFolder`, whose cache may hold the decoded data set.
        name: String, TFDS name.
        image_size: Integer.
        data_dir: String or `None`, TFDS folder.

    Returns:
        `DatasetFacts`, or `None` if the data set was never prepared.

    Raises:
        UserError: If neither TFDS nor the data folder knows the name.
    """
    pool = find_pool(store.cache_dir, name, image_size)
    if pool is not None:
        counts = pool.counts
        return DatasetFacts(pool.num_classes, counts["train"], counts["test"])
    if name.startswith(FOLDER):
        return _folder_facts(ImageFolder.named(name, data_dir))
    plain = name.partition(":")[0]
    if plain in KNOWN_FACTS:
        return KNOWN_FACTS[plain]
    folders = _tfds_folders(name, data_dir)
    if not folders:
        check_known(name)
    for folder in folders:
        try:
            info = json.loads((folder / "dataset_info.json").read_text())
            classes = _class_names(folder)
            counts = {
                part["name"]: sum(int(n) for n in part["shardLengths"])
                for part in info["splits"]
            }
            test = counts.get("test", counts.get("validation", 0))
            return DatasetFacts(len(classes), counts["train"], test)
        except (OSError, ValueError, KeyError):
            continue
    return None


def _folder_facts(folder: ImageFolder) -> DatasetFacts:
    images = folder.listing.images
    total = int(folder.counts().sum())
    held_out = images.get("test", images.get("validation"))
    # Which are cut is known once all files were read.
    test = round(TEST_SHARE * total) if held_out is None else len(held_out)
    return DatasetFacts(len(folder.class_names), total - test, test)


def find_class_names(
    store: LogFolder, name: str, image_size: int, data_dir: str | None
) -> list[str] | None:
    """Reads the names of all classes from small files, without TensorFlow.

    Args:
        store, name, image_size, data_dir: As of `find_facts`.

    Returns:
        List of strings, or `None` if the data set was never prepared.
    """
    pool = find_pool(store.cache_dir, name, image_size)
    if pool is not None:
        return pool.class_names
    if name.startswith(FOLDER):
        return ImageFolder.named(name, data_dir).class_names
    for path in _tfds_folders(name, data_dir):
        try:
            return _class_names(path)
        except (OSError, ValueError):
            continue
    return None


def _tfds_folders(name: str, data_dir: str | None) -> list[Path]:
    root = user_path(
        data_dir
        or os.environ.get("TFDS_DATA_DIR")
        or Path.home() / "tensorflow_datasets"
    )
    # `name:version` and `name/config:version` are folders in folders.
    found = root.glob(f"{name.replace(':', '/')}/**/dataset_info.json")
    return [path.parent for path in sorted(found)]


def _class_names(folder: Path) -> list[str]:
    # As TFDS reads them.
    text = (folder / "label.labels.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.split("\n") if line.strip()]
