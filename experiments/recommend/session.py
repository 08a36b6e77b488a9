"""The course of a recommendation, and what is shown while it runs."""

import contextlib
import time

from rich.console import Console

from experiments.common.blas import one_blas_thread
from experiments.common.progress import readable_size, readable_time
from experiments.recommend import deciding, race, telling
from experiments.recommend.clock import (
    Clock,
    check_budget,
    end_seconds,
    looking,
)
from experiments.recommend.costs import cost_of
from experiments.recommend.display import Display
from experiments.recommend.drawing import PROBING_SHARE, evidence
from experiments.recommend.outcome import outcome_of
from experiments.recommend.prepare import Prepared, prepare, score_table
from experiments.recommend.settings import Options, use_of_time
from experiments.recommend.sharing import share
from experiments.recommend.trials import States, Trials
from experiments.recommend.workshop import Workshop
from keras_transfer.errors import UserError
from keras_transfer.models.text_tables import text_table
from keras_transfer.recommendation.sentence import weights_text
from keras_transfer.storage import locks


def start_tensorflow() -> None:
    """Starts TensorFlow, whose notices about tracing are kept back.

    Many small networks are traced once each, which it takes for a mistake.
    """
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.constant(0) + 1


def recommend(
    options: Options,
    console: Console,
    begun: float | None = None,
    may_grow: bool = False,
) -> int:
    """Runs the whole command.

    Args:
        options: `Options`, checked.
        console: `rich.console.Console`.
        begun: Float, `time.perf_counter` when the command was started.
            Defaults to `None`, now.
        may_grow: Boolean, whether a budget that does not suffice here grows
            instead of being refused. Defaults to `False`.

    Returns:
        Integer, the exit status.

    Raises:
        UserError: If something asked for will not do.
    """
    display = Display(console)
    begun = time.perf_counter() if begun is None else begun
    clock = Clock(options.seconds(), begun, use_of_time(options), may_grow)

    def check(task, choices, folder):
        clock.go_on(folder / "budget.json")
        # What was begun goes on, however little is left.
        if clock.known("training") is None:
            runners = race.runners_of(task, choices, options.rates[:1])
            end = end_seconds(task)
            check_budget(runners, clock, end, task.epochs, PROBING_SHARE)

    with display.bars, contextlib.ExitStack() as held:
        held.enter_context(one_blas_thread())
        prepared = prepare(
            options, display.say, looking(display, clock), check=check
        )
        for text in prepared.warnings:
            display.say(f"note: {text}")
        _show_scores(prepared, display)
        if not held.enter_context(locks.hold(prepared.folder / "run.lock")):
            raise UserError(
                f"Another process works in {prepared.folder} "
                f"({locks.holder(prepared.folder / 'run.lock')}). Wait for "
                "it, or give another `log_dir`."
            )
        workshop = Workshop(
            prepared.task,
            Trials(
                prepared.folder / "trials",
                len(prepared.images.labels["validation"]),
                "" if options.plan else clock.run,
            ),
            States(prepared.folder / "states"),
        )
        clock.go_on(clock.path, workshop.trials.earlier())
        end = end_seconds(prepared.task)
        beside, end = _look_further(prepared, workshop, clock, end, display)
        runners, shares = share(prepared, workshop, clock, end)
        plan = race.plan_of(
            runners,
            [],
            shares[0],
            prepared.task.epochs,
            race.least_epochs(prepared.task),
        )
        _show_plan(prepared, runners, plan, shares, workshop, display)
        budget = options.budget
        if clock.seconds > options.seconds():
            budget = f"{clock.seconds:.0f}s"
            note = (
                f"a budget of {options.budget} does not suffice on this "
                f"machine, or with what else it does now: it is {budget}"
            )
            display.say(f"note: {note}")
            prepared.warnings.append(note)
        display.say(
            f"{clock.spent:.0f} s of {budget} are gone. The end "
            "(telling on test images, saving, the page) takes about "
            f"{readable_time(end[0])}, and {readable_time(end[1])} for each "
            "further seed."
        )
        if options.plan:
            return 0
        outcome, files = _work(
            prepared, workshop, (runners, shares), beside, (clock, end), display
        )
    for name, path in files:
        display.say(f"{name}: {path}")
    display.say("")
    for text in last_lines(outcome):
        display.say(text)
    return 0


def _look_further(prepared: Prepared, workshop, clock: Clock, end, display):
    """Compares weights and probes with draws; fits a head on every stage.

    Returns:
        Tuple of a `Beside`, and of seconds that the end takes, for one seed
        and for each further one.
    """
    beside = evidence(
        prepared.drawn,
        workshop,
        prepared.folder / "drawn.json",
        clock.seconds,
        lambda text: display.show(text, 0.0),
    )
    note = weights_text(beside)
    if note:
        display.say(f"note: {note}")
        prepared.warnings.append(note)
    solved = 0.0
    for choice in prepared.wanted:
        if not choice.row.trained:
            display.show(f"linear head: {choice.name}", 0.0)
            solved += workshop.solve(choice, 0).seconds
    return beside, (end[0], end[1] + solved)


def last_lines(outcome: dict) -> list[str]:
    """Lists what a run ends with: notes again, how sure it is, the sentence.

    Notes that were told first have scrolled away by then.

    Args:
        outcome: Dict of `outcome_of`.
    """
    notes = [f"note: {text}" for text in outcome["warnings"]]
    return [*notes, *outcome["sentences"], outcome["sentence"]]


def _show_scores(prepared: Prepared, display: Display) -> None:
    header, lines = score_table(prepared)
    leep = prepared.scores[0].get("leep")
    beside = "" if leep is None else f"; LEEP, of the whole model: {leep:.3f}"
    display.say(
        "\nscores of every stage's pooled output, larger is better" + beside
    )
    display.say(text_table(header, lines))


def _show_plan(prepared, runners, plan, shares, workshop, display) -> None:
    task = prepared.task
    starters = {step.name for step in plan.steps}
    lines = []
    for choice in prepared.wanted:
        cost = cost_of(task, choice)
        own = [r for r in runners if r.choice == choice]
        begins = [r for r in own if r.entrant.name in starters]
        state = "solved for" if not own else "left out: budget"
        if begins:
            state = " ".join(f"{r.rate:g}" for r in begins)
        seconds = own[0].seconds if own else 0.0
        lines.append(
            [
                choice.name,
                choice.row.title,
                state,
                f"{seconds:.2g}" if own else "",
                f"{cost.trainable:,}",
                readable_size(cost.peak_bytes),
            ]
        )
    header = ["candidate", "way", "rates", "s an epoch", "trained parameters"]
    display.say("\nplan; seconds and memory are estimates")
    display.say(text_table([*header, "memory"], lines))
    filed = sum(1 for t in workshop.trials.found.values() if t.rate)
    most, rest = shares
    # Whoever is within noise goes on as well, while the budget lasts, and
    # whoever fits begins, if the first take less time than expected.
    if len(starters) == len(runners) and len(plan.rungs) == 1:
        most = min(most, race.most_seconds(plan, runners))
    display.say(
        f"race: {len(starters)} entrants, trained for "
        f"{', then a third or more for '.join(map(str, plan.rungs))} epochs; "
        f"at most {readable_time(most)}, "
        f"then up to {race.FINALISTS} finalists and fine-tuning everything "
        f"with {prepared.options.seeds} seeds, at most "
        f"{readable_time(rest)} and what the race leaves. "
        f"Batches of {task.batch_size}, {task.epochs} epochs, stored outputs "
        f"{readable_size(task.outputs.stored_bytes)}."
        + (f" {filed:,} trainings are done already." if filed else "")
    )


def _work(prepared, workshop, planned, beside, times, display: Display):
    """Trains, decides, tells, writes."""
    from experiments.recommend.products import write_products

    (runners, shares), (clock, end) = planned, times

    estimate = {r.entrant.name: r.entrant for r in runners}

    def raced(trial, plan):
        rest = [s for s in plan.steps if s.name != trial.entrant]
        left = sum(estimate[s.name].cost(s.epochs) for s in rest)
        done = 1 + sum(r.epochs == trial.epochs for r in plan.results)
        text = (
            f"race, {trial.epochs} epochs: {trial.entrant} "
            f"{100 * trial.accuracy:.1f} % on validation"
        )
        display.step(text, done / (done + len(rest)), left)

    plan = race.run_race(workshop, runners, shares[0], raced)
    epochs = prepared.task.epochs
    left = min(shares[1] + plan.seconds_left, clock.left(end[0]))
    final = race.choose_final(
        runners,
        plan,
        clock.decide("final", left),
        prepared.options.seeds,
        epochs,
        each=end[1],
    )
    workshop.states.keep([r.entrant.name for r in final.runners])
    total = len(final.runners) * final.seeds
    count = [0]

    def told(trial):
        if trial.rate:
            count[0] += 1
            left = (total - count[0]) * trial.seconds
            display.step(
                f"final, seed {trial.seed}: {trial.entrant} "
                f"{100 * trial.accuracy:.1f} % on validation",
                count[0] / total,
                left,
            )

    finalists = deciding.train_finalists(prepared, workshop, final, told)
    found = deciding.choose(finalists, prepared.options.tolerance)
    own = next(f for f in finalists if f.choice.name == found.chosen)
    room = max(0.0, clock.left(end[0] + (final.seeds - 1) * end[1]))
    most = final.twins if own.choice.row.trained else telling.SOLVED_TWINS
    twins = telling.twins_in(room, telling.twin_seconds(prepared, own), most)
    verdict = telling.tell_once(
        prepared,
        workshop,
        finalists,
        found.chosen,
        int(clock.decide(f"twins of {found.chosen}", twins)),
        lambda text: display.show(f"test images: {text}", 1.0),
    )
    outcome = outcome_of(
        prepared, workshop, final, finalists, found, verdict, beside
    )
    files = write_products(prepared, workshop, finalists, found, outcome)
    return outcome, files
