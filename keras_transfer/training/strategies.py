"""Trains a network on one device, or on several as if they were one.

The only module that knows devices by name. There is one strategy object a
process: a second `MirroredStrategy` fails with "Collective ops is aborted".
"""

import contextlib
import os

import keras
import tensorflow as tf

from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.specs.seeds import derive_seed


def use_gpus(gpus: tuple[str, ...]) -> None:
    """Lets this process see some GPUs only.

    CUDA reads the variable when TensorFlow first looks for devices; a fork of
    a process that has only imported TensorFlow has not done so.

    Args:
        gpus: Tuple of strings of `devices.visible_gpus`; empty changes
            nothing.
    """
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)


def first_replica(variable) -> tf.Variable:
    """Returns the variable that a Keras variable has on the first replica.

    Outside of a step it is the one that is read and differentiated.

    Args:
        variable: `keras.Variable`.

    Returns:
        `tf.Variable`.
    """
    found = variable.value
    if isinstance(found, tf.distribute.DistributedValues):
        return found.values[0]
    return found


class Strategy:
    """Where a network is built, trained and tested.

    Args:
        mirrored: `tf.distribute.MirroredStrategy`, or `None` for one device,
            on which nothing at all is changed.
    """

    def __init__(self, mirrored: tf.distribute.MirroredStrategy | None = None):
        self._mirrored = mirrored

    @property
    def replicas(self) -> int:
        """Number of copies of the network, each on a device of its own."""
        if self._mirrored is None:
            return 1
        return self._mirrored.num_replicas_in_sync

    def scope(self):
        """Returns the one scope for building, copying, compiling, fitting."""
        if self._mirrored is None:
            return contextlib.nullcontext()
        return self._mirrored.scope()

    def check_images(self, batch_size: int, **parts: int) -> None:
        """Checks that every replica gets images in every step.

        Args:
            batch_size: Integer, images of a training step.
            **parts: Integers, images of each part that is evaluated.

        Raises:
            NetworkFailed: If the batch cannot be divided equally, or a part
                has too few images.
        """
        if batch_size % self.replicas:
            raise NetworkFailed(
                f"Expected training batches that {self.replicas} replicas "
                f"share equally. Received: {batch_size} images. Choose "
                "another `batch_size` (a network with fewer images than "
                "that has them all in a batch) or fewer "
                "`gpus_per_network`."
            )
        least = self.replicas**2  # see `batches.evaluation_sizes`
        few = {name: n for name, n in parts.items() if n < least}
        if self.replicas > 1 and few:
            raise NetworkFailed(
                f"Expected at least {least} images to evaluate on "
                f"{self.replicas} replicas. Received: {few}. Train on fewer "
                "`gpus_per_network`."
            )

    def separate_masks(self, network: keras.Model) -> None:
        """Gives the dropout of each replica random numbers of its own.

        Keras starts all of them from one seed, so images at the same place in
        two shares would lose the same units. Call it after a restore, too:
        the first replica's state, which a checkpoint keeps, gives the others.

        Args:
            network: Built `keras.Model`, changed in place.
        """
        for variable in network.variables if self.replicas > 1 else ():
            if variable.name != "seed_generator_state":
                continue
            first, *others = self.components(variable)
            seed, count = map(int, first.numpy())
            for replica, state in enumerate(others, start=1):
                state.assign([derive_seed(seed, "replica", replica), count])

    def components(self, variable) -> tuple[tf.Variable, ...]:
        """Returns the variable of each replica that a Keras variable has.

        Args:
            variable: `keras.Variable`.

        Returns:
            Tuple of `tf.Variable`, one a replica.
        """
        if self._mirrored is None:
            return (variable.value,)
        return self._mirrored.experimental_local_results(variable.value)

    def check_replicas(self, network: keras.Model) -> None:
        """Fails if a weight is not the same, bit by bit, on every replica.

        Args:
            network: `keras.Model`.

        Raises:
            NetworkFailed: Naming the weights.
        """
        differ = []
        for weight in network.weights:
            found = {v.numpy().tobytes() for v in self.components(weight)}
            if len(found) > 1:
                differ.append(weight.path)
        if differ:
            raise NetworkFailed(
                f"Weights differ between {self.replicas} replicas: {differ}. "
                "Start again: training goes on from the last epoch, with the "
                "first replica's weights on all."
            )

    def describe(self) -> dict:
        """Describes the devices for `result.json`."""
        gpus = tf.config.list_physical_devices("GPU")
        details = map(tf.config.experimental.get_device_details, gpus)
        names = [one.get("device_name", "GPU") for one in details]
        return {
            "gpus": len(gpus),
            "strategy": "none" if self._mirrored is None else "mirrored",
            "replicas": self.replicas,
            "devices": ", ".join(names or ["CPU"] * self.replicas),
        }


def find_strategy(
    replicas: int | None = None, devices: list[str] | None = None
) -> Strategy:
    """Returns the strategy of this process; call it once in each.

    Args:
        replicas: Integer or `None`, copies of the network; `None` for 1.
        devices: List of strings such as `"CPU:0"`, a device for each; logical
            CPUs stand in for GPUs where there are none. Defaults to `None`
            for the first GPUs that this process sees.

    Returns:
        `Strategy`.

    Raises:
        UserError: If TensorFlow sees fewer devices.
    """
    if (replicas or 1) == 1:
        return Strategy()
    kind = "GPU" if devices is None else devices[0].split(":")[0]
    seen = [one.name for one in tf.config.list_logical_devices(kind)]
    chosen = devices or [f"GPU:{number}" for number in range(replicas)]
    if len(chosen) != replicas or len(seen) < replicas:
        raise UserError(
            f"Expected {replicas} {kind}s for a network of {replicas} "
            f"replicas. Received: TensorFlow sees {len(seen)}. Is "
            "`pip install -e '.[gpu]'` done, and does the driver work?"
        )
    return Strategy(tf.distribute.MirroredStrategy(chosen))
