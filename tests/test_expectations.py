"""What scripts say is expected follows from the committed tables too."""

import importlib
import re

import pytest

from experiments.findings import copied, doses, numbers, sizes
from keras_transfer.analysis import dose_response
from keras_transfer.specs.treatments import SAME_STEPS, WHOLE_BASE

ENDS = re.compile(r"\[(\S+), (\S+)\]")


def ends(text, between="{} to {}"):
    """Returns both ends of the first interval of a text, without plus."""
    low, high = ENDS.search(text).groups()
    return between.format(low.lstrip("+"), high.lstrip("+"))


def signed(text):
    return "between {} and {}".format(*ENDS.search(text).groups())


def of_2014(n):
    loss = numbers.loss(numbers.all_2014(), "BnB", "base", n, n)
    return loss.split()[0].lstrip("+")


def answers(effect):
    found = dose_response.answers(dose_response.read_doses(doses.table()))
    return [answer for answer in found if answer.effect is effect]


def similar():
    data = numbers.similar()
    specific = numbers.points(data, "BnB", "AnB", 6, 7)
    boost = numbers.points(data, "AnB+", "BnB+")
    return [f"AnB at n 6 to 7 {signed(specific)}", f"BnB+ {signed(boost)}"]


def boost():
    data = numbers.boost()
    return [
        f"AnB+ - {other} {signed(numbers.points(data, 'AnB+', other))}"
        for other in ("BnB+", "base")
    ]


def dissimilar_datasets():
    unequal, equal = numbers.further("kinds"), sizes.further(0)
    return [f"loses {ends(unequal)} points", f"lost {ends(equal)} points"]


def random_weights():
    return [f"He lose {ends(numbers.further('random (he)'))} points"]


def all_classes():
    epochs, steps = map(sizes.halves_less_all, (WHOLE_BASE, SAME_STEPS))
    return [f"{ends(epochs)} points with as many epochs and {ends(steps)} with"]


def tune_learning_rate():
    tuned, default = (
        signed(numbers.tuned("AnB", name))
        for name in ("tuned.csv", "default.csv")
    )
    return [f"{tuned} points with tuned rates, {default} with the default"]


def reanalyse_2014():
    low, high = ENDS.search(numbers.effect_2014("base", "BnB", 3, 6)).groups()
    least, most = (f"{float(end):+.1f}" for end in (low, high))
    return [f"n 3 to 6 between {least} and {most} points"]


def keep_layers():
    return [f"rose by {of_2014(4)} and {of_2014(5)} at n = 4 and 5"]


def dose_response_script():
    points = [
        100 * answer.accuracy.mean
        for answer in answers(dose_response.SPECIFICITY)
    ]
    cuts = answers(dose_response.CUT)
    costs = [100 * answer.accuracy.mean for answer in cuts]
    gaps = [-answer.loss.mean for answer in cuts if answer.regime == "2014"]
    assert gaps == sorted(gaps)  # "grows with the length"
    return [
        f"specific at each length, {min(points):.1f} to {max(points):.1f} "
        "points",
        f"n = 4 and 5 costs {min(costs):.1f} to {max(costs):.1f} points",
        f"regime of 2014, {gaps[0]:.2f} to {gaps[-1]:.2f} nats",
    ]


def transfer_study():
    low, high = re.match(
        r"\+(\S+) to \+(\S+),", copied.range_of(copied.FROZEN, copied.SCRATCH)
    ).groups()
    return [f"{float(low):.0f} to {float(high):.0f} points above training"]


@pytest.mark.parametrize(
    "script, expected",
    [
        ("similar_datasets", similar),
        ("dose_response", dose_response_script),
        *(
            (found.__name__, found)
            for found in (
                boost,
                dissimilar_datasets,
                random_weights,
                all_classes,
                tune_learning_rate,
                reanalyse_2014,
                keep_layers,
                transfer_study,
            )
        ),
    ],
)
def test_docstrings_tell_what_the_tables_do(script, expected):
    module = importlib.import_module(f"experiments.{script}")
    text = " ".join(module.__doc__.split())
    for sentence in expected():
        assert sentence in text, sentence
