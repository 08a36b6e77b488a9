"""Successive halving of candidates within a budget of seconds.

A pure function of what was asked and of the results so far: a race that was
killed goes on from its list of results. keras-tuner's `HyperbandOracle` was
tried and not taken: it draws trials at random instead of in a given order,
counts its budget in epochs, and stops before any halving where there are
fewer candidates than its first bracket has places.
"""

import math

from keras_transfer.errors import UserError
from keras_transfer.recommendation.entrants import (
    Entrant,
    Plan,
    Result,
    Step,
)


def rungs_of(
    count: int, epochs: int, factor: int = 3, least: int = 1
) -> tuple[int, ...]:
    """Lists the epochs of each rung's trainings.

    Args:
        count: Integer, number of entrants.
        epochs: Integer, that the winner trains for.
        factor: Integer, one of how many goes on. Defaults to `3`.
        least: Integer, epochs below which a training says nothing. Defaults
            to `1`.

    Returns:
        Tuple of integers, rising to `epochs`.

    Example:
        >>> rungs_of(9, 27)
        (3, 9, 27)
    """
    found, left = [epochs], count
    while left > 1 and found[0] > max(1, least):
        found.insert(0, max(least, math.ceil(found[0] / factor)))
        left = math.ceil(left / factor)
    return tuple(found)


def worst_cost(entrants: list[Entrant], rungs: tuple, factor: int = 3) -> float:
    """Computes the seconds of a race in which the dearest always go on.

    Args:
        entrants: List of `Entrant`.
        rungs: Tuple of integers, rising; every training is from its start.
        factor: Integer. Defaults to `3`.

    Returns:
        Float.
    """
    last = rungs[-1] if rungs else 0
    dearest = sorted(entrants, key=lambda e: e.cost(last), reverse=True)
    builds = {e.network or e.name: e.build for e in entrants}
    total = math.fsum(builds.values()) if rungs else 0.0
    for epochs in rungs:
        total += math.fsum(e.cost(epochs) for e in dearest)
        dearest = dearest[: math.ceil(len(dearest) / factor)]
    return total


def plan_race(
    entrants: list[Entrant],
    results: list[Result],
    budget: float,
    epochs: int,
    factor: int = 3,
    least: int = 1,
    images: int | None = None,
) -> Plan:
    """Says what to train next.

    As many entrants start, in the order given, as fit the budget with a
    winner that is the dearest of them; fewer, if the first take longer than
    expected, and more, if they take less and all are trained wholly at once.
    After each rung the best third goes
    on, and whoever is behind the best by no more than noise, or as many of
    them as fit what is left by the seconds measured; equals in the order
    given. Each rung trains from the start, with a learning rate that falls
    to zero: where a long training stands early says too little.

    Args:
        entrants: List of `Entrant`, the most promising first.
        results: List of `Result`, in any order; call again with more.
        budget: Float, seconds.
        epochs: Integer, that the winner trains for.
        factor: Integer, at least 2. Defaults to `3`.
        least: Integer, epochs of the first rung at least. Defaults to `1`.
        images: Integer, validation images, which accuracies have their noise
            from; `None` for none. Defaults to `None`.

    Returns:
        `Plan`.

    Raises:
        UserError: A budget too small for one entrant, results of others, or
            settings that are not positive.

    Reference:
        - [Jamieson and Talwalkar, 2016](https://arxiv.org/abs/1502.07943).
    """
    _check(entrants, results, budget, epochs, factor)
    least = min(least, epochs)
    field, rungs = _starters(entrants, budget, epochs, factor, least)
    at = {(result.name, result.epochs): result for result in results}
    if len(rungs) == 1 and any((e.name, epochs) in at for e in field):
        field = entrants  # what was measured says how many fit
    field = _affordable(field, at, rungs, budget)
    left_out = tuple(e.name for e in entrants if e not in field)
    spent, done = 0.0, []
    for rung, goal in enumerate(rungs):
        names = [entrant.name for entrant in field]
        open_ones = [name for name in names if (name, goal) not in at]
        done += [
            (rung, name, at[name, goal]) for name in names if (name, goal) in at
        ]
        spent += math.fsum(
            at[name, goal].seconds + at[name, goal].build
            for name in names
            if (name, goal) in at
        )
        last = Plan(
            tuple(Step(name, goal) for name in open_ones),
            rung,
            rungs,
            _ranking(done, entrants),
            left_out,
            budget - spent,
            tuple(result for _, _, result in done),
        )
        if open_ones or goal == rungs[-1]:
            return last
        field = _survivors(field, at, goal, factor, images)
        # Later results must not change what was decided before them.
        measured = _measured(field, [r for r in results if r.epochs <= goal])
        rest = rungs[rung + 1 :]
        while field and _too_dear(field, measured, rest, factor, last):
            field = field[:-1]
        if not field:
            return last
        # The order given decides between equals of the next rung as well.
        field = [entrant for entrant in entrants if entrant in field]
    return last


def _too_dear(field, measured, rest, factor, plan) -> bool:
    known = [measured[entrant.name] for entrant in field]
    return worst_cost(known, rest, factor) > plan.seconds_left


def _check(entrants, results, budget, epochs, factor) -> None:
    names = [entrant.name for entrant in entrants]
    if not names or len(set(names)) < len(names):
        raise UserError(
            "Expected one entrant or more, each with a name of its own. "
            f"Received: {', '.join(names) or 'none'}."
        )
    if epochs < 1 or factor < 2 or not all(e.seconds > 0 for e in entrants):
        raise UserError(
            "Expected `epochs` of 1 or more, a `factor` of 2 or more and "
            f"positive seconds an epoch. Received: epochs={epochs}, "
            f"factor={factor}, seconds="
            f"{[entrant.seconds for entrant in entrants]}."
        )
    strangers = sorted({result.name for result in results} - set(names))
    if strangers:
        raise UserError(
            "Expected results of this race's entrants. Received: "
            f"{', '.join(strangers)}. Give another folder to a race of other "
            "candidates."
        )
    cheapest = min(entrants, key=lambda entrant: entrant.whole_cost(epochs))
    needed = cheapest.whole_cost(epochs)
    if not budget >= needed:
        raise UserError(
            f"Expected a `budget` for at least one candidate: the cheapest, "
            f"{cheapest.name}, takes about {needed:.0f} s "
            f"for {epochs} epochs. Received: {budget:.0f} s. Give a larger "
            "budget, fewer epochs or smaller images."
        )


def _starters(entrants, budget, epochs, factor, least):
    """Returns those that fit beside a winner, the first in order, and rungs."""
    able = [e for e in entrants if e.whole_cost(epochs) <= budget]
    for count in range(len(able), 1, -1):
        rungs = rungs_of(count, epochs, factor, least)
        field = able[:count]
        # One of the dearest goes through all that is left of the rungs.
        later = [max(e.cost(rung) for e in field) for rung in rungs[1:]]
        first = worst_cost(field, rungs[:1], factor)
        if first + math.fsum(later) <= budget:
            return field, rungs
    return able[:1], (epochs,)


def _affordable(field, at, rungs, budget):
    """Drops from the first rung who has not begun and does not fit."""
    goal, later = rungs[0], rungs[1:]
    kept = [e for e in field if (e.name, goal) in at]
    if not kept:
        return field
    builds = {e.network or e.name: e.build for e in kept}
    expected = math.fsum([*builds.values(), *(e.cost(goal) for e in kept)])
    spent = math.fsum(
        at[e.name, goal].seconds + at[e.name, goal].build for e in kept
    )
    ratio = spent / expected
    for entrant in field:
        if entrant in kept:
            continue
        network = entrant.network or entrant.name
        cost = entrant.cost(goal)
        cost += 0.0 if network in builds else entrant.build
        rest = math.fsum(
            max(e.cost(rung) for e in [*kept, entrant]) for rung in later
        )
        if spent + ratio * (cost + rest) <= budget:
            kept.append(entrant)
            builds[network] = entrant.build
            spent += ratio * cost
    return [entrant for entrant in field if entrant in kept]


def _measured(field, results) -> dict[str, Entrant]:
    """Returns entrants that have trained with the seconds they really take."""
    found = {}
    for entrant in field:
        own = [result for result in results if result.name == entrant.name]
        expected = math.fsum(entrant.cost(result.epochs) for result in own)
        ratio = math.fsum(result.seconds for result in own) / expected
        found[entrant.name] = Entrant(
            entrant.name, entrant.seconds * ratio, entrant.start * ratio
        )
    return found


def _survivors(field, at, goal, factor, images):
    """Returns the best of a rung, best first; failures never go on."""
    reached = {e: at[e.name, goal].accuracy for e in field}
    alive = [e for e in field if not math.isnan(reached[e])]
    # `sorted` is stable: equals stay in the order given.
    ranked = sorted(alive, key=lambda e: -reached[e])
    count = math.ceil(len(field) / factor)
    if images is None:
        return ranked[:count]
    best = max(reached[e] for e in alive) if alive else 0.0
    return [
        entrant
        for place, entrant in enumerate(ranked)
        if place < count
        or best - reached[entrant] <= noise(best, reached[entrant], images)
    ]


def noise(first: float, second: float, images: int) -> float:
    """Returns the difference that two accuracies may have by chance.

    Two standard errors, as if the errors of the two were independent.

    Args:
        first, second: Floats, accuracies.
        images: Integer, that both were measured on.
    """
    variance = first * (1 - first) + second * (1 - second)
    return 2.0 * math.sqrt(variance / images)


def _ranking(done, entrants) -> tuple[str, ...]:
    furthest = {name: (rung, result) for rung, name, result in done}
    place = {entrant.name: i for i, entrant in enumerate(entrants)}

    def key(name):
        rung, result = furthest[name]
        failed = math.isnan(result.accuracy)
        return failed, -rung, 0 if failed else -result.accuracy, place[name]

    return tuple(sorted(furthest, key=key))
