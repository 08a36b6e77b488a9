"""Tables of what a recommendation loses, and of what the scores know."""

import math
import statistics

from keras_transfer.analysis.rank_correlation import rank_correlation
from keras_transfer.recommendation.scores import SCORES
from keras_transfer.recommendation.ways import Choice

_WAYS = ("truncated", "kept", "redrawn")


def means(grid: list[dict]) -> dict[tuple[str, float], dict]:
    """Returns the mean over seeds of each candidate and rate.

    Args:
        grid: List of dicts, a training each.

    Returns:
        Dict from a name and a rate to a dict of `validation`, `test` and
        `seconds`.
    """
    groups: dict[tuple[str, float], list[dict]] = {}
    for row in grid:
        groups.setdefault((row["name"], row["rate"]), []).append(row)
    return {
        key: {
            name: statistics.fmean(row[name] for row in rows)
            for name in ("validation", "test", "seconds")
        }
        for key, rows in groups.items()
    }


def tuned(grid: list[dict]) -> dict[str, dict]:
    """Returns each candidate at the rate that is best on validation images.

    Args:
        grid: List of dicts, a training each.
    """
    best: dict[str, dict] = {}
    for (name, _), row in means(grid).items():
        if name not in best or row["validation"] > best[name]["validation"]:
            best[name] = row
    return best


def rules(found: dict) -> dict[str, str]:
    """Names the candidate that each rule of thumb picks.

    Args:
        found: Dict of one setting.

    Returns:
        Dict from a rule to a candidate's name.
    """
    last = found["stages"] - 1
    probes = [row["linear_probe"] or 0.0 for row in found["scores"]]
    third = min(last - 1, max(1, round(2 * last / 3)))
    return {
        "freeze the backbone": Choice("truncated", last).name,
        "fine-tune all": "finetuned",
        "unfreeze the top third": Choice("kept", third).name,
        "best linear probe": Choice(
            "truncated", 1 + probes.index(max(probes))
        ).name,
    }


def losses(found: dict) -> dict[str, float]:
    """Test accuracy that each pick loses against the grid's own.

    The grid's own is the candidate that is best on validation images, with
    all of its seeds; the one that is best on test images would be picked by
    looking at them, and is a bound.

    Args:
        found: Dict of one setting.

    Returns:
        Dict from `recommended`, each rule, and `best on test` (negative: what
        the bound gains), to points.
    """
    best = tuned(found["grid"])
    own = max(best.values(), key=lambda row: row["validation"])["test"]
    pick = found["recommended"]
    told = means(found["grid"])
    picked = told[pick["name"], pick["rate"]]
    gaps = {"recommended": own - picked["test"]}
    if "best" in pick:
        best_pick = told[pick["best"], pick["best_rate"]]
        gaps["tolerance 0"] = own - best_pick["test"]
    gaps |= {
        rule: own - best[name]["test"] for rule, name in rules(found).items()
    }
    gaps["best on test"] = own - max(row["test"] for row in best.values())
    return {name: 100 * gap for name, gap in gaps.items()}


def regret_table(done: list[dict]) -> str:
    """Lays out the losses of all settings as Markdown.

    Args:
        done: List of dicts, a setting each.
    """
    heads = list(losses(done[0]))
    lines = [
        "# What a recommendation loses",
        "",
        "Points of test accuracy lost against the candidate of the whole grid "
        "that is best on validation images; below zero is a gain. The last "
        "column but two is the bound that looks at the test images. Cost is "
        "the share of the grid's seconds.",
        "",
        "| setting | " + " | ".join(heads) + " | picked | cost |",
        "|---" * (len(heads) + 3) + "|",
    ]
    table = [losses(found) for found in done]
    for found, row in zip(done, table, strict=True):
        pick = found["recommended"]
        share = pick["seconds"] / found["grid_seconds"]
        cells = [
            f"{found['model']}, {found['setting']}",
            *(f"{row[h]:+.1f}" for h in heads),
        ]
        cells += [pick["name"], f"{100 * share:.0f} %"]
        lines.append("| " + " | ".join(cells) + " |")
    for name, reduce in (("mean", statistics.fmean), ("worst", max)):
        cells = [f"{reduce([row[h] for row in table]):+.1f}" for h in heads]
        lines.append(f"| **{name}** | " + " | ".join(cells) + " | | |")
    return "\n".join(lines) + "\n"


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
    lines = [
        "# Do the scores know?",
        "",
        "Kendall's tau of a score, on training images, with test accuracy at "
        "the rate that is best on validation images, over the stages of a "
        "setting; mean over settings with a 95 % t interval, settings taken "
        "as independent. LEEP knows no stages.",
        "",
        "| score | " + " | ".join(_WAYS) + " |",
        "|---" * (len(_WAYS) + 1) + "|",
    ]
    taus = {way: [correlations(found, way) for found in done] for way in _WAYS}
    for score in SCORES:
        cells = []
        for way in _WAYS:
            values = [row[score.name] for row in taus[way] if score.name in row]
            cells.append(_interval(values))
        if any(cells):
            lines.append(f"| {score.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _interval(values: list[float]) -> str:
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.2f}"
    from scipy import stats

    error = statistics.stdev(values) / math.sqrt(len(values))
    reach = float(stats.t.isf(0.025, len(values) - 1)) * error
    return f"{mean:+.2f} [{mean - reach:+.2f}, {mean + reach:+.2f}]"
