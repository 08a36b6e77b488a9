"""Cheap scores of a stage: how well its output suits a target, in seconds.

Every score takes what describes the images first and the labels second, and
of every score larger is better, so that a table of them needs no footnotes.
"""

import dataclasses
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from keras_transfer.recommendation import (
    score_accuracy,
    score_evidence,
    score_similarity,
)


@dataclasses.dataclass(frozen=True)
class Score:
    """One row of the table of scores.

    Args:
        name: String, as in `score_stage`'s dict.
        title: String, for tables and figures.
        function: Function of the arguments in `needs`, to a float.
        needs: Tuple of strings, arguments of `score_stage` without which it
            is left out.
        source: String, author and year.
        takes: Tuple of strings, arguments that it takes where given.
        larger_is_better: Boolean. Defaults to `True`.
    """

    name: str
    title: str
    function: Callable[..., float]
    needs: tuple[str, ...]
    source: str
    takes: tuple[str, ...] = ()
    larger_is_better: bool = True


_FEATURES = ("features", "labels")
_HELD_OUT = ("seed", "validation")
SCORES = (
    Score(
        "linear_probe",
        "linear probe",
        score_accuracy.linear_probe,
        _FEATURES,
        "Alain & Bengio 2016",
        _HELD_OUT,
    ),
    Score(
        "nearest_class_mean",
        "nearest class mean",
        score_accuracy.nearest_class_mean,
        _FEATURES,
        "Mensink et al. 2013",
        _HELD_OUT,
    ),
    Score(
        "knn",
        "5 nearest neighbours",
        score_accuracy.nearest_neighbours,
        _FEATURES,
        "Cover & Hart 1967",
        _HELD_OUT,
    ),
    Score(
        "leep",
        "LEEP",
        score_evidence.leep,
        ("probabilities", "labels"),
        "Nguyen et al. 2020",
    ),
    Score(
        "n_leep",
        "N-LEEP",
        score_evidence.n_leep,
        _FEATURES,
        "Li et al. 2021",
        ("seed",),
    ),
    Score("logme", "LogME", score_evidence.logme, _FEATURES, "You et al. 2021"),
    Score(
        "h_score",
        "H-score, shrunk",
        score_evidence.h_score,
        _FEATURES,
        "Bao et al. 2019, Ibrahim et al. 2021",
    ),
    Score(
        "transrate",
        "TransRate, normalised",
        score_evidence.transrate,
        _FEATURES,
        "Huang et al. 2022",
    ),
    Score(
        "cka_labels",
        "linear CKA with labels",
        score_similarity.cka_with_labels,
        _FEATURES,
        "Kornblith et al. 2019",
    ),
)


# Products are small, and threads wait for each other: on a busy machine of two
# cores one took a fifth of the time.
@threadpool_limits.wrap(limits=1)
def score_stage(
    features, labels, seed: int = 0, validation=None, probabilities=None
) -> dict[str, float]:
    """Computes every score that the arguments allow.

    Args:
        features: Float array of shape `(images, features)`, the output of a
            stage averaged over height and width, of training images.
        labels: Integer or string array of shape `(images,)`.
        seed: Integer, of folds and clusters. Defaults to `0`.
        validation: Pair `(features, labels)` of other images, which the
            accuracies are told on; `None` for cross-validation on the
            training images. Defaults to `None`.
        probabilities: Float array of shape `(images, source_classes)`, the
            source's own predictions, for LEEP, which has one value for all
            stages. Defaults to `None`, without LEEP.

    Returns:
        Dict from the names in `SCORES`, in their order, to floats; `nan` for
        an accuracy that cannot be told, with one image a class.

    Raises:
        UserError: One class, features that are not finite or not pooled.
    """
    given = {
        "features": features,
        "labels": labels,
        "seed": seed,
        "validation": validation,
        "probabilities": probabilities,
    }
    found = {}
    for row in SCORES:
        if any(given[name] is None for name in row.needs):
            continue
        extra = {name: given[name] for name in row.takes}
        found[row.name] = row.function(
            *(given[name] for name in row.needs), **extra
        )
    return found
