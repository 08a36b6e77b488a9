"""Tables of what a recommendation loses, and of what the scores know."""

import math
import statistics

from experiments.recommend.settings import LEAST_RUNG_STEPS
from keras_transfer.analysis.rank_correlation import rank_correlation
from keras_transfer.analysis.rounding import rounded
from keras_transfer.recommendation.scores import SCORES
from keras_transfer.recommendation.ways import Choice
from keras_transfer.reports.markdown import document, table

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
    lines = [
        "# What a recommendation loses",
        "",
        "Points of test accuracy lost against the candidate of the whole grid "
        "that is best on validation images; below zero is a gain. The last "
        "column but two is the bound that looks at the test images. Cost is "
        "the share of the grid's seconds.",
        "",
        *_losses_table(done),
    ]
    return document(lines)


def other_source_table(done: list[dict]) -> str:
    """Lays out the losses with a source that led to no choice, as Markdown.

    Args:
        done: List of dicts, a setting each.
    """
    lines = [
        "# A CIFAR-100 base as the source",
        "",
        "The base of half A of the classes, split 0, seed 0, of "
        "`similar_datasets --dataset cifar100`; `cifar100_half_b` are 10 of "
        "the classes of its half B. These grids were begun after the order "
        "had been chosen, and each is told once.",
        "",
        *_losses_table(done),
    ]
    return document(lines)


def _losses_table(done: list[dict]) -> list[str]:
    heads = list(losses(done[0]))
    gaps = [losses(found) for found in done]
    body = []
    for found, row in zip(done, gaps, strict=True):
        cells = [_title(found), *(rounded(row[h]) for h in heads)]
        body.append([*cells, *_picked(found)])
    for name, reduce in (("mean", statistics.fmean), ("worst", max)):
        cells = [rounded(reduce([row[h] for row in gaps])) for h in heads]
        body.append([f"**{name}**", *cells, "", ""])
    return table(["setting", *heads, "picked", "cost"], body)


def cost_share(found: dict) -> float:
    """Returns the share of the grid's seconds that a recommendation took.

    Args:
        found: Dict of one setting.
    """
    return found["recommended"]["seconds"] / found["grid_seconds"]


def _picked(found: dict) -> list[str]:
    name = found["recommended"]["name"]
    return [name, f"{100 * cost_share(found):.0f} %"]


def _title(found: dict) -> str:
    return f"{found['model']}, {found['setting']}"


def order_table(done: list[dict], first: list[dict]) -> str:
    """Lays out what the order of the race before lost, as Markdown.

    Args:
        done: List of dicts, a setting each.
        first: List of dicts of the same settings, with what was recommended
            before.
    """
    before = {_title(row): row["recommended"] for row in first}
    rows = [
        (
            found,
            losses({**found, "recommended": before[_title(found)]}),
            losses(found),
        )
        for found in done
    ]
    body = [
        [
            _title(found),
            rounded(old["recommended"]),
            before[_title(found)]["name"],
            rounded(new["recommended"]),
            found["recommended"]["name"],
        ]
        for found, old, new in rows
    ]
    for model in dict.fromkeys(found["model"] for found in done):
        means = [
            statistics.fmean(
                row[place]["recommended"]
                for row in rows
                if row[0]["model"] == model
            )
            for place in (1, 2)
        ]
        cells = [rounded(means[0]), "", rounded(means[1]), ""]
        body.append([f"**mean of {model}**", *cells])
    gains = [old["recommended"] - new["recommended"] for _, old, new in rows]
    # Of the two orders, the one that the other settings speak for.
    alone = sum(math.fsum(gains) - gain > 0 for gain in gains)
    lines = [
        "# The order of the race, and the one before",
        "",
        "Before, the race began at the stage of the best linear probe, and its "
        "first rung trained for a third of the epochs. Within a tenth of the "
        "grid's cost it never came to fine-tuning everything, which loses "
        "least of all rules. Now it begins with that, and no rung trains for "
        f"fewer than {LEAST_RUNG_STEPS} steps; below "
        f"{2 * LEAST_RUNG_STEPS} in all it trains whole networks (when these "
        f"settings were run, below {LEAST_RUNG_STEPS}). **The new "
        "order was chosen while looking at these settings**, so what it loses "
        "here is too low an estimate for others. Whichever setting is left "
        "out, the others speak for the new order "
        f"({alone} of {len(rows)} times); but the settings share two sources, "
        "and by source they do not agree.",
        "",
        "Only the recommendation was run anew, on another processor and busy "
        "cores; `cnn8`, which is trained when it is first asked for, came out "
        "with other bits. The grids and all test accuracies are those of "
        "before: of each pick the grid's, at its rate, as the mean of two "
        "seeds.",
        "",
        *table(["setting", "before", "picked", "now", "picked"], body),
    ]
    return document(lines)


def unseen_table(done: list[dict]) -> str:
    """Lays out settings that the order was not chosen on, as Markdown.

    Args:
        done: List of dicts, a setting each, with what the order before
            `recommended_before`.
    """
    heads = list(losses(done[0]))
    body = []
    for found in done:
        old = {**found, "recommended": found["recommended_before"]}
        row = losses(found)
        before = [rounded(losses(old)["recommended"]), *_picked(old)]
        now = [*(rounded(row[h]) for h in heads), *_picked(found)]
        body.append([_title(found), *before, *now])
    heads = ["before", "picked", "cost", *heads, "picked", "cost"]
    lines = [
        "# Not looked at before",
        "",
        "Grids that were finished after the order had been chosen, each told "
        "once. They are too few for a mean.",
        "",
        *table(["setting", *heads], body),
    ]
    return document(lines)


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
    if len(values) < 2:
        return f"{mean:+.2f}"
    from scipy import stats

    error = statistics.stdev(values) / math.sqrt(len(values))
    reach = float(stats.t.isf(0.025, len(values) - 1)) * error
    return f"{mean:+.2f} [{mean - reach:+.2f}, {mean + reach:+.2f}]"
