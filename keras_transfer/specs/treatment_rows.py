"""What a row of the table of treatments says."""

import dataclasses

from keras_transfer.specs.origins import (
    ABOVE,
    ALL,
    HALVES,
    OF_TARGET,
    PRETRAINED,
)

# Where the first layers come from.
NOTHING, OWN, OTHER, RANDOM = "nothing", "own half", "other half", "random"
MODEL = "pretrained model"
# How many layers are copied; the first n of them may be frozen.
N, N_KEPT, EVERY = "n", "n + kept", "all"
RECALIBRATED = "n, moments anew"


@dataclasses.dataclass(frozen=True)
class Look:
    """How a treatment is drawn, so that figures are legible in grey.

    Args:
        marker: String, Matplotlib's name of it.
        colour: String, on white.
        dark: String, colour on a dark page.
        filled: Boolean, whether markers are.
        line: String, Matplotlib's name of the dash.
        shift: Float, how far from n it stands, so that none hides another.
    """

    marker: str
    colour: str
    dark: str
    filled: bool
    line: str
    shift: float


@dataclasses.dataclass(frozen=True)
class Question:
    """A difference of two treatments that tables list.

    Args:
        first, second: Strings, notations; the second is subtracted.
        loss: String, what the difference is called, or empty. Differences
            that have a name are drawn in the figure of losses.
    """

    first: str
    second: str
    loss: str = ""

    def __str__(self) -> str:
        difference = f"{self.first} - {self.second}"
        return f"{self.loss} ({difference})" if self.loss else difference


@dataclasses.dataclass(frozen=True)
class Treatment:
    """What is done to the first layers of a network, in both directions.

    Args:
        notation: String, the paper's, such as `"AnB+"`; a name in braces
            stands for a setting of the network.
        label: String, a network's notation, such as `"{base}{n}{target}+"`.
        source: String, where the first layers come from: `"nothing"`,
            `"own half"`, `"other half"`, `"random"` or `"pretrained
            model"`.
        copied: String, how many are copied: `"n"`, `"n + kept"`, `"all"`
            below the last, or empty.
        frozen: String, how many are frozen: `"n"`, or empty; `"n, moments
            anew"` if their batch normalisation takes the target's moments.
        meaning: String, the treatment in a few words.
        whole: Boolean, whether the target is all classes.
        look: `Look`, or `None` if figure 2 leaves it out.
        default: Boolean, whether section 4.1 has it.
        questions: Tuple of `Question` that its networks answer.
    """

    notation: str
    label: str
    source: str
    copied: str
    frozen: str
    meaning: str
    whole: bool = False
    look: Look | None = None
    default: bool = False
    questions: tuple[Question, ...] = ()

    @property
    def is_base(self) -> bool:
        """Whether its networks are trained from scratch."""
        return self.source == NOTHING

    @property
    def in_grid(self) -> bool:
        """Whether target and n are all that its networks differ in."""
        return self.source in (OWN, OTHER) and self.copied != N_KEPT

    @property
    def key(self) -> tuple:
        """What tells it from every other row."""
        return self.source, self.copied, self.frozen, self.whole

    @property
    def css(self) -> str:
        """Its name in style sheets."""
        return self.notation.replace("+", "p")

    def has(self, n: int, top: int = ABOVE) -> bool:
        """Says whether there are networks of an `n`.

        Args:
            n: Integer, 1 to `top`; all above is nothing at the top.
            top: Integer, layers or stages below the last. Defaults to `7`.
        """
        return self.copied != EVERY or n < top

    def settings(self, target: str, n: int, kept: int | None = None) -> dict:
        """Returns the fields that set a network apart from its own base.

        Args:
            target: String, its half.
            n: Integer, 1 to 7.
            kept: Integer or `None`, copied layers above, where the treatment
                has any number of them.

        Returns:
            Dict of fields of `NetworkSpec`.
        """
        if self.source == MODEL:
            base = PRETRAINED
        elif self.source == OWN:
            base = target
        else:
            base = HALVES[1 - HALVES.index(target)]
        return {
            "base": base,
            "n": n,
            "mode": "frozen" if self.frozen else "finetuned",
            "preserved": ALL if self.copied == EVERY else kept,
            "moments": OF_TARGET if self.frozen == RECALIBRATED else None,
        }
