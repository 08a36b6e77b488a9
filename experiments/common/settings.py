"""The command line that all experiment scripts share."""

import dataclasses
import math
from typing import Annotated, Literal

import tyro

from keras_transfer.datasets.image_folder import ImageFolder
from keras_transfer.errors import UserError
from keras_transfer.specs import presets
from keras_transfer.specs.architectures import FIRST_KERNEL, find_architecture
from keras_transfer.specs.costs import LEAST_SECONDS
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.settings import (
    SolverSpec,
    check_dataset_name,
)
from keras_transfer.studies.executors.executor import Executor
from keras_transfer.studies.run_options import REUSE_GIGABYTES, RunOptions
from keras_transfer.training.devices import StrategyName, choose_replicas


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What every script that trains can be told, whatever its networks."""

    dataset: str = "synthetic_shapes"
    """TFDS name of an image-classification data set."""
    data_dir: str | None = None
    """Folder of prepared TFDS data sets (TFDS's own if not given)."""
    log_dir: str = "logs"
    """Folder that networks, results and figures are written to."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; each repeats the whole study with other random numbers."""
    steps_per_epoch: int | None = None
    """Training steps an epoch, if not one pass or the preset's."""
    optimizer: Literal["adamw"] | None = None
    """adamw, in place of gradient descent; give its `--learning-rate`."""
    class_weights: Literal["balanced"] | None = None
    """balanced: every class weighs the same in the training loss."""
    images_per_class: int | None = None
    """Training images of each class (all if not given)."""
    reuse_gigabytes: float = REUSE_GIGABYTES
    """Disk for what frozen layers compute; 0 computes it at every step."""
    reuse_seconds: float = LEAST_SECONDS
    """Time that this must save a network, else nothing is stored."""
    observe: Literal["off", "default", "full"] = "default"
    """What TensorBoard shows of layers: nothing, kernels, every weight."""
    workers: int | None = None
    """Networks trained at the same time (one a core on a CPU, one a GPU)."""
    strategy: StrategyName = "auto"
    """How one network uses its GPUs; auto: mirrored if it has several."""
    gpus_per_network: int | None = None
    """GPUs that share each batch of a network (1; mirrored: all)."""
    cluster: str | None = None
    """Ray cluster that trains (`--workers` a node): local, auto, HOST:PORT."""
    plan: bool = False
    """Print what would be trained, time and disk, then stop."""
    quiet: bool = False
    """Show failures and the final table only."""

    def opened(self) -> "RunSettings":
        """Returns these settings with the name of a data set that is given
        in another way."""
        return self

    def run_options(self, executor: Executor | None = None) -> RunOptions:
        """Returns where and how networks are trained.

        Args:
            executor: `Executor` or `None`, see `RunOptions`.

        Returns:
            `RunOptions`.
        """
        return RunOptions(
            self.data_dir,
            self.workers,
            self.reuse_gigabytes,
            self.reuse_seconds,
            self.observe,
            executor,
        )

    def rates(self) -> dict[str, dict[str, float]]:
        """Returns the learning rates of each task's own, if any."""
        return {}

    def measures(self) -> bool:
        """Returns whether a plan first measures how fast this machine is."""
        return False

    def report_name(self) -> str:
        """Names the report's folder: no recipe overwrites another's."""
        raise NotImplementedError

    def with_images(self, folder: str | None) -> "RunSettings":
        """Returns these settings with a folder of images as the data set.

        Args:
            folder: String, or `None` to leave them as they are.

        Raises:
            UserError: If a data set is given too, or the folder is no set.
        """
        if folder is None:
            return self
        given = self.dataset, self.data_dir
        if given != (RunSettings.dataset, RunSettings.data_dir):
            raise UserError(
                "Expected `--images`, or `--dataset` with or without "
                f"`--data-dir`. Received both: --images {folder!r}, "
                f"--dataset {self.dataset!r}, --data-dir {self.data_dir!r}."
            )
        name = ImageFolder(folder).name
        return replace_given(self, dataset=name, data_dir=folder)

    def check_counts(self, solver: SolverSpec) -> None:
        """Refuses numbers that no network can be trained with.

        Args:
            solver: `SolverSpec`.

        Raises:
            UserError: Naming the first of them.
        """
        check_dataset_name(self.dataset)
        check_at_least_one(
            epochs=solver.epochs,
            batch_size=solver.batch_size,
            steps_per_epoch=solver.steps_per_epoch,
            images_per_class=self.images_per_class,
            workers=self.workers,
        )
        if not solver.learning_rate > 0:
            raise UserError(
                "Expected a `learning_rate` above 0. "
                f"Received: {solver.learning_rate}."
            )
        replicas = solver.replicas or 1
        if solver.batch_size % replicas:
            raise UserError(
                f"Expected a `batch_size` that {replicas} GPUs share "
                f"equally. Received: {solver.batch_size}."
            )


@dataclasses.dataclass(frozen=True)
class Settings(RunSettings):
    """What every script can be told that trains networks of ours.

    A flag that a study would ignore does not exist for it: each adds the
    flags of its own, among them `Splits`, `Layers` and `Treatments`.
    """

    preset: Literal["smoke", "default", "paper", "earlier"] = "default"
    """smoke: does it run; default: minutes to hours; paper: as in 2014;
    earlier: the default before label smoothing and the linear schedule."""
    regime: Literal["today", "2014"] = "today"
    """today: the preset's network and solver; 2014: those of 2014, as near
    as small images allow."""
    seeds: tuple[int, ...] | None = None
    """Seeds, if not the preset's; each repeats the whole study with other
    random numbers."""
    mean: Literal["base", "target"] = "base"
    """Whose training half gives the mean image that is subtracted."""
    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of colours that networks see; the authors' is bgr."""
    image_size: int | None = None
    """Side in pixels that images are kept at, if not the preset's."""
    model: Literal["cnn8", "cnn8-2014", "caffenet"] | None = None
    """Network, if not the preset's."""
    width: int | None = None
    """Channels of conv1, if not the preset's."""
    first_kernel: int | None = None
    """Side in pixels of conv1's kernels, if not the network's own; 7 is
    enough to see edges."""
    normalization: Literal["none", "lrn", "batch"] | None = None
    """Normalisation, if not the preset's."""
    dropout: float | None = None
    """Share of fc6's and fc7's units left out, if not the preset's."""
    epochs: int | None = None
    """Epochs, if not the preset's."""
    batch_size: int | None = None
    """Images a training step, if not the preset's."""
    learning_rate: float | None = None
    """Highest learning rate, if not the preset's."""
    schedule: Literal["cosine", "linear", "step"] | None = None
    """How the rate falls, if not the preset's; step: to a tenth every
    100,000 steps, so not at all in short runs."""
    weight_decay: float | None = None
    """Decay of kernels, if not the preset's."""
    precision: Literal["float32", "bfloat16"] | None = None
    """Of products and activations, if not the preset's."""
    views: int | None = None
    """Fixed views of each training image, if not the preset's."""
    guess: bool = False
    """Plan without measuring this machine, which takes 10 s or more once."""

    def measures(self) -> bool:
        """See `RunSettings.measures`."""
        return self.plan and not self.guess

    def resolve(self) -> presets.Recipe:
        """Returns the preset's recipe with this command line's changes."""
        recipe = presets.find_recipe(
            self.dataset, self.preset, self.image_size, self.regime
        )
        model = replace_given(
            recipe.model,
            name=self.model,
            width=self.width,
            first_kernel=self._first_kernel(),
            normalization=self.normalization,
            dropout=self.dropout,
            precision=self.precision,
        )
        solver = replace_given(
            recipe.solver,
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            class_weights=self.class_weights,
            replicas=choose_replicas(self.strategy, self.gpus_per_network),
        )
        if self.optimizer is not None:
            solver = dataclasses.replace(
                solver, optimizer=self.optimizer, muon_rate=None
            )
        recipe = replace_given(
            recipe,
            model=model,
            solver=solver,
            **self._grid(),
            views=self.views,
            images_per_class=self.images_per_class,
            channels=None if self.channels == "rgb" else self.channels,
        )
        alpha = presets.lrn_alpha(recipe)
        recipe = replace_given(
            recipe, model=replace_given(recipe.model, lrn_alpha=alpha)
        )
        self._check(recipe)
        return recipe

    def _first_kernel(self) -> int | None:
        # A network's own, given or not, is the same network.
        return None if self.first_kernel == FIRST_KERNEL else self.first_kernel

    def _twice(self) -> bool | None:
        """Whether bases of twice the epochs are asked for; `None`: preset's."""
        wanted = getattr(self, "twice", False), getattr(self, "no_twice", False)
        if all(wanted):
            raise UserError("Expected `twice` or `no_twice`. Received both.")
        return wanted[0] if any(wanted) else None

    def _grid(self) -> dict:
        given = {
            name: getattr(self, name)
            for name in ("seeds", "layers", "splits", "classes_per_half")
            if hasattr(self, name)
        }
        return given | {"twice": self._twice()}

    def report_name(self) -> str:
        """Names the report's folder: no recipe overwrites another's."""
        chosen = self.resolve()
        preset = presets.find_recipe(self.dataset, self.preset, None)
        changed = (chosen.data("", 0, self.mean), chosen.model, chosen.solver)
        usual = (preset.data("", 0), preset.model, preset.solver)
        rates = self.rates()
        if changed == usual and not rates:
            return f"report-{self.preset}"
        # Without `None`: settings that come later leave older names alone.
        settings = [
            {k: v for k, v in dataclasses.asdict(part).items() if v is not None}
            for part in changed
        ]
        recipe = {"recipe": settings} | ({"rates": rates} if rates else {})
        return f"report-{self.preset}-{spec_hash(recipe)[:6]}"

    def _check(self, recipe: presets.Recipe) -> None:
        self.check_counts(recipe.solver)
        check_at_least_one(
            width=recipe.model.width,
            first_kernel=self.first_kernel,
            views=self.views,
        )
        if not 0 <= recipe.model.dropout < 1:
            raise UserError(
                "Expected a `dropout` of at least 0 and below 1. "
                f"Received: {recipe.model.dropout}."
            )
        if not 0 <= recipe.solver.weight_decay < math.inf:
            raise UserError(
                "Expected a `weight_decay` of at least 0. "
                f"Received: {recipe.solver.weight_decay}."
            )
        if self.optimizer is not None and self.learning_rate is None:
            raise UserError(
                f"Expected a `learning_rate` beside `optimizer` "
                f"{self.optimizer!r}: the preset's "
                f"{recipe.solver.learning_rate} is for gradient descent. "
                "Received: none."
            )
        architecture = find_architecture(recipe.model.name)
        if recipe.crop < architecture.smallest_crop:
            raise UserError(
                f"Images are too small for {recipe.model.name}: crops of "
                f"{recipe.image_size}-px images have {recipe.crop} px, it "
                f"needs {architecture.smallest_crop}. Give a larger "
                "`image_size`."
            )
        for name in ("width", "first_kernel"):
            value = getattr(self, name)
            if not architecture.has_width and value is not None:
                raise UserError(
                    f"Expected no `{name}` of {recipe.model.name}, whose "
                    f"layers are the authors'. Received: {value}."
                )
        native = presets.NATIVE_SIZES.get(self.dataset, recipe.crop)
        if self.preset == "paper" and native < recipe.crop:
            raise UserError(
                f"Images of {self.dataset} are too small for "
                f'`preset="paper"`: they have {native} px, the paper\'s '
                f'network needs {recipe.crop}. Use `preset="default"`.'
            )


def check_at_least_one(**counts: int | None) -> None:
    """Refuses counts below 1.

    Args:
        **counts: Integers, or `None` where nothing was given, by the name of
            the argument.

    Raises:
        UserError: Naming the first.
    """
    for name, value in counts.items():
        if value is not None and value < 1:
            raise UserError(
                f"Expected `{name}` of at least 1. Received: {value}."
            )


def replace_given(instance, **changes):
    """Returns a dataclass with the changes that are not `None`.

    Args:
        instance: Dataclass instance.
        **changes: Values by the names of its fields; `None` if not given.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    return dataclasses.replace(instance, **given)


def parse(
    script: str,
    description: str,
    arguments: list[str] | None,
    kind: type[RunSettings],
) -> RunSettings:
    """Reads the command line; ends with status 2 on an unknown flag.

    Args:
        script: String, the script's name.
        description: String, shown by `--help`.
        arguments: List of strings, words in place of the command line's;
            `None` for the command line.
        kind: Class of the settings.

    Returns:
        Instance of `kind`, not checked yet.
    """
    return tyro.cli(
        Annotated[kind, tyro.conf.FlagCreatePairsOff],
        prog=f"python -m experiments.{script}",
        description=description,
        args=arguments,
    )
