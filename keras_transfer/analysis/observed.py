"""Networks of any treatment as observations, for the rule of `primary`."""

from collections.abc import Callable, Iterable

from keras_transfer.analysis.contrasts import (
    Observation,
    Observations,
    source_of,
)
from keras_transfer.analysis.remembered import of_rows
from keras_transfer.specs.treatments import BASE, BASES


def observe_all(rows: Iterable, images: Callable | None = None) -> Observations:
    """Turns networks into observations of test accuracy.

    Args:
        rows: Iterable of `Row`, of one recipe; bases on halves and on all
            classes are all of the treatment `"base"`.
        images: Callable of a `Row` that returns its target images, by which
            cells are told apart. Defaults to `None` for those of its
            settings.

    Returns:
        `Observations`. Draws of few images share their seed, and so
        the base: they repeat a cell.
    """
    if images is None:
        return _by_settings(rows)
    return _observe(rows, images)


@of_rows
def _by_settings(rows: Iterable) -> Observations:
    return _observe(rows, lambda row: row.spec.target_images)


def _observe(rows: Iterable, images: Callable) -> Observations:
    return Observations(
        Observation(
            split=row.spec.division,
            half=row.spec.target,
            seed=row.spec.seed,
            treatment=BASE
            if row.spec.treatment in BASES
            else row.spec.treatment,
            n=row.spec.n,
            source=source_of(row.spec.base),
            value=row.accuracy,
            target_images=images(row),
        )
        for row in rows
    )
