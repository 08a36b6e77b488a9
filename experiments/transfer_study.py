"""Any Keras model on any images: which stages to copy, which to freeze.

The first n stages of a pretrained model are copied into a network with a new
classifier, for each n: frozen (SnT), fine-tuned (SnT+), or frozen with all
stages above copied too (SnT-keep); baseAll is the same network from scratch.
Claim: copied stages beat training from scratch; how many to freeze depends on
the images.

    python -m experiments.transfer_study --model FILE.keras --images DIR
    python -m experiments.transfer_study --model applications:MobileNetV2 \\
        --images DIR --image-size 96 --seeds 0 1 2

Cost: a network for each treatment, n and seed, `--plan` says how long; what
frozen stages compute is stored once for all networks and seeds. Expected: on
the four folders in logs/published/efficientnet_lite0_seeds all stages frozen
are 17 to 42 points above training from scratch, and stages frozen to the
middle, n = 7 of 11, are better still.
"""

import dataclasses
import functools
import math
import sys
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from experiments.common.effect_plan import not_known
from experiments.common.running import Experiment, command_main, run_study
from experiments.common.settings import RunSettings, check_at_least_one
from keras_transfer.datasets.sources import shown_name
from keras_transfer.errors import UserError
from keras_transfer.reports.copied_stages import study_report
from keras_transfer.specs.costs import network_costs
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.image_shapes import (
    parse_size,
    scaled_size,
    shown_size,
)
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.registered import AskedModel, RegisteredModel
from keras_transfer.specs.settings import (
    DataSpec,
    ModelSpec,
    SolverSpec,
    check_rates,
)
from keras_transfer.specs.treatments import FROM_MODEL
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids
from keras_transfer.studies.source_models import prepare_model
from keras_transfer.training.devices import choose_replicas

_NAME = "transfer_study"
# Images are kept so much larger than the crop that the model sees.
_MARGIN = 256 / 224


@dataclasses.dataclass(frozen=True)
class TransferSettings(RunSettings):
    """What this study can be told."""

    model: str | None = None
    """FILE.keras, applications:NAME[@weights|@random], hub:PRESET or
    cnn8@random."""
    images: str | None = None
    """Folder of images, a folder for each class, in place of a data set."""
    image_size: str | None = None
    """Side in pixels that the model sees, or HEIGHTxWIDTH (its own, or 96, if
    not given)."""
    pixel_range: tuple[float, float] | None = None
    """What the model takes for black and white, if it does not say so."""
    cuts: tuple[str, ...] = ()
    """Names of layers that end the stages (the blocks' ends if not given)."""
    most_stages: int = 12
    """Stages at most, the new classifier included, without `--cuts`."""
    stages: tuple[int, ...] | None = None
    """Numbers n of copied stages (every n if not given)."""
    treatments: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help=f"Among {' '.join(FROM_MODEL)}; none at all trains from "
            "scratch alone."
        ),
    ] = FROM_MODEL
    epochs: int = 10
    """Epochs."""
    batch_size: int = 32
    """Images a training step."""
    learning_rate: float = 0.01
    """Highest learning rate of new layers; it falls to 0 in a cosine."""
    copied_rate: float = 0.2
    """Multiplier of that for copied layers that are fine-tuned."""
    rate_decay: float | None = None
    """Once more for each stage that these lie below the last."""
    weight_decay: float = 1e-4
    """Decay of kernels."""
    norm_momentum: float = 0.9
    """Of moving moments: the model's own is for many more steps."""
    views: int = 4
    """Fixed views (crop and mirror) of each training image."""
    mirror: bool = True
    """Whether views may be mirrored; not where left and right mean things."""

    def opened(self) -> "TransferSettings":
        """See `RunSettings.opened`."""
        return self.with_images(self.images)

    def base(self) -> NetworkSpec:
        """Returns the network from scratch that all others stand beside.

        Raises:
            UserError: If a setting or the model cannot be used.
        """
        solver = SolverSpec(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            bias_rate=1.0,
            batch_size=self.batch_size,
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            copied_rate=self.copied_rate,
            rate_decay=self.rate_decay,
            optimizer=self.optimizer,
            class_weights=self.class_weights,
            replicas=choose_replicas(self.strategy, self.gpus_per_network),
        )
        self.check_counts(solver)
        check_at_least_one(views=self.views)
        self._check_rates()
        model = _registered(self)
        data = DataSpec(
            self.dataset,
            split=0,
            image_size=scaled_size(model.image_size, _MARGIN),
            crop=model.image_size,
            mirror=self.mirror,
            views=self.views,
            images_per_class=self.images_per_class,
            mean="model",
            channels=model.channels,
        )
        described = ModelSpec(
            model.name,
            norm_momentum=self.norm_momentum,
            content=model.content,
            cuts=model.cuts,
        )
        return NetworkSpec(data, described, solver, target="all")

    def _check_rates(self) -> None:
        check_rates(self.copied_rate, self.rate_decay)
        usual = TransferSettings.learning_rate
        if self.optimizer is not None and self.learning_rate == usual:
            raise UserError(
                "Expected a `learning_rate` of its own beside `optimizer` "
                f"{self.optimizer!r}: {usual} is for gradient descent. "
                f"Received: {self.learning_rate}."
            )
        if not 0 <= self.norm_momentum < 1:
            raise UserError(
                "Expected `norm_momentum` of at least 0 and below 1. "
                f"Received: {self.norm_momentum}."
            )
        if not self.weight_decay >= 0:
            raise UserError(
                "Expected `weight_decay` of at least 0. "
                f"Received: {self.weight_decay}."
            )
        if self.most_stages < 2:
            raise UserError(
                "Expected `most_stages` of at least 2: the last is the new "
                f"classifier. Received: {self.most_stages}."
            )

    def report_name(self) -> str:
        """Names the report's folder: no recipe overwrites another's."""
        base = self.base()
        parts = [dataclasses.asdict(p) for p in (base.data, base.solver)]
        # Without `None`: settings that come later leave older names alone.
        known = [
            {k: v for k, v in part.items() if v is not None} for part in parts
        ]
        model = [base.model.content, base.model.cuts, base.model.norm_momentum]
        return f"report-{spec_hash({'recipe': [*known, model]})[:6]}"


@functools.lru_cache(maxsize=1)
def _registered(settings: TransferSettings) -> RegisteredModel:
    if settings.model is None:
        raise UserError(
            "Expected a `model`: FILE.keras, applications:NAME[@weights], "
            "hub:PRESET or cnn8@random. Received: none."
        )
    size = settings.image_size and parse_size(settings.image_size)
    limits = settings.pixel_range
    if limits is not None and not -math.inf < limits[0] < limits[1] < math.inf:
        raise UserError(
            "Expected `pixel_range` as black and white, rising. Received: "
            f"{limits[0]:g} {limits[1]:g}."
        )
    store = RunStore(settings.log_dir, _NAME)
    if not settings.plan:
        store.check_writable()
    wanted = settings.cuts or settings.most_stages
    return prepare_model(
        AskedModel(settings.model, size, wanted, limits),
        RegisteredModels(store.cache_dir),
        keep=not settings.plan,
    )


def _specs(settings: TransferSettings) -> list[NetworkSpec]:
    """Lists the networks, seed by seed, each base first."""
    base = settings.base()
    stages = settings.stages
    if stages is None:
        stages = tuple(range(1, base.top + 1))
    return grids.pretrained_networks(
        base, settings.seeds, stages, settings.treatments
    )


def _report(settings: TransferSettings, rows, command, folder):
    """Writes figure and tables; says what all copied stages are worth."""
    spec = rows[0].spec
    name = shown_name(spec.data.name)
    title = f"Copied stages of {spec.model.name} on {name}"
    written = study_report(spec)
    return written.write(rows, title, command, folder), []


STUDY = Experiment(_NAME, __doc__, TransferSettings, _specs, _report, not_known)
study = STUDY.study


def _run(command, settings: TransferSettings, console: Console) -> int:
    """Shows the stages, then trains and reports."""
    if not settings.quiet or settings.plan:
        _print_stages(settings, console)
    return run_study(study, command, settings, console)


def _print_stages(settings: TransferSettings, console: Console) -> None:
    base, model = settings.base(), _registered(settings)
    costs = network_costs(base, 2)[:-1]  # the classifier is always new
    table = Table(
        title=f"Stages of {model.name} at {shown_size(model.image_size)} px"
    )
    for name in ("n", "last layer", "parameters", "computation"):
        table.add_column(name, justify="left" if "last" in name else "right")
    total = sum(cost.flops for cost in costs) or 1
    for n, (cost, cut) in enumerate(zip(costs, model.cuts, strict=True), 1):
        share = f"{cost.flops / total:.1%}"
        table.add_row(str(n), cut, f"{cost.parameters:,}", share)
    console.print(table)
    console.print(f"Scaling of pixels: {model.scaling}.", soft_wrap=True)


main = functools.partial(command_main, _NAME, __doc__, _run, TransferSettings)

if __name__ == "__main__":
    sys.exit(main())
