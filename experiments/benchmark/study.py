"""A small whole study: ours against the plain loop of `script.py`."""

import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.common.study_settings import GridSettings as Settings
from keras_transfer.specs.identity import to_dict
from keras_transfer.storage.files import read_json, write_atomically
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids
from keras_transfer.studies.executors.shared_folder import versions
from keras_transfer.studies.images import prepare_data
from keras_transfer.studies.reporter import Reporter

PARTS = {
    "bases": (),
    "frozen": ("BnB", "AnB"),
    "fine-tuned": ("BnB+", "AnB+"),
}


def measure(
    settings: Settings, rounds: int, path: Path, machine: dict, progress
) -> dict:
    """Times both, round after round, and compares their accuracies.

    Ours is timed as a user starts it, process start and report included: the
    whole in one go, and each part by itself, in a folder of its own; the plain
    loop by network, without its start.

    Args:
        settings: `Settings` of the study.
        rounds: Integer, rounds in all.
        path: Path of a file that keeps each round once it is done, so that a
            second call goes on; deleted once all are done. Rounds of another
            machine, other code or other settings are dropped. Its folder is
            there.
        machine: Dict, as of `costs.describe_machine`.
        progress: Callable, called with a text.

    Returns:
        Dict of JSON values: of each part medians over the rounds; the ratio
        is taken in each round.
    """
    told = dataclasses.asdict(settings)
    for private in ("data_dir", "log_dir"):
        del told[private]
    # As it is read back: without tuples.
    told = json.loads(json.dumps(told))
    made_by = [machine, versions(), told]
    kept = read_json(path)
    if not isinstance(kept, dict) or kept.get("made_by") != made_by:
        kept = {"made_by": made_by, "rounds": []}
    while len(kept["rounds"]) < rounds:
        progress(f"round {len(kept['rounds']) + 1} of {rounds}")
        kept["rounds"].append(_round(settings, progress))
        write_atomically(path, json.dumps(kept, indent=1))
    done = kept["rounds"]
    path.unlink()  # what is measured next is measured anew
    return {**_medians(done), "rounds": len(done), "settings": told}


def _medians(rounds: list[dict]) -> dict:
    return {
        part: {
            key: value  # a count, the same in all
            if isinstance(value, int)
            else statistics.median(one[part][key] for one in rounds)
            for key, value in rounds[0][part].items()
        }
        for part in rounds[0]
    }


def _round(settings: Settings, progress) -> dict:
    """Times both once, and returns a dict of numbers of each part."""
    recipe = settings.resolve()
    specs = {
        part: grids.similar_networks(
            settings.dataset,
            recipe,
            grids.Grid(recipe.splits, recipe.seeds, recipe.layers, treatments),
        )
        for part, treatments in PARTS.items()
    }
    bases = specs["bases"]
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as one_go,
    ):
        for log_dir in (folder, one_go):
            pool = _prepare(settings, recipe.image_size, log_dir)
        progress("ours: whole")
        names = tuple(name for names in PARTS.values() for name in names)
        whole = {"ours_seconds": _time_ours(settings, names, one_go)}
        found = {}
        for part, treatments in PARTS.items():
            progress(f"ours: {part}")
            found[part] = {
                "ours_seconds": _time_ours(settings, treatments, folder)
            }
        for part, members in specs.items():
            logs = LogFolder(folder)
            ours = [
                logs.result(spec)
                for spec in members
                if part == "bases" or spec not in bases
            ]
            found[part]["networks"] = len(ours)
            found[part]["ours_accuracy"] = _mean(
                [one.test_accuracy for one in ours]
            )
        progress("the plain loop")
        every = [*bases]
        for part in ("frozen", "fine-tuned"):
            every += [spec for spec in specs[part] if spec not in bases]
        rows = _run_script(pool.folder, every)
    for part, treatments in PARTS.items():
        names = treatments or ("base",)
        mine = [row for row in rows if row["treatment"] in names]
        found[part]["plain_seconds"] = sum(row["seconds"] for row in mine)
        found[part]["plain_accuracy"] = _mean(
            [row["test_accuracy"] for row in mine]
        )
    for key in ("plain_seconds", "networks"):
        whole[key] = sum(found[part][key] for part in PARTS)
    found["whole"] = whole
    for part in found.values():
        part["ratio"] = part["plain_seconds"] / part["ours_seconds"]
    return found


def _prepare(settings: Settings, image_size: int, log_dir: str):
    """Makes the images ready, which is not timed."""
    store = RunStore(log_dir, "similar_datasets")
    store.check_writable()
    return prepare_data(
        store, settings.dataset, image_size, settings.data_dir, Reporter()
    )


def _mean(accuracies: list[float]) -> float:
    return sum(accuracies) / len(accuracies)


def _time_ours(settings: Settings, treatments, folder: str) -> float:
    # The plain loop has no bases of twice the epochs.
    flags = ["--no-twice", "--treatments", *treatments]
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in ("treatments", "log_dir") or value == field.default:
            continue
        values = value if isinstance(value, tuple) else (value,)
        flags += [f"--{field.name.replace('_', '-')}", *map(str, values)]
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "experiments.similar_datasets", *flags]
        + ["--log-dir", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun


def _run_script(pool: Path, specs) -> list[dict]:
    # A plain script computes in Keras's default precision.
    plain = [
        dataclasses.replace(
            spec, model=dataclasses.replace(spec.model, precision="float32")
        )
        for spec in specs
    ]
    request = {"pool": str(pool), "networks": [to_dict(s) for s in plain]}
    done = subprocess.run(
        [sys.executable, "-m", "experiments.benchmark.script"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
