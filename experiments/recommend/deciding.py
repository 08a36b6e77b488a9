"""Trains the finalists and decides between them on validation images."""

import dataclasses
import math
import statistics
from collections.abc import Callable

import numpy as np

from experiments.recommend.prepare import Prepared
from experiments.recommend.race import Final
from experiments.recommend.trials import Trial
from experiments.recommend.workshop import Workshop
from keras_transfer.recommendation.decision import (
    Candidate,
    Recommendation,
    decide,
)
from keras_transfer.recommendation.simultaneous import accuracy_intervals
from keras_transfer.recommendation.ways import FINE_TUNE, Choice


@dataclasses.dataclass(frozen=True)
class Finalist:
    """A candidate of the decision, and what it costs.

    Args:
        choice: `Choice`.
        rate: Float, 0 for a head that is solved for.
        trials: Tuple of `Trial`, whole, one a seed.
        seconds: Float, of a whole training, without building and tracing.
        low, high: Floats, interval of its accuracy on validation images, all
            finalists' at once. Defaults to `nan`.
    """

    choice: Choice
    rate: float
    trials: tuple[Trial, ...]
    seconds: float
    low: float = math.nan
    high: float = math.nan

    @property
    def accuracy(self) -> float:
        """Mean over seeds, on validation images."""
        return statistics.fmean(trial.accuracy for trial in self.trials)


def train_finalists(
    prepared: Prepared,
    workshop: Workshop,
    final: Final,
    report: Callable[[Trial], None],
) -> list[Finalist]:
    """Trains every finalist with every seed; fits every linear head.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        final: `Final`.
        report: Callable of each trial.

    Returns:
        List of `Finalist`, linear heads first, with their intervals.
    """
    epochs = prepared.task.epochs
    pairs = [(c, 0.0) for c in prepared.wanted if not c.row.trained]
    pairs += [(runner.choice, runner.rate) for runner in final.runners]
    found = []
    for choice, rate in pairs:
        trials = []
        for seed in range(final.seeds):
            if choice.row.trained:
                trial = workshop.train(choice, rate, seed, epochs)
            else:
                trial = workshop.solve(choice, seed)
            trials.append(trial)
            report(trial)
        if any(not trial.right for trial in trials):
            continue  # a seed failed: it is no candidate
        seconds = _seconds(prepared, choice, trials)
        found.append(Finalist(choice, rate, tuple(trials), seconds))
    return _with_intervals(found)


def _seconds(prepared: Prepared, choice: Choice, trials: list[Trial]) -> float:
    task = prepared.task
    own = [t.seconds for t in trials]
    once = sum(task.outputs.seconds[: choice.stage])
    return statistics.median(own) + once * len(task.labels["train"])


def correct_of(finalists: list[Finalist]) -> np.ndarray:
    """Returns validation correctness, `(finalists, seeds, images)`.

    Args:
        finalists: List of `Finalist`.
    """
    return np.array([[t.correct() for t in f.trials] for f in finalists])


def _with_intervals(finalists: list[Finalist]) -> list[Finalist]:
    lows, highs = accuracy_intervals(correct_of(finalists).astype(float))
    return [
        dataclasses.replace(finalist, low=float(low), high=float(high))
        for finalist, low, high in zip(finalists, lows, highs, strict=True)
    ]


def choose(
    finalists: list[Finalist], tolerance: float, proof: bool = True
) -> Recommendation:
    """Chooses on validation images.

    Fine-tuning everything, which lost least of all rules over settings of few
    images, stands unless another is shown to do.

    Args:
        finalists: List of `Finalist`.
        tolerance: Float, in points.
        proof: Boolean, whether fine-tuning everything stands until then.
            Without it what is measured decides. Defaults to `True`.

    Returns:
        `Recommendation`.
    """
    candidates = [
        Candidate(f.choice.name, f.choice.stage, f.seconds) for f in finalists
    ]
    stands = proof and any(f.choice == FINE_TUNE for f in finalists)
    return decide(
        candidates,
        correct_of(finalists),
        tolerance / 100,
        incumbent=FINE_TUNE.name if stands else None,
    )
