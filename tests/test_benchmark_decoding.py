"""The part of the benchmark that decodes and reads images, at small size."""

import dataclasses
import io
import tarfile

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import decoding, tables
from keras_transfer.specs.presets import find_recipe


def test_jpegs_come_out_of_a_tar_of_tars(tmp_path):
    path = tmp_path / benchmark.TRAIN_TAR
    with tarfile.open(path, "w") as outer:
        for name in ("n01", "n02"):
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as images:
                for index in range(3):
                    content = f"{name} {index}".encode()
                    entry = tarfile.TarInfo(f"{name}_{index}.JPEG")
                    entry.size = len(content)
                    images.addfile(entry, io.BytesIO(content))
            entry = tarfile.TarInfo(f"{name}.tar")
            entry.size = len(inner.getvalue())
            outer.addfile(entry, io.BytesIO(inner.getvalue()))
    found = decoding.jpegs_of_tar(path, 4)
    assert found == [b"n01 0", b"n01 1", b"n01 2", b"n02 0"]
    assert len(decoding.jpegs_of_tar(path, 10)) == 6


def test_made_up_jpegs_weigh_what_imagenets_do():
    sizes = [len(jpeg) for jpeg in decoding.made_up_jpegs(2)]
    assert all(90_000 < size < 125_000 for size in sizes)


def test_reading_counts_every_image(monkeypatch):
    monkeypatch.setattr(decoding.trainer, "set_threads", lambda threads: None)
    recipe = find_recipe("imagenet2012", "paper", 80)
    solver = dataclasses.replace(recipe.solver, batch_size=32)
    recipe = dataclasses.replace(recipe, solver=solver)
    works = decoding.reading(1, recipe, count=64)
    assert {name: work() for name, work in works.items()} == {
        "training batches of 32, 80 -> 71 px": 128,  # two passes
        "test batches, 80 -> 71 px": 64,
    }


def test_a_folder_without_tars_is_named(tmp_path, capsys):
    arguments = ["--parts", "decoding", "--log-dir", str(tmp_path)]
    arguments += ["--imagenet-manual", str(tmp_path)]
    assert benchmark.main(arguments) == 2
    assert f"{benchmark.TRAIN_TAR} in `--imag" in capsys.readouterr().err


def test_table_shows_what_was_measured_and_what_was_not():
    found = {
        "machines": {"decoding": {"threads": 2}},
        "decoding": {
            "decoding: JPEGs": {
                "median": 1234.4,
                "rounds": [1.0],
                "absent": "",
            },
            "reading": {"rounds": [], "absent": "OSError: no space"},
        },
    }
    text = tables.to_markdown(found)
    assert "| decoding: JPEGs | 1,234 |" in text
    assert "| reading | absent: OSError: no space |" in text


def test_part_is_measured_by_default():
    assert "decoding" in benchmark.Options().parts
