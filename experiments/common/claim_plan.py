"""What a study will be able to say, printed before it is trained."""

from experiments.common.effect_plan import half_images
from keras_transfer.analysis import claims, power
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import HALVES
from keras_transfer.specs.treatments import BASE, TREATMENTS
from keras_transfer.studies.dataset_facts import DatasetFacts


def expected_claims(
    specs: list[NetworkSpec], facts: DatasetFacts | None
) -> list[str]:
    """Says how wide the intervals of the claims of section 4.1 will be.

    Args:
        specs: List of `NetworkSpec` of the study.
        facts: `DatasetFacts`, or `None` if they are not known.

    Returns:
        List of strings: a head, one for each comparison that can be made,
        and what else must hold; empty if the networks are not those of random
        halves.
    """
    asked = [s for s in specs if s.treatment in (BASE, *TREATMENTS)]
    copied = [spec for spec in asked if spec.base is not None]
    if not copied or not all(map(_is_of_random_halves, asked)):
        return []
    lines = claims.plan_claims(
        len({spec.data.split for spec in specs}),
        len({spec.seed for spec in specs}),
        sorted({spec.n for spec in copied}),
        [t for t in TREATMENTS if t in {spec.treatment for spec in copied}],
        half_images(facts, specs) or power.TEST_IMAGES,
    )
    if not lines:
        return []
    head = f"What {len(specs)} networks can tell of claims 2 to 5, at 95 %"
    gated = ", ".join(str(row.number) for row in claims.CLAIMS if row.converged)
    gate = (
        "Each line is by itself; Holm's correction for all claims asks for "
        f"more. Claims {gated} are judged of bases that are trained out alone: "
        f"{claims.DOUBLINGS_IN_WORDS} may add {100 * claims.DOUBLING:.1f} "
        "points at most, by the estimate."
    )
    return [f"{head} ({power.SOURCE}):", *lines, gate]


def _is_of_random_halves(spec: NetworkSpec) -> bool:
    whole = spec.target_images is None and spec.target in HALVES
    return whole and spec.data.halves is None
