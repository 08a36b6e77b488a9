"""First layers are alike, last layers are not: measured without a transfer.

Claim (the paper's introduction): first layers learn Gabor filters and colour
blobs whatever the data, last layers what is specific to their classes. So
kernels of conv1 are fitted and matched between baseA and baseB, and all
layers of both compared on the same test images, beside random starts, the
same classes with another seed, and labels dealt at random.

    python -m experiments.first_layers --dataset cifar100

Cost: 14 base networks, `--plan` says how long; measuring takes minutes.
Expected: such shapes explain 50 to 59 % of a kernel's energy, about 40 points
more than of untrained ones, but not shown to be more than on labels dealt at
random; layers are less alike the higher they are.
"""

import dataclasses
import functools
import sys

from experiments.common.effect_plan import not_known
from experiments.common.running import Study, command_main, run_study
from experiments.common.study_settings import Splits, StudySettings
from experiments.findings import numbers
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.datasets.pools import find_pool
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import HALVES, LAYER_NAMES
from keras_transfer.specs.settings import LABELS
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids
from keras_transfer.studies.executors.quiet import quiet_import

NAME = "first_layers"


@dataclasses.dataclass(frozen=True)
class FirstSettings(Splits, StudySettings):
    """What this study can be told; it trains base networks alone."""

    splits: tuple[int, ...] = (0, 1, 2, 3)
    """Random splits of the classes into halves A and B."""
    shuffled_splits: tuple[int, ...] = (0, 1)
    """Of these, half A is trained on shuffled labels too, from one start."""
    width: int | None = 16
    """Channels of conv1, as many kernels."""
    first_kernel: int | None = 7
    """Side in pixels of conv1's kernels."""
    epochs: int | None = 12
    """Epochs of each training."""
    learning_rate: float | None = 0.46
    """Highest learning rate; that of dose_response at this width."""
    images_per_class: int | None = 100
    """Training images of each class."""
    test_images: int = 1000
    """Test images that layers are compared on, as many of each class."""


def specs(settings: FirstSettings) -> list[NetworkSpec]:
    """Lists bases of both halves, then the controls.

    Args:
        settings: `FirstSettings`.

    Returns:
        List of `NetworkSpec`: bases of each split and seed, half A of some
        splits on shuffled labels, half B of each split with one more seed.

    Raises:
        UserError: If a split of shuffled labels is not among the splits.
    """
    if not set(settings.shuffled_splits) <= set(settings.splits):
        raise UserError(
            f"Expected `shuffled_splits` among {settings.splits}. "
            f"Received: {settings.shuffled_splits}."
        )
    recipe = settings.resolve()
    grid = grids.Grid(settings.splits, recipe.seeds)
    bases = grids.similar_networks(
        settings.dataset, recipe, grid, settings.mean
    )
    return bases + [
        other
        for base in bases
        for other in (_shuffled(base, settings), _again(base, recipe.seeds))
        if other is not None
    ]


def _shuffled(base: NetworkSpec, settings: FirstSettings):
    chosen = base.data.split in settings.shuffled_splits
    if base.target != HALVES[0] or not chosen:
        return None
    data = dataclasses.replace(base.data, labels=LABELS[0])
    return dataclasses.replace(base, data=data)


def _again(base: NetworkSpec, seeds: tuple[int, ...]):
    """Returns the same classes with another start, of the last seed alone."""
    if base.target != HALVES[1] or base.seed != seeds[-1]:
        return None
    return dataclasses.replace(base, seed=max(seeds) + 1)


def _report(settings: FirstSettings, rows, command, folder):
    """Measures what is finished, and writes figures, tables and text."""
    # Keras, which a plan needs not.
    with quiet_import():
        from keras_transfer.training.base_pairs import measure

    store = RunStore(settings.log_dir, NAME)
    data = rows[0].spec.data
    pool = find_pool(store.cache_dir, data.name, data.image_size)
    measured = measure(
        [store.network(row.spec) for row in rows], pool, settings.test_images
    )
    # Matplotlib only when it is needed.
    from keras_transfer.reports import first_layers

    title = f"First layers on {settings.dataset}"
    return first_layers.write(
        rows, measured, _transfers(settings.dataset), title, command, folder
    )


def _transfers(dataset: str) -> list[tuple]:
    """Returns AnB - base by n, of transfers that were trained elsewhere."""
    if dataset != "cifar100":
        return []
    data = numbers.similar()
    found = (
        (n, data.estimate(Comparison("AnB", "base", n, n)))
        for n in range(1, len(LAYER_NAMES))
    )
    return [(n, *one.percent()) for n, one in found if one is not None]


def study(settings: FirstSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `FirstSettings`.

    Returns:
        `Study`.
    """
    write = functools.partial(_report, settings)
    return Study(NAME, specs(settings), write, whole=False, foresee=not_known)


main = functools.partial(
    command_main,
    NAME,
    __doc__,
    functools.partial(run_study, study),
    FirstSettings,
)

if __name__ == "__main__":
    sys.exit(main())
