"""How the networks of the map of when to freeze trained: rates, fit, levels."""

import numpy as np

from keras_transfer.analysis import primary
from keras_transfer.analysis.freeze_longer import Gain, gains, worths
from keras_transfer.analysis.freeze_map import FreezeMap
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.analysis.rounding import rounded, rounded_ends
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.reports import markdown
from keras_transfer.specs.treatments import BASE, TRANSFER


def rates(found: FreezeMap, tuned: Search | None) -> str:
    """Says how the learning rates were chosen.

    Args:
        found: `FreezeMap`.
        tuned: `Search` of the rates, or `None` if there was none.

    Raises:
        UserError: If a split of the map chose some.
    """
    if tuned is None:
        return "Learning rates are the recipe's: none was searched."
    if len(tuned.taken) == len(tuned):
        return "Learning rates were given beforehand: none was searched."
    tuned.check_apart(found.splits)
    where = ", ".join(map(str, tuned.splits))
    said = (
        f"On the validation images of split {where}, which the map does not "
        "have, rates a factor of 3 apart, at one small size and at all images; "
        "the other sizes take the rate of the nearer one. For "
        f"{len(tuned.between)} of {len(tuned)} the best lies between two "
        "others that were tried; best.json lists them."
    )
    for tasks, words in (
        (tuned.edge, "The best is the lowest or the highest that was tried"),
        (tuned.taken, "Given beforehand, not searched"),
    ):
        if tasks:
            said += f" {words}: {'; '.join(tasks)}."
    return said


def fit(found: FreezeMap) -> str:
    """Says how well frozen networks fit their few training images.

    Args:
        found: `FreezeMap`.
    """
    values = [
        value
        for n in found.layers
        for width in found.widths
        for size in found.sizes
        if size < found.base_images()
        and (value := found.mean("train_accuracy", TRANSFER, n, width, size))
        is not None
    ]
    if not values:
        return "Frozen networks on few images were not trained."
    low, high = (
        rounded(100 * value, signed=False)
        for value in (min(values), max(values))
    )
    return (
        f"On few images frozen networks reach {low} to {high} % of their "
        "training images, means of a cell. A linear head on as many features "
        "as fc7 has units (8 times the width) cannot fit any number of images "
        "of 6 views each."
    )


def levels(found: FreezeMap) -> list[str]:
    """Returns a table of steps, rates and accuracies of each cell and start.

    Args:
        found: `FreezeMap`.
    """
    header = ["width", "images", "n", "start", "steps", "rate"]
    header += ["test, %", "training, %"]
    body = []
    for n in found.layers:
        for width in found.widths:
            for size in found.sizes:
                for start, name in STARTS.items():
                    line = _level(found, start, n, width, size)
                    if line is not None:
                        own = "" if start == BASE else str(n)
                        body.append([str(width), str(size), own, name, *line])
    return markdown.table(header, body)


def longer(found: FreezeMap, more: FreezeMap) -> list[str]:
    """Says what longer training changes, and what freezing is worth then.

    Args:
        found: `FreezeMap`.
        more: `FreezeMap` of the longer training.

    Returns:
        List of lines.
    """
    gained = gains(found, more)
    if not gained:
        return ["No network of the map was trained longer yet."]
    header = ["width", "images", "n", "start", "steps", "test, points"]
    header += ["training, %"]
    splits = primary.splits_in_words(g.estimate.splits for g in gained)
    return [
        "Points of test accuracy, mean and range of the cells below, at the "
        f"rates of the map ({splits}): {longer_in_words(gained)}. "
        "Intervals are of each cell alone.",
        "",
        *markdown.table(header, [_gain(gain) for gain in gained]),
        "",
        "What freezing is worth where both sides were trained longer, on the "
        "same splits:",
        "",
        *_worths(found, more),
    ]


def longer_in_words(gained: list[Gain]) -> str:
    """Says what longer training gives each start, mean and range of cells.

    Args:
        gained: List of `Gain`, not empty.
    """
    said: dict[str, list[str]] = {}
    for start, name in STARTS.items():
        own = [gain for gain in gained if gain.start == start]
        if own:
            times = [gain.steps[1] / gain.steps[0] for gain in own]
            means = [100 * gain.estimate.mean for gain in own]
            cells = f" ({rounded_ends(means)})" if len(own) > 1 else ""
            said.setdefault(rounded_ends(times, signed=False), []).append(
                f"{name} {rounded(float(np.mean(means)))}{cells}"
            )
    return "; ".join(
        f"in {times} times the steps {', '.join(starts)}"
        for times, starts in said.items()
    )


def _gain(gain: Gain) -> list[str]:
    before, after = (
        rounded(100 * share, signed=False) for share in gain.training
    )
    return [
        str(gain.width),
        str(gain.images),
        str(gain.n) if gain.n else "",
        STARTS[gain.start],
        " to ".join(map(str, gain.steps)),
        gain.estimate.in_points(),
        f"{before} to {after}",
    ]


def _worths(found: FreezeMap, more: FreezeMap) -> list[str]:
    body = []
    for worth in worths(found, more):
        rival, n, width, images = worth.place
        parts = worth.before, worth.after, worth.change
        name = f"frozen - {STARTS[rival]}"
        body.append(
            [str(width), str(images), str(n), name]
            + [part.in_points() for part in parts]
        )
    header = ["width", "images", "n", "difference", "steps of the map"]
    return markdown.table([*header, "longer", "change"], body)


def _level(found: FreezeMap, start, n, width, size) -> list[str] | None:
    place = (start, n, width, size)
    if not found.numbers("steps", *place):
        return None
    steps, rate = (
        found.mean("steps", *place),
        found.mean("learning_rate", *place),
    )
    shares = [
        rounded(100 * found.mean(column, *place), signed=False)
        for column in ("test_accuracy", "train_accuracy")
    ]
    return [f"{steps:.0f}", f"{rate:.3g}", *shares]
