"""The race of what must be trained, and who goes on to the final."""

import dataclasses
import math
from collections.abc import Callable

from experiments.recommend.costs import cost_of
from experiments.recommend.trials import Trial, entrant_name
from experiments.recommend.workshop import Workshop
from keras_transfer.recommendation.halving import (
    Entrant,
    Plan,
    Result,
    plan_race,
    worst_cost,
)
from keras_transfer.recommendation.ways import FINE_TUNE, Choice
from keras_transfer.training.candidate_networks import Task

FINALISTS = 3  # trained ones, beside fine-tuning everything
TWINS = 3  # networks drawn anew at least, for their spread


@dataclasses.dataclass(frozen=True)
class Runner:
    """An entrant of the race: a choice at a learning rate.

    Args:
        choice: `Choice`.
        rate: Float.
        seconds: Float, expected for an epoch.
        start: Float, expected for building and tracing, once a rung.
    """

    choice: Choice
    rate: float
    seconds: float
    start: float

    @property
    def entrant(self) -> Entrant:
        """As `plan_race` takes it."""
        name = entrant_name(self.choice.name, self.rate)
        return Entrant(name, self.seconds, self.start)


def runners_of(
    task: Task, order: list[Choice], rates: tuple[float, ...]
) -> list[Runner]:
    """Lists the entrants of the race, the most promising first.

    Args:
        task: `Task`.
        order: List of `Choice`, of `starting_order`.
        rates: Tuple of floats.
    """
    found = []
    for choice in order:
        cost = cost_of(task, choice)
        # A network is built once a rung for all of its rates.
        start = cost.start_seconds / len(rates) + cost.told_seconds
        seconds = cost.seconds_per_epoch
        found += [Runner(choice, rate, seconds, start) for rate in rates]
    return found


def plan_of(
    runners: list[Runner], trials: list[Trial], budget: float, epochs: int
) -> Plan:
    """Says where the race stands; see `plan_race`.

    Args:
        runners: List of `Runner`.
        trials: List of `Trial` of the race's seed.
        budget: Float, seconds.
        epochs: Integer, of a whole training.

    Raises:
        UserError: If the budget does not suffice for one entrant.
    """
    entrants = [runner.entrant for runner in runners]
    rungs = plan_race(entrants, [], budget, epochs).rungs
    results = [
        Result(t.entrant, t.epochs, t.accuracy, t.seconds)
        for t in of_race(trials, runners, rungs)
    ]
    return plan_race(entrants, results, budget, epochs)


def of_race(
    trials: list[Trial], runners: list[Runner], rungs: tuple[int, ...]
) -> list[Trial]:
    """Lists the trials that are steps of the race, not of the final.

    Args:
        trials: List of `Trial` of the race's seed.
        runners: List of `Runner`.
        rungs: Tuple of integers, of the race.
    """
    names = {runner.entrant.name for runner in runners}
    spans = set(zip((0, *rungs[:-1]), rungs, strict=True))
    return [
        t for t in trials if t.entrant in names and (t.since, t.epochs) in spans
    ]


def most_seconds(plan: Plan, runners: list[Runner]) -> float:
    """Returns the seconds of a race in which the dearest always go on.

    Args:
        plan: `Plan` of a race that has not begun.
        runners: List of `Runner`.
    """
    starters = {step.name for step in plan.steps}
    field = [r.entrant for r in runners if r.entrant.name in starters]
    return worst_cost(field, plan.rungs)


def run_race(
    workshop: Workshop,
    runners: list[Runner],
    budget: float,
    report: Callable[[Trial, Plan], None],
) -> Plan:
    """Trains until the race is over.

    Args:
        workshop: `Workshop`.
        runners: List of `Runner`.
        budget: Float, seconds.
        report: Callable of each trial and the plan that it was a step of.

    Returns:
        `Plan`, of the end.
    """
    epochs = workshop.task.epochs
    by_name = {runner.entrant.name: runner for runner in runners}
    plan = plan_of(runners, workshop.trials.of_seed(0), budget, epochs)
    while plan.steps:
        for step in plan.steps:
            runner = by_name[step.name]
            trial = workshop.train(
                runner.choice, runner.rate, 0, step.from_epoch, step.to_epoch
            )
            report(trial, plan)
        done = workshop.trials.of_seed(0)
        plan = plan_of(runners, done, budget, epochs)
        if plan.steps:
            workshop.states.keep([step.name for step in plan.steps])
    return plan


@dataclasses.dataclass(frozen=True)
class Final:
    """Who is trained with several seeds.

    Args:
        runners: Tuple of `Runner`.
        seeds: Integer, at least 1.
        left_out: Tuple of strings, choices that the budget had no room for.
    """

    runners: tuple[Runner, ...]
    seeds: int
    left_out: tuple[str, ...]


def choose_final(
    runners: list[Runner],
    plan: Plan,
    trials: list[Trial],
    budget: float,
    seeds: int,
    epochs: int,
) -> Final:
    """Chooses who is trained with several seeds.

    The winner and fine-tuning everything first, at as many seeds as fit the
    budget; then the next of the ranking, while there is room.

    Args:
        runners: List of `Runner`.
        plan: `Plan` of a race that is over.
        trials: List of `Trial` of the race's seed.
        budget: Float, seconds.
        seeds: Integer, wanted.
        epochs: Integer, of a whole training.

    Returns:
        `Final`.
    """
    by_name = {runner.entrant.name: runner for runner in runners}
    best: dict[Choice, Runner] = {}
    for name in plan.ranking:
        own = [t for t in trials if t.entrant == name]
        if not all(math.isnan(t.accuracy) for t in own):
            best.setdefault(by_name[name].choice, by_name[name])
    whole = {r: _whole_seconds(r, trials, epochs) for r in best.values()}
    if not whole:
        return Final((), seeds, ())
    # One seed and the twins drawn anew, which tell whether copying helps.
    able = [r for r in whole if (1 + TWINS) * whole[r] <= budget]
    ranked = able or sorted(whole, key=whole.get)[:1]
    wanted = ranked[:1]
    wanted += [r for r in ranked[1:] if r.choice == FINE_TUNE]
    must = len(wanted)
    wanted += [r for r in ranked if r not in wanted]
    count = seeds
    while count > 1:
        cost = count * sum(whole[r] for r in wanted[:must])
        if cost + max(count, TWINS) * whole[wanted[0]] <= budget:
            break
        count -= 1
    chosen, left = [], budget
    for place, runner in enumerate(wanted[: FINALISTS + 1]):
        twins = 0 if place else max(count, TWINS)
        needed = (count + twins) * whole[runner]
        if place == 0 or needed <= left:
            chosen.append(runner)
            left -= needed
    out = [r.choice.name for r in whole if r not in chosen]
    return Final(tuple(chosen), count, tuple(out))


def _whole_seconds(runner: Runner, trials: list[Trial], epochs: int) -> float:
    """Seconds of a whole training, from what was measured."""
    own = [t for t in trials if t.entrant == runner.entrant.name]
    trained = max(t.epochs for t in own)
    expected = runner.seconds * trained + runner.start * len(own)
    ratio = math.fsum(t.seconds for t in own) / expected
    return ratio * (runner.seconds * epochs + runner.start)
