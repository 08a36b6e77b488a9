"""Tables of what a recommendation loses."""

import statistics

from experiments.recommend.regret_losses import (
    cost_share,
    images_of,
    losses,
    proof_gap,
    proof_gaps,
)
from experiments.recommend.settings import LEAST_RUNG_STEPS
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports.markdown import document, table

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


def proof_text(done: list[dict]) -> str:
    """Says whether asking for proof pays.

    Args:
        done: List of dicts, a setting each.

    Returns:
        String, sentences; empty if too few settings tell.
    """
    gap = proof_gap(done)
    if gap is None:
        return ""
    mean, low, high = gap
    parts = []
    for count in sorted({images_of(found) for found in done}):
        own = proof_gaps([f for f in done if images_of(f) == count])
        if own:
            parts.append(f"{rounded(statistics.fmean(own))} of {count}")
    text = (
        "**Does asking for proof pay?** It loses "
        f"{rounded(mean)} points [{rounded(low)}, {rounded(high)}] more than "
        f"not asking, in the mean of {len(proof_gaps(done))} settings "
        "(Student's t over settings, taken as independent); by images a "
        f"class, {', '.join(parts)}. "
        "The settings of 100 images were begun after this question had been "
        "put; of the others it arose."
    )
    if low <= 0 <= high:
        text += " That leaves it open, so the rule stays as it was."
    return text


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
    asked = proof_text(done)
    return document([*lines, "", asked] if asked else lines)


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
        "grids, those of wrong pixels among them. Without those nothing here "
        "speaks for asking for proof; what the settings above say of it stands "
        "below their table.",
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
