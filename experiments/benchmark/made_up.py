"""What a log folder of many results costs: to plan, to run again, to report.

The results are made up of a few real ones: training thousands of networks
would take days, and reading them does not depend on who trained them.
"""

import dataclasses
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.benchmark.costs import core_seconds_of_children
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.treatments import TREATMENTS
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import Result, seal
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.grids import Grid, similar_networks

_DATASET, _SCRIPT = "synthetic_shapes", "experiments.similar_datasets"
_LAYERS = (1, 2, 3, 4, 5, 6, 7)
NETWORKS_A_SEED = 58
# It writes what TensorBoard shows of each network, which is there from then on.
_FIRST = "study at its end"


def measure(seeds: list[int], rounds: int) -> list[dict]:
    """Times commands on folders of made-up results of growing size.

    Args:
        seeds: List of integers, seeds of the study in each folder.
        rounds: Integer, times that each command is run.

    Returns:
        List of dicts: networks, and the median core-seconds of each command;
        the study's end comes once.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        real = Path(folder) / "real"
        _run([_SCRIPT, *_flags(1, (1,)), "--log-dir", str(real)])
        samples = LogFolder(real)
        for count in seeds:
            log_dir = Path(folder) / str(count)
            networks = write_results(log_dir, count, samples)
            # The images lie where a study looks for them.
            os.symlink(real / ".cache", log_dir / ".cache")
            place = ["--log-dir", str(log_dir)]
            study = [_SCRIPT, *_flags(count, _LAYERS), *place]
            commands = {
                "plan": [*study, "--plan", "--guess"],
                _FIRST: study,
                "study that trains nothing": study,
                "report": ["experiments.report", *place],
            }
            times = {
                name: statistics.median(
                    _run(words) for _ in range(1 if name == _FIRST else rounds)
                )
                for name, words in commands.items()
            }
            found.append({"networks": networks, **times})
    return found


def _flags(seeds: int, layers: tuple[int, ...]) -> list[str]:
    return [
        "--preset",
        "smoke",
        "--layers",
        *map(str, layers),
        "--seeds",
        *map(str, range(seeds)),
    ]


def _run(words: list[str]) -> float:
    """Runs a module and returns the core-seconds that it took."""
    before = core_seconds_of_children()
    subprocess.run(
        [sys.executable, "-m", *words], check=True, stdout=subprocess.DEVNULL
    )
    return core_seconds_of_children() - before


def write_results(log_dir: Path, seeds: int, samples: LogFolder) -> int:
    """Writes a study's folders with results like some real ones.

    Args:
        log_dir: Path.
        seeds: Integer.
        samples: `LogFolder` of one finished network of each treatment at
            least, whose models stand for all.

    Returns:
        Integer, networks written.
    """
    recipe = find_recipe(_DATASET, "smoke", None)
    grid = Grid(
        splits=(0,),
        seeds=tuple(range(seeds)),
        layers=_LAYERS,
        treatments=TREATMENTS,
    )
    specs = similar_networks(_DATASET, recipe, grid)
    words = ("python", "-m", _SCRIPT, "--preset", "smoke")
    store = RunStore(log_dir, "similar_datasets", command=words)
    generator = random.Random(0)
    real: dict[str, list[Result]] = {}
    for one in samples.finished():
        real.setdefault(one.spec.treatment, []).append(one)
    for spec in specs:
        sample = generator.choice(real[spec.treatment])
        network = store.network(spec)
        network.begin()
        # A link: kernels of bases are drawn, and thousands would fill a disk.
        os.link(samples.find(sample.spec).model_path, network.model_path)
        (network.folder / "epochs.jsonl").write_text(
            json.dumps({"epoch": 0, "loss": 1.0, "val_loss": 1.0}) + "\n"
        )
        result = dataclasses.replace(
            sample,
            network_id=spec.network_id,
            settings=to_dict(spec),
            label=spec.label,
            treatment=spec.treatment,
        )
        network.result_path.write_text(seal(result.to_json()))
        network.set_status("COMPLETED")
    return len(specs)
