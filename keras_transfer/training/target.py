"""A network before its first step: its images, built, copied and frozen."""

import dataclasses

import keras
import numpy as np

from keras_transfer.datasets.batches import (
    evaluation_batches,
    steps_per_pass,
)
from keras_transfer.datasets.halves import HalfData, load_half
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import NetworkFailed
from keras_transfer.models import building, cnn
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import ALL, Copied, Pretrained, Random
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.training import optimizers
from keras_transfer.training.kept import Program, ProgramKey
from keras_transfer.training.layer_rates import step_rates
from keras_transfer.training.layer_statistics import (
    LayerStatistics,
    probe_batch,
)
from keras_transfer.training.options import Options
from keras_transfer.transfer import actions, random_layers
from keras_transfer.transfer.first_layers import (
    copy_first_layers,
    leave_random,
)
from keras_transfer.transfer.proof import Proof
from keras_transfer.transfer.recalibration import recalibrate

FEW_IMAGES = 32  # of the probe batch of a registered model


@dataclasses.dataclass(frozen=True)
class LearningData:
    """What a network learns from.

    Args:
        pool: `ImagePool`.
        half: `HalfData`, the images of its classes.
        mean_half: String, the half whose mean image is subtracted.
        mean: `float32` array `(height, width, 3)`, that image.
    """

    pool: ImagePool
    half: HalfData
    mean_half: str
    mean: np.ndarray


@dataclasses.dataclass(frozen=True)
class Target:
    """A network before its first step: built, copied and frozen.

    Args:
        network: `NetworkFolder`, its settings and folder.
        data: `LearningData`.
        own: `keras.Sequential` or Functional model, which is saved.
        program: `Program` in which it is trained.
        program_key: `ProgramKey` or `None`, under which that may be kept.
        seed: Integer, of its start, order and views.
        steps: Integer, training steps an epoch.
        copied: List of strings, the Keras layers that were copied, each below
            the names of the models that it is in.
        proof: `Proof` that they were.
        statistics: `LayerStatistics`, with those of the start.
    """

    network: NetworkFolder
    data: LearningData
    own: keras.Model
    program: Program
    program_key: ProgramKey | None
    seed: int
    steps: int
    copied: list[str]
    proof: Proof
    statistics: LayerStatistics

    @property
    def model(self) -> keras.Model:
        """The network while it is trained; see `Program`."""
        return self.program.model

    @property
    def spec(self) -> NetworkSpec:
        """Settings of the network."""
        return self.network.spec


def load_data(spec: NetworkSpec, pool: ImagePool) -> LearningData:
    """Opens the images of a network's half, and the mean image for them.

    Args:
        spec: `NetworkSpec`.
        pool: `ImagePool`.

    Returns:
        `LearningData`. With `mean="base"`, a network that copies subtracts
        the mean image of the half that its layers were trained on; with
        `mean="model"` nothing is subtracted.
    """
    half = load_half(
        pool, spec.data, spec.target, spec.target_images, spec.draw or 0
    )
    name, part = spec.target, half
    if spec.data.mean == "model":
        nothing = np.zeros((*spec.data.image_shape, 3), "f4")
        return LearningData(pool, half, name, nothing)
    if isinstance(spec.origin, Copied) and spec.data.mean == "base":
        name = spec.origin.half
    if name != spec.target:
        part = load_half(pool, spec.data, name)
    return LearningData(pool, half, name, pool.mean_image(part.train.indices))


def build_target(
    network: NetworkFolder,
    data: LearningData,
    base_model: keras.Model | None,
    replicas: int,
    options: Options,
) -> Target:
    """Builds a network, copies and freezes its layers, measures its start.

    Args:
        network: `NetworkFolder`, its settings and folder.
        data: `LearningData`.
        base_model: `keras.Model` or `None`, the finished base to copy from.
        replicas: Integer, devices that share a batch.
        options: `Options`.

    Returns:
        `Target`.

    Raises:
        NetworkFailed: If a copied tensor is not that of the base, or the
            registered model is not there.
    """
    spec, half = network.spec, data.half
    seed = network_seed(spec)
    if spec.model.content is None:
        model, copying = _start_own(
            spec, half.num_classes, seed, replicas, base_model
        )
        if spec.moments is not None:
            copying = recalibrate(
                model,
                copying,
                evaluation_batches(half.train, data.mean, spec.data),
                network.folder / "moments.npz",
            )
        probe = probe_batch(half.validation, data.mean, spec.data)
    else:
        model, copying = _start_registered(
            spec, half.num_classes, seed, options.models
        )
        # What a large model makes of a batch takes time and memory.
        probe = probe_batch(half.validation, data.mean, spec.data, FEW_IMAGES)
    names = (t.layer for t in copying.tensors if t.copied)
    copied = list(dict.fromkeys(names))
    steps = spec.solver.steps_per_epoch or steps_per_pass(
        len(half.train), spec.solver.batch_size
    )
    program, key = Program(model), None
    if _may_be_kept(spec, options):
        rates = step_rates(model, model, copying, spec.solver)
        key = ProgramKey.of(spec, half.num_classes, steps, model, rates)
        program = options.kept.take_program(key, model)
    # Before a checkpoint is restored: the start is that of the first run.
    runs = spec.model.content is None or options.observe != "off"
    statistics = program.statistics(*probe, runs=runs)
    return Target(
        network,
        data,
        model,
        program,
        key,
        seed,
        steps,
        copied,
        copying,
        statistics,
    )


def _may_be_kept(spec: NetworkSpec, options: Options) -> bool:
    """Whether what is compiled of a network depends on its settings alone."""
    return (
        options.kept is not None
        and spec.model.content is None
        and (spec.solver.replicas or 1) == 1
        and options.build_optimizer is optimizers.build_optimizer
    )


def _start_own(
    spec: NetworkSpec, num_classes: int, seed: int, replicas: int, base_model
) -> tuple[keras.Model, Proof]:
    """Builds an 8-layer network and copies layers of its base."""
    model = cnn.build_network(
        spec.model, spec.data.crop, num_classes, seed, replicas
    )
    origin = spec.origin
    if isinstance(origin, Random):
        random_layers.redraw(
            model,
            origin.n,
            origin.initialization,
            base_model,
            seed,
            spec.data.scale,
        )
    plan = actions.plan_network(spec, model, base_model)
    return model, actions.apply_plan(model, base_model, plan)


def _start_registered(
    spec: NetworkSpec,
    num_classes: int,
    seed: int,
    models: RegisteredModels | None,
) -> tuple[keras.Model, Proof]:
    """Builds a network like a registered model and copies its stages."""
    if models is None:
        raise NetworkFailed(
            f"Expected `models`, where '{spec.model.name}' is registered. "
            "Received: None."
        )
    path = models.open(spec.model, spec.data.crop)
    pair = building.build_pair(spec, path, num_classes, seed)
    origin, cuts = spec.origin, list(spec.model.cuts)
    if not isinstance(origin, Pretrained):
        return pair.target, leave_random(pair.target, cuts)
    proof = copy_first_layers(
        pair.source,
        pair.target,
        origin.n,
        origin.mode,
        cuts=cuts,
        preserved=spec.top - origin.n if origin.kept == ALL else 0,
    )
    return pair.target, proof


def network_seed(spec: NetworkSpec) -> int:
    """Returns the seed of a network's start, order and views.

    Args:
        spec: `NetworkSpec`.
    """
    # Each network draws its own start, order and views. The authors shuffled
    # the images once, and every network read them in that order.
    words = (spec.seed, spec.data.split, spec.label)
    if spec.target_images is not None:
        words += (spec.target_images, spec.draw)
    return derive_seed(*words)
