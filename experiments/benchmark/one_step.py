"""Several networks trained in one compiled step, against one at a time.

A step of a small network is short, so what a call costs beside it could
matter; networks that share a frozen prefix, target and seed see the same
stored output in the same order, so one stream can feed them all.
"""

import dataclasses

import keras

from experiments.benchmark.race import Entrant
from keras_transfer.specs.presets import Recipe

CLASSES = 50
_TOGETHER = (1, 2, 4, 8)
_FROZEN = (7, 5, 0)  # layers; above them all, above some, and a whole network
_PRODUCER = "experiments.benchmark.one_step:training"


class SideBySide(keras.Model):
    """Takes a step of each of several compiled networks in one function.

    Args:
        networks: List of compiled `keras.Model`, of one kind of input.
    """

    def __init__(self, networks: list[keras.Model]):
        super().__init__()
        self.networks = networks
        for network in networks:
            network.optimizer.build(network.trainable_variables)

    def train_step(self, data):
        """Takes a step of each network on the same batch.

        Args:
            data: Tuple of tensors, as `keras.Model.fit` hands it over.

        Returns:
            Dict of the last network's metrics; `fit` wants some.
        """
        return [network.train_step(data) for network in self.networks][-1]


def training(
    threads: int, recipe: Recipe, steps: int, frozen: int, networks: int
) -> dict:
    """Returns `fit` of networks side by side above a stored prefix.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        steps: Integer, training steps a work.
        frozen: Integer, layers frozen at the start.
        networks: Integer, networks in one step.

    Returns:
        Dict of one callable that returns images, each counted once for each
        network that it was shown to.
    """
    import tensorflow as tf

    from keras_transfer.models import cnn
    from keras_transfer.training import trainer
    from keras_transfer.training.compiling import compile_network
    from keras_transfer.transfer import actions, frozen_features

    trainer.set_threads(threads)
    solver = dataclasses.replace(recipe.solver, epochs=1)
    several = []
    for _ in range(networks):
        network = cnn.build_network(recipe.model, recipe.crop, CLASSES)
        if frozen:
            plan = actions.plan_transfer(network, n=frozen)
            actions.apply_plan(network, None, plan)
            cut = frozen_features.reusable_layers(network)
            network = frozen_features.upper_part(network, cut)
        compile_network(network, solver, steps)
        several.append(network)
    shape = (solver.batch_size, *several[0].input_shape[1:])
    images = tf.random.stateless_normal(shape, (0, 0))
    labels = tf.range(solver.batch_size) % CLASSES
    stream = tf.data.Dataset.from_tensors((images, labels)).repeat()
    whole = several[0]
    if networks > 1:
        whole = SideBySide(several)
        calls = several[0].steps_per_execution
        whole.compile(jit_compile=False, steps_per_execution=calls)

    def work():
        whole.fit(stream, steps_per_epoch=steps, verbose=0, shuffle=False)
        return networks * steps * solver.batch_size

    return {"training": work}


def entrants(recipe: Recipe) -> list[Entrant]:
    """Lists what is timed: 1 to 8 networks in a step, one process a core.

    Args:
        recipe: `Recipe`.

    Returns:
        List of `Entrant`.
    """
    return [
        Entrant(
            name(frozen, networks),
            _PRODUCER,
            {
                "recipe": recipe,
                "steps": 320 // networks if frozen else 32,
                "frozen": frozen,
                "networks": networks,
            },
            one_a_core=True,
        )
        for frozen in _FROZEN
        for networks in (_TOGETHER if frozen else _TOGETHER[:2])
    ]


def name(frozen: int, networks: int) -> str:
    """Names what is timed.

    Args:
        frozen: Integer, layers.
        networks: Integer, in one step.
    """
    above = f"n = {frozen} frozen" if frozen else "whole networks"
    return f"{above}, {networks} in a step"


def compare(speeds: dict) -> list[dict]:
    """Compares each with one network a step, round by round.

    Args:
        speeds: Dict from a name to `race.Speed`, what `race` returned.

    Returns:
        List of dicts: frozen layers, networks in a step, median images a
        second of all cores, and their ratio to one network in a step.
    """
    rows = []
    for frozen in _FROZEN:
        alone = speeds[f"{name(frozen, 1)}: training"]
        for networks in _TOGETHER:
            speed = speeds.get(f"{name(frozen, networks)}: training")
            if speed is not None:
                rows.append(
                    {
                        "frozen": frozen,
                        "networks": networks,
                        "median": speed.median,
                        "over_one": speed.over(alone),
                    }
                )
    return rows
