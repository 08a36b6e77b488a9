"""Finished trainings: one small JSON file each, and states to go on from."""

import dataclasses
import hashlib
import json
import math
from pathlib import Path

import numpy as np

from keras_transfer.storage.files import (
    load_arrays,
    read_json,
    remove_leftovers,
    save_arrays,
    write_atomically,
)


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a training gave.

    Args:
        choice: String, `Choice.name`, or another name for a control.
        rate: Float, learning rate; 0 for a head that is solved for.
        seed: Integer.
        epochs: Integer, over which its rate fell to zero.
        accuracy: Float, on validation images; `nan` if training failed.
        seconds: Float, that this training took.
        right: String of a digit for each validation image, 1 if it was
            classified correctly; empty if training failed.
        build: Float, seconds that its network took to build before, 0 if it
            was there. Defaults to `0.0`.
        run: String, `Clock.run` of the run that made it; `""` if it was made
            while looking. Defaults to `""`.
    """

    choice: str
    rate: float
    seed: int
    epochs: int
    accuracy: float
    seconds: float
    right: str
    build: float = 0.0
    run: str = ""

    @property
    def key(self) -> tuple:
        """What identifies a trial."""
        return self.choice, self.rate, self.seed, self.epochs

    @property
    def entrant(self) -> str:
        """Its name in the race."""
        return entrant_name(self.choice, self.rate)

    def correct(self) -> np.ndarray:
        """Returns whether each validation image was classified correctly."""
        return np.array(list(self.right)) == "1"


def entrant_name(choice: str, rate: float) -> str:
    """Names a choice trained at a rate.

    Args:
        choice: String.
        rate: Float.
    """
    return f"{choice} at {rate:g}"


def trial_of(
    choice: str,
    rate: float,
    seed: int,
    epochs: int,
    seconds: tuple[float, float],
    right,
) -> Trial:
    """Makes a trial of what its predictions were.

    Args:
        choice: String.
        rate: Float.
        seed: Integer.
        epochs: Integer.
        seconds: Pair of floats, of the training and of building before it.
        right: Boolean array, or `None` if predictions were not finite.
    """
    accuracy = math.nan if right is None else float(np.mean(right))
    digits = "" if right is None else "".join("01"[int(r)] for r in right)
    taken, build = seconds
    return Trial(choice, rate, seed, epochs, accuracy, taken, digits, build)


class Trials:
    """A folder of trials; whatever is there whole is not done again.

    Args:
        folder: Path.
        images: Integer, validation images; rows of another number are no
            trials of this run.
        run: String, `Trial.run` of those that are filed. Defaults to `""`.
    """

    def __init__(self, folder: Path, images: int, run: str = ""):
        self.folder, self.images, self.run = folder, images, run
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        self.found: dict[tuple, Trial] = {}
        for path in sorted(folder.glob("*.json")):
            trial = self._read(path)
            if trial is not None:
                self.found[trial.key] = trial

    def _read(self, path: Path) -> Trial | None:
        try:
            row = read_json(path)
            accuracy = row.pop("accuracy")
            trial = Trial(
                accuracy=math.nan if accuracy is None else accuracy, **row
            )
            whole = len(trial.right) in (0, self.images)
            same = path.name == f"{self._stem(trial)}.json"
        except (AttributeError, KeyError, TypeError):
            return None
        return trial if whole and same else None

    def _stem(self, trial: Trial) -> str:
        return f"{self._name(trial)}-epoch{trial.epochs:03d}"

    def _name(self, trial: Trial) -> str:
        return f"{trial.choice}-rate{trial.rate:g}-seed{trial.seed}"

    def add(self, trial: Trial) -> None:
        """Files a trial, atomically.

        Args:
            trial: `Trial`.
        """
        trial = dataclasses.replace(trial, run=self.run)
        row = dataclasses.asdict(trial)
        if math.isnan(trial.accuracy):
            row["accuracy"] = None
        path = self.folder / f"{self._stem(trial)}.json"
        write_atomically(path, json.dumps(row))
        self.found[trial.key] = trial

    def get(self, *key) -> Trial | None:
        """Returns a trial, or `None` if it has not been done.

        Args:
            *key: Choice, rate, seed and epochs, as `Trial.key`.
        """
        return self.found.get(tuple(key))

    def earlier(self) -> float:
        """Returns the seconds that this run took before, building included.

        What runs of other settings made is there, and costs this one nothing.
        """
        own = [t for t in self.found.values() if self.run and t.run == self.run]
        return math.fsum(trial.seconds + trial.build for trial in own)

    def of_seed(self, seed: int) -> list[Trial]:
        """Lists the trials of a seed.

        Args:
            seed: Integer.
        """
        return [t for t in self.found.values() if t.seed == seed]


class States:
    """Weights and optimizer of trainings that may go on.

    Args:
        folder: Path; safe to delete, at the cost of training again.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)

    def _path(self, name: str, seed: int) -> Path:
        digest = hashlib.sha256(f"{name}|{seed}".encode()).hexdigest()[:16]
        return self.folder / f"{digest}.npz"

    def save(self, name: str, seed: int, epochs: int, state: dict) -> None:
        """Files a state over an earlier one of the same training.

        Args:
            name: String, of the entrant.
            seed: Integer.
            epochs: Integer, that it was trained for.
            state: Dict of arrays.
        """
        arrays = {**state, "epochs": np.array(epochs)}
        save_arrays(self._path(name, seed), arrays)

    def load(self, name: str, seed: int, epochs: int) -> dict | None:
        """Returns a state, `None` if it is absent, damaged or of other epochs.

        Args:
            name: String, of the entrant.
            seed: Integer.
            epochs: Integer.
        """
        state = load_arrays(self._path(name, seed))
        if state is None or int(state.pop("epochs", -1)) != epochs:
            return None
        return state

    def keep(self, names: list[str]) -> None:
        """Deletes the states of all others, whatever their seed.

        Args:
            names: List of strings, of entrants.
        """
        kept = {self._path(name, seed) for name in names for seed in range(100)}
        for path in self.folder.glob("*.npz"):
            if path not in kept:
                path.unlink(missing_ok=True)
