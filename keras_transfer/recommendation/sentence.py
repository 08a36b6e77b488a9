"""The one sentence that a recommendation ends with."""

from keras_transfer.recommendation.copying import Copying
from keras_transfer.recommendation.decision import Recommendation
from keras_transfer.recommendation.drawn import (
    NO_EVIDENCE,
    Beside,
    ProbeGains,
)
from keras_transfer.recommendation.reasons import points, resolution_text
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
        String, one sentence; two where copying does not help.
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
    text = f"{'; '.join(parts)}."
    verdict = _verdict(found, copying, beside)
    if not verdict:
        return text
    if choice == NOTHING:
        return f"{verdict}. {text}"
    return f"{verdict}. If you use it all the same: {_lower(text)}"


def _verdict(found: Recommendation, copying, beside: Beside) -> str:
    """Says that copying does not help, where that is shown; why, briefly."""
    if _is_drawing(copying, beside):
        return (
            "Copying does not help: the model's weights show no training, "
            "and copying them is drawing"
        )
    if Choice.named(found.chosen) == NOTHING:
        # What it may lose against the truly best is the most that copying
        # may gain.
        if found.loss.high <= found.tolerance:
            return (
                "Copying does not help: the network trained from nothing "
                f"loses at most {100 * found.loss.high:.1f} points against "
                "the best"
            )
    elif copying is not None and copying.useless(found.tolerance):
        if copying.high <= 0:
            return "Copying does not help: weights drawn anew do better"
        return (
            f"Copying does not help: it gains at most "
            f"{100 * copying.high:.1f} points over weights drawn anew"
        )
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


def _open(found: Recommendation) -> str:
    text = (
        f"{found.images:,} validation images cannot tell whether that is best"
    )
    if found.images_needed is not None:
        return f"{text}, about {found.images_needed:,} would"
    if found.seeds_needed is not None:
        return f"{text}, about {found.seeds_needed:,} seeds would"
    return f"{text}: {resolution_text(found)}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _is_drawing(copying: Copying | None, beside: Beside) -> bool:
    """Whether the weights are a draw, which nothing measured denies."""
    return beside.nothing and not (copying is not None and copying.helps)


def copying_text(
    found: Recommendation,
    copying: Copying | None,
    beside: Beside = NO_EVIDENCE,
) -> str:
    """Says whether copying helps, or that the draws cannot tell.

    It does not help if the weights are a draw of their layers (`Beside`), or
    if the interval of trained networks ends within the tolerance. Where
    trained networks cannot tell, or none was trained, it is said what probes
    gain.

    Args:
        found: `Recommendation`.
        copying: `Copying`, or `None` if no network drawn anew was trained.
        beside: `Beside`. Defaults to nothing.

    Returns:
        String, a sentence; empty if nothing more is known than the final
        sentence says.
    """
    probed = _probes_text(beside.gains)
    parts = [_trained_text(copying) if copying else "", probed]
    if _is_drawing(copying, beside):
        # A note and the final sentence say it; here is what was measured.
        text = "; ".join(part for part in (probed, parts[0]) if part)
        return f"{text[0].upper()}{text[1:]}." if text else ""
    if Choice.named(found.chosen) == NOTHING:
        if found.loss.high <= found.tolerance:
            return ""
        return (
            "These validation images cannot tell whether copying helps: the "
            f"best may be up to {100 * found.loss.high:.1f} points above the "
            "network trained from nothing."
        )
    if copying is None:
        if not probed:
            return ""
        lead = "These draws cannot tell whether copying helps: "
        if beside.gains.helps:
            # Frozen features on validation images, of whichever stage.
            lead = "No network drawn anew was trained; "
        return f"{lead}{probed}."
    if copying.helps:
        return f"Copying is worth {_gap(copying)}: {_drawn(copying)}."
    if copying.seems:
        lead = f"Copying seems to be worth {_gap(copying)}, which is not proven"
        parts[0] = _drawn(copying)
    elif copying.useless(found.tolerance):
        return f"Copying does not help: {parts[0]}."
    else:
        lead = "These draws cannot tell whether copying helps"
    return f"{lead}: {'; '.join(part for part in parts if part)}."


def _gap(copying: Copying) -> str:
    gap = f"{100 * copying.mean:+.1f} points"
    if copying.sized:
        return f"{gap} {points(copying.low, copying.high)}"
    return f"{gap} (too few draws for an interval)"


def _drawn(copying: Copying) -> str:
    """Says what networks drawn anew reach."""
    drawn = f"{copying.draws} network{'s' * (copying.draws > 1)}"
    return (
        f"{drawn} with weights drawn anew, trained alike, "
        f"reach{'es' * (copying.draws == 1)} {100 * copying.fresh:.1f} %"
    )


def _trained_text(copying: Copying) -> str:
    return f"{_drawn(copying)}, copied weights {_gap(copying)}"


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
