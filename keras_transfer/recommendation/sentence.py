"""The one sentence that a recommendation ends with."""

from keras_transfer.recommendation.copying import Copying
from keras_transfer.recommendation.decision import (
    MOST_IMAGES,
    Recommendation,
    points,
)
from keras_transfer.recommendation.drawn import (
    NO_EVIDENCE,
    Beside,
    ProbeGains,
)
from keras_transfer.recommendation.told import Told
from keras_transfer.recommendation.ways import (
    FINE_TUNE,
    NOTHING,
    Choice,
    backbone,
)


def final_sentence(
    found: Recommendation,
    told: Told,
    accuracies: dict[str, float],
    copying: Copying | None,
    last_layers: list[str],
    cost_share: float | None,
    beside: Beside = NO_EVIDENCE,
) -> str:
    """Says what to do, how good it is, and at what price.

    Args:
        found: `Recommendation`.
        told: `Told`, on test images.
        accuracies: Dict from a name to its mean test accuracy: the chosen
            one, fine-tuning everything and the frozen backbone, as far as
            they were trained.
        copying: `Copying`, or `None` where nothing is copied, or no network
            drawn anew was trained.
        last_layers: List of strings, the last layer of every stage.
        cost_share: Float, seconds of training over those of fine-tuning
            everything; `None` if that was not trained.
        beside: `Beside`, what weights and probes say of copying. Defaults to
            nothing.

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
    help_text = copying_text(copying, found.tolerance, beside)
    useless = copying is not None and copying.useless(found.tolerance)
    lead = f"If you use it all the same: {_lower(text)}"
    if choice == NOTHING:
        help_text = _nothing_copied(found, beside)
        useless = found.loss.high <= found.tolerance
        lead = text
    if useless or _is_drawing(copying, beside):
        return f"{help_text}. {lead}."
    return f"{text}; {_lower(help_text)}." if help_text else f"{text}."


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


def _is_drawing(copying: Copying | None, beside: Beside) -> bool:
    """Whether the weights are a draw, which nothing measured denies."""
    return beside.nothing and not (copying is not None and copying.helps)


def _nothing_copied(found: Recommendation, beside: Beside) -> str:
    """Says whether copying would help, where the choice copies nothing.

    What the choice may lose against the truly best candidate is the most that
    copying may gain.
    """
    if _is_drawing(None, beside):
        return f"Copying does not help: {_drawing_text(beside)}"
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


def copying_text(
    copying: Copying | None, tolerance: float, beside: Beside = NO_EVIDENCE
) -> str:
    """Says whether copying helps, or that the draws cannot tell.

    It does not help if the weights are a draw of their layers (`Beside`), or
    if the interval of trained networks ends within the tolerance. Where
    trained networks cannot tell, or none was trained, it is said what probes
    gain.

    Args:
        copying: `Copying`, or `None` if no network drawn anew was trained.
        tolerance: Float, a gain that does not count, as a share.
        beside: `Beside`. Defaults to nothing.

    Returns:
        String, without a full stop; empty if nothing is known.
    """
    probed = _probes_text(beside.gains)
    if _is_drawing(copying, beside):
        text = f"Copying does not help: {_drawing_text(beside)}"
        return f"{text}; {_trained_text(copying)}" if copying else text
    if copying is None:
        if not probed:
            return ""
        if beside.gains.helps:
            # Frozen features on validation images, of whichever stage.
            return f"No network drawn anew was trained; {probed}"
        return f"These draws cannot tell whether copying helps: {probed}"
    gap = _gap(copying)
    drawn, few = _drawn(copying)
    against = (
        f"the same network with weights drawn anew reaches "
        f"{100 * copying.fresh:.1f} %"
    )
    if copying.helps:
        return f"Copying is worth {gap}: {against}"
    if copying.seems:
        text = (
            f"Copying seems to be worth {gap}, which {drawn} do not prove"
            f"{few}: {against}"
        )
    elif copying.useless(tolerance):
        return f"Copying does not help: {_trained_text(copying)}"
    else:
        text = (
            "These draws cannot tell whether copying helps: "
            f"{_trained_text(copying)}"
        )
    return f"{text}; {probed}" if probed else text


def _gap(copying: Copying) -> str:
    gap = f"{100 * copying.mean:+.1f} points"
    if copying.sized:
        gap += f" {points(copying.low, copying.high)}"
    return gap


def _drawn(copying: Copying) -> tuple[str, str]:
    """Names the draws, and says if they are too few."""
    drawn = f"{copying.draws} network{'s' * (copying.draws > 1)} drawn anew"
    return drawn, "" if copying.sized else ", too few for an interval"


def _trained_text(copying: Copying) -> str:
    drawn, few = _drawn(copying)
    by = f", {copying.freedom:.0f} degrees of freedom" if copying.sized else ""
    return (
        "the same network with weights drawn anew reaches "
        f"{100 * copying.fresh:.1f} %, copied weights {_gap(copying)} (by "
        f"{drawn}{few}{by})"
    )


def _probes_text(gains: ProbeGains | None) -> str:
    if gains is None:
        return ""
    most = gains.largest
    mean = round(100 * most.mean, 1) + 0.0  # no minus before a zero
    gap = f"{mean:+.1f} points {points(most.low, most.high)}"
    drawn = f"{gains.draws} networks drawn anew"
    if gains.helps:
        return f"a linear probe of stage {most.stage} gains {gap} over {drawn}"
    if mean < 0:
        return (
            f"no linear probe of its stages gains over {drawn}; the nearest, "
            f"of stage {most.stage}, {gap}"
        )
    return (
        f"linear probes of its stages gain at most {gap} over {drawn}, at "
        f"stage {most.stage}"
    )


def _drawing_text(beside: Beside) -> str:
    """Says that the weights are a draw."""
    text = (
        f"the model's weights show no training, {_as_drawn(beside)}, and "
        "copying them is drawing"
    )
    probed = _probes_text(beside.gains)
    return f"{text}; {probed}" if probed else text


def _as_drawn(beside: Beside) -> str:
    return (
        f"each of {beside.tensors:,} tensors below the new head is as its "
        "layer draws it"
    )


def weights_text(beside: Beside) -> str:
    """Says that weights show no training, before anything is trained.

    Args:
        beside: `Beside`.

    Returns:
        String, a sentence; empty if they do, or that cannot be told.
    """
    if not beside.untrained:
        return ""
    return f"The model's weights show no training: {_as_drawn(beside)}."
