"""The treatments: one table, a row each, that every list and figure reads.

A new treatment is a row here and its test. Grids build networks from rows,
networks find their row by what was done to them, and reports draw, list and
compare what the rows say; nothing reads a notation back.
"""

from keras_transfer.errors import UserError
from keras_transfer.specs.origins import (
    ALL,
    Copied,
    Origin,
    Pretrained,
    Random,
)
from keras_transfer.specs.treatment_rows import (
    EVERY,
    MODEL,
    N_KEPT,
    NOTHING,
    OTHER,
    OWN,
    RANDOM,
    RECALIBRATED,
    Look,
    N,
    Question,
    Treatment,
)

TABLE = (
    Treatment(
        "base",
        "base{target}",
        NOTHING,
        "",
        "",
        "trained on the target alone",
        look=Look("o", "#222222", "#e8e8e6", False, "--", 0.0),
    ),
    Treatment(
        "baseAll",
        "baseAll",
        NOTHING,
        "",
        "",
        "trained on all classes",
        whole=True,
    ),
    Treatment(
        "BnB",
        "{base}{n}{target}",
        OWN,
        N,
        "n",
        "frozen selffer",
        look=Look("o", "#1f5fa8", "#6aa6e8", True, "-", -0.21),
        default=True,
        questions=(Question("base", "BnB", "co-adaptation loss"),),
    ),
    Treatment(
        "AnB",
        "{base}{n}{target}",
        OTHER,
        N,
        "n",
        "frozen transfer",
        look=Look("D", "#b03030", "#ee7b72", True, "-", 0.07),
        default=True,
        questions=(
            Question("BnB", "AnB", "specificity loss"),
            Question("AnB", "base"),
        ),
    ),
    Treatment(
        "BnB+",
        "{base}{n}{target}+",
        OWN,
        N,
        "",
        "fine-tuned selffer",
        look=Look("s", "#4d8fcb", "#a8cdf3", False, "--", -0.07),
        default=True,
        questions=(Question("BnB+", "base"),),
    ),
    Treatment(
        "AnB+",
        "{base}{n}{target}+",
        OTHER,
        N,
        "",
        "fine-tuned transfer",
        look=Look("^", "#cf6a45", "#f4b394", False, "-.", 0.21),
        default=True,
        questions=(Question("AnB+", "base"), Question("AnB+", "BnB+")),
    ),
    Treatment(
        "BnB-keep",
        "{base}{n}{target}-keep",
        OWN,
        EVERY,
        "n",
        "frozen selffer, all layers above copied too",
        look=Look("^", "#1d7a5f", "#62c9a8", True, ":", -0.33),
        questions=(
            Question("BnB-keep", "base"),
            Question("BnB-keep", "BnB"),
        ),
    ),
    Treatment(
        "AnB-keep",
        "{base}{n}{target}-keep",
        OTHER,
        EVERY,
        "n",
        "frozen transfer, all layers above copied too",
        look=Look("s", "#7a4a9c", "#c49be0", True, ":", 0.33),
        questions=(
            Question("AnB-keep", "base"),
            Question("AnB-keep", "AnB"),
            Question("BnB-keep", "AnB-keep"),
        ),
    ),
    Treatment(
        "BnB-recal",
        "{base}{n}{target}-recal",
        OWN,
        N,
        RECALIBRATED,
        "frozen selffer, moments of batch normalisation taken anew",
        look=Look("P", "#5b4a2f", "#cbb994", True, ":", -0.45),
        questions=(Question("BnB-recal", "BnB"),),
    ),
    Treatment(
        "AnB-recal",
        "{base}{n}{target}-recal",
        OTHER,
        N,
        RECALIBRATED,
        "frozen transfer, moments of batch normalisation of the target",
        look=Look("X", "#9a6a00", "#e6bf63", True, "-.", 0.45),
        questions=(
            Question("AnB-recal", "AnB"),
            Question("BnB-recal", "AnB-recal"),
        ),
    ),
    Treatment(
        "BnB, {kept} kept",
        "{base}{n}{target}-keep{kept}",
        OWN,
        N_KEPT,
        "n",
        "frozen selffer, some layers above copied too",
    ),
    Treatment(
        "AnB, {kept} kept",
        "{base}{n}{target}-keep{kept}",
        OTHER,
        N_KEPT,
        "n",
        "frozen transfer, some layers above copied too",
    ),
    Treatment(
        "random ({initialization})",
        "random{n}{target}-{initialization}",
        RANDOM,
        "",
        "n",
        "frozen at their random start",
    ),
    Treatment(
        "SnT",
        "S{n}T",
        MODEL,
        N,
        "n",
        "n stages copied and frozen, those above drawn anew",
        whole=True,
        look=Look("v", "#2a4f96", "#7fa8ea", True, "-", -0.14),
        questions=(Question("SnT", "baseAll"),),
    ),
    Treatment(
        "SnT+",
        "S{n}T+",
        MODEL,
        N,
        "",
        "n stages copied and fine-tuned, those above drawn anew",
        whole=True,
        look=Look("D", "#c8552f", "#f3a585", False, "-.", 0.02),
        questions=(Question("SnT+", "baseAll"), Question("SnT+", "SnT")),
    ),
    Treatment(
        "SnT-keep",
        "S{n}T-keep",
        MODEL,
        EVERY,
        "n",
        "n stages frozen, all above copied too and fine-tuned",
        whole=True,
        look=Look("v", "#2b7d4f", "#74d09c", False, ":", 0.14),
        questions=(
            Question("SnT-keep", "baseAll"),
            Question("SnT-keep", "SnT"),
        ),
    ),
)
_BY_KEY = {row.key: row for row in TABLE}

BASE = TABLE[0].notation
# A base trained for twice the epochs; only networks beside it tell.
TWICE = f"{BASE}, twice as long"
# Notations of section 4.1, and of all that its grid can be told to train.
TREATMENTS = tuple(row.notation for row in TABLE if row.default)
CHOICES = tuple(row.notation for row in TABLE if row.in_grid)
BASES = tuple(row.notation for row in TABLE if row.is_base)
FINETUNED = tuple(
    row.notation for row in TABLE if row.in_grid and not row.frozen
)
# Of section 4.1, those that freeze.
FROZEN = tuple(row.notation for row in TABLE if row.default and row.frozen)
TRANSFER = _BY_KEY[OTHER, N, "n", False].notation
SELFFER = _BY_KEY[OWN, N, "n", False].notation
FINETUNED_SELFFER = _BY_KEY[OWN, N, "", False].notation
FINETUNED_TRANSFER = _BY_KEY[OTHER, N, "", False].notation
RANDOM_LAYERS = _BY_KEY[RANDOM, "", "n", False].notation
QUESTIONS = tuple(question for row in TABLE for question in row.questions)
DRAWN = {row.notation: row for row in TABLE if row.look is not None}
# The base of those on all classes.
WHOLE_BASE = _BY_KEY[NOTHING, "", "", True].notation
# One on all classes for half the epochs: as many steps as one on a half.
SAME_STEPS = f"{WHOLE_BASE}, as many steps in all"
# Those whose stages come from a registered model.
FROM_MODEL = tuple(row.notation for row in TABLE if row.source == MODEL)
# What the legend of a figure says.
MEANINGS = {name: f"{name}: {row.meaning}" for name, row in DRAWN.items()}


def find_treatment(notation: str) -> Treatment:
    """Returns the row of a notation that stands for one treatment alone.

    Args:
        notation: String, such as `"AnB+"`.

    Returns:
        `Treatment`.

    Raises:
        UserError: If no row has it.
    """
    for row in TABLE:
        if row.notation == notation:
            return row
    raise UserError(
        f"Expected a treatment among {[row.notation for row in TABLE]}. "
        f"Received: {notation!r}."
    )


def treatment_of(origin: Origin, target: str) -> Treatment:
    """Returns the row of what was done to a network's first layers.

    Args:
        origin: `Scratch`, `Copied`, `Random` or `Pretrained`.
        target: String, a half or `"all"`.

    Returns:
        `Treatment`.
    """
    if isinstance(origin, Random):
        return _BY_KEY[RANDOM, "", "n", False]
    if not isinstance(origin, Copied | Pretrained):
        return _BY_KEY[NOTHING, "", "", target == "all"]
    copied = {None: N, ALL: EVERY}.get(origin.kept, N_KEPT)
    frozen = "n" if origin.mode == "frozen" else ""
    if isinstance(origin, Copied) and origin.moments is not None:
        frozen = RECALIBRATED
    if isinstance(origin, Pretrained):
        return _BY_KEY[MODEL, copied, frozen, True]
    source = OWN if origin.half == target else OTHER
    return _BY_KEY[source, copied, frozen, False]


def reading_order(treatment: Treatment) -> int:
    """Returns the place of a treatment in lists: that of its row.

    Args:
        treatment: `Treatment`, a row of `TABLE`.
    """
    return TABLE.index(treatment)
