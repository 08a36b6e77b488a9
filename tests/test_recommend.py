"""The command `recommend`: mistakes in a sentence, nothing trained twice."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from experiments.recommend import prepare
from experiments.recommend.__main__ import main
from experiments.recommend.images import load_folder
from experiments.recommend.snippet import snippet
from keras_transfer.errors import UserError
from keras_transfer.recommendation.scores import score_stage
from keras_transfer.recommendation.ways import Choice, choices
from keras_transfer.reports.html.recommend_page import html_page
from keras_transfer.reports.recommendation import write_figure

ROOT = Path(__file__).resolve().parents[1]
SIDE = 12
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


def write_images(folder, per_class=12, spread=60, colours=COLOURS):
    """A folder of plain colours for each class, some brighter than others."""
    rng = np.random.default_rng(0)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True)
        for index in range(per_class):
            shift = rng.integers(-spread, spread + 1) if spread else 0
            pixels = np.clip(np.array(colour) + shift, 0, 255).astype(np.uint8)
            picture = np.broadcast_to(pixels, (SIDE, SIDE, 3)).copy()
            picture[0, 0] = index if spread else 0  # no two files are alike
            Image.fromarray(picture).save(folder / name / f"{index}.png")
    return str(folder)


def write_model(path):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 255, name="rescaling"),
            keras.layers.Conv2D(4, 3, activation="elu", name="conv1"),
            keras.layers.Conv2D(4, 3, activation="elu", name="conv2"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(5, name="logits"),
        ]
    )
    model.save(path)
    return str(path)


def failure(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    return captured.err


def test_images_are_cut_and_limited_by_content(tmp_path):
    folder = write_images(tmp_path / "images", per_class=20)
    whole = load_folder(folder, (SIDE, SIDE), None)
    few = load_folder(folder, (SIDE, SIDE), 4)
    assert np.bincount(few.labels["train"]).tolist() == [4, 4, 4]
    assert len(whole.labels["train"]) > 30
    for part in ("validation", "test"):
        np.testing.assert_array_equal(few.images[part], whole.images[part])
    assert few.class_names == ["blue", "green", "red"]
    assert few.key != whole.key
    assert "3 classes, 12 train, " in few.describe()
    assert "(4 training images a class)" in few.describe()


def test_too_few_images_and_images_all_alike_are_told(tmp_path):
    one = write_images(tmp_path / "one", per_class=1)
    with pytest.raises(UserError, match="4 different ones.*: 1 of 'blue'"):
        load_folder(one, (SIDE, SIDE), None)
    grey = dict.fromkeys(COLOURS, (90, 90, 90))
    alike = write_images(tmp_path / "alike", spread=0, colours=grey)
    with pytest.raises(UserError, match="alike' are the same picture"):
        load_folder(alike, (SIDE, SIDE), None)
    # Or none at all.
    for path in (tmp_path / "alike").rglob("*.png"):
        pixels = path.read_bytes()
        path.write_bytes(b"no picture")
    with pytest.raises(UserError, match="cannot be decoded"):
        load_folder(alike, (SIDE, SIDE), None)
    for path in (tmp_path / "alike").rglob("*.png"):
        path.write_bytes(pixels)
    # Of the same pixels in other files.
    for index, path in enumerate(sorted((tmp_path / "alike").rglob("*.png"))):
        path.write_bytes(path.read_bytes() + bytes([index]))
    with pytest.raises(UserError, match="alike' are the same picture"):
        load_folder(alike, (SIDE, SIDE), None)
    # A class of one picture, twelve times.
    copies = write_images(tmp_path / "copies", spread=0)
    with pytest.raises(UserError, match="4 different ones.*: 1 of 'blue'"):
        load_folder(copies, (SIDE, SIDE), None)


def test_mistakes_are_told_before_anything_is_loaded(tmp_path, capsys):
    text = failure(capsys, "--images", tmp_path / "absent")
    assert "absent" in text
    (tmp_path / "one" / "cat").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "one" / "cat" / "a.png")
    text = failure(capsys, "--images", tmp_path / "one")
    assert "Received: 1 such folder." in text
    text = failure(capsys, "--budget", "soon")
    assert "Expected `--budget` as a time such as 90s, 20m or 1.5h" in text


def test_models_and_budgets_that_will_not_do(tmp_path, capsys):
    images = write_images(tmp_path / "images")
    logs = "--log-dir", tmp_path / "logs", "--images", images
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(b"PK no model")
    text = failure(capsys, *logs, "--model", damaged)
    assert "damaged.keras is not a `.keras` file" in text
    text = failure(capsys, *logs, "--model", tmp_path / "no.keras")
    assert "no.keras does not exist" in text
    model = write_model(tmp_path / "model.keras")
    text = failure(capsys, *logs, "--model", model, "--budget", "0.1s")
    assert re.search("one candidate: the cheapest, .* needs about ", text)
    assert re.search(r"Give a `--budget` of \d+s or more", text)
    text = failure(capsys, *logs, "--model", model, "--image-size", 32)
    assert "needs images of 12 x 12 px" in text
    text = failure(capsys, "--model", model, "--log-dir", tmp_path / "logs")
    assert "Expected `--images`, a folder of images" in text


def test_the_plan_trains_nothing(tmp_path, capsys):
    images = write_images(tmp_path / "images")
    model = write_model(tmp_path / "model.keras")
    arguments = ["--images", images, "--model", model, "--plan"]
    assert main([*arguments, "--log-dir", str(tmp_path / "logs")]) == 0
    text = capsys.readouterr().out
    assert "truncated@2" in text and "linear probe" in text
    assert re.search(r"race: \d+ entrants, trained for \d+", text)
    # Linear heads are a part of looking.
    rows = rows_of(tmp_path / "logs")
    assert {row["rate"] for row, *_ in rows.values()} == {0}
    assert re.search(r"\d+ s of 20m are gone. The end \(telling on", text)
    assert not list((tmp_path / "logs").rglob("budget.json"))


def test_scores_of_many_images_are_those_of_some(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_SCORED", 30)  # a thousand

    def scores(labels, folder):
        rng = np.random.default_rng(0)
        features = rng.normal(size=(len(labels), 2)) + labels[:, None]
        names = range(labels.max() + 1)
        images = SimpleNamespace(labels={"train": labels}, class_names=names)
        pooled = {"train": [features]}
        task = SimpleNamespace(outputs=SimpleNamespace(pooled=pooled))
        (tmp_path / folder).mkdir()
        return features, prepare._scores(task, images, None, tmp_path / folder)

    for classes, count, least in ((3, 30, 9), (10, 50, 5)):
        labels = np.repeat(np.arange(classes), 210 // classes)
        features, found = scores(labels, f"{classes}")
        places = np.unique(np.linspace(0, 209, count).astype(int))
        assert np.bincount(labels[places]).min() >= least  # of every class
        assert found == [score_stage(features[places], labels[places])]

    # A rare class, of which a thousand of all would have an image or none.
    labels = np.repeat(np.arange(3), (900, 7, 2000))
    places = prepare._scored(labels, 3)
    counts = np.bincount(labels[places])
    assert counts[1] >= 5 and sum(counts) <= 30 + 5


OUTCOME = {
    "sentence": "Freeze <all>.",
    "sentences": ["kept@1 loses nothing."],
    "chosen": "kept@1",
    "model": "models/a.keras",
    "model_path": "a.keras",
    "open_size": True,
    "scaling": "keras.applications.vgg16.preprocess_input",
    "images": "shapes",
    "folder": "pictures",
    "images_per_class": None,
    "most_classes": None,
    "tolerance": 1.0,
    "epochs": 9,
    "batch_size": 8,
    "image_size": [32, 32],
    "seeds": 2,
    "left_out": ["kept@2"],
    "warnings": ["a <b> note"],
    "stages": [
        {"stage": i, "last_layer": f"layer{i}", "parameters": 5, "share": None}
        for i in (1, 2, 3)
    ],
    "scores": [{"linear_probe": 0.5}, {"linear_probe": 0.75}],
    "alike": [[1.0, 0.625], [0.625, 1.0]],
    "weights": {"untrained": True, "tensors": 1370},
    "probes": {
        "stages": [
            {
                "stage": 2,
                "copied": 0.5,
                "fresh": 0.475,
                "mean": 0.025,
                "low": -0.01,
                "high": 0.06,
            }
        ],
        "draws": 5,
        "images": 2000,
    },
    "candidates": [
        {
            "name": name,
            "way": name.split("@")[0],
            "title": name,
            "stage": stage,
            "rate": 0.001,
            "accuracy": accuracy,
            "low": accuracy - 0.1,
            "high": accuracy + 0.1,
            "loss_low": 0.01,
            "loss_high": 0.05,
            "seconds": 3.0,
            "seconds_per_epoch": None,
            "trainable": 1000,
            "peak_bytes": 2_000_000,
            "stored_bytes": 0,
        }
        for name, stage, accuracy in (
            ("kept@1", 1, 0.8),
            ("finetuned", 0, 0.7),
            ("truncated@2", 2, 0.6),
        )
    ],
    "race": [
        {
            "name": "redrawn@1",
            "way": "redrawn",
            "stage": 1,
            "rate": 0.01,
            "epochs": 3,
            "accuracy": None,
        }
    ],
    "test": {
        "low": 0.7,
        "high": 0.9,
        "accuracies": {"kept@1": 0.8, "finetuned": 0.75},
        "differences": {"finetuned": [0.05, -0.01, 0.11]},
        "copying": {
            "fresh": 0.3,
            "mean": 0.5,
            "low": 0.4,
            "high": 0.6,
            "draws": 3,
            "freedom": 7.6,
        },
    },
    "proof": "6 tensors: 6 copied",
    "code": "import keras",
}


def test_notes_are_told_again_before_the_sentence():
    from experiments.recommend.session import last_lines

    assert last_lines(OUTCOME) == [
        "note: a <b> note",
        "kept@1 loses nothing.",
        "Freeze <all>.",
    ]


def test_the_page_needs_nothing_from_outside_and_escapes(tmp_path):
    paths = write_figure(OUTCOME, tmp_path / "figure")
    assert [path.suffix for path in paths] == [".svg", ".png"]
    svg = paths[0].read_text()
    for label in ("accuracy on validation", "training, whole (seconds)"):
        assert label in svg
    html = html_page(OUTCOME, paths[0].read_bytes())
    assert "Freeze &lt;all&gt;." in html and "<all>" not in html
    assert "a &lt;b&gt; note" in html
    assert "1.0 to 5.0" in html and ">0.62<" in html
    assert "what to copy and freeze of a.keras" in html
    few = {**OUTCOME["test"]["copying"], "freedom": 1.2, "draws": 2}
    test = {**OUTCOME["test"], "copying": few}
    again = html_page({**OUTCOME, "test": test}, b"")
    assert "2 draws, too few for an interval" in again
    assert "+50.0 [" not in again
    assert "+5.0 [-1.0, +11.0]" in html and "+50.0 [+40.0, +60.0]" in html
    assert "3 draws, 8 degrees of freedom" in html
    assert "None of 1,370 tensors below the new head differs" in html
    assert "+2.5 [-1.0, +6.0]" in html and "2,000 validation images" in html
    # The sentence may rest on weights alone.
    alone = html_page({**OUTCOME, "probes": None}, b"")
    assert "None of 1,370 tensors below the new head differs" in alone
    assert "There was no time for linear probes" in alone
    unknown = {"untrained": None, "tensors": 0}
    assert "worth more than a draw" not in html_page(
        {**OUTCOME, "probes": None, "weights": unknown}, b""
    )
    assert "<strong>kept@1</strong>" in html and "failed" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert "img-src data:" in html


@pytest.mark.parametrize("choice", choices(3), ids=lambda c: c.name)
def test_the_code_of_every_way_is_python(choice):
    code = snippet(OUTCOME, choice, 0.001)
    compile(code, "recommended.py", "exec")
    assert ("copy_first_layers" in code) == (choice.name != "redrawn@0")
    assert "keras.applications.vgg16.preprocess_input(x" in code
    assert "with_image_size(source, size)" in code
    # Trained as the command trains.
    assert ("min(layer.momentum, 0.8)" in code) == choice.row.trained


@pytest.mark.parametrize(
    "scaling, line",
    [
        ("pixels of -1 to 1", "(x * 0.00784313725490196 + -1.0"),
        ("unknown, pixels of 0 to 255 taken", ""),
        ("in the model, pixels of 0 to 255", ""),
    ],
)
def test_the_code_scales_pixels_as_the_command_did(scaling, line):
    code = snippet({**OUTCOME, "scaling": scaling}, Choice("finetuned"), 0.001)
    compile(code, "recommended.py", "exec")
    assert line in code
    assert ("x_train, x_test = (x *" in code) == bool(line)


def test_the_code_says_that_it_trains_with_all_images():
    choice = Choice("finetuned")
    assert "at most" not in snippet(OUTCOME, choice, 0.001)
    few = {**OUTCOME, "images_per_class": 20, "most_classes": 5}
    code = snippet(few, choice, 0.001)
    compile(code, "recommended.py", "exec")
    assert (
        "# It was chosen with at most 20 training images of each class and 5 "
        "classes.\n# This trains with all of them.\nsize = "
    ) in code


def arguments_of(tmp_path, model, images, **more):
    found = ["--model", model, "--images", images, "--log-dir", tmp_path]
    found += ["--epochs", "4", "--seeds", "2", "--budget", "1h"]
    for name, value in more.items():
        found += [f"--{name}", value]
    return [str(value) for value in found]


def rows_of(log_dir):
    rows = {}
    # A name with a dot in front is of a file that is being written.
    for path in log_dir.rglob("trials/[!.]*.json"):
        row = json.loads(path.read_text())
        seconds = row.pop("seconds"), row.pop("build")
        rows[path.name] = row, seconds, path.stat().st_mtime_ns
    return rows


@pytest.mark.slow(55)
def test_killed_and_started_again_it_trains_nothing_twice(tmp_path, capsys):
    images = write_images(tmp_path / "images", per_class=20)
    model = write_model(tmp_path / "model.keras")
    logs, other = tmp_path / "logs", tmp_path / "other"
    command = [sys.executable, "-m", "experiments.recommend"]
    command += arguments_of(logs, model, images)
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )
    while len(rows_of(logs)) < 7:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = rows_of(logs)
    assert not list(logs.rglob("recommendation.json"))
    assert main(command[3:]) == 0
    again = rows_of(logs)
    assert set(first) < set(again)
    # The very files: none was trained again.
    assert {name: again[name] for name in first} == first
    assert main(arguments_of(other, model, images)) == 0
    whole = rows_of(other)
    assert {n: row for n, (row, *_) in whole.items()} == {
        n: row for n, (row, *_) in again.items()
    }
    sentences = [
        json.loads(next(place.rglob("recommendation.json")).read_text())
        for place in (logs, other)
    ]
    assert sentences[0]["chosen"] == sentences[1]["chosen"]
    assert sentences[0]["test"] == sentences[1]["test"]
    # A third time nothing is trained, and the same is said.
    assert main(arguments_of(logs, model, images)) == 0
    assert rows_of(logs) == again


@pytest.mark.slow(160)
def test_the_demonstration_ends_in_the_sentence_and_its_code_runs(tmp_path):
    words = ["experiments.recommend", "--log-dir", tmp_path]
    run = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    *_, why, last = run.stdout.strip().splitlines()
    assert "% [" in last and "on test" in last
    # Trained twins tell, or probes where a busy machine left no time for them.
    assert re.search("Copying is worth|a linear probe of stage . gains", why)
    files = dict(
        line.split(": ", 1)
        for line in run.stdout.splitlines()
        if line.startswith(("figure: ", "model: ", "code: ", "page: "))
    )
    assert all(Path(path).is_file() for path in files.values())
    folder = Path(files["model"]).parent
    outcome = json.loads((folder / "recommendation.json").read_text())
    summary = json.loads((folder / "proof.json").read_text())["summary"]
    assert "unchanged bit by bit" in summary and ", 0 copied" not in summary
    code = subprocess.run(
        [sys.executable, files["code"]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    told = float(re.search(r"test accuracy ([\d.]+) %", code.stdout)[1])
    assert told == pytest.approx(100 * outcome["test"]["accuracy"], abs=8)
