"""What a study will cost: time and disk, estimated before anything runs.

Without TensorFlow, so that a plan is printed at once.
"""

import dataclasses
import json
import os
import statistics
from pathlib import Path

from keras_transfer.datasets.catalogue import check_known
from keras_transfer.datasets.image_folder import TEST_SHARE, ImageFolder
from keras_transfer.datasets.pools import find_pool
from keras_transfer.datasets.sources import FOLDER
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import (
    Counts,
    count_images,
    layer_costs,
    training_flops,
    weigh_reuse,
)
from keras_transfer.specs.network import HALVES, NetworkSpec
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.log_folder import LogFolder

# One core of a 2024 server sustains about this in float32; used until a
# finished network of the log folder tells better.
GUESSED_FLOPS = 60e9
START_SECONDS = 3.0  # process, data, tracing


@dataclasses.dataclass(frozen=True)
class DatasetFacts:
    """What is known of a data set before it is opened: its counts."""

    num_classes: int
    train_images: int
    test_images: int


# For plans before anything is prepared.
KNOWN_FACTS = {
    "synthetic_shapes": DatasetFacts(20, 6_000, 2_000),
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


def _classes_of(spec: NetworkSpec, facts: DatasetFacts) -> int:
    if spec.target == "all":
        return facts.num_classes
    if spec.data.halves is not None:
        return len(spec.data.halves[HALVES.index(spec.target)])
    return facts.num_classes // 2


def _counts(spec: NetworkSpec, facts: DatasetFacts) -> Counts:
    classes = _classes_of(spec, facts)
    half = facts.train_images * classes // facts.num_classes
    validation = round(half * spec.data.validation_fraction)
    train = half - validation
    limit = spec.target_images or spec.data.images_per_class
    if limit is not None:
        train = min(train, limit * classes)
    test = facts.test_images * classes // facts.num_classes
    return count_images(spec, train, validation, test)


def find_class_names(
    store: LogFolder, name: str, image_size: int, data_dir: str | None
) -> list[str] | None:
    """Reads the names of all classes from small files, without TensorFlow.

    Args:
        store: `LogFolder`, whose cache may hold the decoded data set.
        name: String, TFDS name.
        image_size: Integer.
        data_dir: String or `None`, TFDS folder.

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


def training_cost(
    spec: NetworkSpec, facts: DatasetFacts, reused: bool = False
) -> float:
    """Counts the floating-point operations of training a network.

    Args:
        spec: `NetworkSpec`.
        facts: `DatasetFacts`.
        reused: Boolean, whether the output of its frozen layers is stored.

    Returns:
        Float.
    """
    num_classes = _classes_of(spec, facts)
    costs = layer_costs(layer_rows(spec.model, num_classes), spec.data.crop)
    frozen = spec.n if spec.mode == "frozen" else 0
    counts = _counts(spec, facts)
    looked_at = counts.looks * counts.validation + counts.test
    total = training_flops(costs, frozen) * counts.seen
    total += sum(cost.flops for cost in costs) * looked_at
    if reused:
        total -= weigh_reuse(spec, num_classes, counts).saved_flops
    return total


@dataclasses.dataclass(frozen=True)
class PlannedNetwork:
    """A network of a plan.

    Args:
        spec: `NetworkSpec`.
        finished: Boolean.
        seconds: Float or `None`, estimated time.
        stored_bytes: Integer, output of its frozen layers that it stores.
        flops: Float, floating-point operations of its training.
    """

    spec: NetworkSpec
    finished: bool
    seconds: float | None
    stored_bytes: int = 0
    flops: float = 0.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a study would train, what is there, time and disk.

    Args:
        networks: Tuple of `PlannedNetwork`, in order of need.
        measured: Boolean, whether times rest on finished networks.
        disk_bytes: Integer or `None`, space the networks will take.
        workers: Integer, networks trained at the same time.
    """

    networks: tuple[PlannedNetwork, ...]
    measured: bool
    disk_bytes: int | None
    workers: int = 1

    @property
    def pending(self) -> list[PlannedNetwork]:
        """Networks still to be trained."""
        return [network for network in self.networks if not network.finished]

    @property
    def seconds(self) -> float | None:
        """Estimated time of the networks still to be trained."""
        times = [network.seconds for network in self.pending]
        if None in times or not times:
            return None if times else 0.0
        # Some worker has to train the longest one.
        return max(sum(times) / self.workers, *times)

    @property
    def flops(self) -> float:
        """Floating-point operations of the networks still to be trained."""
        return sum(network.flops for network in self.pending)

    @property
    def tfds_bytes(self) -> int:
        """Space that TFDS's own copy of the data set takes, if it is known."""
        names = {network.spec.data.name for network in self.pending}
        return sum(TFDS_BYTES.get(name, 0) for name in names)

    @property
    def stored_bytes(self) -> int:
        """Size of all that frozen layers compute once, if none was dropped."""
        return sum(network.stored_bytes for network in self.pending)


def make_plan(
    specs: list[NetworkSpec],
    store: LogFolder,
    facts: DatasetFacts | None,
    workers: int = 1,
    threads: int = 1,
    reuse_bytes: float = 0.0,
) -> Plan:
    """Looks up what is finished and estimates the rest.

    Args:
        specs: List of `NetworkSpec`, in order of need.
        store: `LogFolder`.
        facts: `DatasetFacts` or `None` if not known yet.
        workers: Integer, networks trained at the same time.
        threads: Integer, threads of each.
        reuse_bytes: Float, disk that the stored output of frozen layers may
            take.

    Returns:
        `Plan`.
    """
    finished = {spec: store.result(spec) for spec in specs}
    rates = []
    if facts is not None:
        for spec, result in finished.items():
            if result is None or result.resumed_at_epoch:
                continue
            spent = max(0.1, result.seconds - START_SECONDS / 2)
            spent *= max(1, result.environment.get("threads", 1))
            reused = result.reused_keras_layers > 0
            rates.append(training_cost(spec, facts, reused) / spent)
    rate = threads * (statistics.median(rates) if rates else GUESSED_FLOPS)
    planned = []
    for spec in specs:
        done = finished[spec] is not None
        if facts is None:
            planned.append(PlannedNetwork(spec, done, None))
            continue
        reuse = weigh_reuse(
            spec, _classes_of(spec, facts), _counts(spec, facts)
        )
        reused = reuse.pays and reuse.bytes <= reuse_bytes
        flops = training_cost(spec, facts, reused)
        seconds = START_SECONDS + flops / rate
        stored = reuse.bytes if reused else 0
        planned.append(PlannedNetwork(spec, done, seconds, stored, flops))
    disk = None
    if facts is not None and planned:
        rows = layer_rows(specs[0].model, _classes_of(specs[0], facts))
        parameters = sum(
            cost.parameters for cost in layer_costs(rows, specs[0].data.crop)
        )
        pending = sum(not network.finished for network in planned)
        # Weights in float32, event files and rows; a pool of all images.
        disk = pending * (4 * parameters + 100_000)
        pixels = specs[0].data.image_size ** 2 * 3
        disk += pixels * (facts.train_images + facts.test_images)
    return Plan(tuple(planned), bool(rates), disk, workers)
