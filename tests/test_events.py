"""Event files, read back with TensorBoard's own reader."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from keras_transfer.reports.study_events import write_study_events
from keras_transfer.storage.event_files import EventFile, read_events
from keras_transfer.storage.store import RunStore
from tests.conftest import TINY
from tests.helpers import made_up_study, with_result

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
    store = RunStore(tmp_path, "study")
    for _ in range(2):  # the second replaces the first
        write_study_events(
            rows, [figure, summary], tmp_path / "s/report", store
        )
    return rows, store


def own(store, run):
    """Returns the folder of one of the study's own runs."""
    return store.log_dir / "tb" / "0 study" / run / "s" / "report"


def test_accuracy_against_n(study):
    _, store = study
    # Bases: 0.60, 0.70, 0.62, 0.72; a selffer loses 0.03 at n = 5.
    base = scalars(own(store, "base"), "study/test_accuracy")
    assert [step for step, _ in base] == [0, 1, 5, 7]
    assert [v for _, v in base] == pytest.approx([0.66] * 4)
    frozen = scalars(own(store, "BnB"), "study/test_accuracy")
    assert [step for step, _ in frozen] == [1, 5, 7]
    assert [v for _, v in frozen] == pytest.approx([0.66, 0.63, 0.66])
    gains = scalars(own(store, "AnB+"), "study/minus_own_base")
    assert [v for _, v in gains] == pytest.approx([0.02] * 3)


def test_figures_and_summary(study):
    report = read(own(study[1], "report"))
    (image,) = report.Images("figures/figure2")
    assert (image.height, image.width) == (1, 2)
    assert image.encoded_image_string == PNG
    (text,) = report.Tensors("summary")
    assert text.tensor_proto.string_val == [b"| a | b |"]


def test_hparams_of_each_network(study):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    rows, store = study
    runs = list((store.log_dir / "tb").glob("* s? r0/hparams/*/events*"))
    assert len(runs) == len(rows)
    (run,) = (store.log_dir / "tb" / "A5B s1 r0" / "hparams").iterdir()
    row = next(
        row
        for row in rows
        if row.spec.label == "A5B" and row.spec.data.split == 1
    )
    assert run.name == f"{TINY} {row.spec.network_id}"
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
    (base,) = (store.log_dir / "tb" / "baseA s0 r0" / "hparams").iterdir()
    assert "hparams/minus_own_base" not in read(base).Tags()["scalars"]


def test_hparams_are_written_again_only_where_they_differ(tiny_spec, tmp_path):
    rows = made_up_study(tiny_spec, layers=(1,), splits=(0,))
    store = RunStore(tmp_path, "study")

    def written(rows):
        write_study_events(rows, [], tmp_path / "s" / "report", store)
        runs = (tmp_path / "tb").glob("* s? r0/hparams/*/events*")
        return {path.parent: path.stat().st_mtime_ns for path in runs}

    first = written(rows)
    assert len(first) == len(rows) and written(rows) == first
    changed = with_result(rows[-1], test_accuracy=0.25)
    folder = store.network(changed.spec).events_dir("hparams")
    again = written([*rows[:-1], changed])
    assert {path for path in first if again[path] != first[path]} == {folder}
    ((_, accuracy),) = scalars(folder, "hparams/test_accuracy")
    assert accuracy == 0.25
    # An empty file, or one more, is what a killed process left.
    next(folder.iterdir()).write_bytes(b"")
    assert written([*rows[:-1], changed])[folder] != again[folder]
    (folder / "events.out.tfevents.1.old").write_bytes(b"old")
    assert len(written([*rows[:-1], changed])) == len(rows)
    ((_, accuracy),) = scalars(folder, "hparams/test_accuracy")
    assert accuracy == 0.25


def test_recipes_are_not_joined_to_one_curve(tiny_spec, tmp_path):
    longer = dataclasses.replace(
        tiny_spec, solver=dataclasses.replace(tiny_spec.solver, epochs=9)
    )
    rows = made_up_study(tiny_spec) + made_up_study(longer, layers=(1,))
    store = RunStore(tmp_path, "study")
    write_study_events(rows, [], tmp_path / "s" / "report", store)
    first = scalars(own(store, "AnB"), "study/test_accuracy")
    second = scalars(own(store, "AnB") / "recipe2", "study/test_accuracy")
    assert [step for step, _ in first] == [1, 5, 7]
    assert [step for step, _ in second] == [1]
    runs = list((tmp_path / "tb").glob("* s? r0/hparams/*"))
    assert len(runs) == len(rows)


def test_a_study_is_written_without_tensorflow():
    code = "import sys, tempfile, pathlib\n"
    code += "import keras_transfer.reports.study_events as s\n"
    code += "from keras_transfer.storage.store import RunStore\n"
    code += "folder = pathlib.Path(tempfile.mkdtemp())\n"
    code += "store = RunStore(folder, 's')\n"
    code += "s.write_study_events([], [], folder / 'r', store)\n"
    code += "assert 'tensorflow' not in sys.modules"
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_the_run_list_tells_each_network_in_its_first_letters(
    tiny_spec, tmp_path
):
    from tensorboard.backend.event_processing import (
        data_provider,
        plugin_event_multiplexer,
    )
    from tensorboard.context import RequestContext

    spec = dataclasses.replace(
        tiny_spec, data=dataclasses.replace(tiny_spec.data, name="a/long-name")
    )
    store = RunStore(tmp_path, "similar_datasets")
    rows = made_up_study(spec)
    for row in rows:
        for run in ("train", "validation"):
            with EventFile(store.network(row.spec).events_dir(run)) as events:
                events.scalars({"epoch_loss": 1.0}, 0)
    write_study_events(rows, [], tmp_path / "s" / "report", store)
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(tmp_path)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    runs = provider.list_runs(RequestContext(), experiment_id="")
    # As TensorBoard's server lists them.
    runs = sorted(runs, key=lambda run: (run.start_time, run.run_name))
    names = [run.run_name for run in runs]
    of_networks = [name for name in names if "0 study" not in name]
    assert len(of_networks) == 3 * len(rows)
    pattern = r"tb/(base[AB]|[AB][157][AB]\+?) s[01] r0/(train|val|hpar)"
    assert all(re.match(pattern, name[:30]) for name in of_networks)
    assert [name for name in names if "A5B+ s1 r0/train" in name[:30]] == [
        f"tb/A5B+ s1 r0/train/a-long-name {row.spec.network_id}"
        for row in rows
        if (row.spec.label, row.spec.data.split) == ("A5B+", 1)
    ]
    assert names[:6] == sorted(
        f"tb/0 study/{run}/s/report"
        for run in ("AnB", "AnB+", "BnB", "BnB+", "base", "report")
    )
    assert names[0] == sorted(names)[0]
    tuned = [name for name in names if re.search(r"A.B\+", name)]
    # Fine-tuned transfers from A to B: three n, two splits, three runs.
    assert len(tuned) == 3 * 2 * 3 + 1


def test_draws_of_few_images_have_runs_of_their_own(tiny_spec, tmp_path):
    spec = dataclasses.replace(tiny_spec, target_images=5, draw=2)
    folder = RunStore(tmp_path, "study").network(spec).events_dir("train")
    name = str(folder.relative_to(tmp_path))
    assert name == f"tb/baseA s0 r0 5x d2/train/{TINY} {spec.network_id}"
