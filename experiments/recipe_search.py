"""Trains trials of a recipe, one by one on one core, and keeps a row of each.

    python -m experiments.recipe_search --trials trials.json \\
        --dataset cifar100 --threads 1

A trial is a row of settings changed from the recipe that was the default
before, `{"name": ..., "model.width": 24, "solver.epochs": 9}`; "optimizer"
names another of `recipe_optimizers`. Trials of a seed and a half are trained
one after another, so that a slow hour of the machine meets all of them.
Started again it goes on with what is missing.

Claim: none; it looks for settings that are accurate in little time. Cost: a
training a row, by the recipe. Expected: not fixed; choose by validation
images, and use `--test` for the comparison at the end.
"""

import dataclasses
import functools
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from experiments.common.terminal import plain_main
from keras_transfer.errors import UserError
from keras_transfer.specs import presets
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.executors.quiet import quiet_import


@dataclasses.dataclass(frozen=True)
class TrialSettings:
    """What scripts can be told that train trials."""

    trials: str
    """JSON file, a list of trials."""
    dataset: str = "cifar100"
    """TFDS name of an image-classification data set."""
    data_dir: str | None = None
    """Folder of prepared TFDS data sets (TFDS's own if not given)."""
    threads: int = 1
    """Threads of an operation; CPU seconds are those of all."""


@dataclasses.dataclass(frozen=True)
class SearchSettings(TrialSettings):
    """What this search can be told."""

    log_dir: str = "logs"
    """Folder that rows are written to, under recipe_search."""
    rows: str = "rows.jsonl"
    """Name of the file of rows."""
    targets: tuple[str, ...] = ("A", "B")
    """Halves, among A B."""
    seeds: tuple[int, ...] = (0,)
    """Seeds."""
    test: bool = False
    """Test the networks as well."""
    plan: bool = False
    """Print what would be trained, then stop."""


_PARTS = ("data", "model", "solver")


def earlier_default(dataset: str) -> presets.Recipe:
    """Returns the recipe that was the default before this search.

    Args:
        dataset: String, TFDS name.
    """
    return presets.find_recipe(dataset, "earlier", None)


def trial_spec(
    trial: dict, dataset: str, target: str, seed: int
) -> NetworkSpec:
    """Returns the base network that a trial means.

    Args:
        trial: Dict of a name, changed settings and perhaps an optimizer.
        dataset: String, TFDS name.
        target: String, half `"A"` or `"B"`.
        seed: Integer.

    Returns:
        `NetworkSpec`.

    Raises:
        UserError: If a setting is unknown.
    """
    recipe = earlier_default(dataset)
    parts = {
        "data": recipe.data(dataset, 0),
        "model": recipe.model,
        "solver": recipe.solver,
    }
    for key, value in trial.items():
        if key in ("name", "optimizer"):
            continue
        part, _, field = key.partition(".")
        if part not in parts or not hasattr(parts[part], field):
            raise UserError(
                "Expected settings of a trial such as 'solver.epochs', of "
                f"{', '.join(_PARTS)}. Received: {key!r}."
            )
        parts[part] = dataclasses.replace(parts[part], **{field: value})
    return NetworkSpec(**parts, target=target, seed=seed)


def read_trials(path: str) -> list[dict]:
    """Reads a file of trials.

    Args:
        path: String, path of a JSON file with a list of trials.

    Returns:
        List of dicts, each with a `"name"` of its own.

    Raises:
        UserError: If it holds no list of named trials.
    """
    try:
        trials = json.loads(user_path(path).read_text())
        names = [trial["name"] for trial in trials]
        if not names or not isinstance(trials, list):
            raise ValueError("no list, or an empty one")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            "Expected `trials` to be a JSON file with a list of trials, each "
            f"with a 'name'. Received: {path} ({error})."
        ) from error
    if len(set(names)) < len(names):
        raise UserError(
            f"Expected each trial under a name of its own. Received: {names}."
        )
    return trials


def read_rows(path: Path) -> list[dict]:
    """Reads the rows of the networks that are trained.

    Args:
        path: Path of a file with a JSON object a line; it may be absent.

    Returns:
        List of dicts; a line that was cut short is left out.
    """
    if not path.is_file():
        return []
    lines = path.read_text().splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def missing_of(settings: SearchSettings, rows: list[dict]) -> list[tuple]:
    """Lists the trial, half and seed of each network without a row.

    Args:
        settings: `SearchSettings`.
        rows: List of dicts, as of `read_rows`.

    Returns:
        List of tuples of a trial (dict) and its `NetworkSpec`; each network
        once, though two trials may mean the same.
    """
    done = {(r["id"], r["optimizer"]) for r in rows}
    missing = []
    for seed in settings.seeds:
        for target in settings.targets:
            for trial in read_trials(settings.trials):
                spec = trial_spec(trial, settings.dataset, target, seed)
                optimizer = trial.get("optimizer", "sgd")
                if (spec.network_id, optimizer) not in done:
                    missing.append((trial, spec))
                    done.add((spec.network_id, optimizer))
    return missing


def _run_script(settings: SearchSettings, console: Console) -> int:
    """Trains what is missing."""
    path = user_path(settings.log_dir) / "recipe_search" / settings.rows
    missing = missing_of(settings, read_rows(path))
    console.print(
        f"{len(missing)} networks to train, rows in {path}", soft_wrap=True
    )
    if settings.plan or not missing:
        return 0
    from keras_transfer.datasets import pools

    with quiet_import():
        from keras_transfer.training import trainer

    trainer.set_threads(settings.threads)
    cache = LogFolder(settings.log_dir).cache_dir
    size = missing[0][1].data.image_size
    pool = pools.prepare_pool(cache, settings.dataset, size, settings.data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    for trial, spec in missing:
        row = train_trial(trial, spec, pool, settings.test)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        console.print(
            f"{trial['name']} half {spec.target} seed {spec.seed}: validation "
            f"{100 * row['val_accuracy']:.2f} %, {row['cpu_seconds']:.1f} "
            "core-seconds",
            soft_wrap=True,
        )
    return 0


def train_trial(trial: dict, spec: NetworkSpec, pool, test: bool) -> dict:
    """Trains one network in a folder that is thrown away.

    Args:
        trial: Dict, see `trial_spec`.
        spec: `NetworkSpec`.
        pool: `ImagePool`.
        test: Boolean, whether the network is tested.

    Returns:
        Dict, the row that is kept. `cpu_seconds` are those of the process,
        all threads, from building the network to its result.
    """
    import keras

    from experiments.recipe_optimizers import find_builder
    from keras_transfer.training.options import Options
    from keras_transfer.training.trainer import train_network

    optimizer = trial.get("optimizer", "sgd")
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        network = RunStore(folder, "trial").network(spec)
        started, clock = time.process_time(), time.monotonic()
        result = train_network(
            network,
            pool,
            options=Options(
                test=test,
                observe="off",
                build_optimizer=find_builder(optimizer),
            ),
        )
        seconds = time.process_time() - started
    kept = ("val_accuracy", "train_accuracy", "train_loss")
    tested = ("test_accuracy", "test_loss")
    return {
        "name": trial["name"],
        "id": spec.network_id,
        "optimizer": optimizer,
        "half": spec.target,
        "seed": spec.seed,
        "steps": result.steps,
        "changes": {k: v for k, v in trial.items() if k != "name"},
        **{key: getattr(result, key) for key in kept + tested},
        "cpu_seconds": seconds,
        "wall_seconds": time.monotonic() - clock,
    }


main = functools.partial(
    plain_main, "recipe_search", __doc__, SearchSettings, _run_script
)


if __name__ == "__main__":
    sys.exit(main())
