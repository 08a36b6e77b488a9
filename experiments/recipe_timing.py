"""Times the training steps of recipes in turns, on one core.

    python -m experiments.recipe_timing --trials trials.json --rounds 15

A whole training on a busy machine costs more or less of the processor from
one hour to the next. So each recipe of a file of trials (see
`recipe_search`) trains a few steps, then the next one does, round after
round: what slows one slows its neighbours. A training costs its median step
times its number of steps; looks at the validation images come on top, as
often as there are epochs.

Claim: none; it compares costs. Cost: `--rounds` times a few steps of each
recipe. Expected: ratios between recipes that are the same in each run, while
seconds are not.
"""

import csv
import dataclasses
import functools
import sys
import time

from rich.console import Console

from experiments.common.terminal import plain_main
from experiments.recipe_search import (
    TrialSettings,
    read_trials,
    trial_spec,
)
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.studies.executors.quiet import quiet_import


@dataclasses.dataclass(frozen=True)
class TimingSettings(TrialSettings):
    """What this script can be told."""

    log_dir: str = "logs"
    """Folder that timing.csv is written to, under recipe_search."""
    rounds: int = 15
    """Rounds, of each recipe once."""
    steps: int = 16
    """Training steps of a recipe in a round."""


COLUMNS = ("round", "name", "steps", "cpu_seconds", "wall_seconds")


class Entrant:
    """A recipe whose network is built, compiled and warmed up.

    Args:
        trial: Dict, see `recipe_search.trial_spec`.
        pool: `ImagePool`.
        settings: `TimingSettings`.
    """

    def __init__(self, trial: dict, pool, settings: TimingSettings):
        from keras_transfer.datasets import batches, halves
        from keras_transfer.models import cnn as models
        from keras_transfer.training.compiling import compile_network

        spec = trial_spec(trial, settings.dataset, "B", 0)
        half = halves.load_half(pool, spec.data, "B")
        size, count = spec.solver.batch_size, len(half.train)
        self.name, self.steps = trial["name"], settings.steps
        self.model = models.build_network(
            spec.model, spec.data.crop, half.num_classes
        )
        # Rates of the whole training: the first steps are as any other.
        compile_network(self.model, spec.solver, settings.steps)
        course = batches.Course(count, size, 0, 0, settings.steps)
        mean = pool.mean_image(half.train.indices)
        self.batches = batches.train_batches(
            half.train, mean, spec.data, course
        )
        self.turn()

    def turn(self) -> tuple[float, float]:
        """Trains some steps and returns CPU and wall seconds."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.model.fit(
            self.batches,
            steps_per_epoch=self.steps,
            verbose=0,
            shuffle=False,
        )
        return time.process_time() - cpu, time.perf_counter() - wall


def _run_script(settings: TimingSettings, console: Console) -> int:
    """Times each recipe in turns."""
    trials = read_trials(settings.trials)
    from keras_transfer.datasets import pools

    with quiet_import():
        from keras_transfer.training import trainer

    trainer.set_threads(settings.threads)
    cache = LogFolder(settings.log_dir).cache_dir
    size = trial_spec(trials[0], settings.dataset, "B", 0).data.image_size
    pool = pools.prepare_pool(cache, settings.dataset, size, settings.data_dir)
    entrants = [Entrant(trial, pool, settings) for trial in trials]
    path = user_path(settings.log_dir) / "recipe_search" / "timing.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number in range(settings.rounds):
            for entrant in entrants:
                cpu, wall = entrant.turn()
                row = [number, entrant.name, settings.steps]
                writer.writerow([*row, f"{cpu:.4f}", f"{wall:.4f}"])
            file.flush()
            console.print(f"round {number + 1} of {settings.rounds}")
    console.print(f"rows: {path}", soft_wrap=True)
    return 0


main = functools.partial(
    plain_main, "recipe_timing", __doc__, TimingSettings, _run_script
)


if __name__ == "__main__":
    sys.exit(main())
