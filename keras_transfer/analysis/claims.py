"""The five interpretations of section 4.1, put to the networks of a study.

A claim is a row: its sentence, the comparisons that must all bear it out and
the rule. Margins are part of the row, so that they stand before the data.
"""

import dataclasses
from collections.abc import Iterable

from keras_transfer.analysis import contrasts, power, verdicts
from keras_transfer.analysis.comparisons import (
    TRAIN_LOSS,
    TWICE,
    Comparison,
    slope,
)
from keras_transfer.analysis.contrasts import THESE
from keras_transfer.analysis.evidence import Evidence, evidence_of
from keras_transfer.analysis.results import MARGIN, Claim, Row
from keras_transfer.specs.treatments import FINETUNED_SELFFER, SAME_STEPS

NOT_TRAINED_OUT = "bases not trained out"
NOTHING_LOST = "no loss to recover from"
AT_CHANCE = "a base network is hardly better than chance"
DOUBLING = verdicts.MARGIN  # what twice the epochs may still add
DOUBLINGS_IN_WORDS = "twice the epochs (without such bases, BnB+)"


@dataclasses.dataclass(frozen=True)
class ClaimRow:
    """A claim of the paper and how it is tested.

    Args:
        number: Integer.
        text: String, the claim in our words.
        comparisons: Tuple of `Comparison` that must all be present.
        rule: String, the same in words.
        beside: Tuple of `Comparison` printed beside, without a vote.
        converged: Boolean, whether it is about bases that are trained out.
        given: Integer or `None`, the claim without which it is empty.
    """

    number: int
    text: str
    comparisons: tuple[Comparison, ...]
    rule: str
    beside: tuple[Comparison, ...] = ()
    converged: bool = False
    given: int | None = None


CLAIMS = (
    ClaimRow(
        1,
        "A base network on half of the classes errs less than one on all "
        "of them.",
        (Comparison("base", "baseAll"),),
        "the two halves of a split averaged first; present above 0",
        beside=(Comparison("base", SAME_STEPS),),
    ),
    ClaimRow(
        2,
        "Frozen selffer networks lose accuracy when cut in the middle: "
        "neighbouring layers are co-adapted.",
        (Comparison("base", "BnB", 3, 6),),
        "present above 0, absent within 0.5 point",
        beside=(
            Comparison("base", "BnB", 4, 5),
            Comparison("BnB", "base", 3, 6, outcome=TRAIN_LOSS, margin=None),
        ),
        converged=True,
    ),
    ClaimRow(
        3,
        "Fine-tuning the copied layers recovers that loss.",
        (Comparison("BnB+", "BnB", 3, 6),),
        "only if there is a loss: present above 0, absent within 0.5 point",
        converged=True,
        given=2,
    ),
    ClaimRow(
        4,
        "Layers 1 and 2 transfer almost without loss; higher layers lose "
        "more and more to specificity.",
        (
            Comparison("AnB", "base", 1, 2, threshold=-MARGIN, margin=None),
            Comparison("BnB", "AnB", 6, 7),
            Comparison("BnB", "AnB", 1, 7, weigh=slope, margin=None),
        ),
        "present if the first lies above -1 point, the second and the slope "
        "over n above 0",
    ),
    ClaimRow(
        5,
        "Transferred and fine-tuned networks beat those trained on the "
        "target alone.",
        (Comparison("AnB+", "base"), Comparison("AnB+", "BnB+")),
        "present if both lie above 0, absent if one is within 0.5 point: the "
        "second sets training longer apart from having seen other classes",
        converged=True,
    ),
)


# What tells whether bases are trained out, the best first: one schedule of
# twice the epochs; else two schedules, both on the target.
_DOUBLINGS = (
    (Comparison(TWICE, "base"), "twice the epochs add {} to a base"),
    (
        Comparison(FINETUNED_SELFFER, "base"),
        "BnB+, which has had twice the epochs on the target, is {} from a base",
    ),
)


def trained_out(evidence: Evidence) -> tuple[bool | None, str]:
    """Says whether twice the epochs would still add to a base network.

    Where no base was trained for twice the epochs, fine-tuned selffers stand
    in: they have had as many on the same target, in two schedules.

    Args:
        evidence: `Evidence`.

    Returns:
        Tuple of a boolean, `None` if neither was trained, and of the same in
        words.
    """
    for comparison, words in _DOUBLINGS:
        gain = evidence.estimate(comparison)
        if gain is not None:
            return gain.mean <= DOUBLING, words.format(gain.in_points())
    return None, "not known whether the bases are trained out"


def judge_rows(rows: Iterable[Row]) -> list[Claim]:
    """Marks the five interpretations of section 4.1.

    Args:
        rows: Iterable of `Row`, of one recipe; bases of twice its epochs
            tell whether the others are trained out; see `trained_out`.

    Returns:
        List of five `Claim`; see `judge_claims`.
    """
    return judge_claims(evidence_of(rows))


def judge_claims(evidence: Evidence) -> list[Claim]:
    """Marks the five interpretations of section 4.1.

    Args:
        evidence: `Evidence`.

    Returns:
        List of five `Claim`. Their verdicts are those of `verdicts`, at 95 %
        for all claims together, or say why the question is empty: bases that
        are not trained out, or no loss to recover from.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section
          4.1.
    """
    parts = [[evidence.part(c) for c in row.comparisons] for row in CLAIMS]
    judged = verdicts.judge(parts)
    by_number = dict(zip((row.number for row in CLAIMS), judged, strict=True))
    return [_claim(evidence, row, by_number) for row in CLAIMS]


def _claim(evidence: Evidence, row: ClaimRow, by_number: dict) -> Claim:
    verdict = by_number[row.number]
    remarks = [row.rule]
    beside = tuple(c for c in row.beside if evidence.estimate(c) is not None)
    # Once, where those n that were trained make two of them the same.
    said = dict.fromkeys(map(evidence.describe, row.comparisons + beside))
    effect = "; ".join(said)
    estimates = map(evidence.estimate, row.comparisons)
    if THESE in {e.scope for e in estimates if e is not None}:
        remarks.append(f"the intervals are about {THESE}")
    done, gate = trained_out(evidence)
    if row.converged:
        remarks.append(gate)
    name = verdict.name
    if not evidence.above_chance():
        name, remarks = verdicts.UNDECIDED, [AT_CHANCE]
    elif row.converged and done is False:
        name = NOT_TRAINED_OUT
        remarks.append(f"with these epochs: {verdict.name}")
    elif row.given and by_number[row.given].name == verdicts.UNDECIDED:
        name = verdicts.UNDECIDED
        remarks.append("whether there is a loss is undecided, or not measured")
    elif row.given and by_number[row.given].name != verdicts.PRESENT:
        name = NOTHING_LOST
    elif verdict.remark:
        remarks.append(verdict.remark)
    return Claim(row.number, row.text, effect, name, "; ".join(remarks))


def plan_claims(
    splits: int,
    seeds: int,
    layers: Iterable[int],
    treatments: Iterable[str],
    test_images: int = power.TEST_IMAGES,
) -> list[str]:
    """Says which claims a planned study will be able to decide.

    Args:
        splits, seeds: Integers, how many.
        layers: Iterable of integers.
        treatments: Iterable of strings such as `"AnB+"`.
        test_images: Integer, of a half. Defaults to 5,000.

    Returns:
        List of strings, one for each comparison that can be made.
    """
    networks = power.planned_networks(splits, seeds, layers, treatments)
    cells = contrasts.Observations(networks).cells
    lines = []
    for row in CLAIMS:
        for comparison in row.comparisons:
            found = comparison.layers(cells)
            weights = comparison.weigh(comparison, found) if found else {}
            expected = power.expect(networks, weights, test_images)
            if expected is not None:
                name = f"{row.number}. {comparison.name(found)}"
                lines.append(expected.line(name, comparison.margin))
    return lines
