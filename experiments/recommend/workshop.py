"""Trains candidates and files what came out; nothing is trained twice."""

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

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
from keras_transfer.recommendation.ways import Choice, network_of
from keras_transfer.training.candidate_networks import Task
from keras_transfer.training.candidates import Candidate

FRESH = "fresh-"  # before the names of networks drawn anew
_MOST_OPEN = 4  # compiled networks that are kept in memory


class Workshop:
    """Candidates of one task, built when they are first needed.

    Args:
        task: `Task`.
        trials: `Trials`.
        states: `States`.
        label: String, put before the names of choices of a control. Defaults
            to `""`.
        clock: Callable that returns seconds. Defaults to
            `time.perf_counter`.
        lender: `Workshop` whose compiled networks are used, with the weights
            of this task, or `None`. Defaults to `None`; see `lend`.
    """

    def __init__(
        self,
        task: Task,
        trials: Trials,
        states: States,
        label: str = "",
        clock: Callable[[], float] = time.perf_counter,
        lender: "Workshop | None" = None,
    ):
        self.task, self.trials, self.states = task, trials, states
        self.label = label
        self._unpaid: dict[Choice, float] = {}
        self.clock, self.lender = clock, lender
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
            begun = self.clock()
            right = self.solved_right(choice, seed, "validation")
            seconds = self.clock() - begun
            found = trial_of(name, 0.0, seed, 0, (seconds, 0.0), right)
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
        network = network_of(choice)
        if network not in self._open:
            while len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)
            probe = self._probe_of(choice)
            begun = self.clock()
            if self.lender is not None:
                self._open[network] = self.lender.candidate(choice)
                self._open[network].take(self.task, probe)
                return self._open[network]
            self._open[network] = Candidate(self.task, choice, probe)
            self._open[network].trace()
            self._unpaid[network] = self.clock() - begun
        self._open.move_to_end(network)
        self._open[network].turn_to(choice)
        return self._open[network]

    def _probe_of(self, choice: Choice):
        if choice.row.probe_first:
            return self.probe(len(self.task.stages) - 1)
        return None

    @contextlib.contextmanager
    def lend(self, task: Task) -> Iterator["Workshop"]:
        """Lends its compiled networks to a task of other weights.

        Args:
            task: `Task` of the same network, all weights drawn anew.

        Yields:
            `Workshop` of that task, whose trials are named after `FRESH`.
        """
        other = Workshop(
            task, self.trials, self.states, FRESH, self.clock, lender=self
        )
        try:
            yield other
        finally:
            for candidate in other._open.values():
                candidate.take(self.task, self._probe_of(candidate.choice))

    def train(self, choice: Choice, rate: float, seed: int, epochs: int):
        """Trains a candidate from its start, unless that is done.

        The rate falls to zero over these epochs, few as they may be: what a
        long training looks like half way says little about its end.

        Args:
            choice: `Choice`.
            rate: Float.
            seed: Integer.
            epochs: Integer.

        Returns:
            `Trial`.
        """
        label = self.label + choice.name
        found = self.trials.get(label, rate, seed, epochs)
        if found is not None:
            return found
        candidate = self.candidate(choice)
        begun = self.clock()
        candidate.reset(seed)
        candidate.fit(rate, seed, 0, epochs, epochs)
        right = candidate.right()
        if epochs == self.task.epochs:
            name = entrant_name(label, rate)
            self.states.save(name, seed, epochs, candidate.state())
        seconds = self.clock() - begun
        # Whoever of a network is the first has to wait until it is built.
        build = self._unpaid.pop(network_of(choice), 0.0)
        trial = trial_of(label, rate, seed, epochs, (seconds, build), right)
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
