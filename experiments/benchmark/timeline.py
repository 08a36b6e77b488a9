"""Where the time of one network goes, part by part, in a process of its own."""

import collections
import contextlib
import dataclasses
import functools
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import Recipe

START, COMPILING = "start of the process", "compiling"
# In the order of the figure: what is called, and the part that it belongs to.
PARTS = (
    "images",
    "building, copying, proving",
    "training steps",
    "evaluation",
    "TensorBoard and layer statistics",
    "checkpoints and saving",
    "the rest",
)
_IMAGES, _BUILD, _STEPS, _LOOKS, _EVENTS, _SAVING, _REST = PARTS
FIRST, NEXT, COPY = (
    "a base, first in its process",
    "the next base",
    "a copy with 3 frozen layers, the second",
)
_FROZEN = 3
_DATASET = "synthetic_shapes"


class Stopwatch:
    """Adds up how long parts take, each without the parts inside it.

    Attributes:
        seconds: Dict from part to float.
    """

    def __init__(self):
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self._inside: list[float] = []

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Times what is done inside.

        Args:
            name: String, the part.
        """
        begun = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            self.seconds[name] += spent - self._inside.pop()
            if self._inside:
                self._inside[-1] += spent

    @contextlib.contextmanager
    def watching(self, functions: list[tuple]) -> Iterator[None]:
        """Times functions wherever they are called.

        Args:
            functions: List of `(owner, name, part)`, owner a module or class.
        """
        with contextlib.ExitStack() as stack:
            for owner, name, part in functions:
                plain = getattr(owner, name)
                own = name in vars(owner)

                def timed(*given, plain=plain, part=part, **named):
                    with self.part(part):
                        return plain(*given, **named)

                setattr(owner, name, functools.wraps(plain)(timed))
                undo = (setattr, owner, name, plain) if own else None
                stack.callback(*(undo or (delattr, owner, name)))
            yield


def measure(recipe: Recipe, rounds: int) -> dict:
    """Times the parts of networks, in a new process each round.

    Args:
        recipe: `Recipe` for `synthetic_shapes`.
        rounds: Integer.

    Returns:
        Dict: `networks`, from what was trained to a dict from part to median
        seconds; `images`, training images that each was shown; `image_size`,
        pixels of a side.
    """
    context = multiprocessing.get_context("spawn")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_train, args=(theirs, recipe, folder, number)
            )
            begun = time.perf_counter()
            process.start()
            theirs.close()
            ready = ours.recv() - begun
            networks, images = ours.recv()
            process.join()
            networks[FIRST][START] = ready
            found.append(networks)
    names = found[0]
    return {
        "images": images,
        "image_size": recipe.image_size,
        "networks": {
            name: {
                part: statistics.median(
                    one[name].get(part, 0.0) for one in found
                )
                for part in (START, COMPILING, *PARTS)
                if any(part in one[name] for one in found)
            }
            for name in names
        },
    }


def _train(connection, recipe: Recipe, folder: str, number: int) -> None:
    """Trains four networks; sends when it is ready, then their parts."""
    from keras_transfer.studies.executors.quiet import quiet_import

    with quiet_import():
        import keras

        from keras_transfer.datasets import pools
        from keras_transfer.storage.network_folder import NetworkFolder
        from keras_transfer.storage.store import RunStore
        from keras_transfer.training import callbacks, fitting, trainer
        from keras_transfer.training.kept import Kept, Program
        from keras_transfer.training.observation import Observer
        from keras_transfer.training.options import Options
    # The clock of `perf_counter` is that of all processes of the machine.
    connection.send(time.perf_counter())
    trainer.set_threads(1)
    size = recipe.image_size
    pool = pools.prepare_pool(Path(folder) / "pools", _DATASET, size)
    store = RunStore(Path(folder) / str(number), "timeline")
    watched = [
        (trainer, "load_data", _IMAGES),
        (fitting, "_batches", _IMAGES),
        (trainer, "_load_base", _BUILD),
        (trainer, "build_target", _BUILD),
        (fitting, "fit", _REST),
        (keras.Model, "fit", _STEPS),
        (keras.Model, "evaluate", _LOOKS),
        (trainer, "_predict", _LOOKS),
        (Program, "statistics", _EVENTS),
        (Observer, "on_train_begin", _EVENTS),
        (Observer, "on_epoch_end", _EVENTS),
        (Observer, "on_train_end", _EVENTS),
        (callbacks.Checkpoint, "on_epoch_end", _SAVING),
        (trainer, "save_model", _SAVING),
        (NetworkFolder, "complete", _SAVING),
    ]
    bases = [
        NetworkSpec(
            data=recipe.data(_DATASET, 0),
            model=recipe.model,
            solver=recipe.solver,
            target="B",
            seed=seed,
        )
        for seed in (0, 1)
    ]
    copies = [dataclasses.replace(base, base="B", n=_FROZEN) for base in bases]
    kept, times, shown = Kept(), [], 0
    for spec in (*bases, *copies):
        watch = Stopwatch()
        with watch.watching(watched), watch.part(_REST):
            result = trainer.train_network(
                store.network(spec),
                pool,
                store.network(spec.source) if spec.source else None,
                Options(kept=kept),
            )
        times.append(dict(watch.seconds))
        shown = result.steps * recipe.solver.batch_size
    first, following, _, copied = times
    # What the first takes beyond the next is compiled, or done once.
    once = {p: max(0.0, first.get(p, 0) - following.get(p, 0)) for p in PARTS}
    begun = {part: first.get(part, 0.0) - once[part] for part in PARTS}
    begun[COMPILING] = sum(once.values())
    connection.send(({FIRST: begun, NEXT: following, COPY: copied}, shown))
