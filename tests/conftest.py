"""Fixtures: a tiny data set, decoded, and settings that train in a second."""

import collections
import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from keras_transfer.datasets import checksums
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.settings import DataSpec, ModelSpec, SolverSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.training.process_settings import set_environment

set_environment()

TINY = "tiny_colours"
TINY_SIZE = 20
# Data sets and images that a clone does not have.
SHARED = Path(
    os.environ.get("KERAS_TRANSFER_SHARED")
    or Path(__file__).resolve().parents[2] / "shared"
)


def write_tiny_pool(
    cache_dir: Path,
    classes: int = 8,
    train: int = 12,
    test: int = 5,
    name: str = TINY,
) -> ImagePool:
    """Writes a pool of noisy plain colours, one colour a class."""
    folder = Path(cache_dir) / f"{name}-{TINY_SIZE}px"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    colours = rng.integers(40, 215, (classes, 1, 1, 3))
    counts = {"train": classes * train, "test": classes * test}
    for part, per_class in (("train", train), ("test", test)):
        labels = np.tile(np.arange(classes), per_class)
        noise = rng.integers(-40, 41, (len(labels), TINY_SIZE, TINY_SIZE, 3))
        images = (colours[labels] + noise).astype(np.uint8)
        np.save(folder / f"{part}_labels.npy", labels)
        np.save(folder / f"{part}_images.npy", images)
    fingerprint, blocks = checksums.take_checksums(folder)
    meta = {
        "name": name,
        "version": "1.0.0",
        "image_size": TINY_SIZE,
        "class_names": [f"colour{i}" for i in range(classes)],
        "fingerprint": fingerprint,
        "counts": counts,
        "blocks": blocks,
    }
    (folder / "pool.json").write_text(json.dumps(checksums.seal(meta)))
    return ImagePool(folder)


@pytest.fixture
def tiny_pool(tmp_path):
    return write_tiny_pool(tmp_path / "logs" / ".cache")


TINY_SPEC = NetworkSpec(
    data=DataSpec(TINY, 0, TINY_SIZE, 18, scale=1 / 64),
    model=ModelSpec("cnn8", width=4),
    solver=SolverSpec(0.05, batch_size=8, epochs=3),
    target="A",
)


@pytest.fixture
def tiny_spec():
    return TINY_SPEC


@pytest.fixture(scope="session")
def trained_logs(tmp_path_factory):
    """A log folder with the base of `tiny_spec`, trained once for all tests."""
    from keras_transfer.training import trainer

    folder = tmp_path_factory.mktemp("trained")
    pool = write_tiny_pool(folder / ".cache")
    network = RunStore(folder / "logs", "study").network(TINY_SPEC)
    trainer.train_network(network, pool)
    return folder / "logs"


@pytest.fixture
def base(trained_logs, tmp_path):
    """The trained base of `tiny_spec`, as a test's own copy in `logs`."""
    shutil.copytree(trained_logs, tmp_path / "logs", dirs_exist_ok=True)
    return RunStore(tmp_path / "logs", "study").network(TINY_SPEC)


@pytest.fixture(scope="session")
def transfers(trained_logs, tmp_path_factory):
    """The base's transfers A3B and A3B+, each trained once for all tests.

    A dict from the mode to the network's folder, which a test must not change.
    """
    from keras_transfer.training import trainer

    folder = tmp_path_factory.mktemp("transfers")
    pool = write_tiny_pool(folder / ".cache")
    base = RunStore(trained_logs, "study").network(TINY_SPEC)
    trained = {}
    for mode in ("frozen", "finetuned"):
        spec = dataclasses.replace(
            TINY_SPEC, base="A", target="B", n=3, mode=mode
        )
        trained[mode] = RunStore(folder / "logs", "study").network(spec)
        trainer.train_network(trained[mode], pool, base)
    return trained


@pytest.fixture
def shared_data():
    """Folder of prepared data sets, which a clone does not have."""
    if not (SHARED / "data" / "tfds").is_dir():
        pytest.skip(
            "needs data/tfds in KERAS_TRANSFER_SHARED, by default ../shared"
        )
    return SHARED


@pytest.fixture
def hub_backbone():
    """A small residual network of KerasHub, at its random start."""
    hub = pytest.importorskip("keras_hub", reason="needs the extra `hub`")
    return hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 16],
        stackwise_num_blocks=[2, 2],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )


def pytest_collection_modifyitems(items):
    """Begins with the dearest files, so that none is left for the end.

    The mark `slow(seconds)` says what a test takes on two cores.
    """
    costs = collections.Counter()
    for item in items:
        mark = item.get_closest_marker("slow")
        if mark:
            costs[item.path] += mark.args[0] if mark.args else 5
    items.sort(key=lambda item: -costs[item.path])
