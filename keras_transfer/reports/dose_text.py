"""The page and the table of a dose-response, computed from `results.csv`."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from keras_transfer.analysis import dose_response as doses
from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    THESE,
    ModelEstimate,
)
from keras_transfer.analysis.dose_response import Answer, Dose
from keras_transfer.analysis.evidence import Evidence
from keras_transfer.analysis.pairs import n_in_words
from keras_transfer.analysis.primary import RULE, splits_in_words
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports import markdown
from keras_transfer.specs.treatments import BASE

_ABOUT = (
    f"Intervals are of 95 %: {RULE}. The verdict is present above 0, "
    "reversed below, absent if shown to be within half a point of 0, with "
    "Holm's correction for all rows of the table but those of doubling, and "
    "else undecided. A negative difference of training loss says that the "
    "first fits its training images better."
)
_LIMITS = (
    "These are small networks on small images, of one data set, with one seed "
    "a split unless the table of networks says otherwise, and learning rates "
    "chosen by validation images at 12 epochs, so perhaps not those for longer "
    "training (regime-2014 among the published results has what the 2014-like "
    "recipe's gives at 48 epochs beside others). The "
    "2014-like recipe shares no normalisation, groups, plain momentum and "
    "decay with 2014, and departs from it in what the recipe's table of "
    "departures lists. An effect seen in one recipe and not in the other may "
    "come from any of the differences between them. Where doubling the epochs "
    "still adds half a point, bases are not trained out, and the effect is "
    "one of that length of training; the estimate alone decides that, and its "
    "interval may reach further."
)


def text(
    table: Path, title: str, command: str, more: Iterable[str] = ()
) -> str:
    """Returns the summary in Markdown.

    Args:
        table: Path of a `results.csv`.
        title: String.
        command: String, the command that made the results.
        more: Iterable of lines, sections that come before what the page
            cannot say. Defaults to none.
    """
    found = doses.read_doses(table)
    measured, doubled = doses.answers(found), doses.doublings(found)
    lines = [
        *markdown.heading(title, command),
        _trained(found),
        "",
        *_questions(measured),
        "## Effects against the length of training",
        "",
        *markdown.table(
            [
                "effect",
                "difference",
                "recipe",
                "epochs",
                "splits",
                "points of test accuracy",
                "verdict",
                "training loss, nats",
                "bases",
            ],
            [_line(answer) for answer in (*measured, *doubled)],
        ),
        "",
        _ABOUT,
        *_scope(measured),
        "",
        *_by_cut(found),
        "## Beside 2014",
        "",
        *_of_2014(),
        "",
        *more,
        "## What this cannot say",
        "",
        f"{_LIMITS} {_freedom(measured)}".rstrip(),
    ]
    return markdown.document(lines)


def in_words(answer: Answer) -> str:
    """Says an answer in a line.

    Args:
        answer: `Answer`.
    """
    return (
        f"{answer.effect.name}, {recipe_name(answer.regime)}, {answer.epochs} "
        f"epochs, in points: {answer.accuracy.in_points()}, "
        f"{answer.verdict.name} "
        f"({answer.bases})"
    )


def recipe_name(regime: str) -> str:
    """Returns the recipe's name in texts.

    Args:
        regime: String, such as `"2014"`.
    """
    return {"2014": "2014-like", "today": "today's"}.get(regime, regime)


def _trained(found: dict[Dose, Evidence]) -> str:
    """Says how many networks there are, and what bases reach."""
    own = {
        dose: [o for o in evidence.accuracies if o.treatment != doses.TWICE]
        for dose, evidence in found.items()
    }
    parts = []
    for regime in dict.fromkeys(name for name, _ in own):
        bases = {
            epochs: [o for o in networks if o.treatment == BASE]
            for (name, epochs), networks in own.items()
            if name == regime
        }
        # Halves differ in difficulty, so lengths are compared on the same.
        groups = [{o.split for o in group} for group in bases.values() if group]
        shared = set.intersection(*groups) if groups else set()
        recipe = f"Bases, {recipe_name(regime)} recipe"
        if not shared:
            parts.append(f"{recipe}: no split has them at each length.")
            continue
        reached = [
            f"{rounded(100 * np.mean(values), signed=False)} % at {epochs}"
            for epochs, group in bases.items()
            if (values := [o.value for o in group if o.split in shared])
        ]
        parts.append(
            f"{recipe}: {', '.join(reached)} epochs, mean test accuracy of "
            f"{splits_in_words([len(shared)])}."
        )
    networks = sum(map(len, own.values()))
    counts = [len({o.split for o in group}) for group in own.values() if group]
    splits = splits_in_words(counts)
    if len(set(counts)) > 1:
        splits += ", by length"
    return (
        f"{networks} networks on random halves of the classes, of {splits}, "
        f"both directions. {' '.join(parts)}"
    )


def _questions(measured: list[Answer]) -> list[str]:
    lines = []
    for effect in doses.EFFECTS:
        own = [a for a in measured if a.effect is effect]
        if not own:
            lines += [f"**{effect.name.capitalize()}**: not measured yet.", ""]
            continue
        said = "; ".join(
            f"{recipe_name(a.regime)}, {a.epochs} epochs: {_said(a)}"
            for a in own
        )
        name = effect.name.capitalize()
        lines += [f"**{name}** ({effect.meaning}), in points. {said}.", ""]
    return lines


def _said(answer: Answer) -> str:
    text = f"{answer.accuracy.in_points()}, **{answer.verdict.name}**"
    if answer.verdict.small:
        text += ", though within half a point"
    if answer.loss is not None:
        text += f", training loss {answer.loss.in_words()}"
    return f"{text} ({answer.bases})"


def _line(answer: Answer) -> list[str]:
    one = answer.effect.comparison
    difference = f"{one.first} - {one.second}"
    if answer.layers:
        difference += f", {n_in_words(answer.layers)}"
    judged = answer.effect is not doses.GATE
    verdict = answer.verdict.name
    if answer.verdict.remark:
        verdict += f" ({answer.verdict.remark})"
    return [
        answer.effect.name,
        difference,
        recipe_name(answer.regime),
        str(answer.epochs),
        str(answer.accuracy.splits),
        answer.accuracy.in_points(2),
        verdict if judged else "",
        answer.loss.in_words(digits=3) if answer.loss else "",
        answer.bases.removeprefix("bases "),
    ]


def _by_cut(found: dict[Dose, Evidence]) -> list[str]:
    """Shows co-adaptation by n, if some split has each n."""
    asked = doses.cuts(found)
    if not asked:
        return []
    columns = list(dict.fromkeys(cut.layers for cut in asked))
    rows: dict[tuple, list[doses.Cut]] = {}
    for cut in asked:
        place = recipe_name(cut.regime), cut.epochs, cut.accuracy.splits
        rows.setdefault(place, []).append(cut)

    def lines(said: Callable[[doses.Cut], str]) -> list[str]:
        header = ["recipe", "epochs", "splits", *map(n_in_words, columns)]
        return markdown.table(
            header,
            [[*map(str, row), *map(said, own)] for row, own in rows.items()],
        )

    one = doses.CUT.comparison
    return [
        "## Where the cut is",
        "",
        f"{doses.CUT.name.capitalize()} at each n, and over all of them, of "
        f"the splits that have each: {doses.CUT.meaning}. What is judged "
        f"above is n {one.low} to {one.high}, chosen before the others were "
        "trained; intervals here are of each alone. Points of test accuracy:",
        "",
        *lines(lambda cut: cut.accuracy.in_points(2)),
        "",
        "Training loss, nats:",
        "",
        *lines(lambda cut: cut.loss.in_words(digits=3)),
        "",
    ]


def _freedom(measured: list[Answer]) -> str:
    fewest = min((a.accuracy.splits for a in measured), default=0)
    if fewest < FEWEST_SPLITS:
        return ""
    return (
        f"An interval over {fewest} splits has {fewest - 1} degrees of "
        "freedom: now and then one is far narrower than those of its "
        "neighbours by accident, and the verdict of such a row deserves less "
        "trust."
    )


def _scope(measured: list[Answer]) -> list[str]:
    if all(a.accuracy.scope != THESE for a in measured):
        return []
    return ["", f"Rows of fewer than 3 splits are about {THESE}."]


def _of_2014() -> list[str]:
    found, loss = doses.effects_of_2014(), doses.loss_at_the_cut_of_2014()
    (cut,), boosts = found[doses.CUT.name], found[doses.BOOST.name]
    (specific,) = found[doses.SPECIFICITY.name]
    target, longer = (found[e.name][0] for e in doses.FINE_TUNED)
    return [
        "The networks of 2014 have no arm whose layers above the cut were "
        "kept. Their loss at the cut, base - BnB at n = 4 and 5, where BnB "
        f"had twice the steps of a base, is {cut.in_points(2)} points, "
        f"in training loss {loss.in_words()} nats. Their "
        "boost AnB+ - BnB+, n 1 to 7, once halves are adjusted, is "
        f"{_span(boosts)} by yardstick, its intervals from "
        f"{rounded(100 * min(e.low for e in boosts), 2)} to "
        f"{rounded(100 * max(e.high for e in boosts), 2)}; AnB+ - base is "
        f"{target.in_points(2)} and BnB+ - base {longer.in_points(2)}. Their "
        f"specificity BnB - AnB, n 6 to 7, is {specific.in_points(2)}.",
    ]


def _span(estimates: list[ModelEstimate]) -> str:
    means = sorted(100 * e.mean for e in estimates)
    return f"{rounded(means[0], 2)} to {rounded(means[-1], 2)} points"
