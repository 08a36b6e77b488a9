"""The ways to use a stage of a trained network, and their starting order."""

import dataclasses
import re

from keras_transfer.errors import UserError

RATE_DECAY = 0.7  # of `decayed`, from a stage to the one below it


@dataclasses.dataclass(frozen=True)
class Way:
    """One row of the table of ways.

    Args:
        name: String.
        title: String, for tables and figures.
        order: String, what to do, with `{up_to}` for the last frozen stage.
        above: String, what happens to the layers above the stage:
            `"dropped"`, `"kept"` (copied too) or `"redrawn"`.
        every_stage: Boolean, whether there is one for each stage; else
            nothing is frozen.
        from_nothing: Boolean, whether there is one of no stage as well.
            Defaults to `False`.
        probe_first: Boolean, whether the head starts as a linear probe
            instead of at random. Batch normalisation then keeps the moments
            that the probe was fitted with. Defaults to `False`.
        rate_decay: Float, factor of the learning rate from a stage to the one
            below it. Defaults to `1.0`.
    """

    name: str
    title: str
    order: str
    above: str
    every_stage: bool
    from_nothing: bool = False
    probe_first: bool = False
    rate_decay: float = 1.0

    @property
    def trained(self) -> bool:
        """Whether `fit` trains it; a linear head is solved for instead."""
        return self.above != "dropped"


WAYS = (
    Way(
        "truncated",
        "cut off, linear head",
        "Cut the network after {up_to}, freeze it and fit a linear head",
        "dropped",
        True,
        probe_first=True,
    ),
    Way(
        "kept",
        "frozen, layers above kept and trained",
        "Freeze up to {up_to} and train the rest",
        "kept",
        True,
    ),
    Way(
        "redrawn",
        "frozen, layers above drawn anew",
        "Freeze up to {up_to}, draw the layers above anew and train them",
        "redrawn",
        True,
        from_nothing=True,
    ),
    Way(
        "finetuned",
        "everything fine-tuned",
        "Freeze nothing and fine-tune everything",
        "kept",
        False,
    ),
    Way(
        "lp_ft",
        "linear head first, then everything fine-tuned",
        "Fit a linear head first, then fine-tune everything",
        "kept",
        False,
        probe_first=True,
    ),
    Way(
        "decayed",
        f"fine-tuned, rates fall by {RATE_DECAY:g} a stage",
        "Fine-tune everything, with a learning rate that falls by "
        f"{RATE_DECAY:g} from each stage to the one below",
        "kept",
        False,
        rate_decay=RATE_DECAY,
    ),
)
BY_NAME = {way.name: way for way in WAYS}
_NAME = re.compile(r"([a-z_]+)(?:@(\d+))?")


@dataclasses.dataclass(frozen=True)
class Choice:
    """A way and the stage that it freezes up to.

    Args:
        way: String, the name of a `Way`.
        stage: Integer, number of frozen stages. Defaults to `0`.
    """

    way: str
    stage: int = 0

    @property
    def row(self) -> Way:
        """The row of the table."""
        return BY_NAME[self.way]

    @property
    def name(self) -> str:
        """A short name such as `kept@6`, or `finetuned`."""
        return f"{self.way}@{self.stage}" if self.row.every_stage else self.way

    @classmethod
    def named(cls, name: str) -> "Choice":
        """Reads a name.

        Args:
            name: String, of `Choice.name`.

        Returns:
            `Choice`.

        Raises:
            UserError: If there is no such way.
        """
        found = _NAME.fullmatch(name)
        if found is None or found[1] not in BY_NAME:
            raise UserError(
                f"Expected a way among {', '.join(BY_NAME)}, with @STAGE for "
                f"one of a stage. Received: {name!r}."
            )
        return cls(found[1], int(found[2] or 0))

    def order(self, last_layers: list[str]) -> str:
        """Says what to do.

        Args:
            last_layers: List of strings, the last layer of every stage, the
                classifier's too.

        Returns:
            String, such as "Freeze up to `relu` (stage 1 of 2) and train the
            rest".
        """
        if self.row.every_stage and not self.stage:
            return "Copy nothing: draw the network anew and train all of it"
        up_to = ""
        if self.stage:
            layer = last_layers[self.stage - 1]
            up_to = f"`{layer}` (stage {self.stage} of {len(last_layers)})"
        return self.row.order.format(up_to=up_to)


FINE_TUNE = Choice("finetuned")
NOTHING = Choice("redrawn")


def rates_of(choice: Choice, rates: tuple[float, ...]) -> list[float]:
    """Puts learning rates in the order that a choice is to be tried at.

    What starts from a solution is to stay near it, so the lowest rate comes
    first; what starts with a head drawn at random has far to go.

    Args:
        choice: `Choice`.
        rates: Tuple of floats.
    """
    return sorted(rates, reverse=not choice.row.probe_first)


def network_of(choice: Choice) -> Choice:
    """Returns the choice whose network is built for this one.

    To draw layers anew instead of keeping them changes what a network starts
    from, not what it computes.

    Args:
        choice: `Choice`, one that is trained.
    """
    if choice.row.above != "redrawn":
        return choice
    return Choice("kept", choice.stage) if choice.stage else FINE_TUNE


def backbone(stages: int) -> Choice:
    """Returns the folk rule: freeze all but the classifier.

    Args:
        stages: Integer, stages of the network, its classifier included.
    """
    return Choice("truncated", stages - 1)


def choices(stages: int) -> list[Choice]:
    """Lists every way at every stage that it is possible at.

    Args:
        stages: Integer, stages of the network, its classifier included.

    Returns:
        List of `Choice`, in the order of `WAYS`.

    Raises:
        UserError: A network of a classifier alone.

    Example:
        >>> [choice.name for choice in choices(2)]
        ['truncated@1', 'redrawn@0', 'finetuned', 'lp_ft', 'decayed']
    """
    if stages < 2:
        raise UserError(
            "Expected a network with a stage before its classifier. Received: "
            f"{stages} stage. There is nothing to freeze."
        )
    found = []
    for way in WAYS:
        if not way.every_stage:
            found.append(Choice(way.name))
            continue
        # Above the last stage there is only the classifier, which is new.
        last = stages - 1 if way.above == "dropped" else stages - 2
        first = 0 if way.from_nothing else 1
        found += [Choice(way.name, n) for n in range(first, last + 1)]
    return found


def starting_order(
    wanted: list[Choice], accuracies: list[float]
) -> list[Choice]:
    """Puts the choices that are to be trained in order, best guess first.

    Fine-tuning everything comes first, since it lost least of all rules over
    settings of few images, then the middle stage, whose layers above are kept,
    then drawn anew, which is the same network. Fine-tuning from a linear head
    is next. The scores order the other stages: that of the best linear probe
    first, then by their distance from it, those below before those above.
    Rates that fall by stage and nothing copied come last.

    Args:
        wanted: List of `Choice`.
        accuracies: List of floats, of a linear probe on each stage before
            the classifier.

    Returns:
        List of `Choice`, without those that need no training.
    """
    best = 1 + max(range(len(accuracies)), key=accuracies.__getitem__)
    middle = (len(accuracies) + 1) // 2

    def place(choice: Choice):
        if choice == FINE_TUNE:
            return 0, 0, 0
        if choice.stage == middle:
            return 1, 0, 0
        if choice.row.probe_first:
            return 2, 0, 0
        if choice.stage:
            return 3, abs(choice.stage - best), choice.stage
        return 5 if choice == NOTHING else 4, 0, 0

    return sorted((c for c in wanted if c.row.trained), key=place)
