import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from experiments import similar_datasets, tune_learning_rate
from experiments.common.settings import parse
from experiments.common.study_settings import GridSettings as Settings
from keras_transfer.errors import UserError
from keras_transfer.specs import rates
from keras_transfer.specs.network import from_dict
from keras_transfer.specs.presets import find_recipe
from keras_transfer.storage import locks
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids, tuning
from keras_transfer.studies.trials import Trial, best_of, write_trial_events
from tests.conftest import TINY, write_tiny_pool
from tests.trained import wait_for

ROOT = Path(__file__).resolve().parents[1]
UNSEEN = "--observe", "off"  # nobody looks at what TensorBoard is told


def flags(log_dir, *more):
    return [
        *("--dataset", TINY, "--image-size", "20", "--width", "4"),
        *("--epochs", "2", "--batch-size", "8", "--log-dir", str(log_dir)),
        *("--treatments", "--trials", "3", *more),
    ]


def texts_of_trials(log_dir):
    pattern = "tuning/trials/*/*/*/*/result.json"
    return {path: path.read_text() for path in Path(log_dir).glob(pattern)}


@pytest.mark.slow(40)
def test_a_killed_search_goes_on_without_repeating_a_trial(tmp_path):
    write_tiny_pool(tmp_path / ".cache")
    command = [sys.executable, "-m", "experiments.tune_learning_rate"]
    command += flags(tmp_path, *UNSEEN)
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: texts_of_trials(tmp_path), first.poll)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = texts_of_trials(tmp_path)
    assert tune_learning_rate.main(command[3:]) == 0
    after = texts_of_trials(tmp_path)
    assert len(after) == 3 and set(before) < set(after)
    assert all(after[path] == text for path, text in before.items())
    # No trial looks at the test images or leaves weights behind.
    for path, text in after.items():
        result = json.loads(text)
        assert result["test_accuracy"] is None
        assert {p.name for p in path.parent.iterdir()}.isdisjoint(
            {"model.keras", "checkpoint.npz"}
        )
    (best,) = tmp_path.glob("tuning/*/report-*/best.json")
    trials = (best.parent / "trials.jsonl").read_text().splitlines()
    assert len(trials) == 3
    for line in trials:
        trial = json.loads(line)
        (execution,) = trial["executions"]
        assert trial["score"] == execution["val_accuracy"]
    assert len(list(tmp_path.glob("tuning/tb/0 study/base/trial*"))) == 3
    content = json.loads(best.read_text())
    assert content["val_accuracy"]["base"] == max(
        json.loads(line)["score"] for line in trials
    )
    # An experiment takes the file and trains the base at that rate.
    code = similar_datasets.main(
        [*flags(tmp_path)[:-2], *UNSEEN, "--learning-rates", str(best)]
    )
    assert code == 0
    rate = content["rates"]["base"]["learning_rate"]
    found = [
        from_dict(json.loads(path.read_text())).solver.learning_rate
        for path in tmp_path.glob("similar_datasets/*/*/*/*/settings.json")
    ]
    assert found == [rate, rate]


def networks_of_two_treatments():
    return grids.similar_networks(
        "cifar100",
        find_recipe("cifar100", "default", None),
        grids.Grid((0,), (0,), (5,), ("AnB", "AnB+")),
    )


def test_each_treatment_has_its_rate_and_its_base_the_bases():
    found = rates.with_rates(
        networks_of_two_treatments(),
        {
            "base": {"learning_rate": 0.2},
            "AnB 5": {"learning_rate": 0.01, "weight_decay": 1e-3},
        },
    )
    by_label = {spec.label: spec for spec in found}
    base = by_label["baseA"]
    assert base.solver.learning_rate == 0.2
    frozen = by_label["A5B"]
    assert frozen.solver.learning_rate == 0.01
    assert frozen.solver.weight_decay == 1e-3
    assert frozen.source == base and frozen.own_base == by_label["baseB"]
    # No rate for AnB+: it keeps its own, and still copies from that base.
    tuned = by_label["A5B+"]
    assert tuned.solver.learning_rate == 0.25 and tuned.source == base
    assert from_dict(dataclasses.asdict(frozen)) == frozen


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "{}",
        '{"rates": {"base": {"learning_rate": -1}}}',
        '{"rates": {"base": {"learning_rate": 1, "colour": 2}}}',
    ],
)
def test_a_file_of_rates_that_is_none(tmp_path, text):
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(UserError, match="best.json"):
        rates.read_rates(str(path))


def test_best_is_among_trials_with_all_their_epochs():
    few = Trial({"learning_rate": 1.0}, 2, [], 0.9)
    full = Trial({"learning_rate": 0.1}, 6, [], 0.6)
    better = Trial({"learning_rate": 0.2}, 6, [], 0.7)
    assert best_of([few, full, better]) == better


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--trials", "0"], "`--trials` of at least 1"),
        (["--lowest", "2"], "`--lowest` < `--highest`"),
        (["--targets", "C"], "`--targets` among A and B"),
    ],
)
def test_bad_values_are_named(capsys, tmp_path, arguments, text):
    arguments = ["--dataset", "cifar100", *arguments]
    code = tune_learning_rate.main([*arguments, "--log-dir", str(tmp_path)])
    assert code == 2
    assert text in capsys.readouterr().err


def test_plan_counts_trials(capsys, tmp_path):
    arguments = ["--dataset", "cifar100", "--layers", "5", "--plan"]
    arguments += ["--guess"]
    code = tune_learning_rate.main([*arguments, "--log-dir", str(tmp_path)])
    assert code == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "2 base networks, then 5 tasks of 10 trials each" in output


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "logs", "trials")


def random_search(spec, store, trials, monkeypatch, train):
    """Searches with `train` in the place of a network's own process."""
    called = []

    def run(specs, store, options, sources, test):
        for spec in (s for s in specs if store.result(s) is None):
            called.append(spec)
            network = store.network(spec)
            network.begin()
            train(network)

    monkeypatch.setattr(tuning, "run_study", run)
    space = tuning.Space(1e-3, 1.0)
    folder = store.log_dir / "keras_tuner"
    plan = tuning.SearchPlan(space, "random", trials)
    found = tuning.search([spec], plan, store, store, folder)
    return found, called


def test_a_diverged_trial_is_neither_kept_nor_repeated(
    store, tiny_spec, monkeypatch
):
    def diverge(network):
        network.checkpoint_path.write_bytes(b"weights")
        network.fail("The loss became nan", {"epoch": 1, "batch": 3}, "")

    found, called = random_search(tiny_spec, store, 3, monkeypatch, diverge)
    assert [trial.score for trial in found] == [0, 0, 0]
    assert found[0].executions[0]["val_accuracy"] is None
    assert len(called) == 3
    assert not list(store.log_dir.rglob("checkpoint.npz"))
    again, called = random_search(tiny_spec, store, 3, monkeypatch, diverge)
    assert again == found and called == []


def test_a_search_that_goes_on_tries_only_what_is_missing(
    store, tiny_spec, monkeypatch
):
    def finish(network):
        rate = network.spec.solver.learning_rate
        network.complete(Result(val_accuracy=1 / (1 + rate)))

    random_search(tiny_spec, store, 2, monkeypatch, finish)
    found, called = random_search(tiny_spec, store, 10, monkeypatch, finish)
    assert len(found) == 10 and len(called) == 8  # 2 were there
    best = best_of(found)
    assert best.values["learning_rate"] == min(
        trial.values["learning_rate"] for trial in found
    )


def test_hparams_of_trials(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    trials = [Trial({"learning_rate": 0.5}, 6, [], 0.25)]
    store = RunStore(tmp_path, "trials")
    report = tmp_path / "cifar100" / "report-default"
    for _ in range(2):  # the second replaces the first
        write_trial_events(store, report, {"AnB 5": trials})
    (run,) = tmp_path.glob("tb/0 study/AnB-5/trial*/cifar100/report-default")
    events = EventAccumulator(str(run))
    events.Reload()
    (value,) = events.Scalars("hparams/val_accuracy")
    assert value.value == 0.25
    content = events.SummaryMetadata("_hparams_/session_start_info")
    assert b"learning_rate" in content.plugin_data.content
    assert b"AnB 5" in content.plugin_data.content


def test_a_second_search_in_the_same_place_waits(tmp_path, monkeypatch, capsys):
    begun = []

    def search(specs, *arguments, **more):
        begun.append(specs)
        return [Trial({"learning_rate": 0.1}, 2, [], 0.5)]

    monkeypatch.setattr(tuning, "search", search)
    settings = parse(
        "tune_learning_rate",
        "",
        flags(tmp_path),
        tune_learning_rate.TuneSettings,
    )
    report = tmp_path / "tuning" / TINY / settings.report_name()
    second = threading.Thread(
        target=tune_learning_rate.main, args=(flags(tmp_path),)
    )
    said = ""
    with locks.hold(report / "search.lock"):
        second.start()
        deadline = time.monotonic() + 60
        while f"waiting for process {os.getpid()}" not in said:
            assert time.monotonic() < deadline and second.is_alive()
            time.sleep(0.05)
            said += capsys.readouterr().out
        assert not begun
    second.join(60)
    assert len(begun) == 1
    assert json.loads((report / "best.json").read_text())["rates"]


def test_each_file_of_rates_has_a_report_of_its_own(tmp_path):
    names = {Settings().report_name()}
    for rate in (0.1, 0.2):
        path = tmp_path / f"{rate}.json"
        rates = {"AnB+ 5": {"learning_rate": rate}}
        path.write_text(json.dumps({"rates": rates}))
        names.add(Settings(learning_rates=str(path)).report_name())
    assert len(names) == 3
