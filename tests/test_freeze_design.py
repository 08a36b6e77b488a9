"""When to freeze: which networks the map has, and how rates are tuned."""

import dataclasses
import json
from contextlib import nullcontext

import pytest
from rich.console import Console

from experiments.findings import freezing
from experiments.when_to_freeze import __main__ as script
from experiments.when_to_freeze import design as designs
from experiments.when_to_freeze import search
from keras_transfer.analysis.freeze_map import FreezeMap
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.errors import UserError
from keras_transfer.studies.trials import Trial
from tests.conftest import TINY, write_tiny_pool


def design(**changes):
    settings = designs.FreezeSettings(dataset="cifar100", **changes)
    return designs.design(settings)


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def by_label(specs):
    return {(s.label, s.target_images): s for s in specs}


def test_a_cell_has_frozen_fine_tuned_and_scratch_on_the_same_images():
    found = design(images=(5, 25)).networks(16, 0, (5, 25))
    labels = sorted(by_label(found), key=str)
    assert labels == [
        ("A7B", 25),
        ("A7B", 5),
        ("A7B", None),
        ("A7B+", 25),
        ("A7B+", 5),
        ("A7B+", None),
        ("baseA", None),
        ("baseB", 25),
        ("baseB", 5),
        ("baseB", None),
    ]
    assert {s.data.images_per_class for s in found} == {100}
    assert {s.model.width for s in found} == {16}


def test_passes_grow_as_images_shrink_and_heads_take_more_steps():
    found = by_label(design().networks(16, 0, (5, 25)))
    steps = {
        key: s.solver.epochs * s.solver.steps_per_epoch
        for key, s in found.items()
    }
    # 8 passes over 5,000 images in batches of 64 are 8 * 78 = 624 steps, over
    # 1,250 they are 8 * 19 = 152, fewer than 300.
    assert steps["baseB", None] == steps["A7B+", None] == 624
    assert steps["baseB", 5] == steps["baseB", 25] == steps["A7B+", 5] == 300
    assert steps["A7B", 5] == steps["A7B", None] == 2001  # in 3 looks


def test_each_width_treatment_and_nearest_size_has_its_rate(tmp_path):
    rates = {
        "base, width 16, 100 images": 0.2,
        "AnB 7, width 16, 10 images": 0.3,
        "AnB 7, width 16, 100 images": 0.4,
    }
    content = {"rates": {k: {"learning_rate": v} for k, v in rates.items()}}
    path = tmp_path / "best.json"
    path.write_text(json.dumps(content))
    found = by_label(
        design(learning_rates=str(path)).networks(16, 0, (5, 25, 40))
    )
    rate = {key: s.solver.learning_rate for key, s in found.items()}
    assert rate["baseA", None] == rate["baseB", None] == 0.2
    # 25 is 2.5 times 10 and a quarter of 100; 40 is four times 10.
    assert rate["A7B", 5] == rate["A7B", 25] == 0.3
    assert rate["A7B", 40] == rate["A7B", None] == 0.4
    assert rate["A7B+", 5] == 0.25  # the recipe's: none was given
    sources = {s.source for s in found.values() if not s.is_base}
    assert sources == {found["baseA", None]}


def test_what_is_tuned_is_not_in_the_map():
    plan = design()
    tasks = plan.tasks(16)
    assert sorted(tasks) == sorted(
        f"{name}, width 16, {size} images"
        for name in ("base", "AnB 7", "AnB+ 7")
        for size in (10, 100)
    )
    tuned = [spec for specs in tasks.values() for spec in specs]
    assert {s.data.split for s in tuned} == {9}
    assert {s.target for s in tuned} == {"B"}
    ids = {s.network_id for s in tuned}
    assert ids.isdisjoint(s.network_id for s in plan.every())
    # Copies first; networks from scratch, which answer less, at the end.
    labels = [s.label for s in plan.every()]
    assert labels[0] == "baseA" and set(labels[-48:]) == {"baseB"}
    assert "baseB" not in labels[:-48]
    with pytest.raises(UserError, match="`tuning_split` that is none"):
        design(splits=(0, 9))
    with pytest.raises(UserError, match="Expected `images` below 100"):
        design(images=(5, 100))
    with pytest.raises(UserError, match="no `steps_per_epoch`"):
        design(steps_per_epoch=10)


@pytest.mark.parametrize(
    "scores, rates",
    [
        ({0.09: 0.1, 0.27: 0.3, 0.81: 0.2}, (0.09, 0.27, 0.81)),
        ({0.09: 0.1, 0.27: 0.2, 0.81: 0.3}, (0.09, 0.27, 0.81, 2.43)),
        ({0.09: 0.3, 0.27: 0.2, 0.81: 0.1}, (0.03, 0.09, 0.27, 0.81)),
    ],
)
def test_rates_are_added_until_the_best_lies_between_others(scores, rates):
    trials = [
        Trial({"learning_rate": rate}, 3, [], score)
        for rate, score in scores.items()
    ]
    assert search.widened(trials) == rates


def test_wide_networks_may_be_trained_on_few_images_alone(tmp_path):
    labels = [(s.label, s.target_images) for s in few_alone().every()]
    assert set(labels) == {
        ("baseA", None),
        ("A7B", 5),
        ("A7B+", 5),
        ("baseB", 5),
    }
    # The base's rate is tuned all the same: it is copied.
    tasks = {f"{name}, width 16, 10 images" for name in ("AnB 7", "AnB+ 7")}
    tasks |= {f"base, width 16, {size} images" for size in (10, 100)}
    assert set(few_alone().tasks(16)) == tasks
    path = tmp_path / "best.json"
    given = {"base, width 16, 100 images": {"learning_rate": 0.2}}
    path.write_text(json.dumps({"rates": given}))
    plan = few_alone(learning_rates=str(path))
    assert set(search._searched(plan, 16)) == tasks - set(given)


def few_alone(**changes):
    few = {"width": (16,), "images": (5,), "splits": (0,)}
    return design(**few, all_images=False, **changes)


@pytest.mark.slow(90)
def test_rates_are_tuned_and_the_map_trained(tmp_path):
    write_tiny_pool(tmp_path / "logs" / ".cache")
    flags = [
        *("--dataset", TINY, "--image-size", "20", "--width", "4"),
        *("--images", "3", "--tuning-images", "2", "--batch-size", "8"),
        *("--images-per-class", "6", "--epochs", "1", "--splits", "0"),
        *("--least-steps", "3", "--head-steps", "6", "--quiet"),
        *("--observe", "off"),
        *("--log-dir", "logs"),
    ]
    assert script.main([*flags, "--tune"]) == 0
    (best,) = tmp_path.glob("logs/when_to_freeze/*/tuning/best.json")
    content = json.loads(best.read_text())
    assert len(content["rates"]) == 6  # three treatments at two sizes
    trials = [
        json.loads(line) for line in best.with_name("trials.jsonl").open()
    ]
    assert 6 * 3 <= len(trials) <= 6 * search.MOST_RATES
    for task, score in content["val_accuracy"].items():
        own = [t["score"] for t in trials if t["task"] == task]
        assert score == max(own)
    assert script.main([*flags, "--learning-rates", str(best)]) == 0
    (summary,) = tmp_path.glob("logs/when_to_freeze/*/report-*/summary.md")
    found = FreezeMap(summary.with_name("results.csv"))
    # Two bases, then a frozen, a fine-tuned and a new one on 3 images, and
    # two copies on all.
    assert len(found.lines) == 7 and found.sizes == [3, 6]
    assert "these halves only" in summary.read_text()


@pytest.mark.parametrize("of_longer", [False, True])
def test_published_commands_train_the_networks_that_are_published(of_longer):
    data = freezing.longer() if of_longer else freezing.found()
    runs = freezing.runs(data, freezing.LONGER if of_longer else None)
    found = {
        spec.network_id
        for settings in runs
        for spec in designs.design(settings).every()
    }
    assert found == {line["network_id"] for line in data.lines}
    commands = freezing.commands()
    count = len(freezing.runs(freezing.longer()))
    first, *rest = commands[:count] if of_longer else commands[count:]
    assert "--tables" not in first
    for run, words in zip(runs, rest, strict=False):
        report = f"logs/when_to_freeze/cifar100/{run.report_name()}"
        own, *_ = words.split(" --longer ")  # which the last has beside
        assert own.endswith(f"--tables {report}/results.csv")
    if of_longer:
        report = f"logs/when_to_freeze/cifar100/{runs[-1].report_name()}"
        assert commands[-1].endswith(f"--longer {report}/results.csv")


def test_longer_training_has_a_report_of_its_own():
    usual = designs.FreezeSettings(dataset="cifar100")
    more = dataclasses.replace(usual, head_steps=4000)
    assert more.report_name().startswith(f"{usual.report_name()}-")
    other = dataclasses.replace(more, least_steps=600)
    assert other.report_name() not in (more.report_name(), usual.report_name())


def test_tables_are_read_and_checked_before_training(tmp_path):
    path = tmp_path / "results.csv"
    settings = designs.FreezeSettings(
        dataset="cifar100", width=(8,), images=(5,), tables=(str(path),)
    )
    with pytest.raises(UserError, match="Expected `tables` to be results"):
        script.study(settings)
    # The committed map is of another precision than the default.
    path.write_bytes(freezing.table().read_bytes())
    with pytest.raises(UserError, match="one `precision` for the map"):
        script.study(settings)
    half = dataclasses.replace(settings, precision="bfloat16")
    with pytest.raises(UserError, match="one `network_id` for width 8, target"):
        script.study(half)  # at other rates
    longer = dataclasses.replace(half, width=(4,), epochs=24)
    with pytest.raises(UserError, match="one `steps` for target_images 100"):
        script.study(longer)
    more = dataclasses.replace(half, width=(4,), images_per_class=200)
    with pytest.raises(UserError, match="one `recipe` for the map"):
        script.study(more)
    wider = dataclasses.replace(half, width=(4,))
    assert script.study(wider).specs
    best = tmp_path / "best.json"
    content = {"tried": {"a": [0.3]}, "splits": {"a": 5}, "rates": RATES}
    best.write_text(json.dumps(content))
    with pytest.raises(UserError, match="searched on split 5, which it has"):
        script.study(dataclasses.replace(wider, learning_rates=str(best)))


RATES = {"a": {"learning_rate": 0.3}}


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "to be the best.json of a search"),  # no such file
        ({"rates": {"a": {}}}, "a positive learning_rate"),
        ({"rates": RATES, "tried": [0.3]}, "'tried' to hold a list"),
        ({"rates": RATES, "tried": {"a": 0.3}}, "'tried' to hold a list"),
        ({"rates": RATES, "tried": {"a": [0.1]}}, "one of those that were"),
        ({"rates": RATES, "tried": {"a": [0.3]}}, "say on which split"),
        ({"rates": RATES, "splits": {"a": "9"}}, "'splits' to hold a split"),
        (
            {"rates": RATES, "tried": {"a": [0.3]}, "splits": {"a": 2}},
            "searched on split 2, which it has",
        ),
    ],
)
def test_a_bad_best_json_is_refused_before_training(content, said, tmp_path):
    path = tmp_path / "best.json"
    if content is not None:
        path.write_text(json.dumps(content))
    settings = designs.FreezeSettings(
        dataset="cifar100", learning_rates=str(path)
    )
    for act in (designs.design, script.study):
        with pytest.raises(UserError, match=said):
            act(settings)


def test_rates_that_were_given_keep_their_split(tmp_path, monkeypatch):
    plan = few_alone()
    task, other, *_ = sorted(plan.tasks(16))
    path = tmp_path / "best.json"
    given = {
        "rates": {task: {"learning_rate": 0.3}},
        "tried": {task: [0.1, 0.3, 0.9]},
        "splits": {task: 9},
        "val_accuracy": {task: 0.5},
    }
    path.write_text(json.dumps(given))
    trials = [Trial({"learning_rate": 0.2}, 3, [], 0.4)]
    monkeypatch.setattr(
        search,
        "_search",
        lambda settings, tasks, *_: {other: trials} if other in tasks else {},
    )
    monkeypatch.setattr(search, "training", lambda *_: nullcontext())
    settings = designs.FreezeSettings(
        dataset="cifar100",
        width=(16,),
        images=(5,),
        splits=(0,),
        tuning_split=7,
        learning_rates=str(path),
        log_dir="logs",
    )
    assert search.tune(("command",), settings, Console(quiet=True)) == 0
    (written,) = tmp_path.glob("logs/when_to_freeze/*/tuning/best.json")
    content = json.loads(written.read_text())
    assert content["splits"] == {task: 9, other: 7}
    assert content["tried"] == {task: [0.1, 0.3, 0.9], other: [0.2]}
    assert Search.read(written).splits == (7, 9)
