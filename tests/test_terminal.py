"""What a person sees: words as they are, nothing that is not ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from experiments import (
    recipe_report,
    report,
    similar_datasets,
    tune_learning_rate,
)
from experiments.benchmark import __main__ as benchmark
from experiments.common.terminal import open_console
from keras_transfer.datasets.class_kinds import read_kinds
from keras_transfer.datasets.image_folder import ImageFolder
from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path
from keras_transfer.specs.rates import read_rates
from keras_transfer.storage.store import RunStore
from tests.conftest import TINY, write_tiny_pool

ROOT = Path(__file__).resolve().parents[1]
ODD = "sweep[lr=0.1] [red] :cat: [/]"
ONE = ["--dataset", TINY, "--image-size", "20", "--preset", "smoke"]
ONE += ["--width", "4", "--epochs", "1", "--batch-size", "8"]


def test_a_users_words_are_printed_as_they_are(capsys):
    console = open_console()
    table = Table(title=ODD)
    table.add_column(ODD)
    table.add_row(ODD)
    console.print(ODD)
    console.print(table)
    assert capsys.readouterr().out.count(ODD) == 4


def test_all_scripts_print_through_that_console():
    for path in (ROOT / "experiments").rglob("*.py"):
        calls = " Console(" in path.read_text()
        assert not calls or path.name == "terminal.py", path


@pytest.mark.slow(45)
def test_odd_folder_and_no_noise(tmp_path):
    """A study whose every line is ours, in a folder with an odd name."""
    folder = tmp_path / "sweep[lr=0.1]"
    long = tmp_path / ("x" * 90)
    long.mkdir()
    command = [sys.executable, "-m", "experiments.similar_datasets"]
    command += ["--preset", "smoke", "--width", "4", "--epochs", "1"]
    command += ["--treatments", "--log-dir", str(folder)]
    # Prepared anew, which TFDS shows with bars of its own.
    command += ["--data-dir", str(tmp_path / "tfds")]
    environment = {**os.environ, "TMPDIR": str(long)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)

    def run(*more):
        return subprocess.run(
            [*command, *more],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "\r" not in done.stdout and "\x1b" not in done.stdout
    named = [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("figure: ", "table: ", "report: "))
    ]
    for line in named:  # each is one whole path
        assert Path(line.partition(": ")[2]).is_file(), line
        assert "sweep[lr=0.1]" in line
    assert len(named) > 2
    assert (tmp_path / "tfds" / "synthetic_shapes").is_dir()
    assert "Study similar_datasets in" in done.stdout
    # Trained again from nothing, quietly: the table alone.
    quiet = run("--quiet", "--seeds", "1")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    ours = ("figure: ", "table: ", "report: ")
    lines = [line for line in quiet.stdout.splitlines() if line.strip()]
    assert all(line.startswith(ours) for line in lines), quiet.stdout


def test_home_is_expanded_wherever_a_path_is_taken(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert user_path("~/a") == tmp_path / "a"
    store = RunStore("~/logs", "study")
    assert store.log_dir == tmp_path / "logs"
    assert store.cache_dir == tmp_path / "logs" / ".cache"
    (tmp_path / "best.json").write_text(
        '{"rates": {"base": {"learning_rate": 2}}}'
    )
    assert read_rates("~/best.json") == {"base": {"learning_rate": 2.0}}
    (tmp_path / "kinds.txt").write_text("[a]\nw\nx\n[b]\ny\nz\n")
    halves, _ = read_kinds("~/kinds.txt", list("wxyz"))
    assert halves == ((0, 1), (2, 3))
    assert report.main(["--log-dir", "~/logs"]) == 2
    assert f"a study in {tmp_path / 'logs'}. Found none" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "~").exists()


def test_home_is_expanded_in_scripts_that_are_no_study(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert benchmark.main(["--parts", "--log-dir", "~/logs"]) == 0
    assert (tmp_path / "logs" / "benchmark" / "benchmark.md").is_file()
    arguments = ["--levers", "~/no.jsonl", "--out", "~/out"]
    arguments += ["--comparison", "~/no.jsonl", "--timing", "~/no.csv"]
    assert recipe_report.main(arguments) == 2
    error = capsys.readouterr().err
    assert error == f"error: No such file or directory: {tmp_path}/no.csv\n"
    assert (tmp_path / "out").is_dir()
    with pytest.raises(UserError, match="a user that this machine knows"):
        ImageFolder("~nobody_of_this_name/images")
    assert not (tmp_path / "~").exists()


def test_one_place_makes_paths_of_what_users_give():
    given = re.compile(r"\bPath\((self\.)?(settings|options)\.|\.expanduser\(")
    for folder in ("experiments", "keras_transfer"):
        for path in (ROOT / folder).rglob("*.py"):
            found = given.search(path.read_text())
            assert not found or path.name == "paths.py", path


def test_names_that_are_not_utf8_are_refused_at_the_start(tmp_path, capsys):
    name = os.fsdecode(bytes(tmp_path) + b"/l\xe9")
    for arguments in (
        ["--log-dir", name],
        ["--data-dir", name],
        ["--learning-rates", name],
    ):
        assert similar_datasets.main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "in UTF-8. Received: " in line and r"l\udce9" in line
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="UTF-8"):
        RunStore(name, "study")


@pytest.mark.slow
def test_a_search_names_its_bases_as_such(tmp_path, capsys):
    write_tiny_pool(tmp_path / ".cache")
    arguments = [*ONE, "--log-dir", str(tmp_path), "--layers", "5"]
    arguments += ["--treatments", "AnB", "--no-tune-base", "--trials", "1"]
    assert tune_learning_rate.main(arguments) == 0
    out = capsys.readouterr().out
    assert "Study" not in out
    assert "Base networks of the search in" in " ".join(out.split())


def test_only_our_own_words_reach_the_terminal():
    code = """if True:
        import os, subprocess, sys, threading
        from keras_transfer.studies.executors.quiet import only_python_output
        def say(name):
            thread = threading.Thread(target=print, args=(name,), name=name)
            thread.start()
            thread.join()
        print("before")
        with only_python_output():
            os.write(1, b"native\\n")
            os.write(2, b"native\\n")
            subprocess.run(["echo", "another process"])
            print("ours")
            print("our error", file=sys.stderr)
            say("ray_listen_error_messages")
            say("our thread")
        os.write(1, b"after\\n")
    """
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["before", "ours", "our thread", "after"]
    assert done.stderr == "our error\n"
