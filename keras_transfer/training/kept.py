"""What a process keeps of its networks for the next: programs and bases.

To trace and compile a small network takes longer than to train it. A network
that is built, frozen and trained like an earlier one runs in that one's
`Program`: it puts its own weights in before the first step and takes them out
after the last. The same operations on the same numbers give the same bits.
"""

import collections
import dataclasses
from collections.abc import Callable, Hashable
from pathlib import Path

import keras
import numpy as np

from keras_transfer.models.model_graph import leaf_layers
from keras_transfer.models.saving import check_model, read_model
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.training.layer_statistics import LayerStatistics
from keras_transfer.transfer.frozen_features import upper_part

MOST_PROGRAMS = 8
MOST_BASES = 4
# Of weights that are kept, so that a process stays near the memory it is
# counted with: as many again are the optimizer's and its start's. Large
# networks gain nothing, as their steps take longer than compiling.
MOST_WEIGHT_BYTES = 64_000_000
_TRAIN, _PREDICT = "train", "predict"


class Program:
    """A network with all that was compiled of it.

    Args:
        model: Built Keras model, copied and frozen.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._statistics: LayerStatistics | None = None
        self._parts = {0: model}
        # From the cut below a part to what the part is compiled for.
        self._compiled: dict[int, str] = {}
        # From the cut to the optimizer's variables before the first step.
        self._start: dict[int, list[np.ndarray]] = {}

    def take(self, network: keras.Model) -> None:
        """Puts the values of a network into the model that is trained.

        Args:
            network: Keras model of the same layers.
        """
        # Seeds of dropout are variables too, though no weights.
        _assign(self.model.variables, network.variables)

    def statistics(self, images, labels, runs: bool) -> LayerStatistics:
        """Begins to measure the layers from how they are now.

        Args:
            images, labels, runs: See `LayerStatistics`.

        Returns:
            `LayerStatistics`.
        """
        if self._statistics is None:
            self._statistics = LayerStatistics(self.model, images, labels, runs)
        else:
            self._statistics.begin(images, labels)
        return self._statistics

    def part(self, cut: int) -> keras.Model:
        """Returns the layers from a place on.

        Args:
            cut: Integer, see `frozen_features.upper_part`; 0 for all.

        Returns:
            Keras model.
        """
        if cut not in self._parts:
            self._parts[cut] = upper_part(self.model, cut)
        return self._parts[cut]

    def prepare_training(
        self, cut: int, compile_part: Callable[[keras.Model], None]
    ) -> None:
        """Has a part compiled, with an optimizer that has made no step.

        Args:
            cut: Integer, as of `part`.
            compile_part: Callable that compiles a model for training.
        """
        part = self.part(cut)
        if self._compiled.get(cut) != _TRAIN:
            compile_part(part)
            part.optimizer.build(part.trainable_variables)
            variables = part.optimizer.variables
            self._start[cut] = [v.numpy() for v in variables]
            self._compiled[cut] = _TRAIN
            return
        _assign(part.optimizer.variables, self._start[cut])

    def prepare_prediction(self, cut: int) -> None:
        """Has the whole model compiled, if not it but a part was trained.

        Args:
            cut: Integer, of the part that was trained.
        """
        if cut and self._compiled.get(0) != _PREDICT:
            _compile_to_predict(self.model)
            self._compiled[0] = _PREDICT

    def give(
        self,
        network: keras.Model,
        cut: int,
        compile_part: Callable[[keras.Model], None],
    ) -> None:
        """Puts what was trained into a network, to be saved as trained.

        A file of Keras's also says how a network was compiled, and holds its
        optimizer, if that was of the whole network.

        Args:
            network: Keras model of the same layers, changed in place. If it
                is the model that was trained, nothing is done.
            cut, compile_part: As of `prepare_training`.
        """
        if network is self.model:
            return
        _assign(network.variables, self.model.variables)
        if cut:
            _compile_to_predict(network)
            return
        compile_part(network)
        network.optimizer.build(network.trainable_variables)
        _assign(network.optimizer.variables, self.model.optimizer.variables)


def _compile_to_predict(model: keras.Model) -> None:
    model.compile(jit_compile=False)


def _assign(variables: list, values: list) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@dataclasses.dataclass(frozen=True)
class ProgramKey:
    """What two networks must have alike to run in one program.

    Args:
        spec: Tuple of what of a `NetworkSpec` is compiled.
        num_classes: Integer.
        steps: Integer, training steps an epoch.
        trainable: Tuple of booleans, of each layer and each weight.
        rates: Tuple of floats, see `layer_rates.step_rates`.
    """

    spec: tuple
    num_classes: int
    steps: int
    trainable: tuple[bool, ...]
    rates: tuple[float, ...]

    @classmethod
    def of(
        cls,
        spec: NetworkSpec,
        num_classes: int,
        steps: int,
        model: keras.Model,
        rates: tuple[float, ...],
    ) -> "ProgramKey":
        """Makes the key of a network that is built and frozen.

        Args:
            spec: `NetworkSpec`, of an 8-layer network of ours.
            num_classes, steps, rates: See the class.
            model: The network.
        """
        layers = [bool(layer.trainable) for _, layer in leaf_layers(model)]
        weights = [bool(weight.trainable) for weight in model.weights]
        return cls(
            (spec.model, spec.data.crop, spec.solver),
            num_classes,
            steps,
            (*layers, *weights),
            rates,
        )


class Kept:
    """Programs and bases of a process, those used last.

    Args:
        programs, bases: Integers, at most so many are kept. Default to
            `MOST_PROGRAMS` and `MOST_BASES`.
        weight_bytes: Integer, at most so many bytes of weights of each kind.
            Defaults to `MOST_WEIGHT_BYTES`.
    """

    def __init__(
        self,
        programs: int = MOST_PROGRAMS,
        bases: int = MOST_BASES,
        weight_bytes: int = MOST_WEIGHT_BYTES,
    ):
        self._programs: _Latest = _Latest(programs, weight_bytes)
        self._bases: _Latest = _Latest(bases, weight_bytes)

    def take_program(self, key: ProgramKey, network: keras.Model) -> Program:
        """Returns a program that holds the values of a network.

        It is not kept from then on until it is put back: where training ends
        early, Keras may have left something in it.

        Args:
            key: `ProgramKey` of the network.
            network: Built Keras model. Of a new program it is the model.

        Returns:
            `Program`.
        """
        program = self._programs.pop(key)
        if program is None:
            return Program(network)
        program.take(network)
        return program

    def put_back(self, key: ProgramKey, program: Program) -> None:
        """Keeps a program whose network is finished.

        Args:
            key: `ProgramKey`.
            program: `Program`.
        """
        self._programs.put(key, program, _bytes_of(program.model))

    def load_base(self, network: NetworkFolder) -> keras.Model:
        """Loads a finished network for copying; its file is checked.

        Args:
            network: `NetworkFolder`.

        Returns:
            `keras.Model` that must not be changed.

        Raises:
            NetworkFailed: As of `saving.load_model`.
        """
        key: tuple[Path, str] = network.model_path, check_model(network)
        base = self._bases.pop(key) or read_model(network)
        self._bases.put(key, base, _bytes_of(base))
        return base


def _bytes_of(model: keras.Model) -> int:
    return 4 * model.count_params()  # they are float32, whatever computes


class _Latest:
    """A dict that forgets what was put in longest ago."""

    def __init__(self, most: int, most_bytes: int):
        self._most, self._most_bytes = most, most_bytes
        self._items: collections.OrderedDict = collections.OrderedDict()

    def pop(self, key: Hashable):
        return self._items.pop(key, (None, 0))[0]

    def put(self, key: Hashable, item, size: int) -> None:
        self._items[key] = item, size
        while len(self._items) > self._most or self._size() > self._most_bytes:
            self._items.popitem(last=False)

    def _size(self) -> int:
        return sum(size for _, size in self._items.values())
