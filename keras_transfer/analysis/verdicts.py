"""Verdicts of four kinds, with the number of tests paid for.

An effect is *present* if its interval lies above zero, *reversed* if it lies
below, *absent* if two one-sided tests put it within a margin of zero that was
fixed before looking, and else *undecided*.
"""

import dataclasses
from collections.abc import Sequence

from keras_transfer.analysis import power
from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    LEVEL,
    OTHERS,
    ModelEstimate,
)

PRESENT, ABSENT = "present", "absent"
REVERSED, UNDECIDED = "reversed", "undecided"
MARGIN = 0.005  # half a point of accuracy
TOGETHER = "at 95 % for all of them together (Holm's correction)"
MOST_SPLITS = 60  # where counting splits to come ends
_ALPHA = 1 - LEVEL


@dataclasses.dataclass(frozen=True)
class Part:
    """One effect that a claim is about.

    Args:
        estimate: `ModelEstimate` or `None`, if it was not measured.
        threshold: Float, what the claim says it exceeds. Defaults to `0.0`.
        margin: Float or `None`, within which of the threshold it counts as
            absent; `None` if it cannot be. Defaults to half a point.
    """

    estimate: ModelEstimate | None
    threshold: float = 0.0
    margin: float | None = MARGIN

    def p_values(self) -> dict[str, float]:
        """Returns the p value of each verdict but `UNDECIDED`.

        Of *present* and *reversed* it is the two-sided one of the difference
        from the threshold, 1 on the other side; of *absent* the larger of
        the two one-sided tests'. The hypotheses rejected by the first two
        and by the last cannot both be true, so nothing is paid for testing
        both.

        Reference:
            - [Schuirmann, 1987](https://doi.org/10.1007/BF01068419).
        """
        if self.estimate is None or self.estimate.low is None:
            return dict.fromkeys((PRESENT, REVERSED, ABSENT), 1.0)
        above = _p_above(self.estimate, self.threshold)
        absent = 1.0
        if self.margin is not None:
            absent = max(
                _p_above(self.estimate, self.threshold - self.margin),
                1 - _p_above(self.estimate, self.threshold + self.margin),
            )
        return {
            PRESENT: min(1.0, 2 * above),
            REVERSED: min(1.0, 2 * (1 - above)),
            ABSENT: absent,
        }


def _p_above(estimate: ModelEstimate, bound: float) -> float:
    """Returns the one-sided p value of lying above a bound."""
    from scipy import special

    distance = estimate.mean - bound
    if not estimate.error:
        return 0.5 if not distance else float(distance < 0)
    return float(special.stdtr(estimate.df, -distance / estimate.error))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the data say of a claim.

    Args:
        name: String, `PRESENT`, `ABSENT`, `REVERSED` or `UNDECIDED`.
        p: Float, the p value behind it, corrected for the number of claims.
        small: Boolean, whether it is present but shown to be within the
            margin all the same.
        more_splits: Integer or `None`, of an undecided one: how many more
            splits would decide; `MOST_SPLITS` for so many and more.
    """

    name: str
    p: float
    small: bool = False
    more_splits: int | None = None

    @property
    def remark(self) -> str:
        """What to add to its name; empty if nothing."""
        if self.small:
            return "though shown to be within the margin of no effect"
        if self.more_splits is None:
            return ""
        if self.more_splits >= MOST_SPLITS:
            return f"{MOST_SPLITS} or more further splits would decide"
        plural = "" if self.more_splits == 1 else "s"
        return f"{self.more_splits} more split{plural} would decide"


def combine(parts: Sequence[Part]) -> dict[str, float]:
    """Returns the p values of a claim that all of its parts must bear out.

    It is present if every part is, so its p value is the largest. Any part
    can refute it, so the smallest counts, times the number of parts.

    Args:
        parts: Sequence of `Part`.

    Returns:
        Dict from `PRESENT`, `REVERSED` and `ABSENT` to the p value; 1 for all
        of them without a part.
    """
    found = [part.p_values() for part in parts]
    if not found:
        return dict.fromkeys((PRESENT, REVERSED, ABSENT), 1.0)
    every = {PRESENT: max(p[PRESENT] for p in found)}
    return every | {
        name: min(1.0, len(found) * min(p[name] for p in found))
        for name in (REVERSED, ABSENT)
    }


def holm(values: Sequence[float]) -> list[float]:
    """Corrects p values for their number; `nan` is left out.

    Args:
        values: Sequence of floats.

    Returns:
        List of corrected p values, in the same order.

    Reference:
        - [Holm, 1979](https://www.jstor.org/stable/4615733).
    """
    tested = sorted((v, place) for place, v in enumerate(values) if v == v)
    corrected, largest = list(values), 0.0
    for rank, (value, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * value))
        corrected[place] = largest
    return corrected


def judge(claims: Sequence[Sequence[Part]]) -> list[Verdict]:
    """Judges the claims of a study together, at 95 % for all of them.

    Args:
        claims: Sequence of sequences of `Part`; all parts of one must hold.
            Claims of which a part was not measured are not counted.

    Returns:
        List of `Verdict`.
    """
    values = [combine(parts) for parts in claims]
    tested = [
        min(p.values()) if all(map(_measured, parts)) else float("nan")
        for parts, p in zip(claims, values, strict=True)
    ]
    verdicts = []
    for parts, found, raw, p in zip(
        claims, values, tested, holm(tested), strict=True
    ):
        if raw != raw:
            verdicts.append(Verdict(UNDECIDED, 1.0))
            continue
        factor = p / raw if raw else 1.0
        verdicts.append(_decide(parts, found, p, factor))
    return verdicts


def judge_one(part: Part) -> Verdict:
    """Judges a single effect, by itself.

    Args:
        part: `Part`.

    Returns:
        `Verdict`, which pays for no other test.
    """
    return judge([[part]])[0]


def _measured(part: Part) -> bool:
    return part.estimate is not None and part.estimate.low is not None


def _decide(parts, found: dict, p: float, factor: float) -> Verdict:
    for name in (PRESENT, REVERSED, ABSENT):
        corrected = min(1.0, factor * found[name])
        if corrected <= _ALPHA:
            small = name == PRESENT and factor * found[ABSENT] <= _ALPHA
            return Verdict(name, corrected, small)
    needed = [more_splits(part, factor) for part in parts]
    return Verdict(UNDECIDED, p, more_splits=max(needed))


def more_splits(part: Part, factor: float = 1.0) -> int:
    """Counts the splits to add until an effect is decided.

    The estimate is taken as it stands and its variance as falling with the
    number of splits. What is asked for is an interval about other halves than
    these: three splits at least, and by the rule of `primary` Student's t over
    them. An interval about the halves at hand has nothing of the variance
    between splits in it; that of committed results is added.

    Args:
        part: `Part`, with an interval.
        factor: Float, by which p values are multiplied for the number of
            claims. Defaults to `1.0`.

    Returns:
        Integer; 0 if it is decided, `MOST_SPLITS` at most.
    """
    if min(part.p_values().values()) * factor <= _ALPHA:
        return 0
    least = max(1, FEWEST_SPLITS - part.estimate.splits)
    for more in range(least, MOST_SPLITS):
        grown = _grown(part.estimate, more)
        values = dataclasses.replace(part, estimate=grown).p_values()
        if min(values.values()) * factor <= _ALPHA:
            return more
    return MOST_SPLITS


def _grown(estimate: ModelEstimate, more: int) -> ModelEstimate:
    """Returns an estimate as it would be with more splits like its own."""
    splits = estimate.splits + more
    variance = estimate.error**2 * estimate.splits
    if estimate.scope != OTHERS:
        # A difference of two treatments, of which halves are averaged.
        variance += 2 * power.COMPONENTS["split x treatment"] ** 2
        variance += power.COMPONENTS["half x treatment"] ** 2
    error = (variance / splits) ** 0.5
    return dataclasses.replace(estimate, error=error, df=splits - 1)
