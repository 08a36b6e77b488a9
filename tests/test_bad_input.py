"""A user's mistake: one or two lines, the value, the cure, status 2."""

import importlib
import os
import subprocess
import sys

import pytest

from experiments import (
    dissimilar_datasets,
    reduced_data,
    similar_datasets,
    target_size,
)
from tests.conftest import TINY, write_tiny_pool


def mistake(capsys, tmp_path, *arguments):
    code = similar_datasets.main(
        ["--log-dir", str(tmp_path / "logs"), *arguments]
    )
    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.startswith("error: ")
    assert len(captured.err.strip().splitlines()) <= 2
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--layers", "0"], "among 1 to 7. Received: 0"),
        (["--layers", "3", "9"], "among 1 to 7. Received: 9"),
        (["--layers", "3", "3"], "Received 3 twice"),
        (["--treatments", "AnC"], "Received: AnC"),
        (["--epochs", "0"], "`--epochs` of at least 1. Received: 0"),
        (["--views", "0"], "`--views` of at least 1. Received: 0"),
        (["--images-per-class", "0"], "per-class` of at least 1. Received"),
        (["--workers", "-1"], "`--workers` of at least 1. Received: -1"),
        (["--learning-rate", "-0.1"], "above 0. Received: -0.1"),
        (["--dropout", "1"], "`--dropout` of at .* below 1. Received: 1.0"),
        (["--dropout", "nan"], "below 1. Received: nan"),
        (["--weight-decay", "-1"], "`--weight-decay` of at .*Received: -1.0"),
        (["--optimizer", "adamw"], "`--learning-rate` beside `--optim"),
        (["--copied-rate", "0"], "`--copied-rate` above 0.*Received: 0"),
        (["--rate-decay", "2"], "`--rate-decay` above 0 and at most 1"),
        (["--image-size", "12"], "too small for cnn8.*12-px.*--image-size"),
        (["--preset", "paper"], "synthetic_shapes are too small.*default"),
        (["--dataset", "cifar_hundred"], "Unknown data set 'cifar_hundred'"),
    ],
)
def test_value_is_named_with_its_cure(capsys, tmp_path, arguments, text):
    message = mistake(capsys, tmp_path, *arguments)
    import re

    assert re.search(text, message), message


IGNORED = [
    ("all_classes", "--layers 3"),
    ("all_classes", "--treatments AnB"),
    ("boost", "--treatments AnB"),
    ("dissimilar_datasets", "--splits 1"),
    ("preserved_layers", "--treatments AnB+"),
    ("random_weights", "--treatments AnB"),
    ("reduced_data", "--layers 3"),
    ("reduced_data", "--splits 1"),
    ("reduced_data", "--treatments AnB"),
    ("target_size", "--treatments AnB"),
    ("tune_learning_rate", "--learning-rates rates.json"),
]


@pytest.mark.parametrize("script, flags", IGNORED)
def test_flags_that_a_study_would_ignore_are_refused(capsys, script, flags):
    module = importlib.import_module(f"experiments.{script}")
    with pytest.raises(SystemExit) as ending:
        module.main(["--dataset", "cifar100", "--plan", *flags.split()])
    assert ending.value.code == 2
    message = capsys.readouterr().err
    assert flags.split()[0] in message and "nrecognized" in message


def test_flags_that_another_flag_makes_idle_are_refused(capsys, tmp_path):
    place = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    arguments = [*place, "--balance-draw", "1"]
    assert dissimilar_datasets.main(arguments) == 2
    assert "only with `--balanced`" in capsys.readouterr().err
    arguments = [*place, "--model", "caffenet", "--image-size", "80"]
    assert similar_datasets.main([*arguments, "--width", "8"]) == 2
    assert "no `--width` of caffenet" in capsys.readouterr().err
    assert similar_datasets.main([*arguments, "--first-kernel", "7"]) == 2
    assert "no `--first-kernel` of caffenet" in capsys.readouterr().err
    assert similar_datasets.main([*place, "--first-kernel", "0"]) == 2
    assert "`--first-kernel` of at least 1" in capsys.readouterr().err


@pytest.mark.slow(25)
@pytest.mark.parametrize("quiet", [["--quiet"], []])
def test_unprepared_set_without_network(tmp_path, quiet):
    # No name server, no network: as on a machine that is cut off. In a process
    # of its own, whose output holds what libraries print in its workers too.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    environment = {**os.environ, **nowhere}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    command = [sys.executable, "-m", "experiments.similar_datasets"]
    command += ["--dataset", "beans", "--data-dir", str(tmp_path / "empty")]
    command += ["--log-dir", str(tmp_path / "logs"), *quiet]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    (message,) = done.stderr.splitlines()
    assert message.startswith("error: Data set 'beans' is not prepared in")
    assert "--data-dir" in message
    if quiet:
        assert done.stdout == ""
    else:
        assert done.stdout.rstrip().endswith("beans: opening")


def test_two_classes_are_too_few(capsys, tmp_path):
    write_tiny_pool(tmp_path / "logs" / ".cache", classes=2)
    arguments = ["--dataset", TINY, "--image-size", "20", "--workers", "1"]
    code = similar_datasets.main(
        ["--log-dir", str(tmp_path / "logs"), *arguments]
    )
    assert code == 2
    assert "at least 4 classes" in capsys.readouterr().err


def test_more_images_a_class_than_exist(capsys, tmp_path):
    write_tiny_pool(tmp_path / "logs" / ".cache")
    message = mistake(
        *(capsys, tmp_path, "--dataset", TINY, "--image-size", "20"),
        *("--workers", "1", "--width", "4", "--images-per-class", "12"),
    )
    # Of 12 images a class one is cut for validation.
    assert "`--images-per-class` of at most 11" in message
    assert "half A of tiny_colours. Received: 12" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_log_folder(capsys, tmp_path):
    (tmp_path / "logs").mkdir(mode=0o500)
    assert "Cannot write" in mistake(capsys, tmp_path)


def test_log_folder_that_is_a_file(capsys, tmp_path):
    (tmp_path / "logs").write_text("")
    assert "Cannot write to the log folder" in mistake(capsys, tmp_path)


def test_unknown_flag_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as ending:
        similar_datasets.main(["--datset", "cifar100"])
    assert ending.value.code == 2
    message = capsys.readouterr().err
    assert "--datset" in message and "--dataset" in message


def test_plan_prints_networks_time_and_disk_at_once(tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m"]
        + ["experiments.similar_datasets", "--plan", "--dataset", "cifar100"]
        + ["--log-dir", str(tmp_path), "--guess"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "58 of 58 networks to train" in done.stdout
    assert "MB" in done.stdout
    assert " tensorflow" not in done.stderr
    assert " keras\n" not in done.stderr
    assert not list(tmp_path.iterdir())  # a plan writes nothing


def test_help_names_every_setting(capsys):
    with pytest.raises(SystemExit) as ending:
        similar_datasets.main(["--help"])
    assert ending.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--dataset", "--splits", "--seeds", "--treatments", "--plan"):
        assert flag in text


@pytest.mark.parametrize(
    "script, more",
    [
        (target_size, []),
        (reduced_data, []),
        (dissimilar_datasets, ["--classes", "classes.txt"]),
    ],
)
def test_a_plan_of_a_set_that_was_never_prepared_prepares_nothing(
    capsys, tmp_path, monkeypatch, script, more
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.txt").write_text("[a]\nx\ny\n[b]\nz\nw\n")
    before = sorted(tmp_path.rglob("*"))
    arguments = ["--dataset", "beans", "--image-size", "48", "--plan", *more]
    arguments += ["--data-dir", "empty", "--log-dir", "logs"]
    assert script.main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: Expected a prepared data set for `--plan")
    assert "Received: 'beans', which was never prepared" in message
    assert "give `--data-dir` of a prepared copy" in message
    assert sorted(tmp_path.rglob("*")) == before
