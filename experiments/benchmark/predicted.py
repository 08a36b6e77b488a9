"""Does `--plan` say how long a study takes? Three small studies tell.

Each is planned from a measurement of this machine as `--plan` makes it, and
then trained; images are decoded before, and no report is written.
"""

import os
import tempfile
import time
from collections.abc import Callable

from experiments import boost, similar_datasets
from experiments.common.running import Experiment
from experiments.common.settings import parse
from experiments.common.training import plan_networks
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.dataset_facts import find_facts
from keras_transfer.studies.images import prepare_data
from keras_transfer.studies.reporter import Reporter
from keras_transfer.studies.scheduler import run_study

# Many short networks; longer ones, most of them on stored output of frozen
# layers; fine-tuned copies and bases of two lengths.
STUDIES: dict[str, tuple[Experiment, str]] = {
    "smoke": (similar_datasets.STUDY, "--preset smoke"),
    "stored": (
        similar_datasets.STUDY,
        "--width 8 --epochs 8 --views 1 --layers 5 7 --treatments BnB AnB "
        "--reuse-seconds 0",
    ),
    "fine-tuned": (boost.STUDY, "--width 12 --epochs 2 --splits 0 --layers 5"),
}


def measure(
    dataset: str, data_dir: str | None, say: Callable[[str], None]
) -> dict[str, dict]:
    """Compares what plans say with what training took.

    Args:
        dataset: String, TFDS name.
        data_dir: String or `None`, folder of prepared TFDS data sets.
        say: Callable, told what is going on.

    Returns:
        Dict from the name of a study to a dict: its command, networks, the
        `planned` and the real `seconds`, their `ratio`, and the `load` of the
        machine before.
    """
    found = {}
    for name, (experiment, flags) in STUDIES.items():
        words = ["--dataset", dataset, *flags.split()]
        place = [] if data_dir is None else ["--data-dir", data_dir]
        with tempfile.TemporaryDirectory() as folder:
            found[name] = {
                "command": " ".join([experiment.name, *words]),
                "load": os.getloadavg()[0],
                **_compare(
                    experiment, [*words, *place, "--log-dir", folder], say
                ),
            }
        row = found[name]
        say(
            f"{name}: planned {row['planned']:.1f} s, took "
            f"{row['seconds']:.1f} s"
        )
    return found


def _compare(
    experiment: Experiment, words: list[str], say: Callable[[str], None]
) -> dict:
    settings = parse(
        experiment.name, "", [*words, "--plan"], experiment.settings
    )
    specs = experiment.study(settings).specs
    store = RunStore(settings.log_dir, experiment.name)
    store.check_writable()
    size = specs[0].data.image_size
    place = settings.dataset, size, settings.data_dir
    prepare_data(store, *place, Reporter())
    facts = find_facts(store, *place)
    plan = plan_networks(settings, specs, facts, store, None, say)
    begun = time.monotonic()
    outcome = run_study(specs, store, settings.run_options())
    seconds = time.monotonic() - begun
    return {
        "networks": len(outcome.trained),
        "planned": plan.seconds,
        "seconds": seconds,
        "ratio": plan.seconds / seconds,
    }


def worst_error(part: dict[str, dict]) -> float | None:
    """Returns how far plans were from the real time at worst, in percent.

    Args:
        part: Dict, what `measure` returned, or empty.
    """
    errors = [100 * abs(row["ratio"] - 1) for row in part.values()]
    return max(errors, default=None)
