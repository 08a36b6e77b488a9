"""Does the command `recommend` recommend well?

Claim: at a tenth of the cost of training everything, a recommendation loses
at most half a point of test accuracy in the mean against the best of the
grid, and the scores of a stage say something about its trained accuracy.

    python -m experiments.regret --model FILE.keras --images DIR DIR
    python -m experiments.regret --plan --model FILE.keras --images DIR
    python -m experiments.regret --grids regret.json --model ... --images ...

For each folder and number of images a class: every way at every stage at every
rate with every seed, then a recommendation with a tenth of the seconds that
took. `--grids` recommends anew and trains no grid: that of the same setting is
read from a file that this script wrote. Stopped and started again, it trains
nothing twice; tables are written after each setting.

Cost: about 15 minutes of two cores a setting (EfficientNet-Lite0, 64 pixels,
10 images of each of 10 classes), with `--grids` one. Expected: a few points
less are lost than by fine-tuning everything, which is picked where nothing
else is shown to be as good; what is lost is in logs/published/regret.
"""

import dataclasses
import functools
import json
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from experiments.common.blas import one_blas_thread
from experiments.common.terminal import plain_main
from experiments.recommend.settings import Options
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import read_json, write_atomically


@dataclasses.dataclass(frozen=True)
class Settings:
    """What this script can be told."""

    model: str
    """The source, as `recommend` takes it."""
    images: tuple[str, ...]
    """Folders of images."""
    images_per_class: tuple[int, ...] = (10,)
    """Training images of each class."""
    image_size: int = 64
    """Side of the images in pixels."""
    pixel_range: tuple[float, float] | None = None
    """What the model takes for black and white, if it does not say."""
    most_classes: int = 10
    """Classes of each folder at most."""
    epochs: int | None = None
    """Epochs of a whole training; by the number of images if not given."""
    rates: tuple[float, ...] = (3e-4, 3e-3)
    """Learning rates of Adam."""
    most_stages: int = 6
    """Stages that the model is divided into at most."""
    seeds: int = 2
    """Trainings of each candidate of the grid."""
    budget_share: float = 0.1
    """Part of the grid's seconds that a recommendation may take."""
    tolerance: float = 1.0
    """Of the recommendation, in points."""
    grids: str | None = None
    """A regret.json whose grids are taken instead of training them."""
    log_dir: str = "logs"
    """Folder that results and recommend/regret.md are written to."""
    plan: bool = False
    """Print how many trainings there are, then stop."""

    def options(self, folder: str, count: int) -> Options:
        """Returns what a recommendation of one setting is asked with.

        Args:
            folder: String.
            count: Integer, training images of each class.
        """
        return Options(
            model=self.model,
            images=folder,
            image_size=self.image_size,
            images_per_class=count,
            most_classes=self.most_classes,
            pixel_range=self.pixel_range,
            epochs=self.epochs,
            rates=self.rates,
            most_stages=self.most_stages,
            seeds=self.seeds,
            tolerance=self.tolerance,
            log_dir=self.log_dir,
        )


def _run_script(settings: Settings, console: Console) -> int:
    """Trains grids and recommendations; writes the tables."""
    if not 0 < settings.budget_share <= 1:
        raise UserError(
            "Expected `budget_share` above 0 and at most 1. Received: "
            f"{settings.budget_share}."
        )
    from keras_transfer.studies.executors.quiet import quiet_import

    with quiet_import():
        from experiments.recommend.session import start_tensorflow

        start_tensorflow()
    with one_blas_thread():
        for count in settings.images_per_class:
            for folder in settings.images:
                if _setting(settings, folder, count, console) is not None:
                    _write(settings, console)
    return 0


def _setting(settings: Settings, folder: str, count: int, console: Console):
    """Returns what one setting found, trained or read."""
    from experiments.recommend.prepare import prepare

    options = settings.options(folder, count)
    options.check()
    prepared = prepare(
        options, lambda text: console.print(text), clock=time.process_time
    )
    total = sum(
        settings.seeds * (len(options.rates) if c.row.trained else 1)
        for c in prepared.wanted
    )
    for text in prepared.warnings:
        console.print(f"note: {text}")
    console.print(f"{total} trainings of the grid in {prepared.folder}")
    if settings.plan:
        return None
    path = prepared.folder / "regret.json"
    found = read_json(path)
    if found is None:
        found = {
            "setting": f"{Path(folder).name}, {count} images a class",
            "model": user_path(settings.model).stem,
            "epochs": prepared.task.epochs,
            "steps": prepared.task.epochs * prepared.task.steps,
            "rates": list(options.rates),
            "image_size": prepared.asked.image_size[0],
            "classes": len(prepared.images.class_names),
            "validation": len(prepared.images.labels["validation"]),
            "test": len(prepared.images.labels["test"]),
            "stages": len(prepared.task.stages),
        }
        if options.pixel_range is not None:
            found["pixel_range"] = list(options.pixel_range)
        if settings.grids is not None:
            found = same_setting(found, user_path(settings.grids))
        else:
            rows = _grid(prepared, settings.seeds, console)
            found["grid"] = rows
            found["grid_seconds"] = sum(row["seconds"] for row in rows)
            found["scores"] = prepared.scores
        budget = settings.budget_share * found["grid_seconds"]
        found["recommended"] = _recommended(prepared, budget, console)
        write_atomically(path, json.dumps(found))
    return found


def same_setting(asked: dict, path: Path) -> dict:
    """Returns what was found of a setting before.

    Args:
        asked: Dict, what tells a setting from others.
        path: Path, of a file of settings that this script wrote.

    Raises:
        UserError: If the file has no such setting.
    """
    rows = read_json(path)
    for row in rows if isinstance(rows, list) else []:
        if asked.items() <= row.items():
            return row
    raise UserError(
        "Expected `grids`, a regret.json with a grid of this setting. "
        f"Received: {path.name}, which has none of {asked}."
    )


def _grid(prepared, seeds: int, console: Console) -> list[dict]:
    """Trains every candidate and files its test accuracy."""
    from experiments.recommend.trials import States, Trials
    from experiments.recommend.workshop import Workshop

    folder = prepared.folder / "grid"
    images = len(prepared.images.labels["validation"])
    rates = prepared.options.rates
    workshop = Workshop(
        prepared.task,
        Trials(folder / "trials", images),
        States(folder / "states"),
        clock=time.process_time,
    )
    told = folder / "test"
    told.mkdir(exist_ok=True)
    rows = []
    for choice in prepared.wanted:
        for rate in rates if choice.row.trained else (0.0,):
            for seed in range(seeds):
                if choice.row.trained:
                    epochs = prepared.task.epochs
                    trial = workshop.train(choice, rate, seed, epochs)
                else:
                    trial = workshop.solve(choice, seed)
                path = told / f"{choice.name}-{rate:g}-{seed}.json"
                test = read_json(path)
                if test is None and trial.right:
                    right = workshop.right(choice, rate, seed, "test")
                    test = float(np.mean(right))
                    write_atomically(path, json.dumps(test))
                row = {
                    "name": choice.name,
                    "rate": rate,
                    "seed": seed,
                    "validation": trial.accuracy if trial.right else 0.0,
                    "test": test or 0.0,
                    "seconds": trial.seconds + trial.build,
                }
                rows.append(row)
                console.print(
                    f"{choice.name} at {rate:g}, seed {seed}: "
                    f"{100 * row['validation']:.1f} % validation, "
                    f"{100 * row['test']:.1f} % test"
                )
        workshop.states.keep([])
    return rows


def _recommended(prepared, budget: float, console: Console) -> dict:
    """Recommends within a budget; says what that took."""
    from experiments.recommend import deciding, race
    from experiments.recommend.trials import States, Trials
    from experiments.recommend.workshop import Workshop

    options, task = prepared.options, prepared.task
    folder = prepared.folder / "within-budget"
    images = len(prepared.images.labels["validation"])
    workshop = Workshop(
        task,
        Trials(folder / "trials", images),
        States(folder / "states"),
        clock=time.process_time,
    )
    runners = race.runners_of(task, prepared.order, options.rates)
    names = []
    final = race.Final((), options.seeds, ())
    try:
        first, rest = race.shares_of(runners, budget, task.epochs)
        plan = race.run_race(workshop, runners, first, lambda *_: None)
        final = race.choose_final(
            runners,
            plan,
            rest + plan.seconds_left,
            options.seeds,
            task.epochs,
            twins=0,  # they tell whether copying helps, and choose nothing
        )
        names = [step for step in plan.left_out]
    except UserError as error:  # the budget does not suffice for a race
        console.print(str(error))
    finalists = deciding.train_finalists(
        prepared, workshop, final, lambda trial: None
    )
    by_name = {finalist.choice.name: finalist for finalist in finalists}
    found = deciding.choose(finalists, options.tolerance)
    best = deciding.choose(finalists, 0.0)
    measured = deciding.choose(finalists, options.tolerance, proof=False)
    done = workshop.trials.found.values()
    spent = sum(t.seconds + t.build for t in done)
    spent += sum(task.outputs.seconds) * sum(map(len, task.labels.values()))
    return {
        "name": found.chosen,
        "rate": by_name[found.chosen].rate,
        "best": best.chosen,
        "best_rate": by_name[best.chosen].rate,
        "measured": measured.chosen,
        "measured_rate": by_name[measured.chosen].rate,
        "can_tell": found.can_tell,
        "seconds": spent,
        "budget": budget,
        "left_out": names,
        "trials": [
            [t.choice, t.rate, t.seed, t.epochs, t.accuracy] for t in done
        ],
    }


def _write(settings: Settings, console: Console) -> None:
    """Lays out all settings in the folder, whichever call trained them."""
    from experiments.recommend.regret_tables import regret_table
    from experiments.recommend.score_tables import score_table

    folder = user_path(settings.log_dir) / "recommend"
    found = [read_json(path) for path in folder.glob("*/regret.json")]
    done = sorted(
        (row for row in found if row),
        key=lambda row: (row["model"], row["setting"]),
    )
    text = f"{regret_table(done)}\n{score_table(done)}"
    write_atomically(folder / "regret.md", text)
    write_atomically(folder / "regret.json", json.dumps(done, indent=1))
    console.print(text, soft_wrap=True)


main = functools.partial(plain_main, "regret", __doc__, Settings, _run_script)


if __name__ == "__main__":
    sys.exit(main())
