"""The race of what must be trained, and who goes on to the final."""

import dataclasses
import functools
import math
from collections.abc import Callable

from experiments.recommend.costs import cost_of
from experiments.recommend.settings import (
    FINALS_SHARE,
    LEAST_RUNG_STEPS,
    RACE_SHARE,
)
from experiments.recommend.trials import Trial, entrant_name
from experiments.recommend.workshop import Workshop
from keras_transfer.recommendation.entrants import Entrant, Plan, Result
from keras_transfer.recommendation.halving import plan_race, worst_cost
from keras_transfer.recommendation.ways import (
    FINE_TUNE,
    Choice,
    network_of,
    rates_of,
)
from keras_transfer.training.candidate_networks import Task

FINALISTS = 3  # trained ones, beside fine-tuning everything
TWINS = 3  # networks drawn anew, for their spread
LEAST_TWINS = 2  # one alone shows no spread


@dataclasses.dataclass(frozen=True)
class Runner:
    """An entrant of the race: a choice at a learning rate.

    Args:
        choice: `Choice`.
        rate: Float.
        seconds: Float, expected for an epoch.
        start: Float, expected for telling its accuracy, once a rung.
        build: Float, expected for building and tracing its network, once for
            all that share it. Defaults to `0.0`.
        network: String, names that network. Defaults to `""`, one of its own.
    """

    choice: Choice
    rate: float
    seconds: float
    start: float
    build: float = 0.0
    network: str = ""

    @property
    def entrant(self) -> Entrant:
        """As `plan_race` takes it."""
        name = entrant_name(self.choice.name, self.rate)
        network = self.network or name
        return Entrant(name, self.seconds, self.start, network, self.build)


def runners_of(
    task: Task, order: list[Choice], rates: tuple[float, ...]
) -> list[Runner]:
    """Lists the entrants of the race, the most promising first.

    Every choice has its first rate before any has its second.

    Args:
        task: `Task`.
        order: List of `Choice`, of `starting_order`.
        rates: Tuple of floats.
    """
    costs = {choice: cost_of(task, choice) for choice in order}
    return [
        Runner(
            choice,
            rates_of(choice, rates)[place],
            costs[choice].seconds_per_epoch,
            costs[choice].told_seconds,
            costs[choice].start_seconds,
            network_of(choice).name,
        )
        for place in range(len(rates))
        for choice in order
    ]


def at_speed(runners: list[Runner], speed: float) -> list[Runner]:
    """Corrects what is expected by what was measured.

    Args:
        runners: List of `Runner`.
        speed: Float, seconds measured over those expected.
    """
    return [
        dataclasses.replace(r, seconds=r.seconds * speed, start=r.start * speed)
        for r in runners
    ]


def least_epochs(task: Task) -> int:
    """Returns the epochs below which a training says nothing of a choice.

    Args:
        task: `Task`.
    """
    least = math.ceil(LEAST_RUNG_STEPS / task.steps)
    # A rung of nearly all epochs would save nothing.
    return task.epochs if 2 * least > task.epochs else least


def shares_of(
    runners: list[Runner], seconds: float, epochs: int
) -> tuple[float, float]:
    """Divides a budget between the race and the final.

    The first of the race is what every other is compared with. If it does not
    fit the race's share, the race gets as much as it needs of the final's; and
    if it fits neither, what the cheapest needs: one candidate is an answer.

    Args:
        runners: List of `Runner`, in the order of the race.
        seconds: Float, the whole budget.
        epochs: Integer, of a whole training.

    Returns:
        Pair of floats, seconds.
    """
    own, both = RACE_SHARE * seconds, (RACE_SHARE + FINALS_SHARE) * seconds
    costs = [runner.entrant.whole_cost(epochs) for runner in runners]
    needed = next((c for c in (costs[0], min(costs)) if c <= both), own)
    race = max(own, needed)
    return race, both - race


def plan_of(
    runners: list[Runner],
    trials: list[Trial],
    budget: float,
    epochs: int,
    least: int = 1,
    images: int | None = None,
) -> Plan:
    """Says where the race stands; see `plan_race`.

    Args:
        runners: List of `Runner`.
        trials: List of `Trial` of the race's seed.
        budget: Float, seconds.
        epochs: Integer, of a whole training.
        least: Integer, epochs of the first rung at least. Defaults to `1`.
        images: Integer, validation images; see `plan_race`. Defaults to
            `None`.

    Raises:
        UserError: If the budget does not suffice for one entrant.
    """
    entrants = [runner.entrant for runner in runners]
    planned = functools.partial(
        plan_race,
        entrants,
        budget=budget,
        epochs=epochs,
        least=least,
        images=images,
    )
    rungs = planned(results=[]).rungs
    names = {entrant.name for entrant in entrants}
    results = [
        Result(t.entrant, t.epochs, t.accuracy, t.seconds, t.build)
        for t in trials
        if t.entrant in names and t.epochs in rungs
    ]
    return planned(results=results)


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
    by_name = {runner.entrant.name: runner for runner in runners}

    def planned():
        done = workshop.trials.of_seed(0)
        task = workshop.task
        return plan_of(
            runners,
            done,
            budget,
            task.epochs,
            least_epochs(task),
            len(task.labels["validation"]),
        )

    networks = [runner.entrant.network for runner in runners]
    plan = planned()
    while plan.steps:
        # Those that share a network follow each other.
        step = min(
            plan.steps,
            key=lambda s: networks.index(by_name[s.name].entrant.network),
        )
        runner = by_name[step.name]
        trial = workshop.train(runner.choice, runner.rate, 0, step.epochs)
        report(trial, plan)
        plan = planned()
    return plan


@dataclasses.dataclass(frozen=True)
class Final:
    """Who is trained with several seeds.

    Args:
        runners: Tuple of `Runner`.
        seeds: Integer, at least 1.
        left_out: Tuple of strings, choices that the budget had no room for.
        twins: Integer, networks drawn anew that the choice is compared with.
            Defaults to `TWINS`.
    """

    runners: tuple[Runner, ...]
    seeds: int
    left_out: tuple[str, ...]
    twins: int = TWINS


def choose_final(
    runners: list[Runner],
    plan: Plan,
    budget: float,
    seeds: int,
    epochs: int,
    twins: int = TWINS,
    each: float = 0.0,
) -> Final:
    """Chooses who is trained with several seeds.

    The winner and fine-tuning everything first, at as many seeds as fit the
    budget; then the next of the ranking, while there is room. What the race
    trained wholly is a seed that is done, and never left out for want of room
    for its twins, of which there are fewer then; nor is fine-tuning
    everything, which the others are compared with. Either may be chosen in the
    end, so there is room for twins of the dearer one.

    Args:
        runners: List of `Runner`.
        plan: `Plan` of a race that is over.
        budget: Float, seconds.
        seeds: Integer, wanted.
        epochs: Integer, of a whole training.
        twins: Integer, networks drawn anew that there is to be room for.
            Defaults to `TWINS`.
        each: Float, seconds that a seed beyond the first takes beside the
            trainings. Defaults to `0.0`.

    Returns:
        `Final`.
    """
    by_name = {runner.entrant.name: runner for runner in runners}
    best: dict[Choice, Runner] = {}
    for name in plan.ranking:
        own = [result for result in plan.results if result.name == name]
        if not all(math.isnan(result.accuracy) for result in own):
            best.setdefault(by_name[name].choice, by_name[name])
    whole = {r: _whole_seconds(r, plan, epochs) for r in best.values()}
    if not whole:
        return Final((), seeds, ())
    ended = {r.name for r in plan.results if r.epochs == epochs}

    def cost(runner: Runner, count: int) -> float:
        return (count - (runner.entrant.name in ended)) * whole[runner]

    # One seed and the twins drawn anew, which tell whether copying helps.
    able = [
        r
        for r in whole
        if r.entrant.name in ended
        or cost(r, 1) + (r.choice != FINE_TUNE) * twins * whole[r] <= budget
    ]
    ranked = able or sorted(whole, key=whole.get)[:1]
    wanted = ranked[:1]
    wanted += [r for r in ranked[1:] if r.choice == FINE_TUNE]
    must = len(wanted)
    twin = max(whole[runner] for runner in wanted)
    wanted += [r for r in ranked if r not in wanted]
    count = seeds
    while count > 1:
        needed = sum(cost(runner, count) for runner in wanted[:must])
        needed += (count - 1) * each
        if needed + twins_of(count, twins) * twin <= budget:
            break
        count -= 1
    chosen, left = [], budget - (count - 1) * each
    for place, runner in enumerate(wanted[: FINALISTS + 1]):
        needed = cost(runner, count)
        room = left if place < must else left - twins_of(count, twins) * twin
        if place == 0 or needed == 0 or needed <= room:
            chosen.append(runner)
            left -= needed
    out = [r.choice.name for r in whole if r not in chosen]
    room = max(LEAST_TWINS, math.floor(left / twin))
    drawn = min(twins_of(count, twins), room)
    return Final(tuple(chosen), count, tuple(out), drawn)


def twins_of(seeds: int, twins: int = TWINS) -> int:
    """Returns how many twins of the winner are drawn anew.

    Args:
        seeds: Integer, trainings of a finalist.
        twins: Integer, at least; 0 for none at all. Defaults to `TWINS`.
    """
    return max(seeds, twins) if twins else 0


def _whole_seconds(runner: Runner, plan: Plan, epochs: int) -> float:
    """Seconds of a whole training, from what was measured."""
    own = [r for r in plan.results if r.name == runner.entrant.name]
    trained = sum(t.epochs for t in own)
    expected = runner.seconds * trained + runner.start * len(own)
    ratio = math.fsum(t.seconds for t in own) / expected
    return ratio * (runner.seconds * epochs + runner.start)
