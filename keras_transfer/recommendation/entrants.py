"""Who takes part in a race, what each step gave, and where it stands."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A candidate of the race.

    Args:
        name: String.
        seconds: Float, expected seconds an epoch.
        start: Float, expected seconds of every step of it beside its epochs,
            for telling its accuracy. Defaults to `0.0`.
        network: String, of those that are built once for all of them.
            Defaults to `""`.
        build: Float, expected seconds until that network is built. Defaults
            to `0.0`.
    """

    name: str
    seconds: float
    start: float = 0.0
    network: str = ""
    build: float = 0.0

    def cost(self, epochs: int) -> float:
        """Returns the seconds of one step, its network being built.

        Args:
            epochs: Integer, that it trains for.
        """
        return self.start + self.seconds * epochs

    def whole_cost(self, epochs: int) -> float:
        """Returns the seconds of one step, building its network first.

        Args:
            epochs: Integer, that it trains for.
        """
        return self.build + self.cost(epochs)


@dataclasses.dataclass(frozen=True)
class Result:
    """What one step of training gave.

    Args:
        name: String, of the entrant.
        epochs: Integer, that it was trained for.
        accuracy: Float, on validation images; `nan` if training failed.
        seconds: Float, that this step took.
        build: Float, that building its network took before, 0 if that was
            there. Defaults to `0.0`.
    """

    name: str
    epochs: int
    accuracy: float
    seconds: float
    build: float = 0.0


@dataclasses.dataclass(frozen=True)
class Step:
    """What to train next: an entrant, from its start, for some epochs.

    Args:
        name: String, of the entrant.
        epochs: Integer, over which its learning rate falls to zero.
    """

    name: str
    epochs: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """Where the race stands.

    Args:
        steps: Tuple of `Step`, what is left of this rung; empty when the
            race is over.
        rung: Integer, from 0.
        rungs: Tuple of integers, epochs of a training of each rung.
        ranking: Tuple of strings, every entrant with a result: those that
            got furthest first, then by accuracy.
        left_out: Tuple of strings, never begun for want of budget.
        seconds_left: Float, of the budget.
        results: Tuple of `Result`, those that the race is made of.
    """

    steps: tuple[Step, ...]
    rung: int
    rungs: tuple[int, ...]
    ranking: tuple[str, ...]
    left_out: tuple[str, ...]
    seconds_left: float
    results: tuple[Result, ...]
