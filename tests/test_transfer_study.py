"""Studies over any model and images: list, plan, train, resume, report."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import transfer_figure, transfer_study
from keras_transfer.analysis.contrasts import Observation
from keras_transfer.analysis.copied_stages import SCRATCH, CopiedStages
from keras_transfer.errors import UserError
from keras_transfer.reports.copied_stages import plot_stages
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.registered import LayerCost, RegisteredModel
from keras_transfer.specs.settings import DataSpec, ModelSpec, SolverSpec
from keras_transfer.storage.files import file_sha256
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.studies import grids
from keras_transfer.transfer.proof import sha256

BASE = NetworkSpec(
    DataSpec("any", 0, 18, 16, views=2, mean="model"),
    ModelSpec("tiny", content="0" * 64, cuts=("one", "two", "three")),
    SolverSpec(0.1),
    target="all",
)


def test_networks_of_a_seed_are_listed_by_treatment():
    listed = grids.pretrained_networks(
        BASE, (0, 1), (3, 1), ("SnT", "SnT+", "SnT-keep")
    )
    labels = [spec.label for spec in listed if spec.seed == 1]
    # Nothing is left above all three stages to be kept.
    assert labels == "baseAll S1T S3T S1T+ S3T+ S1T-keep".split()
    assert [spec.seed for spec in listed] == [0] * 6 + [1] * 6


def observations(values):
    return CopiedStages(
        tuple(
            Observation("whole", "all", seed, name, n, "", value)
            for (name, n), seeds in values.items()
            for seed, value in enumerate(seeds)
        )
    )


VALUES = {
    ("baseAll", 0): (0.50, 0.52, 0.54),
    ("SnT", 1): (0.60, 0.61, 0.65),
    ("SnT+", 1): (0.70, 0.73, 0.73),
    ("SnT+", 2): (0.71, 0.72, 0.76),
}


def test_means_and_differences_of_copied_stages():
    found = observations(VALUES)
    assert found.seeds == [0, 1, 2] and found.stages() == [1, 2]
    assert found.treatments == ["SnT", "SnT+"]
    assert found.mean(SCRATCH) == pytest.approx(0.52)
    assert found.mean(("SnT", 2, None)) is None
    answers = {(name, n): value for name, n, value in found.answers()}
    assert list(answers) == [
        ("SnT - baseAll", 1),
        ("SnT+ - baseAll", 1),
        ("SnT+ - baseAll", 2),
        ("SnT+ - SnT", 1),
    ]
    gain = answers["SnT+ - baseAll", 1]
    assert gain.mean == pytest.approx(0.20)
    assert gain.low < 0.20 < gain.high
    # 10, 12 and 8 points: a deviation of 2, so t(2) / sqrt(3) of it a side.
    assert answers["SnT+ - SnT", 1].in_points() == "+10.0 [+5.0, +15.0]"


def test_one_seed_has_means_and_no_intervals():
    found = observations({cell: seeds[:1] for cell, seeds in VALUES.items()})
    gain = found.compare(("SnT", 1, None), SCRATCH)
    assert gain.mean == pytest.approx(0.10) and gain.low is None


def test_a_panel_for_each_data_set(tmp_path):
    panels = {"clothes": observations(VALUES), "letters": observations(VALUES)}
    svg, png = plot_stages(panels, "title", tmp_path / "two", ("a", "b"))
    text = svg.read_text()
    for part in ("clothes", "letters", "from scratch", ">b<", "accuracy (%)"):
        assert part in text
    assert png.stat().st_size > 10_000


def write_table(path, dataset, balanced=None):
    lines = ["dataset,split,seed,treatment,base,target,n,target_images,"]
    lines[0] += "test_accuracy,test_balanced_accuracy"
    for (name, n), seeds in VALUES.items():
        for seed, value in enumerate(seeds):
            base = "pretrained" if n else ""
            line = f"{dataset},0,{seed},{name},{base},all,{n},,{value},"
            lines.append(line + (f"{value + balanced}" if balanced else ""))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_tables_of_several_sets_become_one_figure(capsys, tmp_path):
    tables = [
        write_table(tmp_path / f"{name}.csv", f"folder:{name}-0123abcd")
        for name in ("hats", "my letters")
    ]
    out = tmp_path / "out"
    given = ["--tables", *tables, "--folder", str(out)]
    assert transfer_figure.main(given) == 0
    text = (out / "summary.md").read_text()
    assert "# hats" in text and "# my letters" in text
    assert "| SnT+ - SnT | 1 | +10.0 [" in text
    assert "my letters" in (out / "stages.svg").read_text()
    # What a table gives is what the networks themselves would.
    panels = transfer_figure.read_panels([tmp_path / "hats.csv"])
    assert panels["hats"].answers() == observations(VALUES).answers()


def test_balanced_accuracy_stands_beside_where_classes_are_unequal(
    capsys, tmp_path
):
    given = ["--folder", str(tmp_path), "--tables"]
    given.append(write_table(tmp_path / "equal.csv", "folder:equal-0123abcd"))
    unequal = write_table(tmp_path / "less.csv", "folder:less-0123abcd", -0.05)
    assert transfer_figure.main([*given, unequal]) == 0
    equal, less = (tmp_path / "summary.md").read_text().split("# less")
    assert "each class counts alike" not in equal
    # Of 52, 62 and 73 % in the mean, 5 points are off.
    assert (
        "counts alike, however many images it has. From scratch: 47.0" in less
    )
    assert "| SnT | 57.0 |  |" in less and "| SnT | 62.0 |  |" in less


@pytest.mark.parametrize(
    "content, text",
    [
        (None, "No such file"),
        ("a,b\n1,2\n", "KeyError: 'dataset'"),
        ("dataset\nx\ny\n", "one data set"),
    ],
)
def test_a_table_of_something_else_is_named(capsys, tmp_path, content, text):
    path = tmp_path / "other.csv"
    if content is not None:
        path.write_text(content)
    assert transfer_figure.main(["--tables", str(path)]) == 2
    told = capsys.readouterr().err
    assert "other.csv" in told and text in told


@pytest.fixture
def pictures(tmp_path):
    """Three classes of twelve plain pictures, no two alike."""
    rng = np.random.default_rng(0)
    for c in range(3):
        folder = tmp_path / "pictures" / f"class {c}"
        folder.mkdir(parents=True)
        for i in range(12):
            noise = rng.integers(0, 60, (20, 20, 3)) + 60 * c
            Image.fromarray(noise.astype(np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "pictures"


@pytest.fixture
def known_model(tmp_path):
    """A file that needs no Keras: what a plan asks of it is registered."""
    path = tmp_path / "known.keras"
    path.write_bytes(b"not opened")
    content = file_sha256(path)
    costs = tuple(LayerCost(name, 10, 1000, 64) for name in ("one", "two"))
    model = RegisteredModel("known", content, 16, ("one", "two"), costs, 64)
    models = RegisteredModels(tmp_path / "logs" / ".cache")
    models.folder.mkdir(parents=True)
    models.model_path(content).write_bytes(b"not opened")
    models.file(model, 12, None)
    return path


def run(capsys, tmp_path, *arguments):
    code = transfer_study.main(
        ["--log-dir", str(tmp_path / "logs"), *map(str, arguments)]
    )
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_plan_of_a_known_model_names_its_stages(
    capsys, tmp_path, known_model, pictures
):
    given = ("--model", known_model, "--images", pictures, "--plan")
    code, told, _ = run(capsys, tmp_path, *given)
    assert code == 0
    assert "6 of 6 networks to train" in told  # 1 + 2 + 2 + 1
    assert "two" in told and "36 images" in told
    assert not (tmp_path / "logs" / "transfer_study").exists()


PAGE = (Path(__file__).parent / "README.md").read_text()
FLAGS = PAGE.split("## Flags of `transfer_study` that")[1].split("\n## ")[0]
MISTAKES = {
    "--stages 0": "`--stages` among 1 to 2. Received: 0",
    "--stages 3": "`--stages` among 1 to 2. Received: 3",
    "--stages 1 1": "Received 1 twice",
    "--treatments AnB": "Received: AnB",
    "--seeds -1": "`--seeds` among 0 or more. Received: -1",
    "--epochs 0": "`--epochs` of at least 1. Received: 0",
    "--views 0": "`--views` of at least 1. Received: 0",
    "--image-size 0": "a side in pixels of at least 1, such as 64",
    "--image-size 48x": "or as HEIGHTxWIDTH, such as 48x96. Received: '48x'",
    "--image-size -8": "Received: '-8'",
    "--pixel-range 1 -1": "black and white, rising. Received: 1 -1",
    "--copied-rate 0": "`--copied-rate` above 0",
    "--rate-decay 2": "`--rate-decay` above 0 and at most 1",
    "--optimizer adamw": "`--learning-rate` of its own beside `--optimizer`",
    "--learning-rate 0": "`--learning-rate` above 0",
    "--norm-momentum 1": "`--norm-momentum` of at least 0 and below 1",
    "--weight-decay -1": "`--weight-decay` of at least 0",
    "--most-stages 1": "`--most-stages` of at least 2",
    "--dataset cifar10": "Received both: --images",
    "--model absent.keras": "absent.keras does not exist",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line(
    capsys, tmp_path, known_model, pictures, arguments
):
    given = ["--model", known_model, "--images", pictures]
    code, _, told = run(capsys, tmp_path, *given, *arguments.split())
    assert code == 2
    assert told.startswith("error: ") and len(told.splitlines()) == 1
    assert MISTAKES[arguments] in told
    # `...` in the table stands for a path.
    (row,) = [x for x in FLAGS.splitlines() if x.startswith(f"| `{arguments}")]
    parts = row.split(" | ")[1].split("...")
    assert all(part.strip() in told for part in parts), (row, told)


def test_no_model_is_a_mistake(capsys, tmp_path, pictures):
    code, _, told = run(capsys, tmp_path, "--images", pictures)
    assert code == 2 and "Expected a `--model`" in told


def test_a_registered_model_copies_its_stages_or_none():
    with pytest.raises(UserError, match="n=4"):
        dataclasses.replace(BASE, base="pretrained", n=4)


def save_model(path):
    import keras

    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for name in ("one", "two"):
        y = keras.layers.Conv2D(4, 3, padding="same", name=name)(x)
        y = keras.layers.BatchNormalization(name=f"{name}_norm")(y)
        y = keras.layers.Dropout(0.5, name=f"{name}_dropout")(y)
        x = keras.layers.Add(name=f"{name}_add")([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(5, activation="softmax")(x)
    keras.Model(inputs, outputs, name="residual").save(path)
    return path


@pytest.mark.slow(30)
def test_a_study_of_a_residual_model(capsys, tmp_path, pictures):
    path = save_model(tmp_path / "own.keras")
    given = ["--model", path, "--images", pictures, "--epochs", 2]
    given += ["--batch-size", 8, "--stages", 2, "--reuse-seconds", -1]
    given += ["--seeds", 0, 1, "--workers", 1]
    code, _, wrong = run(capsys, tmp_path, *given)
    assert code == 0, wrong
    results = sorted((tmp_path / "logs").rglob("result.json"))
    assert len(results) == 8  # of each seed baseAll, S2T, S2T+, S2T-keep
    for file in results:
        result = json.loads(file.read_text())
        proof = result["proof"]
        copied = [row for row in proof if row["source_path"]]
        assert all(r["source_sha256"] == r["before_sha256"] for r in copied)
        frozen = [row for row in proof if row["frozen"]]
        assert all(r["before_sha256"] == r["after_sha256"] for r in frozen)
        names = {row["layer"] for row in copied}
        expected = {
            "baseAll": set(),
            "SnT": {"stem", "one", "one_norm"},
            "SnT+": {"stem", "one", "one_norm"},
            "SnT-keep": {"stem", "one", "one_norm", "two", "two_norm"},
        }
        assert names == expected[result["treatment"]]
        # What frozen stages compute is stored, dropout in them left out.
        kept = result["reused_keras_layers"]
        assert (kept > 0) == bool(frozen)
    folder = next((tmp_path / "logs" / "transfer_study").rglob("stages.png"))
    assert "SnT-keep - SnT" in (folder.parent / "summary.md").read_text()
    before = {file: file.stat().st_mtime_ns for file in results}
    code, told, _ = run(capsys, tmp_path, *given)
    assert code == 0 and "0 of 8 networks to train" in told
    assert {file: file.stat().st_mtime_ns for file in results} == before


@pytest.mark.slow
def test_a_base_of_one_set_and_the_selffer_on_another(
    capsys, tmp_path, pictures
):
    """Images that are no squares; a source that was trained here."""
    import keras

    inputs = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for name in ("one", "two"):
        x = keras.layers.Conv2D(4, 3, padding="same", name=name)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    start = tmp_path / "start.keras"
    keras.Model(inputs, keras.layers.Dense(2)(x), name="plain").save(start)
    other = shutil.copytree(pictures, tmp_path / "other")
    shutil.rmtree(other / "class 2")
    shared = ["--epochs", 1, "--batch-size", 8, "--workers", 1, "--quiet"]
    models = {}
    for images in (pictures, other):
        given = ["--model", start, "--images", images, "--treatments"]
        given += ["--image-size", "12x16"]
        code, _, wrong = run(capsys, tmp_path, *given, *shared)
        assert code == 0, wrong
    for file in (tmp_path / "logs").rglob("whole/baseAll/*/model.keras"):
        models["pictures" in str(file)] = file
        model = keras.saving.load_model(file, compile=False)
        assert model.input_shape == (None, 12, 16, 3)
    assert set(models) == {True, False}
    # A base of the first set, and the target's own, on the target.
    for model in models.values():
        given = ["--model", model, "--images", other, "--stages", 1]
        given += ["--treatments", "SnT"]
        code, _, wrong = run(capsys, tmp_path, *given, *shared)
        assert code == 0, wrong
    hashes = set()
    found = list((tmp_path / "logs").rglob("whole/S1T/*/result.json"))
    for file in found:
        proof = json.loads(file.read_text())["proof"]
        hashes.add(next(r["source_sha256"] for r in proof if r["source_path"]))
    kernels = set()
    for file in models.values():
        model = keras.saving.load_model(file, compile=False)
        kernels.add(sha256(model.get_layer("one").weights[0]))
    assert len(found) == 2 and hashes == kernels
