"""The networks that comparisons are made on, and what they tell."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np

from keras_transfer.analysis import contrasts, primary, verdicts
from keras_transfer.analysis.chance import above_chance
from keras_transfer.analysis.comparisons import (
    ACCURACY,
    ON_ALL,
    TRAIN_LOSS,
    WITHOUT_N,
    Comparison,
    Layers,
)
from keras_transfer.analysis.contrasts import (
    ModelEstimate,
    Observation,
    Observations,
)
from keras_transfer.analysis.remembered import of_rows
from keras_transfer.analysis.results import (
    Row,
    names_of_bases,
    usual_epochs,
)
from keras_transfer.analysis.verdicts import Part
from keras_transfer.specs.treatments import (
    BASE,
    CHOICES,
    SAME_STEPS,
    WHOLE_BASE,
)


def observe(rows: Iterable[Row], outcome: str = ACCURACY) -> list[Observation]:
    """Turns networks of the usual treatments into observations.

    Args:
        rows: Iterable of `Row`, of one recipe.
        outcome: String, a field of a result. Defaults to `"test_accuracy"`.

    Returns:
        List of `Observation`. A base network trained for twice the epochs of
        the others is of the treatment `TWICE`; other lengths are left out,
        and so are results without the outcome. One on all classes for half
        the epochs of those on halves is of the treatment `SAME_STEPS`.
    """
    rows = [r for r in rows if getattr(r.result, outcome) is not None]
    lengths, halved = names_of_bases(rows), usual_epochs(rows) / 2
    found = []
    for row in rows:
        spec, name = row.spec, row.spec.treatment
        if name == BASE:
            name = lengths.get(spec.solver.epochs)
        elif name == WHOLE_BASE and spec.solver.epochs == halved:
            name = SAME_STEPS
        if name in (*WITHOUT_N, *CHOICES):
            found.append(
                Observation(
                    split=spec.division,
                    half=spec.target,
                    seed=spec.seed,
                    treatment=name,
                    n=spec.n,
                    source=spec.base or "",
                    value=getattr(row.result, outcome),
                    target_images=spec.target_images,
                )
            )
    return found


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The networks of a study, and what is estimated from them.

    Args:
        accuracies: Tuple of `Observation`, of test accuracy.
        losses: Tuple of `Observation`, of training loss. Defaults to none.
        chance: Float, accuracy of a guess. Defaults to `0.0`.
        halves: String, `"random"` or `"fixed"`, as of `fit_model`. Defaults
            to `"random"`.
    """

    accuracies: tuple[Observation, ...]
    losses: tuple[Observation, ...] = ()
    chance: float = 0.0
    halves: str = "random"

    def __post_init__(self):
        for name in ("accuracies", "losses"):
            # A tuple, as before, that is grouped once.
            observations = Observations.of(getattr(self, name))
            object.__setattr__(self, name, observations)

    def _outcomes(self, comparison: Comparison) -> Observations:
        if comparison.outcome == TRAIN_LOSS:
            return self.losses
        return self.accuracies

    def layers(self, comparison: Comparison) -> Layers:
        """Returns the n that a comparison is made at.

        All that were trained, unless three splits or more have some of them
        in common: n of a few splits alone would leave the others out.

        Args:
            comparison: `Comparison`.

        Returns:
            Tuple of integers, ascending.
        """
        data = self._outcomes(comparison)
        bases = {comparison.first, comparison.second} & set(WITHOUT_N)
        needed = {(name, 0, None) for name in bases}
        trained = [
            (split, comparison.layers(cells))
            for split, cells in data.cells_of_splits
            if needed <= cells
        ]
        every = comparison.layers(data.cells)
        return _shared(every, trained)

    def estimate(self, comparison: Comparison) -> ModelEstimate | None:
        """Estimates a comparison by the rule of `primary`.

        Args:
            comparison: `Comparison`.

        Returns:
            `ModelEstimate` in the outcome's own unit (accuracy from 0 to 1);
            `None` if it was not measured.
        """
        # Claims, tables and verdicts ask for the same ones.
        if comparison not in self._estimates:
            self._estimates[comparison] = self._estimate(comparison)
        return self._estimates[comparison]

    @functools.cached_property
    def _estimates(self) -> dict[Comparison, ModelEstimate | None]:
        return {}

    @functools.cached_property
    def _on_halves(self) -> dict[str, Observations]:
        return {
            outcome: Observations(o for o in data if o.treatment not in ON_ALL)
            for outcome, data in (
                (ACCURACY, self.accuracies),
                (TRAIN_LOSS, self.losses),
            )
        }

    def _estimate(self, comparison: Comparison) -> ModelEstimate | None:
        if comparison.second in ON_ALL:
            return halves_against_all(self.accuracies, comparison.second)
        layers = self.layers(comparison)
        of_bases = {comparison.first, comparison.second} <= set(WITHOUT_N)
        if not (layers or of_bases):
            return None
        weights = comparison.weigh(comparison, layers)
        losses = comparison.outcome == TRAIN_LOSS
        data = self._on_halves[TRAIN_LOSS if losses else ACCURACY]
        return primary.estimate(data, weights, self.halves)

    def part(self, comparison: Comparison) -> Part:
        """Returns what a verdict is given on.

        Args:
            comparison: `Comparison`.

        Returns:
            `Part`; its estimate is `None` if the comparison was not measured.
        """
        estimate = self.estimate(comparison)
        return Part(estimate, comparison.threshold, comparison.margin)

    def describe(self, comparison: Comparison) -> str:
        """Says what was found, and the verdict on it alone.

        What is present but shown to be within the margin is called small.

        Args:
            comparison: `Comparison`.
        """
        estimate = self.estimate(comparison)
        name = comparison.name(self.layers(comparison))
        if estimate is None:
            return f"{name} not measured"
        text = f"{name}: {comparison.in_unit(estimate)}"
        if estimate.low is None:
            return text
        verdict = verdicts.judge_one(self.part(comparison))
        return f"{text} {verdict.name}{' but small' * verdict.small}"

    def above_chance(self) -> bool:
        """Returns whether each base network does better than a guess."""
        bases = [o.value for o in self.accuracies if o.treatment == BASE]
        return above_chance(bases, self.chance)


def _shared(every: Layers, trained: list[tuple[int | str, Layers]]) -> Layers:
    """Drops the n that the fewest splits have, until three share the rest."""

    def splits(layers: Layers) -> int:
        whole = {split for split, own in trained if set(layers) <= set(own)}
        return len(whole)

    chosen = every
    while chosen and splits(chosen) < contrasts.FEWEST_SPLITS:
        rarest = min(chosen, key=lambda n: splits((n,)))
        chosen = tuple(n for n in chosen if n != rarest)
    return chosen or every


@of_rows
def evidence_of(rows: Sequence[Row]) -> Evidence:
    """Collects what claims are judged by from a study's networks.

    Args:
        rows: Sequence of `Row`, of one recipe, bases among them.

    Returns:
        `Evidence`; chance is 1 divided by the fewest classes of a base.
    """
    bases = [r for r in rows if r.spec.treatment == BASE]
    classes = min((len(r.result.classes) for r in bases), default=1)
    outcomes = (tuple(observe(rows, name)) for name in (ACCURACY, TRAIN_LOSS))
    return Evidence(*outcomes, chance=1 / classes)


def split_means(bases: Iterable[Observation]) -> list[float]:
    """Averages the halves of each split, seeds first.

    Args:
        bases: Iterable of `Observation` of base networks on halves.

    Returns:
        List of floats, one a split. A split of which one half is still to
        come says nothing yet, and is left out.
    """
    halves: dict[int | str, dict[str, list[float]]] = {}
    for o in bases:
        halves.setdefault(o.split, {}).setdefault(o.half, []).append(o.value)
    return [
        float(np.mean([np.mean(values) for values in found.values()]))
        for found in halves.values()
        if len(found) == 2
    ]


def halves_against_all(
    observations: Iterable[Observation], whole: str = WHOLE_BASE
) -> ModelEstimate | None:
    """Subtracts networks on all classes from those on halves.

    Halves of a split are complementary, the easier the one the harder the
    other, so they are averaged before splits are compared; the spread of
    networks on all classes is that of their seeds.

    Args:
        observations: Iterable of `Observation`, of accuracy.
        whole: String, the treatment of the networks on all classes. Defaults
            to those with the epochs of the halves.

    Returns:
        `ModelEstimate` with Welch's interval; without one for fewer than
        three splits, or fewer than two networks on all classes. `None`
        without networks on a side.

    Reference:
        - [Welch, 1947](https://doi.org/10.1093/biomet/34.1-2.28).
    """
    data = list(observations)
    on_all = [o.value for o in data if o.treatment == whole]
    bases = [o for o in data if o.treatment == BASE]
    if not on_all or not bases:
        return None
    means = split_means(bases)
    if not means:
        return None
    mean = float(np.mean(means) - np.mean(on_all))
    few = len(means) < contrasts.FEWEST_SPLITS
    counts = (primary.scope_of(len(means)), len(means), len(means), len(data))
    if few or len(on_all) < 2 or np.ptp(means) + np.ptp(on_all) == 0:
        return ModelEstimate(mean, None, None, None, None, *counts)
    from scipy import stats

    test = stats.ttest_ind(means, on_all, equal_var=False)
    low, high = test.confidence_interval(contrasts.LEVEL)
    reach = stats.t.ppf((1 + contrasts.LEVEL) / 2, test.df)
    numbers = ((high - low) / 2 / reach, test.df, low, high)
    return ModelEstimate(mean, *map(float, numbers), *counts)
