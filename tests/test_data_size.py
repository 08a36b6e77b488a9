import dataclasses

import pytest

from experiments import reduced_data, target_size
from keras_transfer.analysis import target_size as sizes
from keras_transfer.datasets import halves
from keras_transfer.errors import UserError
from keras_transfer.reports import data_size
from keras_transfer.specs.presets import find_recipe
from keras_transfer.studies import grids
from tests.helpers import made_up_row, summary_text, with_result


def row(spec, accuracy, images, **changes):
    made = made_up_row(spec, accuracy, **changes)
    return with_result(made, images={"train": 4 * images})


def study_of_sizes(tiny_spec):
    """Frozen beats fine-tuned by 3 points at 5 and 25 images, loses at 100.

    Draws differ by a tenth of a point.
    """
    rows = []
    for images, frozen, tuned, scratch in (
        (5, 0.40, 0.37, 0.20),
        (25, 0.45, 0.42, 0.35),
        (100, 0.47, 0.52, 0.50),
    ):
        for target, other in (("A", "B"), ("B", "A")):
            for draw in (0, 1, 2):
                own = {"target": target, "target_images": images, "draw": draw}
                wobble = 0.001 * draw
                rows.append(row(tiny_spec, scratch, images, **own))
                for mode, accuracy in (
                    ("frozen", frozen),
                    ("finetuned", tuned + wobble),
                ):
                    rows.append(
                        row(
                            tiny_spec,
                            accuracy,
                            images,
                            base=other,
                            n=5,
                            mode=mode,
                            **own,
                        )
                    )
    return rows


def test_differences_are_paired_by_draw_and_half(tiny_spec):
    found = sizes.differences(study_of_sizes(tiny_spec), "AnB+", "AnB", 5)
    assert list(found) == [5, 25, 100]
    assert found[5].count == 6
    assert found[5].mean == pytest.approx(-0.029)
    assert found[100].mean == pytest.approx(0.051)
    assert found[100].t_low > 0 > found[25].t_high
    over = sizes.differences(study_of_sizes(tiny_spec), "AnB", "base", 5)
    assert over[5].mean == pytest.approx(0.20)


def test_crossing_is_found_and_said(tiny_spec):
    rows = study_of_sizes(tiny_spec)
    crossing = sizes.find_crossing(rows, 5, "AnB+", "AnB")
    assert crossing == sizes.Crossing(5, "AnB+", "AnB", 25, 100, ())
    said = sizes.crossings(rows, [5])
    assert said == [
        "n = 5: fine-tuning overtakes freezing between 25 and 100 images a "
        "class.",
        "n = 5: training from scratch overtakes freezing between 25 and 100 "
        "images a class.",
        "n = 5: fine-tuning is ahead of training from scratch at every size.",
    ]
    alone = [r for r in rows if r.spec.target == "A" and not r.spec.draw]
    assert (
        "(the 95 % interval includes 0 at 25, 100)"
        in (sizes.crossings(alone, [5])[0])
    )
    few = [r for r in rows if sizes.images_a_class(r) < 100]
    assert (
        "freezing is ahead of fine-tuning at every size"
        in (sizes.crossings(few, [5])[0])
    )
    assert "not measured" in sizes.crossings(rows, [3])[0]


def test_report_of_target_size(tiny_spec, tmp_path):
    paths = data_size.write_target_size(
        study_of_sizes(tiny_spec), "Title", "python -m x", tmp_path
    )
    assert [path.suffix for path in paths] == [".svg", ".png", ".csv", ".md"]
    text = summary_text(paths)
    assert "| 5 | 20.0 | 40.0 | 37.1 | -2.9 [" in text
    table = paths[2].read_text().splitlines()
    assert len(table) == 1 + 54
    # Each transfer stands against the base of its own small set.
    line = "A5B,AnB,A,B,5,5,0,0.4000,,+0.2000"
    assert any(line in row for row in table)


def test_networks_on_all_classes_are_no_split(tiny_spec, tmp_path):
    rows = study_of_sizes(tiny_spec)
    for split, target in ((1, "A"), (0, "all")):
        own = {"split": split, "target": target}
        rows.append(row(tiny_spec, 0.5, 100, target_images=100, draw=0, **own))
    picture, *_ = data_size.write_target_size(rows, "Title", "x", tmp_path)
    assert "interval for these halves" in picture.read_text()


def test_few_images_of_the_target_and_all_of_the_base(tiny_spec):
    scratch = grids.limited_networks([tiny_spec], (5, 10), (0, 1))
    assert len(scratch) == len({s.network_id for s in scratch}) == 4
    (transfer, _, *_) = grids.few_image_transfers(
        scratch, (3,), ("frozen", "finetuned")
    )
    assert transfer.label == "B3A" and transfer.target_images == 5
    assert transfer.own_base == scratch[0]
    # The base has seen all its images.
    assert transfer.source == dataclasses.replace(tiny_spec, target="B")
    assert transfer.name.endswith("B3A/seed0, 5 images, draw 0")
    with pytest.raises(UserError, match="`images`.*Received: 0"):
        grids.limited_networks([tiny_spec], (0,))


def test_draws_differ_and_larger_draws_hold_smaller_ones(tiny_pool, tiny_spec):
    def drawn(images, draw):
        half = halves.load_half(tiny_pool, tiny_spec.data, "A", images, draw)
        assert len(half.train) == 4 * images
        return set(half.train.indices)

    assert drawn(3, 0) < drawn(6, 0)
    assert drawn(3, 0) != drawn(3, 1)


def test_schedule_of_the_supplement():
    solver = find_recipe("imagenet2012", "paper", None).solver
    faster = reduced_data.faster(solver)
    assert faster.learning_rate == pytest.approx(0.0125)
    assert faster.step_every == 64_000
    assert faster.epochs * faster.steps_per_epoch == 200_000
    modern = find_recipe("cifar100", "default", None).solver
    assert reduced_data.faster(modern) == modern


def test_more_images_than_there_are_is_named(capsys, tmp_path):
    arguments = ["--dataset", "cifar100", "--images", "5", "500", "--plan"]
    for script in (target_size, reduced_data):
        assert script.main([*arguments, "--log-dir", str(tmp_path)]) == 2
        message = capsys.readouterr().err
        assert "`--images` below 450" in message and "Received: 500" in message


def test_plans_count_their_networks(capsys, tmp_path):
    arguments = ["--dataset", "cifar100", "--plan", "--log-dir", str(tmp_path)]
    arguments += ["--guess"]
    assert target_size.main(arguments) == 0
    # 2 bases; 5 sizes, 3 draws, 2 halves from scratch; with all images 32
    # targets, 3 layers, 2 modes.
    assert f"{2 + 30 + 32 * 6} of" in capsys.readouterr().out
    assert reduced_data.main(arguments) == 0
    assert "9 of 9" in capsys.readouterr().out  # 1 to 250, and all 450
