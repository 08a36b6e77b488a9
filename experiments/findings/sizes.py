"""The numbers of claim 1 and of kinds of equal size, from their tables."""

from functools import cache

from experiments.findings.committed import PUBLISHED, committed_rows
from keras_transfer.analysis import results, verdicts
from keras_transfer.analysis.comparisons import Comparison
from keras_transfer.analysis.evidence import Evidence, evidence_of
from keras_transfer.analysis.results import Claim, Row
from keras_transfer.analysis.rounding import rounded
from keras_transfer.reports import all_classes, distance, distance_claims
from keras_transfer.specs.treatments import BASE, SAME_STEPS, WHOLE_BASE

ALL, BALANCED = "cifar100-all-classes", "cifar100-dissimilar-balanced"
# Today's recipe at width 16, as `dose_response` trains it.
RECIPE = {
    "preset": "default",
    "width": 16,
    "images_per_class": 100,
    "learning_rate": 0.46,
    "epochs": 12,
}
KINDS = RECIPE | {"classes_per_half": 30, "balanced": True}
_FLAGS = (
    "--dataset cifar100 --width 16 --images-per-class 100 --learning-rate "
    "0.46 --epochs 12"
)


@cache
def all_rows() -> list[Row]:
    """Bases on halves and on all classes."""
    return committed_rows(ALL, **RECIPE)


@cache
def balanced_rows() -> list[Row]:
    """Kinds of 30 classes, and random halves of as many."""
    return committed_rows(BALANCED, **KINDS)


@cache
def _whole() -> Evidence:
    return evidence_of(all_rows())


def halves_less_all(whole: str) -> str:
    """Says how much more accurate halves are, and the verdict on it.

    Args:
        whole: String, `WHOLE_BASE` or `SAME_STEPS`.
    """
    names = (WHOLE_BASE, SAME_STEPS)
    parts = {name: _whole().part(Comparison(BASE, name)) for name in names}
    judged = verdicts.judge([[part] for part in parts.values()])
    verdict = judged[names.index(whole)].name
    return f"{parts[whole].estimate.in_points()}: {verdict}"


def accuracy(treatment: str) -> str:
    """Says the mean accuracy of base networks, in percent.

    Args:
        treatment: String, of a base.
    """
    found = [o.value for o in _whole().accuracies if o.treatment == treatment]
    return rounded(100 * sum(found) / len(found), signed=False)


@cache
def _judged() -> tuple[Claim, Claim]:
    loss, specificity = distance_claims.claims(balanced_rows())
    return loss, specificity


def further(place: int) -> str:
    """Says how much more kinds lose than random halves, and the verdict.

    Args:
        place: Integer, 0 for all that freezing loses, 1 for BnB - AnB.
    """
    claim = _judged()[place]
    return f"{claim.effect.rpartition(': ')[2]}: {claim.verdict}"


def _seeds(rows: list[Row], kinds: bool) -> int:
    return len({r.spec.seed for r in rows if bool(r.spec.data.halves) == kinds})


def _splits(rows: list[Row]) -> int:
    halves = (r for r in rows if r.spec.data.halves is None)
    return len({r.spec.data.split for r in halves if r.spec.target != "all"})


def kinds_seeds() -> int:
    """Counts the seeds of the division by kind."""
    return _seeds(balanced_rows(), True)


def is_published(folder: str) -> bool:
    """Returns whether the networks of a study are committed.

    Args:
        folder: String, `ALL` or `BALANCED`.
    """
    return (PUBLISHED / folder / "results.csv").is_file()


def halves() -> list[tuple[str, str, str]]:
    """Returns the README's row of claim 1, if its networks are committed."""
    if not is_published(ALL):
        return []
    rows = all_rows()
    return [
        (
            "A network on half of the classes errs less than one on all of "
            f"them (halves - all classes; {_splits(rows)} splits, "
            f"{_seeds(rows, False)} seeds, bases of 12 epochs)",
            f"as many epochs: {halves_less_all(WHOLE_BASE)}; as many steps in "
            f"all, half the epochs: {halves_less_all(SAME_STEPS)}",
            ALL,
        )
    ]


def kinds() -> list[tuple[str, str, str]]:
    """Returns the README's row of kinds, if its networks are committed."""
    if not is_published(BALANCED):
        return []
    return [
        (
            "Freezing loses more between natural and man-made classes than "
            "between random halves, 30 classes a side, as many images and "
            "steps (mean of n = 5 and 7)",
            f"{further(0)}; of that, specificity (BnB - AnB) {further(1)}. "
            f"One division by kind, {kinds_seeds()} seeds, about it only; "
            f"{_splits(balanced_rows())} splits of random halves",
            BALANCED,
        )
    ]


def folders() -> list[tuple[str, str, str]]:
    """Returns the rows of `logs/README.md`, of what is committed."""
    found = ((ALL, _all_folder), (BALANCED, _balanced_folder))
    return [row() for folder, row in found if is_published(folder)]


def _all_folder() -> tuple[str, str, str]:
    rows = all_rows()
    return (
        ALL,
        f"all_classes {_FLAGS} --splits 0 1 2 3 --seeds 0 1 2 --same-steps",
        f"{len(rows)} networks, {_splits(rows)} splits, {_seeds(rows, False)} "
        f"seeds, 100 images a class. Halves reach {accuracy(BASE)} % of 50 "
        f"classes; all 100 classes, as many epochs {accuracy(WHOLE_BASE)} %, "
        f"as many steps {accuracy(SAME_STEPS)} %. Halves - all: "
        f"{halves_less_all(WHOLE_BASE)}, and {halves_less_all(SAME_STEPS)}. "
        "None is trained out, those of half the epochs least. Both halves of "
        "a split are averaged first; Welch's interval over splits and seeds",
    )


def _balanced_folder() -> tuple[str, str, str]:
    rows = balanced_rows()
    layers = " ".join(map(str, results.layers_of(rows)))
    return (
        BALANCED,
        f"dissimilar_datasets {_FLAGS} --balanced --seeds 0 1 --layers "
        f"{layers} --treatments BnB AnB",
        f"{len(rows)} networks: one division into 30 man-made and 30 natural "
        f"classes, {kinds_seeds()} seeds, beside {_splits(rows)} splits of "
        "random halves of 30 classes (`similar_datasets --classes-per-half "
        "30`), all with 3,000 images and 276 steps a side. Loss beyond random "
        f"halves, n = 5 and 7: {further(0)}; specificity alone: "
        f"{further(1)}. The natural classes are one draw of 30 of 70; the "
        "interval is about this division only",
    )


def summaries() -> list[tuple[str, str]]:
    """Returns the summaries: the path below `logs/published`, and the text."""
    commands = {folder: command for folder, command, _ in folders()}
    made = (
        (
            ALL,
            all_classes.REPORT.text,
            "All classes of cifar100 against halves",
            all_rows,
        ),
        (
            BALANCED,
            distance.distance_report().text,
            "Dissimilar data sets: man-made and natural cifar100",
            balanced_rows,
        ),
    )
    return [
        (
            f"{folder}/summary.md",
            write(rows(), title, f"python -m experiments.{commands[folder]}"),
        )
        for folder, write, title, rows in made
        if folder in commands
    ]
