import pytest

from experiments import keep_layers
from keras_transfer.analysis.contrasts import THESE
from keras_transfer.reports.questions import answer, kept_question
from tests.helpers import made_up_row


def study(tiny_spec, splits):
    """Keeping the layers above mends 1 point, one more in each later split."""
    rows = []
    for split in splits:
        rows.append(made_up_row(tiny_spec, 0.6, split=split))
        for kept, loss in ((None, 0.05), ("all", 0.04 - split / 100)):
            rows.append(
                made_up_row(
                    tiny_spec,
                    0.6 - loss,
                    split=split,
                    base="A",
                    n=3,
                    preserved=kept,
                )
            )
    return rows


def test_the_interval_is_students_over_splits(tiny_spec):
    found = answer(study(tiny_spec, (0, 1, 2)), kept_question("BnB"))
    # 1, 2 and 3 points: the mean of 2 with 4.303 * 1 / sqrt(3) either way.
    assert list(found) == [3] and found[3].splits == 3
    assert 100 * found[3].mean == pytest.approx(2)
    assert 100 * found[3].high == pytest.approx(2 + 4.303 / 3**0.5, 1e-3)


def test_below_three_splits_it_is_about_these_halves(tiny_spec):
    found = answer(study(tiny_spec, (0, 1)), kept_question("BnB"))
    assert found[3].mean == pytest.approx(0.015)
    assert (found[3].splits, found[3].scope) == (2, THESE)


def test_layers_between_are_no_answer(tiny_spec):
    rows = study(tiny_spec, (0,))
    fewer = made_up_row(tiny_spec, 0.1, base="A", n=3, preserved=2)
    question = kept_question("BnB")
    assert answer([*rows, fewer], question) == answer(rows, question)
    assert answer(rows, kept_question("AnB")) == {}


def test_report_has_figure_and_table(tiny_spec, tmp_path):
    settings = keep_layers.CopySettings(dataset="tiny")
    rows = study(tiny_spec, (0, 1, 2))
    paths, _ = keep_layers.STUDY.report(settings, rows, "python -m x", tmp_path)
    names = ["questions.svg", "questions.png", "results.csv", "summary.md"]
    assert [path.name for path in paths] == names
    line = "| BnB-keep - BnB | 3 | 3 | +2.0 [-0.5, +4.5] | random"
    assert line in paths[-1].read_text()


def test_every_layer_above_is_kept_or_none():
    settings = keep_layers.CopySettings(preset="smoke", layers=(3, 7))
    labels = [spec.label for spec in keep_layers.STUDY.specs(settings)]
    assert labels[:2] == ["baseA", "baseB"]
    kept = {label for label in labels if label.endswith("-keep")}
    # Nothing lies above the seventh layer but the new one.
    assert kept == {"A3A-keep", "A3B-keep", "B3A-keep", "B3B-keep"}
    plain = {"A3A", "A3B", "B3A", "B3B", "A7A", "A7B", "B7A", "B7B"}
    assert set(labels[2:]) == kept | plain
