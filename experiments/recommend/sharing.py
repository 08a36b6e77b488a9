"""Divides what is left of a budget between the race and the final."""

import math

from experiments.recommend import race
from experiments.recommend.clock import Clock, check_budget
from experiments.recommend.prepare import Prepared
from experiments.recommend.workshop import Workshop


def share(
    prepared: Prepared, workshop: Workshop, clock: Clock, end
) -> tuple[list[race.Runner], tuple[float, float]]:
    """Divides what is left between race and final, at the speed measured.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        clock: `Clock`; what is decided is filed unless this is a plan alone.
        end: Pair of floats, of `clock.end_seconds`.

    Returns:
        Pair of a list of `race.Runner` and of a pair of floats, seconds of
        race and of final.

    Raises:
        UserError: If there is not enough left for one candidate, and the
            budget may not grow.
    """
    task, options = prepared.task, prepared.options
    runners = race.runners_of(task, prepared.order, options.rates)
    speed = clock.known("speed")
    if speed is None or speed <= 0:
        speed = _speed(runners, workshop, clock.left(end[0]))
    runners = race.at_speed(runners, speed)
    left = clock.known("training")
    if left is None:
        check_budget(runners, clock, end, task.epochs)
        left = clock.left(end[0])
    if not options.plan:
        clock.decide("seconds", clock.seconds)
        clock.decide("speed", speed)
        clock.decide("training", left)
    divided = race.RACE_SHARE + race.FINALS_SHARE
    return runners, race.shares_of(runners, left / divided, task.epochs)


def _speed(runners: list[race.Runner], workshop: Workshop, left: float):
    """Measures the seconds of an epoch over those expected.

    Of the first that there is time for, which is trained first as well.
    """
    epochs, steps = workshop.task.epochs, workshop.task.steps
    cheapest = min(runners, key=lambda r: r.entrant.whole_cost(epochs))
    able = (r for r in runners if r.entrant.whole_cost(epochs) <= left)
    first = next(able, cheapest)
    measured = workshop.candidate(first.choice).step_seconds() * steps
    # Costs of 0 would break this run for good: what was expected stands then.
    speed = measured / first.seconds
    return speed if 0 < speed < math.inf else 1.0
