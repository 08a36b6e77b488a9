"""Components of variance of committed studies, by which others are planned.

`components.csv` is written by `python -m experiments.findings` from the
tables below logs/published: how much each effect differs from split to split,
and how much a network does from run to run.
"""

import csv
import dataclasses
import functools
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_transfer.analysis import power, primary
from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    LEVEL,
    OTHERS,
    ModelEstimate,
    Observation,
    Observations,
    Weights,
    t_quantile,
)
from keras_transfer.analysis.mixed_design import by_half, replicated
from keras_transfer.analysis.mixed_model import fit_model

FILE = Path(__file__).with_name("components.csv")
_DIGITS = 4  # of points


@dataclasses.dataclass(frozen=True)
class Component:
    """How much an effect, and the networks it is measured on, vary.

    Args:
        study: String, the folder of `logs/published` it was computed from.
        effect: String.
        spread: Float, standard deviation of the effect from split to split,
            beyond the noise of its networks; in points of accuracy.
        noise: Float, standard deviation of a network of the same half from
            seed to seed, in points; 0 if not known, the spread then holds it.
        alone: Float, standard deviation of a network about the model that
            has to do with one seed, in points; 0 if not known.
        test_images: Integer, of a half: what the noise is of.
        splits: Integer, of which `spread` was computed; 0 if of none.
    """

    study: str
    effect: str
    spread: float
    noise: float
    alone: float
    test_images: int
    splits: int

    def noise_at(self, test_images: int | None, seeds: bool = True) -> float:
        """Returns the noise of a network, for so many test images.

        Args:
            test_images: Integer, of a half; `None` for as many.
            seeds: Boolean, whether seeds tell it. Defaults to `True`.

        Returns:
            Float, accuracy from 0 to 1.
        """
        noise = self.noise if seeds else self.alone
        share = self.test_images / (test_images or self.test_images)
        return noise / 100 * share**0.5

    def expect_mean(
        self, count: int, test_images: int | None = None
    ) -> ModelEstimate | None:
        """Says how well the mean of so many networks will be known.

        Args:
            count: Integer, networks that differ in their seed alone.
            test_images: Integer, as of `noise_at`.

        Returns:
            `ModelEstimate` of 0; `None` for fewer than two.
        """
        if count < 2:
            return None
        error = self.noise_at(test_images) / count**0.5
        return _around_zero(error, count - 1, OTHERS, 1, count, count)

    def expect(
        self,
        networks: Iterable[Observation],
        weights: Weights,
        test_images: int | None = None,
    ) -> ModelEstimate | None:
        """Says how well a planned study will know the effect.

        By the rule of `primary`: from three splits on Student's t over
        splits, of which each differs by the spread and by its networks'
        noise; below, the mixed model, whose residual is known.

        Args:
            networks: Iterable of `Observation` whose values are not read.
            weights: Dict from `Cell` to number.
            test_images: Integer, of a half; `None` for as many as in the
                committed study.

        Returns:
            `ModelEstimate` of 0 with the expected error, which is `None` if
            the networks leave nothing to estimate it from; `None` if a
            component that it needs is not known.
        """
        data = Observations.of(networks)
        splits = pairs_by_split(data, weights)
        if len(splits) < FEWEST_SPLITS:
            return self._by_model(data, weights, test_images)
        if not self.splits:
            return None
        noise = self.noise_at(test_images) ** 2 * _squares(weights)
        spread = (self.spread / 100) ** 2
        each = [spread + noise / pairs for pairs in splits.values()]
        error, df = sum(each) ** 0.5 / len(each), len(each) - 1
        counts = len(each), sum(splits.values()), len(data)
        return _around_zero(error, df, primary.scope_of(len(each)), *counts)

    def _by_model(self, data, weights, test_images) -> ModelEstimate | None:
        chosen = primary.of_few_splits(data, weights)
        if not chosen:
            return None
        cells = len({o.cell for o in chosen})
        halves = len({(o.split, o.half) for o in chosen})
        seeds = replicated(chosen, cells * halves)
        noise = self.noise_at(test_images, seeds)
        if not noise:
            return None
        found = power.plan_model(chosen, noise).estimate(weights)
        if found is None or found.error is None:
            return found
        counts = found.splits, found.count, found.networks
        return _around_zero(found.error, found.df, found.scope, *counts)


def _around_zero(error, df, scope, splits, count, networks) -> ModelEstimate:
    reach = t_quantile((1 + LEVEL) / 2, df) * error
    return ModelEstimate(
        0.0, error, df, -reach, reach, scope, splits, count, networks
    )


def _squares(weights: Weights) -> float:
    return sum(weight**2 for weight in weights.values())


def pairs_by_split(data: Observations, weights: Weights) -> dict:
    """Counts the pairs of half and seed that have all cells, by split.

    Args:
        data: `Observations`.
        weights: Dict from `Cell` to number.

    Returns:
        Dict from split to integer; splits without such a pair are left out.
    """
    needed = {cell for cell, weight in weights.items() if weight}
    found: dict[int | str, int] = {}
    for (split, *_), cells in data.pairs.items():
        if needed and needed <= cells.keys():
            found[split] = found.get(split, 0) + 1
    return found


def noise_of_seeds(
    networks: Iterable[Observation], weights: Weights
) -> tuple[float, int]:
    """Returns the variance between seeds of a half and its freedom.

    Args:
        networks: Iterable of `Observation`.
        weights: Dict from `Cell` to number; of networks of these cells.

    Returns:
        Tuple of a float and degrees of freedom, both 0 if some cell is not
        repeated.
    """
    data = tuple(networks)
    groups = by_half(data, (o.value for o in data), weights)
    repeated = {cell for (cell, *_), own in groups.items() if len(own) > 1}
    if repeated != {cell for cell, *_ in groups}:
        return 0.0, 0
    freedom = sum(len(own) - 1 for own in groups.values())
    squares = sum(np.var(own) * len(own) for own in groups.values())
    return float(squares) / freedom if freedom else 0.0, freedom


def noise_alone(networks: Iterable[Observation]) -> tuple[float, int]:
    """Returns the residual variance of models of one split and seed each.

    Args:
        networks: Iterable of `Observation`.

    Returns:
        Tuple of a float, 0 if no model has a residual, and degrees of
        freedom of all models.
    """
    groups: dict[tuple, list[Observation]] = {}
    for o in networks:
        groups.setdefault((o.split, o.seed), []).append(o)
    squares, freedom = 0.0, 0
    for own in groups.values():
        model = fit_model(own)
        if model.has_residual:
            left = len(own) - model.slim.shape[1]
            squares += left * model.components["residual"] ** 2
            freedom += left
    return (squares / freedom if freedom else 0.0), freedom


def pooled(parts: Iterable[tuple[float, int]]) -> float:
    """Averages variances by their degrees of freedom.

    Args:
        parts: Iterable of pairs of a variance and its degrees of freedom.

    Returns:
        Float; 0 without any.
    """
    parts = list(parts)
    freedom = sum(df for _, df in parts)
    return sum(v * df for v, df in parts) / freedom if freedom else 0.0


def measure(
    study: str,
    effect: str,
    parts: Iterable[tuple[Iterable[Observation], Weights]],
    test_images: int,
    stand_in: bool = True,
) -> Component:
    """Computes the components of an effect from finished networks.

    Args:
        study, effect: Strings, as of `Component`.
        parts: Iterable of pairs of networks and weights of `Cell`s: the same
            effect, perhaps several times, whose variances are pooled.
        test_images: Integer, of a half.
        stand_in: Boolean, whether with one seed what the model leaves is
            taken as the noise from seed to seed. Defaults to `True`.

    Returns:
        `Component`. The spread is what the variance over splits exceeds that
        of the networks' noise by, and 0 where it does not.
    """
    parts = [(Observations.of(data), weights) for data, weights in parts]
    seeds = pooled(noise_of_seeds(*part) for part in parts)
    alone = pooled(noise_alone(data) for data, _ in parts)
    if not seeds and stand_in:
        seeds = alone
    between, most = [], 0
    for data, weights in parts:
        splits = pairs_by_split(data, weights)
        if len(splits) < FEWEST_SPLITS:
            continue
        found = primary.estimate(data, weights)
        each = np.mean([1 / pairs for pairs in splits.values()])
        variance = found.error**2 * len(splits)
        noise = seeds * _squares(weights) * float(each)
        between.append((variance - noise, len(splits) - 1))
        most = max(most, len(splits))
    spread = max(0.0, pooled(between))
    points = (100 * v**0.5 for v in (spread, seeds, alone))
    numbers = (round(value, _DIGITS) for value in points)
    return Component(study, effect, *numbers, test_images, most)


def table_text(found: Iterable[Component]) -> str:
    """Returns `components.csv`.

    Args:
        found: Iterable of `Component`.
    """
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Component)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(dataclasses.asdict, found))
    return text.getvalue()


@functools.cache
def known() -> dict[str, Component]:
    """Reads the committed components.

    Returns:
        Dict from the effect to `Component`.
    """
    kinds = {field.name: field.type for field in dataclasses.fields(Component)}
    with FILE.open(newline="") as file:
        found = [
            Component(**{name: kinds[name](text) for name, text in row.items()})
            for row in csv.DictReader(file)
        ]
    return {one.effect: one for one in found}
