"""The course of a recommendation, and what is shown while it runs."""

import contextlib

from rich.console import Console

from experiments.common.progress import readable_size, readable_time
from experiments.recommend import deciding, race, telling
from experiments.recommend.costs import cost_of
from experiments.recommend.display import Display
from experiments.recommend.outcome import outcome_of
from experiments.recommend.prepare import Prepared, prepare, score_table
from experiments.recommend.settings import Options
from experiments.recommend.trials import States, Trials
from experiments.recommend.workshop import Workshop
from keras_transfer.errors import UserError
from keras_transfer.models.text_tables import text_table
from keras_transfer.storage import locks


def start_tensorflow() -> None:
    """Starts TensorFlow, whose notices about tracing are kept back.

    Many small networks are traced once each, which it takes for a mistake.
    """
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.constant(0) + 1


def recommend(options: Options, console: Console) -> int:
    """Runs the whole command.

    Args:
        options: `Options`, checked.
        console: `rich.console.Console`.

    Returns:
        Integer, the exit status.

    Raises:
        UserError: If something asked for will not do.
    """
    display = Display(console)
    with display.bars, contextlib.ExitStack() as held:

        def looked(done, total):
            display.show(f"looking at {total:,} images", done / total)

        prepared = prepare(options, display.say, looked)
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
            ),
            States(prepared.folder / "states"),
        )
        runners = race.runners_of(prepared.task, prepared.order, options.rates)
        shares = race.shares_of(
            runners, options.seconds(), prepared.task.epochs
        )
        _check_budget(runners, shares[0], prepared, options)
        plan = race.plan_of(
            runners,
            [],
            shares[0],
            prepared.task.epochs,
            race.least_epochs(prepared.task),
        )
        _show_plan(prepared, runners, plan, shares, workshop, display)
        if options.plan:
            return 0
        outcome, files = _work(prepared, workshop, runners, shares, display)
    for name, path in files:
        display.say(f"{name}: {path}")
    display.say("")
    for text in last_lines(outcome):
        display.say(text)
    return 0


def last_lines(outcome: dict) -> list[str]:
    """Lists what a run ends with: notes again, how sure it is, the sentence.

    Notes that were told first have scrolled away by then.

    Args:
        outcome: Dict of `outcome_of`.
    """
    notes = [f"note: {text}" for text in outcome["warnings"]]
    return [*notes, *outcome["sentences"], outcome["sentence"]]


def _check_budget(runners, budget, prepared: Prepared, options) -> None:
    epochs = prepared.task.epochs
    cheapest = min(
        runners, key=lambda runner: runner.entrant.whole_cost(epochs)
    )
    needed = cheapest.entrant.whole_cost(epochs)
    if budget < needed:
        needed *= options.seconds() / budget
        raise UserError(
            f"Expected a `budget` for at least one candidate: the cheapest, "
            f"{cheapest.entrant.name}, needs about "
            f"{readable_time(needed * 1.05)} with its final. Received: "
            f"{options.budget}. Give a larger `budget`, fewer `epochs` or a "
            "smaller `image_size`."
        )


def _show_scores(prepared: Prepared, display: Display) -> None:
    header, lines = score_table(prepared)
    display.say("\nscores of every stage's pooled output, larger is better")
    display.say(text_table(header, lines))


def _show_plan(prepared, runners, plan, shares, workshop, display) -> None:
    task = prepared.task
    starters = {step.name for step in plan.steps}
    lines, done = [], set()
    for choice in prepared.wanted:
        cost = cost_of(task, choice)
        own = [r for r in runners if r.choice == choice]
        begins = [r for r in own if r.entrant.name in starters]
        state = "solved for" if not own else "left out: budget"
        if begins:
            state = " ".join(f"{r.rate:g}" for r in begins)
        seconds = cost.seconds_per_epoch
        lines.append(
            [
                choice.name,
                choice.row.title,
                state,
                f"{seconds:.2f}" if own else "",
                f"{cost.trainable:,}",
                readable_size(cost.peak_bytes),
            ]
        )
        done |= {r.entrant.name for r in begins}
    header = ["candidate", "way", "rates", "s an epoch", "trained parameters"]
    display.say("\nplan; seconds and memory are estimates")
    display.say(text_table([*header, "memory"], lines))
    filed = len(workshop.trials.found)
    share, rest = shares
    most = share
    # Whoever is within noise goes on as well, while the budget lasts, and
    # whoever fits begins, if the first take less time than expected.
    if len(starters) == len(runners) and len(plan.rungs) == 1:
        most = min(share, race.most_seconds(plan, runners))
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


def _work(prepared, workshop, runners, shares, display: Display):
    """Trains, decides, tells, writes."""
    from experiments.recommend.products import write_products

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
    final = race.choose_final(
        runners,
        plan,
        shares[1] + plan.seconds_left,
        prepared.options.seeds,
        epochs,
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
    verdict = telling.tell_once(
        prepared,
        workshop,
        finalists,
        found.chosen,
        final.twins,
        lambda text: display.show(f"test images: {text}", 1.0),
    )
    outcome = outcome_of(prepared, workshop, final, finalists, found, verdict)
    files = write_products(prepared, workshop, finalists, found, outcome)
    return outcome, files
