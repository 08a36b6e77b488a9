"""Measures speed, side by side in one run, median of several rounds.

    python -m experiments.benchmark
    python -m experiments.benchmark --parts training startup
    python -m experiments.benchmark --parts gpu

The parts `study` and `growth` keep what they have done: a call that was
stopped is gone on with.

Claim: with a network on each core, as in a study, `cnn8` trains as fast here
as by plain Keras `fit`, within a tenth. Cost: a round of `study` with `--layers
3 5 7` took 20 minutes on two cores, the rest has not been measured; a part
alone is less. Expected: the ratios of `logs/published/benchmark`, which depend
on the processor; many targets are missed.

Writes `benchmark.json`, `benchmark.md` and two figures into
`--log-dir`/benchmark, after each part. The part `gpu` is not measured unless
it is asked for; its table is in `benchmark.md`.
"""

import dataclasses
import functools
import json
import sys
from typing import Literal, get_args

from rich.console import Console

from experiments.benchmark import (
    costs,
    gpu,
    growth,
    kernels,
    made_up,
    one_step,
    predicted,
    rivals,
    study,
    timeline,
)
from experiments.benchmark.figures import write_figures
from experiments.benchmark.race import Entrant, Speed, race
from experiments.benchmark.roofline import roofline
from experiments.benchmark.tables import to_markdown
from experiments.common.study_settings import GridSettings as Settings
from experiments.common.terminal import plain_main
from keras_transfer.errors import UserError
from keras_transfer.specs import presets
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import write_atomically
from keras_transfer.studies.executors.resources import available_cores
from keras_transfer.training.devices import has_bfloat16
from keras_transfer.training.process_settings import set_environment

Part = Literal[
    "peak",
    "training",
    "trial",
    "decoding",
    "observation",
    "startup",
    "network",
    "one_step",
    "kernels",
    "growth",
    "made_up",
    "plan",
    "study",
    "gpu",
]
TRAIN_TAR = "ILSVRC2012_img_train.tar"
KERAS = "experiments.benchmark.keras_entrants"
DECODING = "experiments.benchmark.decoding"


@dataclasses.dataclass(frozen=True)
class Options:
    """What the benchmark can be told."""

    parts: tuple[Part, ...] = tuple(p for p in get_args(Part) if p != "gpu")
    """What to measure; a part that is left out keeps its last numbers."""
    rounds: int = 5
    """Times that each is measured (growth, plan and observation: once)."""
    networks: tuple[Literal["cnn8", "caffenet"], ...] = ("cnn8", "caffenet")
    """Networks of the parts training and gpu."""
    log_dir: str = "logs"
    """Folder that benchmark/ is written to."""
    dataset: str = "synthetic_shapes"
    """TFDS name of the data set of the whole study."""
    data_dir: str | None = None
    """Folder of prepared TFDS data sets (TFDS's own if not given)."""
    layers: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    """Layers of the whole study."""
    images_per_class: int | None = None
    """Training images of each class in the whole study."""
    epochs: int | None = None
    """Epochs of the whole study."""
    views: int | None = None
    """Views of each image in the whole study."""
    imagenet_manual: str | None = None
    """Folder of ImageNet's tars to decode from (else made-up JPEGs)."""
    caffenet_batch: int = 32
    """Images a step of caffenet; the paper's 256 need 5 GB."""


class Benchmark:
    """Runs the parts and keeps their numbers.

    Args:
        options: `Options`.
        console: `rich.console.Console`.
    """

    def __init__(self, options: Options, console: Console):
        self.options = options
        self.console = console
        self.threads = available_cores()
        self.default = presets.find_recipe("cifar100", "default", None)
        paper = presets.find_recipe("imagenet2012", "paper", None)
        solver = dataclasses.replace(
            paper.solver, batch_size=options.caffenet_batch
        )
        self.paper = paper
        self.caffenet = dataclasses.replace(paper, solver=solver)

    def say(self, text: str) -> None:
        """Shows what is going on.

        Args:
            text: String.
        """
        self.console.print(text, highlight=False)

    def race(self, entrants: list[Entrant]) -> dict[str, Speed]:
        """Times entrants in turn with all threads of the machine.

        Args:
            entrants: List of `Entrant`.

        Returns:
            Dict from what was timed to its `Speed`, as of `race`.
        """
        return race(entrants, self.options.rounds, self.threads, self.say)

    def peak(self) -> dict:
        """The machine's peaks and the network's own convolutions."""
        speeds = self.race(
            [Entrant("TF", f"{KERAS}:machine", {"recipe": self.default})]
        )
        return {
            name.removeprefix("TF: "): speed.to_json()
            for name, speed in speeds.items()
        }

    def training(self) -> dict:
        """Training throughput of cnn8 and caffenet against the rivals."""
        return {
            name: rivals.compare(self.race(rivals.entrants(recipe)))
            for name, recipe in self._recipes().items()
        }

    def _recipes(self) -> dict[str, presets.Recipe]:
        known = {"cnn8": self.default, "caffenet": self.caffenet}
        return {name: known[name] for name in self.options.networks}

    def trial(self) -> dict:
        """Learning-rate trials of frozen networks: stored against plain."""
        return {
            str(frozen): rivals.compare_trials(
                self.race(rivals.trial_entrants(self.default, frozen))
            )
            for frozen in rivals.FROZEN
        }

    def decoding(self) -> dict:
        """Images a second, decoded once and read from the memory map."""
        tar = None
        if self.options.imagenet_manual is not None:
            tar = user_path(self.options.imagenet_manual) / TRAIN_TAR
            if not tar.is_file():
                raise UserError(
                    f"Expected {TRAIN_TAR} in `--imagenet-manual`. "
                    f"Received: {self.options.imagenet_manual}."
                )
        recipe = {"recipe": self.paper}
        speeds = self.race(
            [
                Entrant(
                    "decoding",
                    f"{DECODING}:decoding",
                    {**recipe, "tar": tar},
                ),
                Entrant("reading", f"{DECODING}:reading", recipe),
            ]
        )
        return {name: speed.to_json() for name, speed in speeds.items()}

    def observation(self) -> dict:
        """Cost of rows, TensorBoard and checkpoints at an epoch's end."""
        return costs.observation(self.threads, self.default, 12)

    def startup(self) -> dict:
        """Start-up of commands and of training."""
        return costs.start_up(self.options.rounds)

    def network(self) -> dict:
        """Where the time of one network of the main job goes."""
        recipe = presets.find_recipe("synthetic_shapes", "default", None)
        solver = dataclasses.replace(recipe.solver, epochs=2)
        recipe = dataclasses.replace(recipe, solver=solver)
        return timeline.measure(recipe, self.options.rounds)

    def one_step(self) -> list[dict]:
        """Several networks in one compiled step, against one at a time."""
        return one_step.compare(self.race(one_step.entrants(self.default)))

    def kernels(self) -> list[dict]:
        """Training with oneDNN's kernels, against TensorFlow's without."""
        return kernels.compare(self.race(kernels.entrants()))

    def growth(self) -> list[dict]:
        """Time and memory of 10 to 1,044 networks of a smoke study.

        A call that was stopped is gone on with.
        """
        every = (1, 2, 3, 4, 5, 6, 7)
        return growth.measure(
            [((1,), 1), (every, 1), (every, 4), (every, 18)],
            user_path(self.options.log_dir) / "benchmark" / "growth",
            costs.describe_machine(self.threads),
            self.say,
        )

    def made_up(self) -> list[dict]:
        """What commands cost on 58 to 10,034 made-up results."""
        return made_up.measure([1, 5, 18, 173], self.options.rounds)

    def plan(self) -> dict[str, dict]:
        """What `--plan` says of three studies, beside what they took."""
        options = self.options
        return predicted.measure(options.dataset, options.data_dir, self.say)

    def gpu(self) -> dict:
        """Speed on a GPU, alone and side by side, against PyTorch."""
        device = gpu.describe_device()
        self.say(device)
        speeds = self.race(gpu.entrants(self._recipes()))
        return {
            "device": device,
            "rivals": {
                name.removesuffix(": training"): speed.to_json()
                for name, speed in speeds.items()
            },
        }

    def study(self) -> dict:
        """A whole study, ours against a plain loop.

        A call that was stopped is gone on with.
        """
        options = self.options
        # Without instructions for it, bfloat16 is several times slower.
        precision = "bfloat16" if has_bfloat16() else None
        return study.measure(
            Settings(
                dataset=options.dataset,
                data_dir=options.data_dir,
                layers=options.layers,
                images_per_class=options.images_per_class,
                epochs=options.epochs,
                views=options.views,
                precision=precision,
            ),
            options.rounds,
            user_path(options.log_dir) / "benchmark" / "study.json",
            costs.describe_machine(self.threads),
            self.say,
        )

    def roofline(self, found: dict) -> dict | None:
        """The least time of a training step, from the measured peaks.

        Args:
            found: Dict, content of `benchmark.json`; its part `"peak"` is read.

        Returns:
            Dict from precision to a dict of the peak (operations a second), the
            layers and the microseconds an image; `None` if the peaks were not
            measured.
        """
        if "peak" not in found:
            return None
        result = {}
        for precision in ("float32", "bfloat16"):
            peak = max(
                speed["median"]
                for name, speed in found["peak"].items()
                if name.startswith("conv") and name.endswith(precision)
            )
            model = dataclasses.replace(self.default.model, precision=precision)
            layers = roofline(
                dataclasses.replace(self.default, model=model),
                50,
                peak,
                found["peak"]["copy"]["median"],
            )
            result[precision] = {
                "flops_a_second": peak,
                "layers": [dataclasses.asdict(layer) for layer in layers],
                "microseconds_an_image": sum(
                    layer.products + layer.traffic for layer in layers
                ),
            }
        return result


def keep_machines(found: dict) -> None:
    """Notes what each part was measured on, where that was one for all.

    Args:
        found: Dict, content of `benchmark.json`, changed in place.
    """
    earlier = found.pop("machine", None)
    known = found.setdefault("machines", {})
    if earlier is not None:
        for part in set(found) - {"machines", "roofline"} - set(known):
            known[part] = earlier


def _run_script(options: Options, console: Console) -> int:
    """Runs the parts that were asked for, and keeps each when it is done."""
    set_environment()  # rivals compute with the same kernels
    benchmark = Benchmark(options, console)
    folder = user_path(options.log_dir) / "benchmark"
    path = folder / "benchmark.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = json.loads(path.read_text()) if path.is_file() else {}
        keep_machines(found)
        machine = costs.describe_machine(benchmark.threads)
        for part in options.parts:
            console.rule(part)
            measured = getattr(benchmark, part)()
            same = found["machines"].get(part) == machine
            if part == "training" and same:  # a network may be left out
                measured = {**found.get(part, {}), **measured}
            found[part] = measured
            found["machines"][part] = machine
            found["roofline"] = benchmark.roofline(found)
            write_atomically(path, json.dumps(found, indent=1))
            # A run that is stopped leaves whole tables of what it has done.
            write_figures(found, folder)
            write_atomically(folder / "benchmark.md", to_markdown(found))
    except KeyboardInterrupt:
        print(f"\nStopped; finished parts are in {path}.", file=sys.stderr)
        return 130
    text = to_markdown(found)
    write_atomically(folder / "benchmark.md", text)
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    return 0


main = functools.partial(plain_main, "benchmark", __doc__, Options, _run_script)

if __name__ == "__main__":
    sys.exit(main())
