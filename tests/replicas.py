"""Trains networks on some logical CPUs, as `test_strategies` asks.

    python -m tests.replicas REPLICAS FOLDER SOURCES CASE...

A process has one `MirroredStrategy` at most, so tests start one for each
number of replicas and read what it leaves: `FOLDER/logs` with the networks,
and `FOLDER/seen.json` with what only the process could see. The base that
layers are copied from is in `SOURCES/logs`.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

import keras
import tensorflow as tf

from keras_transfer.datasets.batches import Course
from keras_transfer.errors import NetworkFailed
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.settings import DataSpec, ModelSpec, SolverSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.training import strategies, trainer
from keras_transfer.training.options import Options
from keras_transfer.transfer.frozen_features import FeatureStore
from tests.conftest import TINY, TINY_SIZE, write_tiny_pool
from tests.trained import Stop, stop_in_epoch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def network_spec(case: str, replicas: int | None = None) -> NetworkSpec:
    """Returns the network of a case: `base`, `frozen`, `dropout`..."""
    # A rate at which rounding does not grow from step to step; with batch
    # normalisation it does, so few steps are compared.
    solver = SolverSpec(2e-3, batch_size=8, epochs=3, replicas=replicas)
    if case == "normalized":
        solver = dataclasses.replace(solver, epochs=1, steps_per_epoch=6)
    if case == "dropout":
        solver = dataclasses.replace(solver, epochs=2, steps_per_epoch=6)
    if case == "finetuned":
        # Weights agree to 6e-8 until rounding decides a unit that is as good
        # as 0 at step 27 and four replicas go another way: 3e-6 at once.
        solver = dataclasses.replace(solver, steps_per_epoch=8)
    if case == "muon":
        solver = dataclasses.replace(solver, muon_rate=0.24)
    base = NetworkSpec(
        data=DataSpec(TINY, 0, TINY_SIZE, 18, views=2, scale=1 / 64),
        model=ModelSpec(
            "cnn8",
            width=4,
            normalization="batch" if case == "normalized" else "none",
            dropout=0.5 if case == "dropout" else 0.0,
        ),
        solver=solver,
        target="B",
    )
    if case in ("frozen", "finetuned"):
        return dataclasses.replace(base, base="A", n=5, mode=case)
    return dataclasses.replace(base, target="A") if case == "base" else base


def training_places(strategy: strategies.Strategy) -> list:
    """Returns, of three steps, the images' places on each replica.

    Handed out as Keras does it in `fit`.
    """
    data = network_spec("base").data
    course = Course(50, 8, 1, 0, 3)
    batches = course.batches(data, lambda places, view: places)
    with strategy.scope():
        deal = tf.distribute.get_strategy()
    return [
        [share.numpy().tolist() for share in deal.experimental_local_results(b)]
        for b in deal.experimental_distribute_dataset(batches)
    ]


def set_replicas_apart(strategy: strategies.Strategy) -> str:
    """Changes a weight on the last replica and returns what is said of it."""
    with strategy.scope():
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    strategy.check_replicas(network)
    strategy.components(network.weights[0])[-1].assign_add([[1.0], [0.0]])
    try:
        strategy.check_replicas(network)
    except NetworkFailed as failure:
        return str(failure)
    return ""


def train(replicas: int, folder: Path, sources: Path, cases: list[str]) -> dict:
    """Trains the cases and returns what a later process cannot see."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * replicas
    )
    trainer.set_threads(1)
    names = [f"CPU:{number}" for number in range(replicas)]
    strategy = strategies.find_strategy(replicas, names)
    # Halves of 4 and 5 classes: 25 test images, which no number divides.
    cache = folder / "logs" / ".cache"
    pool = write_tiny_pool(cache, classes=9, train=40, test=5)
    store = RunStore(folder / "logs", "study")
    base = RunStore(sources / "logs", "study").network(network_spec("base"))
    seen: dict = {
        "replicas": strategy.replicas,
        "places": training_places(strategy),
        "apart": set_replicas_apart(strategy),
    }
    checked = strategies.Strategy.check_replicas

    def note(self, network):
        seen[case] = {
            variable.path: [
                component.numpy().tolist()
                for component in self.components(variable)
            ]
            for variable in network.variables
            # Of the first layer, and states of dropout, which are few.
            if "conv1" in variable.path or "seed" in variable.path
        }
        checked(self, network)

    strategies.Strategy.check_replicas = note
    for case in cases:
        spec = network_spec(case, replicas if replicas > 1 else None)
        source = None if spec.base is None else base
        stored = None
        if case == "frozen" and replicas == 2:  # elsewhere it is not stored
            stored = FeatureStore(folder / "features", 10**9, float("-inf"))
        trainer.train_network(
            store.network(spec),
            pool,
            source,
            Options(
                feature_store=stored,
                strategy=strategy,
                # What is seen of layers is computed on replicas alike.
                observe="default" if case == "finetuned" else "off",
            ),
        )
        if case != "dropout":
            continue
        broken = RunStore(folder / "broken", "study").network(spec)
        for report in (stop_in_epoch(1), None):
            try:
                options = Options(strategy=strategy, observe="off")
                trainer.train_network(broken, pool, source, options, report)
            except Stop:
                continue
    return seen


if __name__ == "__main__":
    where = Path(sys.argv[2])
    found = train(int(sys.argv[1]), where, Path(sys.argv[3]), sys.argv[4:])
    (where / "seen.json").write_text(json.dumps(found))
