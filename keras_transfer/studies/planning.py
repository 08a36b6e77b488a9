"""What a study will cost: time and disk, estimated before anything runs.

Without TensorFlow, so that a plan is printed at once.
"""

import dataclasses
import functools
import math
import statistics

from keras_transfer.specs.costs import (
    LEAST_SECONDS,
    Counts,
    Reuse,
    count_images,
    network_costs,
    weigh_reuse,
)
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import HALVES
from keras_transfer.specs.recipes import compiled_key
from keras_transfer.specs.speed import Speed, Work, forward_work, trained_work
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import Result
from keras_transfer.studies.dataset_facts import TFDS_BYTES, DatasetFacts
from keras_transfer.studies.machine_speed import Setting, find_speeds, kind_of

GUESSED = "a guess"
FINISHED = "measured on finished networks"
MEASURED = "measured on this machine"


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
    trained, looked = _Needs.of(spec, facts, reused).works
    return trained.flops + looked.flops


@dataclasses.dataclass(frozen=True)
class _Needs:
    """What training one network means, in images and layers.

    Args:
        spec: `NetworkSpec`.
        num_classes: Integer, classes of its target.
        counts: `Counts`.
        reuse: `Reuse`.
        reused: Boolean, whether what that says is done.
    """

    spec: NetworkSpec
    num_classes: int
    counts: Counts
    reuse: Reuse
    reused: bool

    @classmethod
    def of(
        cls, spec: NetworkSpec, facts: DatasetFacts, reused: bool
    ) -> "_Needs":
        num_classes, counts = _classes_of(spec, facts), _counts(spec, facts)
        reuse = weigh_reuse(spec, num_classes, counts)
        return cls(spec, num_classes, counts, reuse, reused)

    @functools.cached_property
    def works(self) -> tuple[Work, Work]:
        """All work within steps, and all forward passes alone."""
        spec, counts = self.spec, self.counts
        costs = network_costs(spec, self.num_classes)
        frozen = spec.n if spec.mode == "frozen" else 0
        stored = self.reuse.layers if self.reused else 0
        trained = trained_work(costs, frozen, stored) * counts.seen
        looks = counts.looks * counts.validation
        looked = forward_work(costs[stored:]) * looks
        looked += forward_work(costs) * counts.test
        if stored:
            images = spec.data.views * counts.train + counts.validation
            looked += forward_work(costs[:stored]) * images
        return trained, looked

    def seconds(self, speed: Speed) -> float:
        """Returns how long it takes in a process that has such a program."""
        trained, looked = self.works
        solver = self.spec.solver
        size = max(1, min(solver.batch_size, self.counts.train))
        beside = speed.network + speed.epoch * solver.epochs
        if not self.spec.is_base:
            beside += speed.copied
        return (
            beside
            + speed.of(trained)
            + speed.step * self.counts.seen / size
            + speed.forward * speed.of(looked)
        )


@dataclasses.dataclass(frozen=True)
class PlannedNetwork:
    """A network of a plan.

    Args:
        spec: `NetworkSpec`.
        finished: Boolean.
        seconds: Float or `None`, estimated time, that of compiling included
            if it is the first of its kind in a process; `None` as well for
            what is finished.
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
        basis: String, what times rest on: `GUESSED`, `FINISHED` or
            `MEASURED`.
        disk_bytes: Integer or `None`, space the networks will take.
        workers: Integer, networks trained at the same time.
        start_seconds: Float, until the first network begins.
    """

    networks: tuple[PlannedNetwork, ...]
    basis: str
    disk_bytes: int | None
    workers: int = 1
    start_seconds: float = 0.0

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
        return self.start_seconds + max(sum(times) / self.workers, *times)

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
    setting: Setting | None = None,
    reuse_bytes: float = 0.0,
    reuse_seconds: float = LEAST_SECONDS,
) -> Plan:
    """Looks up what is finished and estimates the rest.

    Args:
        specs: List of `NetworkSpec`, in order of need.
        store: `LogFolder`.
        facts: `DatasetFacts` or `None` if not known yet.
        setting: `Setting` or `None` for one worker of one thread.
        reuse_bytes: Float, disk that the stored output of frozen layers may
            take. Defaults to `0.0`.
        reuse_seconds: Float, time that storing it has to save a network.

    Returns:
        `Plan`. Times rest on what was measured of this machine, else on
        finished networks, else on a guess.
    """
    setting = setting or Setting(1, 1)
    finished = {spec: store.result(spec) for spec in specs}
    pending = sum(result is None for result in finished.values())
    if facts is None or not pending:
        planned = [
            PlannedNetwork(spec, finished[spec] is not None, None)
            for spec in specs
        ]
        disk = None if pending else 0
        return Plan(tuple(planned), GUESSED, disk, setting.workers)
    speeds = _Speeds(finished, store, facts, setting)
    met: dict[tuple, int] = {}
    planned = []
    for spec in specs:
        if finished[spec] is not None:
            planned.append(PlannedNetwork(spec, True, None))
            continue
        needs = _Needs.of(spec, facts, False)
        speed, reuse = speeds.of(spec), needs.reuse
        plain = needs.seconds(speed)
        reused = reuse.saves(reuse_seconds) and reuse.bytes <= reuse_bytes
        if reused:
            needs = dataclasses.replace(needs, reused=True)
        seconds = needs.seconds(speed)
        saved = plain - seconds
        counts = needs.num_classes, needs.counts.seen
        program = (*compiled_key(spec), *counts)
        met[program] = met.get(program, 0) + 1
        # Each process compiles it for itself.
        if spec.model.content or met[program] <= setting.workers:
            seconds += speed.program
        trained, looked = needs.works
        planned.append(
            PlannedNetwork(
                spec,
                False,
                seconds,
                reuse.bytes if reused else 0,
                trained.flops + looked.flops,
                saved,
            )
        )
    disk = _disk_bytes(specs[0], facts, pending)
    first = speeds.of(specs[0])
    start = first.start + first.process
    return Plan(tuple(planned), speeds.basis, disk, setting.workers, start)


class _Speeds:
    """How fast each network of a study is trained, and how that is known.

    Args:
        finished: Dict from `NetworkSpec` to `Result` or `None`.
        store: `LogFolder`.
        facts: `DatasetFacts`.
        setting: `Setting`.

    Attributes:
        basis: String, as of `Plan`.
    """

    def __init__(
        self,
        finished: dict[NetworkSpec, Result | None],
        store: LogFolder,
        facts: DatasetFacts,
        setting: Setting,
    ):
        self._setting = setting
        self._measured = find_speeds(store, list(finished), setting)
        self._other = Speed().divided(setting.threads)
        self.basis = GUESSED
        if self._measured:
            self.basis = MEASURED
            # Of other kinds, operations are counted.
            self._other = next(iter(self._measured.values()))
            return
        rates = _finished_rates(finished, facts)
        if rates:
            self.basis = FINISHED
            rate = setting.threads * statistics.median(rates)
            self._other = dataclasses.replace(Speed(), flop=1 / rate)

    def of(self, spec: NetworkSpec) -> Speed:
        """Returns the speed of a network's kind."""
        if not self._measured:
            return self._other
        kind = kind_of(spec, self._setting)
        return self._measured.get(kind, self._other)


def _finished_rates(
    finished: dict[NetworkSpec, Result | None], facts: DatasetFacts
) -> list[float]:
    """Returns the operations a second of each network trained in one go."""
    rates = []
    for spec, result in finished.items():
        if result is None or result.resumed_at_epoch:
            continue
        spent = max(0.1, result.seconds - Speed().network)
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
