"""What speaks for copying beside training: weights, and probes of stages."""

import dataclasses

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.recommendation.copying import LEVEL, compare_with_fresh


@dataclasses.dataclass(frozen=True)
class StageGain:
    """What a linear probe of one stage gains by the model's own weights.

    Args:
        stage: Integer, from 1.
        copied, fresh: Floats, mean accuracies of the probe with the model's
            weights and with weights drawn anew.
        mean, low, high: Floats, the difference and its interval, 95 % of all
            stages at once.
    """

    stage: int
    copied: float
    fresh: float
    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class ProbeGains:
    """What linear probes gain by the model's own weights, stage by stage.

    Args:
        stages: Tuple of `StageGain`.
        draws: Integer, networks drawn anew.
        images: Integer, that the probes were told on.
    """

    stages: tuple[StageGain, ...]
    draws: int
    images: int

    @property
    def helps(self) -> bool:
        """Whether the interval of a stage lies above zero."""
        return any(stage.low > 0 for stage in self.stages)

    @property
    def largest(self) -> StageGain:
        """The stage whose probe gains most: surely, if any does."""
        if self.helps:
            return max(self.stages, key=lambda stage: stage.low)
        return max(self.stages, key=lambda stage: stage.mean)


@dataclasses.dataclass(frozen=True)
class Beside:
    """All that is known of copying beside trained networks.

    Args:
        untrained: Boolean, whether no weight is shown to differ from what its
            layer draws before training; `None` if that cannot be told.
        tensors: Integer, that were compared.
        gains: `ProbeGains`, or `None` if no network was drawn to be probed.
    """

    untrained: bool | None = None
    tensors: int = 0
    gains: ProbeGains | None = None

    @property
    def nothing(self) -> bool:
        """Whether copying is drawing, and probes do not deny it.

        Weights that are a draw of their layers' initialisers are worth what
        any other draw is, in the mean over draws. Accuracies alone cannot
        show that: a few hundred images leave several points open.
        """
        denied = self.gains is not None and self.gains.helps
        return bool(self.untrained) and not denied


NO_EVIDENCE = Beside()


def compare_probes(stages: list[int], copied, fresh) -> ProbeGains:
    """Compares probes of a network's stages with those of networks drawn anew.

    At each stage, paired by images: the spread over images, and that of one
    more draw beside those drawn (`compare_with_fresh`), at a level that is
    divided among the stages (Bonferroni).

    Args:
        stages: List of integers.
        copied: Boolean array `(stages, images)`, correctness of the probes of
            the model.
        fresh: Boolean array `(draws, stages, images)`, of those drawn anew, 2
            draws or more.

    Returns:
        `ProbeGains`.

    Raises:
        UserError: If shapes do not fit, or there is one draw alone.
    """
    copied, fresh = np.asarray(copied, float), np.asarray(fresh, float)
    if (
        len(fresh) < 2
        or fresh.shape[1:] != copied.shape
        or len(copied) != len(stages)
    ):
        raise UserError(
            "Expected `copied` of shape (stages, images), and `fresh` of 2 "
            f"draws or more of it, for {len(stages)} stages. Received: shapes "
            f"{copied.shape} and {fresh.shape}."
        )
    level = 1 - (1 - LEVEL) / len(stages)
    found = []
    for place, stage in enumerate(stages):
        one = compare_with_fresh(copied[[place]], fresh[:, place], level=level)
        found.append(
            StageGain(stage, one.copied, one.fresh, one.mean, one.low, one.high)
        )
    return ProbeGains(tuple(found), len(fresh), copied.shape[1])
