import dataclasses
import json

import numpy as np

from keras_transfer.reports import learning_curves
from keras_transfer.storage.store import RunStore
from tests.helpers import made_up_row, made_up_study, with_result


def write_epochs(store, row, values):
    folder = store.network(row.spec).folder
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "epoch": epoch,
            "accuracy": value / 2,
            "loss": 2 - value,
            "val_accuracy": value,
            "val_loss": 1 - value,
        }
        for epoch, value in enumerate(values)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "epochs.jsonl").write_text(text)


def test_a_panel_a_treatment_and_a_course_each_n(tiny_spec, tmp_path):
    store = RunStore(tmp_path, "similar_datasets")
    rows = made_up_study(tiny_spec, layers=(1, 5), splits=(0,))
    for row in rows:
        write_epochs(store, row, [0.1, row.accuracy])
    panels = learning_curves.find_courses(rows, store)
    assert {
        name: [course.label for course in courses]
        for name, courses in panels.items()
    } == {
        "base": ["n = 0"],
        "BnB": ["n = 1", "n = 5"],
        "AnB": ["n = 1", "n = 5"],
        "BnB+": ["n = 1", "n = 5"],
        "AnB+": ["n = 1", "n = 5"],
    }
    (base,) = panels["base"]
    assert base.steps.tolist() == [1, 2] and base.count == 2
    np.testing.assert_allclose(
        base.values["val_accuracy"], [[0.1, 0.6], [0.1, 0.7]]
    )
    paths = learning_curves.write_learning_curves(
        rows, store, "Title", tmp_path
    )
    assert [path.name for path in paths] == [
        "learning_curves.svg",
        "learning_curves.png",
    ]
    text = paths[0].read_text()
    assert "AnB+ (4 networks)" in text and "training" in text


def test_few_images_and_longer_training_have_panels_of_their_own(
    tiny_spec, tmp_path
):
    store = RunStore(tmp_path, "target_size")
    rows = []
    for images in (5, 10):
        for n in (3, 7):
            row = made_up_row(
                tiny_spec, 0.5, base="B", n=n, target_images=images, draw=0
            )
            rows.append(with_result(row, images={"train": 4 * images}))
    for row in rows:
        write_epochs(store, row, [0.1, 0.2, 0.3])
    panels = learning_curves.find_courses(rows, store)
    assert list(panels) == ["AnB, n = 3", "AnB, n = 7"]
    labels = [course.label for course in panels["AnB, n = 3"]]
    assert labels == ["5 images a class", "10 images a class"]
    longer = dataclasses.replace(tiny_spec.solver, epochs=6)
    rows = [made_up_row(tiny_spec, 0.5)]
    rows.append(made_up_row(tiny_spec, 0.5, solver=longer))
    for row in rows:
        write_epochs(store, row, [0.2] * row.spec.solver.epochs)
    panels = learning_curves.find_courses(rows, store)
    assert list(panels) == ["base, 3 epochs", "base, 6 epochs"]


def test_networks_without_rows_are_left_out(tiny_spec, tmp_path):
    store = RunStore(tmp_path, "similar_datasets")
    rows = [made_up_row(tiny_spec, 0.5, seed=seed) for seed in (0, 1, 2)]
    broken = ('{"epoch": 0, "acc', '{"epoch": 0}\n')
    for row, text in zip(rows[1:], broken, strict=True):
        folder = store.network(row.spec).folder
        folder.mkdir(parents=True)
        (folder / "epochs.jsonl").write_text(text)
    assert learning_curves.find_courses(rows, store) == {}
    assert (
        learning_curves.write_learning_curves(rows, store, "Title", tmp_path)
        == []
    )
