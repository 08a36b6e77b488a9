"""The one rule by which an effect is estimated, wherever it is judged.

From three splits on: Student's t over splits, directions and seeds averaged
first. Splits are what is drawn at random, so that nothing need be known of how
treatments vary between them. Below three splits: the mixed model, about these
halves only. With one seed it has all networks, whose noise has to serve for
every comparison. Where seeds, or draws of images, repeat each cell in each
half, it has the networks that are compared (`modelled`), and their noise is
what repetitions differ by: what a treatment loses in one half and not in the
other is no noise then, and at one n it may be more of one treatment than of
another (Welch's degrees of freedom). A model from three splits on has one
variance for all treatments, which is too small for a treatment that varies
more than the others; `experiments.coverage` shows both.
"""

import functools
from collections.abc import Iterable

from keras_transfer.analysis import mixed_model
from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    OTHERS,
    THESE,
    ModelEstimate,
    Observation,
    Observations,
    Weights,
    by_split,
    estimate_over_splits,
)
from keras_transfer.analysis.mixed_design import replicated
from keras_transfer.analysis.mixed_model import MixedModel

RULE = (
    f"Student's t over splits from {FEWEST_SPLITS} splits on; with fewer, the "
    f"mixed model, about {THESE}: of those that are compared if each half has "
    "each of them twice, by seeds or draws, else of all networks"
)

_MODELS = 256  # kept; a report asks for the same some hundred contrasts


def scope_of(splits: int) -> str:
    """Says what intervals of so many splits are about.

    Args:
        splits: Integer, splits with networks of both sides.
    """
    return THESE if splits < FEWEST_SPLITS else OTHERS


def splits_in_words(counts: Iterable[int]) -> str:
    """Says how many splits there are, and whether it is about these only.

    Args:
        counts: Iterable of integers, of each effect; it is about these
            splits only if that is so of the fewest.
    """
    ordered = sorted(counts)
    fewest, most = ordered[0], ordered[-1]
    span = f"{fewest} to {most}" if fewest < most else f"{most}"
    said = f"{span} split{'' if most == 1 else 's'}"
    return f"{said}, {THESE}" if scope_of(fewest) == THESE else said


def estimate(
    observations: Iterable[Observation],
    weights: Weights,
    halves: str = "random",
) -> ModelEstimate | None:
    """Estimates a contrast by the rule of this module.

    A split counts if a half and seed of it has all cells of the contrast. If
    fewer than three do, the model has the networks of those splits, and of
    others with each treatment, as long as they are fewer than three too. If
    none does, as where two treatments share no half, other networks have to
    tell how difficult halves are: the model has those of all splits.

    Args:
        observations: Iterable of `Observation`, of one recipe and outcome.
        weights: Dict from `Cell` to number.
        halves: String, as of `mixed_model.fit_model`. Defaults to `"random"`.

    Returns:
        `ModelEstimate`, or `None` if it was not measured.
    """
    data = Observations.of(observations)
    values = by_split(data, weights)
    if len(values) >= FEWEST_SPLITS:
        return estimate_over_splits(data, weights)
    few = _of_splits(data, weights, set(values))
    return _model(few, halves).estimate(weights) if few else None


def of_few_splits(data: Observations, weights: Weights) -> Observations:
    """Returns the networks that the model of a contrast has, of all.

    Args:
        data: `Observations`, fewer than three splits of which have all cells.
        weights: Dict from `Cell` to number.

    Returns:
        `Observations`; see `estimate`.
    """
    return _of_splits(data, weights, set(by_split(data, weights)))


def _of_splits(
    data: Observations, weights: Weights, whole: set
) -> Observations:
    kept = _splits_of(data, weights, whole)
    if not kept.issuperset(data.by_split):
        data = Observations(o for o in data if o.split in kept)
    return modelled(data, weights)


def modelled(networks: Iterable[Observation], weights: Weights) -> Observations:
    """Returns the networks that the model of a contrast has.

    Below three splits those of the contrast alone, if seeds tell how much
    they vary: each half that has some of its cells has each of them twice.

    Args:
        networks: Iterable of `Observation`, of the splits that count.
        weights: Dict from `Cell` to number.

    Returns:
        `Observations`.
    """
    data = Observations.of(networks)
    own = Observations(
        o for cell in weights for o in data.by_cell.get(cell, ())
    )
    few = len({o.split for o in own}) < FEWEST_SPLITS
    places = len({(o.split, o.half) for o in own}) * len(weights)
    return own if few and replicated(own, places) else data


def _splits_of(data: Observations, weights: Weights, whole: set) -> set:
    """Returns the splits whose networks the model has."""
    if not whole:
        return set(data.by_split)
    needed = {cell[0] for cell, weight in weights.items() if weight}
    kept = {
        split
        for split, cells in data.by_split.items()
        if {cell[0] for cell in cells if weights.get(cell)} == needed
    }
    return kept if len(kept) < FEWEST_SPLITS else whole


@functools.lru_cache(maxsize=_MODELS)
def _model(data: Observations, halves: str) -> MixedModel:
    return mixed_model.fit_model(data, halves)
