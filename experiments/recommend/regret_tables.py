"""Tables of what a recommendation loses."""

import statistics

from experiments.recommend.settings import LEAST_RUNG_STEPS
from keras_transfer.analysis.rounding import rounded
from keras_transfer.recommendation.ways import Choice
from keras_transfer.reports.markdown import document, table

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


_COLUMNS = (
    "Points of test accuracy lost against the candidate of the whole grid "
    "that is best on validation images; below zero is a gain. The last column "
    "but two is the bound that looks at the test images. Rules have the rate "
    "that is best on validation images over the whole grid, a recommendation "
    "that of its own race. Cost is the share of the grid's seconds. Without "
    "asking for proof, fine-tuning everything does not stand: the deepest "
    "candidate is picked whose measured loss is within the tolerance."
)


def regret_table(done: list[dict]) -> str:
    """Lays out the losses of all settings as Markdown.

    Args:
        done: List of dicts, a setting each.
    """
    heading = "# What a recommendation loses"
    return document([heading, "", _COLUMNS, "", *_losses_table(done)])


def without_fewest(done: list[dict]) -> tuple[int, list[dict]]:
    """Finds the settings whose grid's own pick is more than luck.

    Args:
        done: List of dicts, a setting each.

    Returns:
        Pair of the fewest validation images, and the settings with more.
    """
    fewest = min(found["validation"] for found in done)
    return fewest, [found for found in done if found["validation"] > fewest]


def unseen_table(done: list[dict]) -> str:
    """Lays out the losses in settings that led to no choice, as Markdown.

    Args:
        done: List of dicts, a setting each.
    """
    fewest, others = without_fewest(done)
    gaps = [losses(found)["recommended"] for found in others]
    rest = rounded(statistics.fmean(gaps)) if gaps else "of nothing"
    lines = [
        "# What a recommendation loses in settings that led to no choice",
        "",
        f"{_COLUMNS} These grids were begun after the order of the race and "
        "the rule of the decision had been chosen, and each is told once. "
        "`cnn8_cifar100_half_a` is the base of half A of the classes, split 0, "
        "seed 0, of `similar_datasets --dataset cifar100`; `cifar100_half_b` "
        "are 10 of the classes of its half B. Settings share images with those "
        f"below. Omniglot has {fewest} validation images, so that the grid's "
        f"own pick is luck there: without it the mean is {rest}.",
        "",
        "That base subtracts a mean image and divides by 64, for which pixels "
        "of -2 to 2 stand. Earlier grids gave it pixels of 0 to 255, and then "
        "of -1 to 1, half the contrast, since a note of `recommend` proposed "
        "them: it looked at means alone, and does so no more. Those grids, "
        "which missed the aim, are not counted any more. Five of them, with "
        "10 images a class of 0 to 255, were looked at when order and rule "
        "were chosen.",
        "",
        *_losses_table(done),
    ]
    return document(lines)


def _losses_table(done: list[dict]) -> list[str]:
    gaps = [losses(found) for found in done]
    # Settings of an earlier version lack a column; its mean would mislead.
    heads = list(max(gaps, key=len))
    body = []
    for found, row in zip(done, gaps, strict=True):
        cells = [rounded(row[h]) if h in row else "" for h in heads]
        body.append([_title(found), *cells, *_picked(found)])
    for name, reduce in (("mean", statistics.fmean), ("worst", max)):
        cells = [
            rounded(reduce([row[h] for row in gaps]))
            if all(h in row for row in gaps)
            else ""
            for h in heads
        ]
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
    name = f"{found['model']}, {found['setting']}"
    if "pixel_range" in found:
        low, high = found["pixel_range"]
        name += f", pixels of {low:g} to {high:g}"
    return name


def history_table(done: list[dict], first: list[dict]) -> str:
    """Lays out what recommendations lost before, as Markdown.

    Args:
        done: List of dicts, a setting each, with what the rule before
            `recommended_before`; without it where nothing was run since.
        first: List of dicts, with what the first order recommended in some.
    """
    oldest = {_title(row): row["recommended"] for row in first}
    rows = [
        (
            found["model"],
            _title(found),
            [
                {**found, "recommended": pick} if pick else None
                for pick in (
                    oldest.get(_title(found)),
                    found.get("recommended_before", found["recommended"]),
                    "recommended_before" in found and found["recommended"],
                )
            ],
        )
        for found in done
    ]
    body = [[title, *_lost_by(each)] for _, title, each in rows]
    for model in dict.fromkeys(model for model, *_ in rows):
        cells = []
        for place in range(3):
            own = [each[place] for name, _, each in rows if name == model]
            gaps = [losses(row)["recommended"] for row in own if row]
            cells += [rounded(statistics.fmean(gaps)) if gaps else "", ""]
        body.append([f"**mean of {model}**", *cells])
    lines = [
        "# The order of the race and the rule of the decision",
        "",
        "At first the race began at the stage of the best linear probe, and "
        "its first rung trained for a third of the epochs. Within a tenth of "
        "the grid's cost it never came to fine-tuning everything, which loses "
        "least of all rules. Then it began with that, and no rung trained for "
        f"fewer than {LEAST_RUNG_STEPS} steps. But its estimated cost was too "
        "high for half of a small budget: in four settings with a CIFAR-100 "
        "base, which are not counted any more, it was left out, and what "
        "fitted was picked without it. Now "
        "fine-tuning gets what it needs of the final's budget, and who fits "
        "after all begins. It stands unless another is no more than the "
        "tolerance below it by the 95 % interval of their difference, since "
        "the best of several on few images looks better than it is.",
        "",
        "**Order or rule were chosen while looking at these settings**, so "
        "what is lost here is too low an estimate for others. Factors of one "
        "to two standard errors lost alike, none and the simultaneous "
        "interval's 2.6 lost more, when what would be picked was read off the "
        "grids, those of wrong pixels among them. Without these grids nothing "
        "speaks for asking for proof: settings that led to no choice lose less "
        "without it. Which is better is to be told on other ones.",
        "",
        "Only recommendations were run anew, on other processors and busy "
        "cores; `cnn8`, which is trained when it is first asked for, came out "
        "with other bits. The grids and all test accuracies are those of "
        "before: of each pick the grid's, at its rate, as the mean of two "
        "seeds.",
        "",
        *table(
            [
                "setting",
                *("first order", "picked"),
                *("fine-tuning first", "picked"),
                *("and it stands", "picked"),
            ],
            body,
        ),
    ]
    return document(lines)


def _lost_by(each: list[dict | None]) -> list[str]:
    cells = []
    for row in each:
        cells += (
            [rounded(losses(row)["recommended"]), row["recommended"]["name"]]
            if row
            else ["", ""]
        )
    return cells
