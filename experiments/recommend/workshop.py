"""Trains candidates and files what came out; nothing is trained twice."""

import time
from collections import OrderedDict

import numpy as np

from experiments.recommend.trials import (
    States,
    Trial,
    Trials,
    entrant_name,
    trial_of,
)
from keras_transfer.errors import NetworkFailed
from keras_transfer.recommendation.score_accuracy import fit_linear_probe
from keras_transfer.recommendation.ways import Choice
from keras_transfer.training.candidate_networks import Task
from keras_transfer.training.candidates import Candidate

FRESH = "fresh-"  # before the names of networks drawn anew
_MOST_OPEN = 3  # compiled networks that are kept in memory


class Workshop:
    """Candidates of one task, built when they are first needed.

    Args:
        task: `Task`.
        trials: `Trials`.
        states: `States`.
        label: String, put before the names of choices of a control. Defaults
            to `""`.
        sharing: Integer, trainings that the time to build a network is
            divided among: one for each rate. Defaults to `1`.
    """

    def __init__(
        self,
        task: Task,
        trials: Trials,
        states: States,
        label: str = "",
        sharing: int = 1,
    ):
        self.task, self.trials, self.states = task, trials, states
        self.label, self.sharing = label, sharing
        self._unpaid: dict[Choice, list[float]] = {}
        self.probes: dict[tuple, object] = {}
        self._open: OrderedDict[Choice, Candidate] = OrderedDict()

    def probe(self, stage: int, seed: int = 0):
        """Returns the linear probe of a stage.

        Args:
            stage: Integer, from 1.
            seed: Integer, of the folds that its penalty is chosen on.
        """
        if (stage, seed) not in self.probes:
            features = self.task.outputs.pooled["train"][stage - 1]
            labels = self.task.labels["train"]
            self.probes[stage, seed] = fit_linear_probe(features, labels, seed)
        return self.probes[stage, seed]

    def solve(self, choice: Choice, seed: int) -> Trial:
        """Fits the head of a truncated network, unless that is done.

        Args:
            choice: `Choice` of the way `truncated`.
            seed: Integer.
        """
        name = self.label + choice.name
        found = self.trials.get(name, 0.0, seed, 0)
        if found is None:
            begun = time.perf_counter()
            right = self.solved_right(choice, seed, "validation")
            seconds = time.perf_counter() - begun
            found = trial_of(name, 0.0, seed, (0, 0), seconds, right)
            self.trials.add(found)
        return found

    def solved_right(self, choice: Choice, seed: int, part: str) -> np.ndarray:
        """Tells which images a truncated network classifies correctly.

        Args:
            choice: `Choice` of the way `truncated`.
            seed: Integer.
            part: String.
        """
        features = self.task.outputs.pooled[part][choice.stage - 1]
        guessed = self.probe(choice.stage, seed).predict(features)
        return guessed == self.task.labels[part]

    def candidate(self, choice: Choice) -> Candidate:
        """Returns a compiled network; those used longest ago are dropped.

        Args:
            choice: `Choice`.
        """
        if choice not in self._open:
            while len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)
            probe = None
            if choice.row.probe_first:
                probe = self.probe(len(self.task.stages) - 1)
            begun = time.perf_counter()
            self._open[choice] = Candidate(self.task, choice, probe)
            self._open[choice].trace()
            spent = time.perf_counter() - begun
            self._unpaid[choice] = [spent / self.sharing] * self.sharing
        self._open.move_to_end(choice)
        return self._open[choice]

    def train(
        self, choice: Choice, rate: float, seed: int, start: int, stop: int
    ) -> Trial:
        """Trains a candidate from one epoch to another, unless that is done.

        Args:
            choice: `Choice`.
            rate: Float.
            seed: Integer.
            start: Integer, epochs that it was trained for.
            stop: Integer, epochs in all afterwards.

        Returns:
            `Trial`.
        """
        label = self.label + choice.name
        found = self.trials.get(label, rate, seed, stop)
        if found is not None:
            return found
        name, span = entrant_name(label, rate), (start, stop)
        candidate = self.candidate(choice)
        begun = time.perf_counter()
        state = self.states.load(name, seed, start) if start else None
        candidate.reset(seed)
        if state is None:
            start = 0  # the state was lost: its epochs are trained again
        else:
            candidate.restore(state)
        candidate.fit(rate, seed, start, stop)
        right = candidate.right()
        self.states.save(name, seed, stop, candidate.state())
        seconds = time.perf_counter() - begun
        # All rates share the time that building and tracing took.
        if self._unpaid[choice]:
            seconds += self._unpaid[choice].pop()
        trial = trial_of(label, rate, seed, span, seconds, right)
        self.trials.add(trial)
        return trial

    def trained(self, choice: Choice, rate: float, seed: int) -> Candidate:
        """Returns the network of a whole training that is done.

        Args:
            choice: `Choice`.
            rate: Float.
            seed: Integer.

        Returns:
            `Candidate`, with its weights at the end of training.
        """
        epochs = self.task.epochs
        name = entrant_name(self.label + choice.name, rate)
        state = self.states.load(name, seed, epochs)
        candidate = self.candidate(choice)
        candidate.reset(seed)
        if state is None:
            candidate.fit(rate, seed, 0, epochs)
            self.states.save(name, seed, epochs, candidate.state())
        else:
            candidate.restore(state)
        return candidate

    def right(
        self, choice: Choice, rate: float, seed: int, part: str
    ) -> np.ndarray:
        """Tells which images a finished candidate classifies correctly.

        Args:
            choice: `Choice`.
            rate: Float.
            seed: Integer.
            part: String.

        Raises:
            NetworkFailed: If its predictions are not finite.
        """
        if not choice.row.trained:
            return self.solved_right(choice, seed, part)
        found = self.trained(choice, rate, seed).right(part)
        if found is None:
            raise NetworkFailed(
                f"{choice.name} at rate {rate:g}, seed {seed}, predicts "
                "values that are not finite."
            )
        return found
