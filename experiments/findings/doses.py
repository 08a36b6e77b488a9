"""The numbers of the dose-response, from its committed table."""

from collections import Counter
from functools import cache
from pathlib import Path

from experiments.findings.committed import PUBLISHED
from keras_transfer.analysis import dose_response as doses
from keras_transfer.analysis.contrasts import THESE
from keras_transfer.analysis.dose_response import Answer
from keras_transfer.analysis.primary import splits_in_words
from keras_transfer.analysis.rounding import rounded_ends
from keras_transfer.reports import dose_text, markdown

FOLDER = "dose-response"


def _numbers(last: int) -> str:
    return " ".join(map(str, range(1, last + 1)))


_ALL = "dose_response --dataset cifar100"
_FIRST = (0, 1, 2, 3)  # splits that were planned for every length
_MORE = f"{_ALL} --splits 4 5 6 7"
COMMANDS = (
    _ALL,
    # Without n = 3 and 6, which are not judged.
    f"{_MORE} --regime today --epochs 24 --pieces {_numbers(16)}",
    # Bases alone: what twice the epochs add to those of 24.
    f"{_MORE} --regime today --epochs 48 --pieces {_numbers(4)}",
    f"{_MORE} --regime 2014 --epochs 12 --pieces {_numbers(12)}",
    # Trains nothing and draws all.
    f"{_ALL} --splits 0 1 2 3 4 5 6 7 --pieces 1",
)
TITLE = "Dose-response on cifar100"


def table() -> Path:
    """Returns the path of the committed networks."""
    return PUBLISHED / FOLDER / "results.csv"


def is_published() -> bool:
    """Returns whether networks of the dose-response are committed."""
    return table().is_file()


@cache
def _answers(path: Path) -> list[Answer]:
    return doses.answers(doses.read_doses(path))


def finding(effect: doses.Effect) -> str:
    """Says an effect at each dose that was measured, and of the bases.

    Args:
        effect: `Effect` of `analysis.dose_response`.

    Returns:
        String; empty if the effect was not measured.
    """
    own = [a for a in _answers(table()) if a.effect is effect]
    if not own:
        return ""
    regimes = dict.fromkeys(a.regime for a in own)
    said = (_at_lengths([a for a in own if a.regime == r]) for r in regimes)
    return f"{'; '.join(said)}. {_losses(own)}"


def _at_lengths(own: list[Answer]) -> str:
    """Says what one recipe shows at its lengths, and where bases are done."""
    lengths = ", ".join(
        f"{a.epochs} epochs {a.accuracy.in_points()} ({a.verdict.name})"
        for a in own
    )
    done = ", ".join(str(a.epochs) for a in own if a.trained_out)
    bases = f"trained out at {done or 'none'}"
    unknown = ", ".join(str(a.epochs) for a in own if a.trained_out is None)
    if unknown:
        bases += f" and not known at {unknown}"
    recipe = dose_text.recipe_name(own[0].regime)
    return f"{recipe} recipe: {lengths}, bases {bases}"


def verdict(effect: doses.Effect) -> str:
    """Says an effect at the longest training of each recipe, and how often.

    A training of too few splits for an interval of t is none of them.

    Args:
        effect: `Effect` of `analysis.dose_response`.

    Returns:
        String; empty if the effect was not measured.
    """
    own = [a for a in _answers(table()) if a.effect is effect]
    own = [a for a in own if a.accuracy.scope != THESE] or own
    if not own:
        return ""
    longest: dict[str, Answer] = {}
    for answer in sorted(own, key=lambda a: a.epochs):
        longest[answer.regime] = answer
    said = "; ".join(_at_longest(answer) for answer in longest.values())
    shorter = [a for a in own if a not in longest.values()]
    counts = Counter(a.verdict.name for a in shorter)
    named = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    rest = f". In {len(shorter)} shorter trainings: {named}" if named else ""
    return said + rest


def _at_longest(answer: Answer) -> str:
    recipe = dose_text.recipe_name(answer.regime)
    loss = ""
    if answer.effect is doses.CUT and answer.loss is not None:
        # Where it is seen, if anywhere.
        loss = f", training loss {answer.loss.in_words()} nats"
    return (
        f"{recipe} recipe, {answer.epochs} epochs: "
        f"{answer.accuracy.in_points()}: {answer.verdict.name}{loss} "
        f"({answer.bases})"
    )


def _losses(own: list[Answer]) -> str:
    span = rounded_ends([a.loss.mean for a in own], 2)
    below = sum(a.loss.high is not None and a.loss.high < 0 for a in own)
    above = sum(a.loss.low is not None and a.loss.low > 0 for a in own)
    return (
        f"Training loss {span} nats; of {len(own)} intervals {below} lie below "
        f"0, {above} above"
    )


def splits(effect: doses.Effect) -> str:
    """Says how many splits an effect is of, and whether of these only.

    Args:
        effect: `Effect` of `analysis.dose_response`.
    """
    counts = [
        a.accuracy.splits for a in _answers(table()) if a.effect is effect
    ]
    later = ", the later ones after a look" if max(counts) > len(_FIRST) else ""
    return f"{splits_in_words(counts)}{later}"


def networks() -> int:
    """Counts the committed networks."""
    return len(table().read_text().splitlines()) - 1


def findings() -> list[tuple[str, str, str]]:
    """Returns the README's rows of it, if its networks are committed."""
    if not is_published():
        return []
    claims = (
        ("Keeping the layers above a cut beats drawing them anew", doses.CUT),
        ("Having seen other classes adds to fine-tuning", doses.BOOST),
        ("The last layers are specific to their classes", doses.SPECIFICITY),
    )
    return [
        (
            f"{claim} ({_difference(effect)}; {splits(effect)})",
            verdict(effect),
            FOLDER,
        )
        for claim, effect in claims
        if verdict(effect)
    ]


def folders() -> list[tuple[str, str, str]]:
    """Returns its row in the table of published folders, if it is one."""
    if not is_published():
        return []
    said = (
        f"{_difference(effect)}, {splits(effect)}: {finding(effect)}"
        for effect in (doses.CUT, doses.BOOST, doses.SPECIFICITY)
        if finding(effect)
    )
    text = f"{networks()} networks, one seed. {'. '.join(said)}"
    return [(FOLDER, "; ".join(COMMANDS), text)]


def _difference(effect: doses.Effect) -> str:
    one = effect.comparison
    layers = " and ".join(map(str, dict.fromkeys((one.low, one.high))))
    return f"{one.first} - {one.second}, n = {layers}"


def summary() -> tuple[Path, str]:
    """Returns the path of the summary and its text."""
    words = "\n    ".join(f"python -m experiments.{c}" for c in COMMANDS)
    text = dose_text.text(table(), TITLE, words, _added())
    return table().with_name("summary.md"), text


def _added() -> list[str]:
    """Shows the splits that were added after a look apart from the first."""
    found = doses.read_doses(table())
    body = []
    for effect in doses.EFFECTS:
        for (regime, epochs), evidence in found.items():
            splits = {o.split for o in evidence.accuracies}
            first, added = (
                doses.of_splits(evidence, own).estimate(effect.comparison)
                for own in (_FIRST, splits.difference(_FIRST))
            )
            if first is not None and added is not None:
                row = [effect.name, dose_text.recipe_name(regime), str(epochs)]
                both = (first.in_points(2), added.in_points(2))
                body.append([*row, *both, str(added.splits)])
    if not body:
        return []
    header = ["effect", "recipe", "epochs", "splits 0 to 3", "added splits"]
    return [
        "## Splits that were added",
        "",
        "Splits 4 to 7 were trained after splits 0 to 3 had been seen: of the "
        "2014-like recipe at 12 epochs, where one more split was to decide, "
        "and of today's at 24, where bases were trained out by the first. "
        "That eight may be needed was said before any were trained; at which "
        "lengths was not, so a verdict above that rests on them was looked "
        "for twice. Each apart, in points:",
        "",
        *markdown.table([*header, "how many"], body),
        "",
    ]
