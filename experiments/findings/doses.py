"""The numbers of the dose-response, from its committed table."""

from functools import cache
from pathlib import Path

from experiments.findings.committed import PUBLISHED
from keras_transfer.analysis import dose_response as doses
from keras_transfer.analysis.dose_response import Answer
from keras_transfer.reports import dose_text

FOLDER = "dose-response"
COMMAND = "dose_response --dataset cifar100"
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
    """Says an effect at each dose that was measured, and the bases'.

    Args:
        effect: `Effect` of `analysis.dose_response`.
    """
    return "; ".join(
        f"{dose_text.recipe_name(a.regime)} recipe, {a.epochs} epochs: "
        f"{a.accuracy.in_points()}: {a.verdict.name}, training loss "
        f"{a.loss.in_words()} nats ({a.bases})"
        for a in _answers(table())
        if a.effect is effect
    )


def splits() -> str:
    """Says how many splits the effects are of."""
    counts = sorted({a.accuracy.splits for a in _answers(table())})
    span = " to ".join(dict.fromkeys(str(c) for c in (counts[0], counts[-1])))
    return f"{span} split{'' if span == '1' else 's'}"


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
    )
    return [
        (
            f"{claim} ({_difference(effect)}; {splits()})",
            finding(effect) or "not measured yet",
            FOLDER,
        )
        for claim, effect in claims
    ]


def folders() -> list[tuple[str, str, str]]:
    """Returns its row in the table of published folders, if it is one."""
    if not is_published():
        return []
    said = (
        f"{_difference(effect)}: {finding(effect) or 'not measured yet'}"
        for effect in (doses.CUT, doses.BOOST)
    )
    text = f"{networks()} networks, {splits()}, one seed. {'. '.join(said)}"
    return [(FOLDER, COMMAND, text)]


def _difference(effect: doses.Effect) -> str:
    one = effect.comparison
    layers = " and ".join(map(str, dict.fromkeys((one.low, one.high))))
    return f"{one.first} - {one.second}, n = {layers}"


def summary() -> tuple[Path, str]:
    """Returns the path of the summary and its text."""
    text = dose_text.text(table(), TITLE, f"python -m experiments.{COMMAND}")
    return table().with_name("summary.md"), text
