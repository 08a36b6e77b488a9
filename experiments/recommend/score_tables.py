"""What the scores of a stage know about its trained accuracy."""

import statistics

import numpy as np

from experiments.recommend.regret_losses import tuned
from keras_transfer.analysis.intervals import t_interval
from keras_transfer.analysis.rank_correlation import rank_correlation
from keras_transfer.recommendation.scores import SCORES
from keras_transfer.recommendation.ways import Choice
from keras_transfer.reports.markdown import document, table

_WAYS = ("truncated", "kept", "redrawn")


def correlations(found: dict, way: str) -> dict[str, float]:
    """Kendall's tau of each score with trained accuracy over the stages.

    Args:
        found: Dict of one setting.
        way: String.

    Returns:
        Dict from a score to a float; without those that are the same for all
        stages.
    """
    best = tuned(found["grid"])
    stages = [
        n for n in range(1, found["stages"]) if Choice(way, n).name in best
    ]
    accuracies = [best[Choice(way, n).name]["test"] for n in stages]
    taus = {}
    for name in found["scores"][0]:
        values = [found["scores"][n - 1][name] for n in stages]
        if len(set(values)) > 1 and len(set(accuracies)) > 1:
            taus[name] = rank_correlation(values, accuracies).value
    return taus


def score_table(done: list[dict]) -> str:
    """Lays out mean rank correlations as Markdown.

    Args:
        done: List of dicts, a setting each.
    """
    taus = {way: [correlations(found, way) for found in done] for way in _WAYS}
    body = []
    for score in SCORES:
        cells = [
            _interval(
                [row[score.name] for row in taus[way] if score.name in row]
            )
            for way in _WAYS
        ]
        if any(cells):
            body.append([score.title, *cells])
    lines = [
        "# Do the scores know?",
        "",
        "Kendall's tau of a score, on training images, with test accuracy at "
        "the rate that is best on validation images, over the stages of a "
        "setting; mean over settings with a 95 % t interval, settings taken "
        "as independent. LEEP knows no stages.",
        "",
        *table(["score", *_WAYS], body),
    ]
    return document(lines)


def _interval(values: list[float]) -> str:
    if not values:
        return ""
    mean = statistics.fmean(values)
    ends = t_interval(np.array(values))
    if ends is None:
        return f"{mean:+.2f}"
    return f"{mean:+.2f} [{ends[0]:+.2f}, {ends[1]:+.2f}]"
