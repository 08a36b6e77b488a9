"""The one sentence that a recommendation ends with."""

from keras_transfer.recommendation.copying import Copying
from keras_transfer.recommendation.decision import (
    MOST_IMAGES,
    Recommendation,
    points,
)
from keras_transfer.recommendation.told import Told
from keras_transfer.recommendation.ways import FINE_TUNE, Choice, backbone


def final_sentence(
    found: Recommendation,
    told: Told,
    accuracies: dict[str, float],
    copying: Copying | None,
    last_layers: list[str],
    cost_share: float | None,
) -> str:
    """Says what to do, how good it is, and at what price.

    Args:
        found: `Recommendation`.
        told: `Told`, on test images.
        accuracies: Dict from a name to its mean test accuracy: the chosen
            one, fine-tuning everything and the frozen backbone, as far as
            they were trained.
        copying: `Copying`, or `None` where nothing is copied.
        last_layers: List of strings, the last layer of every stage.
        cost_share: Float, seconds of training over those of fine-tuning
            everything; `None` if that was not trained.

    Returns:
        String, one sentence.
    """
    choice = Choice.named(found.chosen)
    order = choice.order(last_layers)
    parts = [
        f"{order}: {100 * told.accuracy:.1f} % {points(told.low, told.high)} "
        "on test"
    ]
    rule = backbone(len(last_layers))
    rules = []
    if FINE_TUNE.name in accuracies and choice != FINE_TUNE:
        rules.append(
            f"fine-tuning everything {100 * accuracies[FINE_TUNE.name]:.1f} %"
        )
    if rule.name in accuracies and choice != rule:
        frozen = f"{100 * accuracies[rule.name]:.1f} %"
        rules.append(f"the rule 'freeze the backbone' {frozen}")
    if rules:
        parts.append(", ".join(rules))
    if cost_share is not None and choice != FINE_TUNE:
        parts.append(
            f"training costs {_percent(cost_share)} of fine-tuning everything"
        )
    if FINE_TUNE.name not in accuracies:
        parts.append(
            "fine-tuning everything, which may be better, was not trained to "
            "the end"
        )
    if not found.can_tell:
        parts.append(_open(found))
    text = "; ".join(parts)
    if copying is None:
        help_text = _nothing_copied(found)
        useless = found.loss.high <= found.tolerance
        lead = text
    else:
        help_text = copying_text(copying, found.tolerance)
        useless = copying.useless(found.tolerance)
        lead = f"If you use it all the same: {_lower(text)}"
    if useless:
        return f"{help_text}. {lead}."
    return f"{text}; {_lower(help_text)}."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


def _open(found: Recommendation) -> str:
    text = f"{found.images} validation images cannot tell whether that is best"
    if found.images_needed is not None:
        return f"{text}, about {found.images_needed:,} would"
    if found.seeds_needed is not None:
        return f"{text}, about {found.seeds_needed:,} seeds would"
    return (
        f"{text}, and as more than {MOST_IMAGES:,} would be needed, images "
        "cannot decide it at this tolerance"
    )


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _nothing_copied(found: Recommendation) -> str:
    """Says whether copying would help, where the choice copies nothing.

    What the choice may lose against the truly best candidate is the most that
    copying may gain.
    """
    most = f"{100 * found.loss.high:.1f} points"
    if found.loss.high <= found.tolerance:
        return (
            "Copying does not help: the network trained from nothing loses at "
            f"most {most} against the best"
        )
    return (
        "These validation images cannot tell whether copying helps: the best "
        f"may be up to {most} above the network trained from nothing"
    )


def copying_text(copying: Copying, tolerance: float) -> str:
    """Says whether copying helps, or that the draws cannot tell.

    Args:
        copying: `Copying`.
        tolerance: Float, a gain that does not count, as a share.

    Returns:
        String, without a full stop.
    """
    against = (
        f"the same network with weights drawn anew reaches "
        f"{100 * copying.fresh:.1f} %"
    )
    gap = f"{100 * copying.mean:+.1f} points"
    if copying.sized:
        gap += f" {points(copying.low, copying.high)}"
    drawn = f"{copying.draws} network{'s' * (copying.draws > 1)} drawn anew"
    few = "" if copying.sized else ", too few for an interval"
    if copying.helps:
        return f"Copying is worth {gap}: {against}"
    if copying.seems:
        return (
            f"Copying seems to be worth {gap}, which {drawn} do not prove"
            f"{few}: {against}"
        )
    by = f"{copying.freedom:.0f} degrees of freedom" if copying.sized else ""
    told = (
        f"{against}, copied weights {gap} (by {drawn}{few}"
        f"{', ' if by else ''}{by})"
    )
    if copying.useless(tolerance):
        return f"Copying does not help: {told}"
    return f"These draws cannot tell whether copying helps: {told}"
