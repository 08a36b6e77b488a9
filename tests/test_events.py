"""Event files, read back with TensorBoard's own reader."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from keras_transfer.events import EventFile, read_events
from keras_transfer.study_events import write_study_events
from tests.conftest import TINY
from tests.helpers import made_up_study

# A PNG of one white pixel, 2 wide and 1 high by its header.
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes([0, 0, 0, 2, 0, 0, 0, 1])


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"images": 0})
    events.Reload()
    return events


def scalars(folder, tag):
    return [(e.step, e.value) for e in read(folder).Scalars(tag)]


def test_tensorboard_reads_what_was_written(tmp_path):
    with EventFile(tmp_path) as events:
        for epoch in range(3):
            events.scalars({"loss": epoch / 4, "unknown": None}, epoch)
        events.histogram("weight", np.array([0.0, 0.0, 30.0]), 2)
        events.image("picture", PNG, (1, 2), 0)
        events.text("summary", "# Title")
    assert scalars(tmp_path, "loss") == [(0, 0), (1, 0.25), (2, 0.5)]
    found = read(tmp_path)
    assert found.Tags()["scalars"] == ["loss"]
    (histogram,) = found.Histograms("weight")
    value = histogram.histogram_value
    assert (value.min, value.max, value.num) == (0, 30, 3)
    assert (value.bucket[0], value.bucket[-1], sum(value.bucket)) == (2, 1, 3)
    (image,) = found.Images("picture")
    assert (image.height, image.width) == (1, 2)
    (text,) = found.Tensors("summary")
    assert text.tensor_proto.string_val == [b"# Title"]


def test_a_file_that_was_cut_short_is_read_up_to_there(tmp_path):
    with EventFile(tmp_path) as events:
        for epoch in range(3):
            events.scalars({"loss": 1.0}, epoch)
    events.path.write_bytes(events.path.read_bytes()[:-5])
    steps = [e.step for e in read_events(tmp_path) if e.HasField("summary")]
    assert steps == [0, 1]
    assert list(read_events(tmp_path / "absent")) == []


@pytest.fixture
def study(tiny_spec, tmp_path):
    rows = made_up_study(tiny_spec)
    figure, summary = tmp_path / "figure2.png", tmp_path / "summary.md"
    figure.write_bytes(PNG)
    summary.write_text("| a | b |")
    folder = tmp_path / "tensorboard"
    write_study_events(rows, [figure, summary], folder)
    return rows, folder


def test_accuracy_against_n(study):
    _, folder = study
    # Bases: 0.60, 0.70, 0.62, 0.72; a selffer loses 0.03 at n = 5.
    base = scalars(folder / "base", "study/test_accuracy")
    assert [step for step, _ in base] == [0, 1, 5, 7]
    assert [v for _, v in base] == pytest.approx([0.66] * 4)
    frozen = scalars(folder / "BnB", "study/test_accuracy")
    assert [step for step, _ in frozen] == [1, 5, 7]
    assert [v for _, v in frozen] == pytest.approx([0.66, 0.63, 0.66])
    gains = scalars(folder / "AnB+", "study/minus_own_base")
    assert [v for _, v in gains] == pytest.approx([0.02] * 3)


def test_figures_and_summary(study):
    report = read(study[1] / "report")
    (image,) = report.Images("figures/figure2")
    assert (image.height, image.width) == (1, 2)
    assert image.encoded_image_string == PNG
    (text,) = report.Tensors("summary")
    assert text.tensor_proto.string_val == [b"| a | b |"]


def test_hparams_of_each_network(study):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    rows, folder = study
    runs = sorted((folder / "networks").glob("*/*/seed*"))
    assert len(runs) == len(rows)
    (run,) = (folder / "networks" / "split1" / "A5B").iterdir()
    row = next(
        row
        for row in rows
        if row.spec.label == "A5B" and row.spec.data.split == 1
    )
    assert run.name == f"seed0-{row.spec.network_id}"
    found = read(run)
    content = found.SummaryMetadata("_hparams_/session_start_info")
    info = HParamsPluginData.FromString(content.plugin_data.content)
    values = {
        key: value.string_value or value.number_value
        for key, value in info.session_start_info.hparams.items()
    }
    assert values == {
        "data set": TINY,
        "base": "A",
        "target": "B",
        "n": 5.0,
        "treatment": "AnB",
        "split": 1.0,
        "seed": 0.0,
        "learning rate": 0.05,
    }
    ((_, accuracy),) = scalars(run, "hparams/test_accuracy")
    assert accuracy == pytest.approx(row.accuracy)
    ((_, difference),) = scalars(run, "hparams/minus_own_base")
    assert difference == pytest.approx(row.accuracy - 0.72)
    (base,) = (folder / "networks" / "split0" / "baseA").iterdir()
    assert "hparams/minus_own_base" not in read(base).Tags()["scalars"]


def test_recipes_are_not_joined_to_one_curve(tiny_spec, tmp_path):
    longer = dataclasses.replace(
        tiny_spec, solver=dataclasses.replace(tiny_spec.solver, epochs=9)
    )
    rows = made_up_study(tiny_spec) + made_up_study(longer, layers=(1,))
    write_study_events(rows, [], tmp_path)
    first = scalars(tmp_path / "AnB", "study/test_accuracy")
    second = scalars(tmp_path / "recipe2" / "AnB", "study/test_accuracy")
    assert [step for step, _ in first] == [1, 5, 7]
    assert [step for step, _ in second] == [1]
    runs = sorted((tmp_path / "networks").glob("*/*/seed*"))
    assert len(runs) == len(rows)


def test_a_study_is_written_without_tensorflow():
    code = "import sys, tempfile, pathlib, keras_transfer.study_events as s\n"
    code += "s.write_study_events([], [], pathlib.Path(tempfile.mkdtemp()))\n"
    code += "assert 'tensorflow' not in sys.modules"
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
