"""What a study will cost: time and disk, estimated before anything runs.

Without TensorFlow, so that a plan is printed at once.
"""

import dataclasses
import math
import statistics

from keras_transfer.specs.costs import (
    LEAST_SECONDS,
    Counts,
    count_images,
    network_costs,
    training_flops,
    weigh_reuse,
)
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import HALVES
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import Result
from keras_transfer.studies.dataset_facts import TFDS_BYTES, DatasetFacts

# One core of a 2024 server sustains about this in float32; used until a
# finished network of the log folder tells better.
GUESSED_FLOPS = 60e9
START_SECONDS = 3.0  # process, data, tracing


def _classes_of(spec: NetworkSpec, facts: DatasetFacts) -> int:
    if spec.target == "all":
        return facts.num_classes
    if spec.data.halves is not None:
        return len(spec.data.halves[HALVES.index(spec.target)])
    return spec.data.classes_per_half or facts.num_classes // 2


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
    costs = network_costs(spec, num_classes)
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
        saved_seconds: Float, estimated time that storing that output saves.
    """

    spec: NetworkSpec
    finished: bool
    seconds: float | None
    stored_bytes: int = 0
    flops: float = 0.0
    saved_seconds: float = 0.0


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

    @property
    def saved_seconds(self) -> float:
        """Time of all workers together that this saves."""
        return sum(network.saved_seconds for network in self.pending)


def make_plan(
    specs: list[NetworkSpec],
    store: LogFolder,
    facts: DatasetFacts | None,
    workers: int = 1,
    threads: int = 1,
    reuse_bytes: float = 0.0,
    reuse_seconds: float = LEAST_SECONDS,
) -> Plan:
    """Looks up what is finished and estimates the rest.

    Args:
        specs: List of `NetworkSpec`, in order of need.
        store: `LogFolder`.
        facts: `DatasetFacts` or `None` if not known yet.
        workers: Integer, networks trained at the same time.
        threads: Integer, threads of each.
        reuse_bytes: Float, disk that the stored output of frozen layers may
            take. Defaults to `0.0`.
        reuse_seconds: Float, time that storing it has to save a network.

    Returns:
        `Plan`.
    """
    finished = {spec: store.result(spec) for spec in specs}
    rates = [] if facts is None else _measured_rates(finished, facts)
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
        reused = reuse.saves(reuse_seconds) and reuse.bytes <= reuse_bytes
        flops = training_cost(spec, facts, reused)
        seconds = START_SECONDS + flops / rate
        stored = reuse.bytes if reused else 0
        saved = reuse.saved_flops / rate if reused else 0.0
        planned.append(
            PlannedNetwork(spec, done, seconds, stored, flops, saved)
        )
    disk = None
    if facts is not None and planned:
        pending = sum(not network.finished for network in planned)
        disk = _disk_bytes(specs[0], facts, pending)
    return Plan(tuple(planned), bool(rates), disk, workers)


def _measured_rates(
    finished: dict[NetworkSpec, Result | None], facts: DatasetFacts
) -> list[float]:
    """Returns the operations a second of each network trained in one go."""
    rates = []
    for spec, result in finished.items():
        if result is None or result.resumed_at_epoch:
            continue
        spent = max(0.1, result.seconds - START_SECONDS / 2)
        spent *= max(1, result.environment.get("threads", 1))
        reused = result.reused_keras_layers > 0
        rates.append(training_cost(spec, facts, reused) / spent)
    return rates


def _disk_bytes(spec: NetworkSpec, facts: DatasetFacts, networks: int) -> int:
    costs = network_costs(spec, _classes_of(spec, facts))
    parameters = sum(cost.parameters for cost in costs)
    # Weights in float32, event files and rows; a pool of all images.
    pixels = math.prod(spec.data.image_shape) * 3
    images = facts.train_images + facts.test_images
    return networks * (4 * parameters + 100_000) + pixels * images
