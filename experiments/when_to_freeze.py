"""When to freeze: width against target images, a map of who wins.

Claim (the paper's introduction): with few target images *and* many weights
copied layers should be frozen, for fine-tuning would overfit; with many images
or few weights they should be fine-tuned. Each cell of the map has frozen
copies, fine-tuned ones and networks from scratch.

    python -m experiments.when_to_freeze --dataset cifar100 --tune
    python -m experiments.when_to_freeze --dataset cifar100 \\
        --learning-rates logs/when_to_freeze/cifar100/tuning/best.json

The first tries learning rates on the validation images of a split that the
map does not have, for each width and treatment, at one small size and at all
images, and writes best.json. The second trains the map.

Cost: `--plan` says how long. Expected on CIFAR-100: see
logs/published/cifar100-when-to-freeze.
"""

import dataclasses
import functools
import math
import sys

from rich.console import Console

from experiments.common.bases import check_images, find_or_prepare
from experiments.common.running import (
    DONE,
    Study,
    command_main,
    run_study_script,
)
from experiments.common.settings import (
    Splits,
    StudySettings,
    check_at_least_one,
)
from experiments.common.training import open_executor, training
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.errors import UserError
from keras_transfer.reports import freeze_map
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import Recipe
from keras_transfer.specs.rates import task_of
from keras_transfer.specs.settings import SolverSpec
from keras_transfer.specs.treatments import (
    BASE,
    FINETUNED_TRANSFER,
    TRANSFER,
    find_treatment,
)
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts, grids, tuning
from keras_transfer.studies.trials import (
    Trial,
    best_of,
    write_best,
    write_trials,
)

NAME = "when_to_freeze"
TARGET = "B"  # a second half costs as much as a second split and tells less
LOOKS = 3  # at the validation images of each network
# Learning rates that are tried, a factor apart; where the best is the lowest
# or the highest of them, the next one is tried as well.
RATES = {
    BASE: (0.09, 0.27, 0.81),
    TRANSFER: (0.09, 0.27, 0.81),
    FINETUNED_TRANSFER: (0.03, 0.09, 0.27),
}
FACTOR = 3
MOST_RATES = 6  # of a task


@dataclasses.dataclass(frozen=True)
class FreezeSettings(Splits, StudySettings):
    """What this study can be told; treatments are its own."""

    width: tuple[int, ...] = (8, 16, 32)
    """Channels of conv1, a row of the map each."""
    images: tuple[int, ...] = (5, 10, 25)
    """Target images of each class; all come beside."""
    images_per_class: int | None = 100
    """Training images of each class that bases have."""
    splits: tuple[int, ...] = (0, 1, 2, 3)
    """Random splits of the classes into halves A and B."""
    layers: tuple[int, ...] = (7,)
    """Number n of copied layers."""
    least_steps: int = 300
    """Steps that a network takes at least: passes grow as images shrink."""
    head_steps: int = 2000
    """Steps of networks with frozen layers at least, which cost little."""
    batch_size: int | None = 64
    """Images a training step."""
    tune: bool = False
    """Search learning rates and write best.json, in place of the map."""
    tuning_images: int = 10
    """Size at which the rates of small sets are tuned."""
    tuning_split: int = 9
    """Split whose validation images choose the rates."""

    def recipe(self, width: int) -> Recipe:
        """Returns the recipe of a width.

        Args:
            width: Integer.
        """
        fields = [field.name for field in dataclasses.fields(StudySettings)]
        values = {name: getattr(self, name) for name in fields}
        return StudySettings(**{**values, "width": width}).resolve()

    def resolve(self) -> Recipe:
        """Returns the recipe that names the report."""
        return self.recipe(self.width[0])


@dataclasses.dataclass(frozen=True)
class Design:
    """Which networks the map has, and how long and how fast they learn.

    Args:
        settings: `FreezeSettings`.
        most: Integer, all training images of a class.
        classes: Integer, classes of a half.
        rates: Dict from a task to its solver's changed fields.
    """

    settings: FreezeSettings
    most: int
    classes: int
    rates: dict[str, dict[str, float]]

    @property
    def tuned_sizes(self) -> tuple[int, ...]:
        """The sizes at which rates are tuned: a small one and all."""
        return self.settings.tuning_images, self.most

    def tuned_size(self, images: int) -> int:
        """Returns the size whose rates a size takes: the nearest, in log.

        Args:
            images: Integer, images of each class.
        """
        return min(
            self.tuned_sizes, key=lambda size: abs(math.log(images / size))
        )

    def task(self, spec: NetworkSpec) -> str:
        """Names the networks that share a rate.

        Args:
            spec: `NetworkSpec`.
        """
        images = self.tuned_size(spec.target_images or self.most)
        return f"{task_of(spec)}, width {spec.model.width}, {images} images"

    def solver(self, spec: NetworkSpec) -> SolverSpec:
        """Returns a network's solver: as many steps as it needs, its rate.

        Args:
            spec: `NetworkSpec` with the recipe's solver.
        """
        settings, solver = self.settings, spec.solver
        images = (spec.target_images or self.most) * self.classes
        steps = solver.epochs * max(1, images // solver.batch_size)
        least = settings.least_steps
        if not spec.is_base and spec.mode == "frozen":
            least = settings.head_steps
        steps = max(steps, least)
        return dataclasses.replace(
            solver,
            epochs=LOOKS,
            steps_per_epoch=math.ceil(steps / LOOKS),
            **self.rates.get(self.task(spec), {}),
        )

    def networks(
        self, width: int, split: int, images: tuple[int, ...]
    ) -> list[NetworkSpec]:
        """Lists the networks of a width and a split, bases first.

        Args:
            width, split: Integers.
            images: Tuple of integers, few images of each class.
        """
        settings = self.settings
        bases = grids.similar_networks(
            settings.dataset,
            settings.recipe(width),
            grids.Grid((split,), settings.seeds),
            settings.mean,
        )
        own = [spec for spec in bases if spec.target == TARGET]
        few = grids.limited_networks(own, images)
        starts = [find_treatment(name) for name in STARTS if name != BASE]
        copies = [
            dataclasses.replace(spec, **row.settings(TARGET, n))
            for spec in few + own
            for n in settings.layers
            for row in starts
        ]
        return [self._finished(spec) for spec in bases + few + copies]

    def _finished(self, spec: NetworkSpec) -> NetworkSpec:
        solver = self.solver(spec)
        if spec.is_base:
            return dataclasses.replace(spec, solver=solver)
        base = self.solver(spec.source)
        base_solver = None if base == solver else base
        return dataclasses.replace(spec, solver=solver, base_solver=base_solver)

    def every(self) -> list[NetworkSpec]:
        """Lists the networks of the map: split by split, so that a study
        that is stopped has whole maps of fewer splits."""
        return [
            spec
            for split in self.settings.splits
            for width in self.settings.width
            for spec in self.networks(width, split, self.settings.images)
        ]

    def tasks(self, width: int) -> dict[str, list[NetworkSpec]]:
        """Lists what is tuned at a width, by task.

        Args:
            width: Integer.
        """
        found: dict[str, list[NetworkSpec]] = {}
        settings = self.settings
        few = (settings.tuning_images,)
        for spec in self.networks(width, settings.tuning_split, few):
            if spec.target == TARGET:
                found.setdefault(self.task(spec), []).append(spec)
        return found


def design(settings: FreezeSettings) -> Design:
    """Looks up how many images there are and checks the settings.

    Args:
        settings: `FreezeSettings`.

    Returns:
        `Design`, with the rates that the settings name.

    Raises:
        UserError: If there is no such study.
    """
    recipe = settings.resolve()
    if settings.steps_per_epoch is not None:
        raise UserError(
            "Expected no `steps_per_epoch`: steps follow from `epochs`, "
            "`least_steps` and `head_steps`. Received: "
            f"{settings.steps_per_epoch}."
        )
    check_at_least_one(
        least_steps=settings.least_steps, head_steps=settings.head_steps
    )
    if settings.tuning_split in settings.splits:
        raise UserError(
            "Expected a `tuning_split` that is none of `splits`. Received: "
            f"{settings.tuning_split} and {settings.splits}."
        )
    if not (settings.width and settings.images and settings.layers):
        raise UserError(
            "Expected a `width`, a number of `images` and one of `layers`. "
            f"Received: {settings.width}, {settings.images}, "
            f"{settings.layers}."
        )
    facts = find_or_prepare(
        settings, recipe.image_size, dataset_facts.find_facts
    )
    whole = facts.train_images / facts.num_classes
    most = round(whole * (1 - recipe.validation_fraction))
    most = min(most, settings.images_per_class or most)
    sizes = (*settings.images, settings.tuning_images)
    check_images(sizes, most, settings.dataset)
    return Design(settings, most, facts.num_classes // 2, settings.rates())


def study(settings: FreezeSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `FreezeSettings`.

    Returns:
        `Study`.
    """
    title = f"When to freeze on {settings.dataset}"
    write = functools.partial(freeze_map.write, title)
    return Study(NAME, design(settings).every(), write, whole=False)


def run(
    command: tuple[str, ...], settings: FreezeSettings, console: Console
) -> int:
    """Trains the map, or tunes its learning rates.

    Args:
        command: Tuple of strings, the words of the command that runs it.
        settings: `FreezeSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    if settings.tune:
        return _tune(command, settings, console)
    return run_study_script(settings, study(settings), console, command)


def _tune(command, settings: FreezeSettings, console: Console) -> int:
    """Tries the rates of each width; the base's first, which copies need."""
    plan = dataclasses.replace(design(settings), rates={})
    sources = RunStore(settings.log_dir, NAME, command=command)
    folder = sources.study_dir / settings.dataset.replace("/", "-") / "tuning"
    store = RunStore(
        sources.log_dir / "tuning", NAME, sources.cache_dir, command
    )
    if settings.plan:
        return _plan_tuning(plan, sources, console)
    found: dict[str, list[Trial]] = {}
    for width in settings.width:
        first = {t: s for t, s in plan.tasks(width).items() if s[0].is_base}
        found |= _search(settings, first, store, sources, console)
        chosen = _best(found)
        plan = dataclasses.replace(plan, rates=chosen)
        rest = {t: s for t, s in plan.tasks(width).items() if t not in first}
        bases = {spec.source for specs in rest.values() for spec in specs}
        title = f"Bases of width {width} of the search"
        with training(settings, list(bases), sources, console, title):
            pass
        # A copy is tried at every rate, from the base at the base's own.
        found |= _search(settings, rest, store, sources, console)
        plan = dataclasses.replace(plan, rates=_best(found))
        folder.mkdir(parents=True, exist_ok=True)
        write_trials(folder / "trials.jsonl", found)
        about = {
            "dataset": settings.dataset,
            "method": f"a factor of {FACTOR} apart, best between two others",
            "tried": {
                task: [trial.values["learning_rate"] for trial in trials]
                for task, trials in found.items()
            },
            "split": settings.tuning_split,
        }
        write_best(folder / "best.json", found, about)
    console.print(f"rates: {folder / 'best.json'}", soft_wrap=True)
    return DONE


def _plan_tuning(plan: Design, sources: RunStore, console: Console) -> int:
    tasks = [
        task
        for width in plan.settings.width
        for task in plan.tasks(width).items()
    ]
    bases = {s.source for _, specs in tasks for s in specs} - {None}
    count = sum(
        len(RATES[spec.treatment]) for _, specs in tasks for spec in specs
    )
    console.print(
        f"{len(tasks)} tasks, at least {count} networks, and "
        f"{len(bases)} bases, in {sources.log_dir}: "
        f"{'; '.join(task for task, _ in tasks)}.",
        highlight=False,
        soft_wrap=True,
    )
    return DONE


def widened(trials: list[Trial]) -> tuple[float, ...]:
    """Adds a rate where the best that was tried has none on both sides.

    Args:
        trials: List of `Trial`, by ascending learning rate.

    Returns:
        Tuple of floats, ascending; those that were tried if the best lies
        between two others, or if they are `MOST_RATES`.
    """
    rates = tuple(trial.values["learning_rate"] for trial in trials)
    best = best_of(trials).values["learning_rate"]
    if len(rates) >= MOST_RATES or rates[0] < best < rates[-1]:
        return rates
    if best == rates[-1]:
        return (*rates, float(f"{best * FACTOR:.4g}"))
    return (float(f"{best / FACTOR:.4g}"), *rates)


def _search(
    settings: FreezeSettings,
    tasks: dict[str, list[NetworkSpec]],
    store: RunStore,
    sources: RunStore,
    console: Console,
) -> dict[str, list[Trial]]:
    specs = [spec for own in tasks.values() for spec in own]
    store.check_writable()
    rates = {task: RATES[own[0].treatment] for task, own in tasks.items()}
    with open_executor(settings, specs, store, console) as executor:
        options = settings.run_options(executor)
        while True:
            # What is finished is read, so only new rates are trained.
            found = tuning.search_grid(tasks, rates, store, sources, options)
            wider = {task: widened(own) for task, own in found.items()}
            if wider == rates:
                break
            rates = wider
    for task, trials in found.items():
        scores = ", ".join(
            f"{t.values['learning_rate']:g}: {100 * t.score:.1f} %"
            for t in trials
        )
        console.print(f"{task}: {scores}", highlight=False, soft_wrap=True)
    return found


def _best(found: dict[str, list[Trial]]) -> dict[str, dict[str, float]]:
    return {task: best_of(trials).values for task, trials in found.items()}


main = functools.partial(command_main, NAME, __doc__, run, FreezeSettings)

if __name__ == "__main__":
    sys.exit(main())
