"""Which networks a study needs, in order of need, and what they will cost.

Without TensorFlow, so that a plan is printed at once.
"""

import dataclasses
import json
import os
import statistics
from pathlib import Path

from keras_transfer.architectures import (
    layer_costs,
    layer_rows,
    training_flops,
)
from keras_transfer.errors import UserError
from keras_transfer.presets import Preset
from keras_transfer.reuse import Counts, count_images, weigh_reuse
from keras_transfer.specs import TREATMENTS, NetworkSpec
from keras_transfer.splits import HALVES
from keras_transfer.store import RunStore

# One core of a 2024 server sustains about this in float32; used until a
# finished network of the log folder tells better.
GUESSED_FLOPS = 60e9
START_SECONDS = 3.0  # process, data, tracing


def similar_networks(
    dataset: str,
    preset: Preset,
    splits: tuple[int, ...],
    seeds: tuple[int, ...],
    layers: tuple[int, ...],
    treatments: tuple[str, ...],
    mean: str = "base",
) -> list[NetworkSpec]:
    """Lists the networks of section 4.1, both directions, bases first.

    Args:
        dataset: String, TFDS name.
        preset: `Preset`.
        splits: Tuple of integers, numbers of random splits.
        seeds: Tuple of integers.
        layers: Tuple of integers, the `n`, each 1 to 7.
        treatments: Tuple of strings, among `TREATMENTS`; empty for the base
            networks alone.
        mean: String, `"base"` or `"target"`.

    Returns:
        List of `NetworkSpec`; for one split, one seed, 7 layers and four
        treatments these are 58.

    Raises:
        UserError: If a value is unknown, out of range or repeated.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section
          4.1.
    """
    _check_values("--layers", layers, range(1, 8), "1 to 7")
    _check_values("--treatments", treatments, TREATMENTS, list(TREATMENTS))
    for flag, values in (("--splits", splits), ("--seeds", seeds)):
        _check_values(flag, values, range(2**31), "0 or more")
        if not values:
            raise UserError(f"Expected at least one number after `{flag}`.")
    if treatments and not layers:
        raise UserError("Expected at least one layer after `--layers`.")
    networks = []
    for split in splits:
        for seed in seeds:
            for target in HALVES:
                networks.append(
                    NetworkSpec(
                        data=preset.data(dataset, split, mean),
                        model=preset.model,
                        solver=preset.solver,
                        target=target,
                        seed=seed,
                    )
                )
    bases = list(networks)
    for base in bases:
        other = HALVES[1 - HALVES.index(base.target)]
        for n in sorted(layers):
            for treatment in treatments:
                networks.append(
                    dataclasses.replace(
                        base,
                        base=base.target if treatment[0] == "B" else other,
                        n=n,
                        mode="finetuned" if treatment[-1] == "+" else "frozen",
                    )
                )
    return networks


def _check_values(flag, values, allowed, expected) -> None:
    for value in values:
        if value not in allowed:
            raise UserError(
                f"Expected `{flag}` among {expected}. Received: {value}."
            )
        if values.count(value) > 1:
            raise UserError(
                f"Expected each of `{flag}` once. Received {value} twice."
            )


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


def find_facts(
    store: RunStore, name: str, image_size: int, data_dir: str | None
) -> DatasetFacts | None:
    """Reads the size of a data set from small files, without TensorFlow.

    Args:
        store: `RunStore`, whose cache may hold the decoded data set.
        name: String, TFDS name.
        image_size: Integer.
        data_dir: String or `None`, TFDS folder.

    Returns:
        `DatasetFacts`, or `None` if the data set was never prepared.
    """
    from keras_transfer.pools import find_pool

    pool = find_pool(store.cache_dir, name, image_size)
    if pool is not None:
        counts = pool.counts
        return DatasetFacts(pool.num_classes, counts["train"], counts["test"])
    if name in KNOWN_FACTS:
        return KNOWN_FACTS[name]
    root = Path(
        data_dir
        or os.environ.get("TFDS_DATA_DIR")
        or Path.home() / "tensorflow_datasets"
    )
    for path in sorted(root.glob(f"{name}/**/dataset_info.json")):
        try:
            info = json.loads(path.read_text())
            labels = (path.parent / "label.labels.txt").read_text().split("\n")
            counts = {
                part["name"]: sum(int(n) for n in part["shardLengths"])
                for part in info["splits"]
            }
        except (OSError, ValueError, KeyError):
            continue
        test = counts.get("test", counts.get("validation", 0))
        return DatasetFacts(
            len([line for line in labels if line]), counts["train"], test
        )
    return None


def _counts(spec: NetworkSpec, facts: DatasetFacts) -> Counts:
    half = facts.train_images // 2
    validation = round(half * spec.data.validation_fraction)
    train = half - validation
    if spec.data.images_per_class is not None:
        classes = facts.num_classes // 2
        train = min(train, spec.data.images_per_class * classes)
    return count_images(spec, train, validation, facts.test_images // 2)


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
    num_classes = facts.num_classes // 2
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
    """

    spec: NetworkSpec
    finished: bool
    seconds: float | None
    stored_bytes: int = 0


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
    def stored_bytes(self) -> int:
        """Size of all that frozen layers compute once, if none was dropped."""
        return sum(network.stored_bytes for network in self.pending)


def make_plan(
    specs: list[NetworkSpec],
    store: RunStore,
    facts: DatasetFacts | None,
    workers: int = 1,
    threads: int = 1,
    reuse_bytes: float = 0.0,
) -> Plan:
    """Looks up what is finished and estimates the rest.

    Args:
        specs: List of `NetworkSpec`, in order of need.
        store: `RunStore`.
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
            if result is None or result["resumed_at_epoch"]:
                continue
            spent = max(0.1, result["seconds"] - START_SECONDS / 2)
            spent *= max(1, result["environment"]["threads"])
            reused = result["reused_keras_layers"] > 0
            rates.append(training_cost(spec, facts, reused) / spent)
    rate = threads * (statistics.median(rates) if rates else GUESSED_FLOPS)
    planned = []
    for spec in specs:
        done = finished[spec] is not None
        if facts is None:
            planned.append(PlannedNetwork(spec, done, None))
            continue
        reuse = weigh_reuse(spec, facts.num_classes // 2, _counts(spec, facts))
        reused = reuse.pays and reuse.bytes <= reuse_bytes
        seconds = START_SECONDS + training_cost(spec, facts, reused) / rate
        stored = reuse.bytes if reused else 0
        planned.append(PlannedNetwork(spec, done, seconds, stored))
    disk = None
    if facts is not None and planned:
        rows = layer_rows(specs[0].model, facts.num_classes // 2)
        parameters = sum(
            cost.parameters for cost in layer_costs(rows, specs[0].data.crop)
        )
        pending = sum(not network.finished for network in planned)
        # Weights in float32, event files and rows; a pool of all images.
        disk = pending * (4 * parameters + 100_000)
        pixels = specs[0].data.image_size ** 2 * 3
        disk += pixels * (facts.train_images + facts.test_images)
    return Plan(tuple(planned), bool(rates), disk, workers)
