import dataclasses
import json

import numpy as np
import pytest

from experiments.common.commands import recipe_flags
from keras_transfer.analysis.results_table import results_csv
from keras_transfer.datasets.class_balance import (
    balanced_accuracy,
    class_weights,
)
from keras_transfer.errors import UserError
from keras_transfer.reports import summary, tables
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import from_dict
from keras_transfer.storage.store import RunStore
from tests.helpers import made_up_row, with_result


def test_every_class_counts_alike():
    labels = np.array([0] * 8 + [1] * 2)
    always = np.zeros(10, int)
    assert balanced_accuracy(labels, always) == 0.5  # accuracy is 0.8
    found = np.array([0] * 8 + [0, 1])
    assert balanced_accuracy(labels, found) == 0.75
    # A class without an image does not count, as in scikit-learn.
    from sklearn.metrics import balanced_accuracy_score

    labels, found = np.array([0, 0, 2, 3, 3]), np.array([0, 3, 2, 3, 2])
    assert balanced_accuracy(labels, found) == pytest.approx(2 / 3)
    expected = balanced_accuracy_score(labels, found)
    assert balanced_accuracy(labels, found) == pytest.approx(expected)


def test_weights_make_classes_weigh_alike():
    weights = class_weights(np.array([10, 0, 30]))
    assert weights == {0: 2.0, 2: pytest.approx(2 / 3)}
    assert 10 * weights[0] + 30 * weights[2] == pytest.approx(40)


def test_what_cannot_be_weighed_is_named():
    with pytest.raises(UserError, match=r"Received: \(2,\) and \(3,\)"):
        balanced_accuracy(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(UserError, match=r"Received: \(0,\) and \(0,\)"):
        balanced_accuracy(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(UserError, match=r"in some class. Received: \[0, 0\]"):
        class_weights(np.array([0, 0]))


def weighted(spec, **changes):
    solver = dataclasses.replace(
        spec.solver, class_weights="balanced", **changes
    )
    return dataclasses.replace(spec, solver=solver)


def test_weights_are_part_of_the_recipe(tiny_spec):
    spec = weighted(tiny_spec)
    assert spec.network_id != tiny_spec.network_id
    assert from_dict(json.loads(json.dumps(to_dict(spec)))) == spec
    # Settings that were filed before say nothing of it.
    old = to_dict(tiny_spec)
    del old["solver"]["class_weights"]
    assert from_dict(old).network_id == tiny_spec.network_id
    assert "--class-weights balanced" in " ".join(recipe_flags(spec)[0])
    with pytest.raises(UserError, match="`class_weights`.*'balanced'.*'all'"):
        weighted(dataclasses.replace(spec, solver=solver_of("all", spec)))


def solver_of(weights, spec):
    return dataclasses.replace(spec.solver, class_weights=weights)


def test_reports_say_both_accuracies_where_they_differ(tiny_spec):
    def rows(*balanced):
        settings = [{}, {"base": "B", "n": 3, "mode": "finetuned"}]
        return [
            with_result(
                made_up_row(tiny_spec, 0.8, **one), test_balanced_accuracy=value
            )
            for one, value in zip(settings, balanced, strict=True)
        ]

    header, body = tables.balanced_cells(rows(0.5, 0.75))
    assert header == ["balanced accuracy", "n = 3"]
    assert body == [["base", "50.0"], ["AnB+", "75.0"]]
    text = "\n".join(summary.accuracy_table(rows(0.5, 0.75)))
    assert "| AnB+ | 75.0 |" in text and "each class counts alike" in text
    assert "alike" not in "\n".join(summary.accuracy_table(rows(0.8, 0.8)))
    # Filed before it was measured.
    assert tables.balanced_cells(rows(None, 0.75))[1] == [["AnB+", "75.0"]]
    lines = results_csv(rows(None, 0.75)).splitlines()
    column = lines[0].split(",").index("test_balanced_accuracy")
    assert [line.split(",")[column] for line in lines[1:]] == ["", "0.7500"]


def thin_out(pool, part, kept):
    """Leaves `kept[c]` images of each class `c` in a part of a pool."""
    labels = pool.labels(part)
    rank = [np.sum(labels[:i] == c) for i, c in enumerate(labels)]
    rows = np.flatnonzero(np.array(rank) < np.array(kept)[labels])
    images = np.array(pool.images(part)[rows])
    np.save(pool.folder / f"{part}_images.npy", images)
    np.save(pool.folder / f"{part}_labels.npy", labels[rows])


@pytest.mark.slow
def test_training_and_test_follow_the_weights(tiny_pool, tiny_spec, tmp_path):
    from keras_transfer.models import saving
    from keras_transfer.training import trainer
    from keras_transfer.training.options import Options

    thin_out(tiny_pool, "train", [12, 3, 12, 6, 12, 12, 3, 9])
    thin_out(tiny_pool, "test", [5, 1, 5, 5, 2, 5, 5, 5])
    # One step of all images, too small to change a weight: the network that
    # is saved is the one whose loss was filed.
    spec = weighted(
        tiny_spec, learning_rate=1e-30, warmup=0.0, epochs=1, batch_size=69
    )
    spec = dataclasses.replace(
        spec,
        target="all",
        data=dataclasses.replace(spec.data, crop=20, mirror=False),
        model=dataclasses.replace(
            spec.model, normalization="none", dropout=0.0
        ),
    )
    network = RunStore(tmp_path / "logs", "study").network(spec)
    options = Options(observe="off")
    result = trainer.train_network(network, tiny_pool, options=options)
    row = json.loads((network.folder / "epochs.jsonl").read_text())

    model = saving.load_model(network)
    mean = np.load(network.folder / "mean.npy")

    def logs(part, rows):
        pixels = (tiny_pool.images(part)[rows] - mean) * spec.data.scale
        logits = model.predict(pixels.astype("float32"), verbose=0)
        return logits - np.log(np.exp(logits).sum(1, keepdims=True))

    from keras_transfer.datasets.halves import load_half

    train = load_half(tiny_pool, spec.data, "all").train
    counts = np.bincount(train.labels)
    assert counts.min() < counts.max()
    loss = -logs("train", train.indices)[range(len(train)), train.labels]
    weights = len(train) / (8 * counts)
    assert row["loss"] == pytest.approx(loss.mean(), rel=1e-4)
    expected = (weights[train.labels] * loss).mean()
    assert row["weighted_loss"] == pytest.approx(expected, rel=1e-4)
    labels = tiny_pool.labels("test")
    found = logs("test", np.arange(len(labels))).argmax(1)
    shares = [np.mean(found[labels == c] == c) for c in range(8)]
    assert result.test_balanced_accuracy == pytest.approx(np.mean(shares))
    assert result.test_accuracy == pytest.approx(np.mean(found == labels))
