"""What picks lose against a whole grid, in points of test accuracy."""

import statistics

import numpy as np

from keras_transfer.analysis.intervals import t_interval
from keras_transfer.recommendation.ways import Choice

UNPROVEN = "no proof asked"  # column of what is measured to be good enough


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
        Dict from `recommended`, the same at a tolerance of 0 and without
        asking for proof, where these are known, each rule, and `best on test`
        (negative: what the bound gains), to points.
    """
    best = tuned(found["grid"])
    own = max(best.values(), key=lambda row: row["validation"])["test"]
    pick = found["recommended"]
    told = means(found["grid"])
    picked = told[pick["name"], pick["rate"]]
    gaps = {"recommended": own - picked["test"]}
    for key, title in (("best", "tolerance 0"), ("measured", UNPROVEN)):
        if key in pick:
            other = told[pick[key], pick[f"{key}_rate"]]
            gaps[title] = own - other["test"]
    gaps |= {
        rule: own - best[name]["test"] for rule, name in rules(found).items()
    }
    gaps["best on test"] = own - max(row["test"] for row in best.values())
    return {name: 100 * gap for name, gap in gaps.items()}


def cost_share(found: dict) -> float:
    """Returns the share of the grid's seconds that a recommendation took.

    Args:
        found: Dict of one setting.
    """
    return found["recommended"]["seconds"] / found["grid_seconds"]


def images_of(found: dict) -> int:
    """Returns the training images of each class.

    Args:
        found: Dict of one setting.
    """
    return int(found["setting"].split(", ")[-1].split()[0])


def proof_gap(done: list[dict]) -> tuple[float, float, float] | None:
    """Compares asking for proof with picking by what is measured.

    Args:
        done: List of dicts, a setting each.

    Returns:
        Tuple of the mean of what asking for proof loses more, in points, and
        of its 95 % interval, Student's t over settings; `None` for fewer than
        three of which both are known.
    """
    gaps = proof_gaps(done)
    ends = t_interval(np.array(gaps)) if len(gaps) > 2 else None
    return None if ends is None else (statistics.fmean(gaps), *ends)


def proof_gaps(done: list[dict]) -> list[float]:
    """Says what asking for proof loses more, where that is known, in points.

    Args:
        done: List of dicts, a setting each.
    """
    rows = [losses(found) for found in done]
    return [r["recommended"] - r[UNPROVEN] for r in rows if UNPROVEN in r]
