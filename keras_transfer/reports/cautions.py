"""What a reader of a study's numbers must be warned of."""

from keras_transfer.analysis.chance import did_not_learn
from keras_transfer.analysis.contrasts import FEWEST_SPLITS, THESE
from keras_transfer.analysis.results import Row

ONE_SEED = (
    "one seed only: that a base network varies from run to run as much as the "
    "others do is taken for granted."
)


def cautions(rows: list[Row]) -> list[str]:
    """Returns what a reader of these numbers must be warned of.

    Args:
        rows: List of `Row`, of one data set and recipe.

    Returns:
        List of strings; empty if there is nothing.
    """
    splits = len({r.spec.division for r in rows if r.spec.target != "all"})
    texts = []
    if splits < FEWEST_SPLITS:
        plural = "" if splits == 1 else "s"
        texts.append(
            f"only {splits} split{plural}: intervals are about {THESE}. "
            f"{FEWEST_SPLITS} splits and more tell of others."
        )
    if len({row.spec.seed for row in rows}) == 1:
        texts.append(ONE_SEED)
    return texts + did_not_learn_text(rows) + absent_classes(rows)


def did_not_learn_text(rows: list[Row]) -> list[str]:
    """Says which networks did not learn.

    Args:
        rows: List of `Row`.

    Returns:
        List of one string; empty if all learned.
    """
    stuck = [row.spec.name for row in rows if did_not_learn(row)]
    if not stuck:
        return []
    return [
        f"{len(stuck)} networks did not learn at all (an optimisation "
        f"failure): {', '.join(stuck[:5])}."
    ]


def absent_classes(rows: list[Row]) -> list[str]:
    """Says which classes no accuracy tells of, for want of images.

    Args:
        rows: List of `Row`.

    Returns:
        List of strings, one for each half and part; empty if every class has
        validation and test images.
    """
    texts = {}
    for row in rows:
        # Absent from results that were filed before this was looked at.
        absent = row.result.classes_without_images
        for part, names in absent.items():
            if names:
                half = f"{row.spec.division}, classes of {row.spec.target}"
                texts[half, part] = (
                    f"{half}: {len(names)} of {len(row.result.classes)} "
                    f"have no {part} image ({', '.join(names[:3])}, ...): "
                    f"{part} accuracy is that of the others."
                )
    return list(texts.values())
