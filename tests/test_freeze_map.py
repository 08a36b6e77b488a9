"""When to freeze: the networks of the map, its tuning, and what it says."""

import csv
import json

import pytest

from experiments.findings import freezing as committed
from experiments.when_to_freeze import __main__ as script
from experiments.when_to_freeze import design as designs
from experiments.when_to_freeze import search
from keras_transfer.analysis import freeze_map
from keras_transfer.analysis.freeze_map import FreezeMap
from keras_transfer.analysis.results_table import SHORT
from keras_transfer.errors import UserError
from keras_transfer.reports import freeze_map as drawing
from keras_transfer.reports import freeze_text
from keras_transfer.studies.trials import Trial
from tests.conftest import TINY, write_tiny_pool
from tests.helpers import made_up_row, with_result


def design(**changes):
    settings = designs.FreezeSettings(dataset="cifar100", **changes)
    return designs.design(settings)


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def by_label(specs):
    return {(s.label, s.target_images): s for s in specs}


def test_a_cell_has_frozen_fine_tuned_and_scratch_on_the_same_images():
    found = design(images=(5, 25)).networks(16, 0, (5, 25))
    labels = sorted(by_label(found), key=str)
    assert labels == [
        ("A7B", 25),
        ("A7B", 5),
        ("A7B", None),
        ("A7B+", 25),
        ("A7B+", 5),
        ("A7B+", None),
        ("baseA", None),
        ("baseB", 25),
        ("baseB", 5),
        ("baseB", None),
    ]
    assert {s.data.images_per_class for s in found} == {100}
    assert {s.model.width for s in found} == {16}


def test_passes_grow_as_images_shrink_and_heads_take_more_steps():
    found = by_label(design().networks(16, 0, (5, 25)))
    steps = {
        key: s.solver.epochs * s.solver.steps_per_epoch
        for key, s in found.items()
    }
    # 8 passes over 5,000 images in batches of 64 are 8 * 78 = 624 steps, over
    # 1,250 they are 8 * 19 = 152, fewer than 300.
    assert steps["baseB", None] == steps["A7B+", None] == 624
    assert steps["baseB", 5] == steps["baseB", 25] == steps["A7B+", 5] == 300
    assert steps["A7B", 5] == steps["A7B", None] == 2001  # in 3 looks


def test_each_width_treatment_and_nearest_size_has_its_rate(tmp_path):
    rates = {
        "base, width 16, 100 images": 0.2,
        "AnB 7, width 16, 10 images": 0.3,
        "AnB 7, width 16, 100 images": 0.4,
    }
    content = {"rates": {k: {"learning_rate": v} for k, v in rates.items()}}
    path = tmp_path / "best.json"
    path.write_text(json.dumps(content))
    found = by_label(
        design(learning_rates=str(path)).networks(16, 0, (5, 25, 40))
    )
    rate = {key: s.solver.learning_rate for key, s in found.items()}
    assert rate["baseA", None] == rate["baseB", None] == 0.2
    # 25 is 2.5 times 10 and a quarter of 100; 40 is four times 10.
    assert rate["A7B", 5] == rate["A7B", 25] == 0.3
    assert rate["A7B", 40] == rate["A7B", None] == 0.4
    assert rate["A7B+", 5] == 0.25  # the recipe's: none was given
    sources = {s.source for s in found.values() if not s.is_base}
    assert sources == {found["baseA", None]}


def test_what_is_tuned_is_not_in_the_map():
    plan = design()
    tasks = plan.tasks(16)
    assert sorted(tasks) == sorted(
        f"{name}, width 16, {size} images"
        for name in ("base", "AnB 7", "AnB+ 7")
        for size in (10, 100)
    )
    tuned = [spec for specs in tasks.values() for spec in specs]
    assert {s.data.split for s in tuned} == {9}
    assert {s.target for s in tuned} == {"B"}
    ids = {s.network_id for s in tuned}
    assert ids.isdisjoint(s.network_id for s in plan.every())
    # Copies first; networks from scratch, which answer less, at the end.
    labels = [s.label for s in plan.every()]
    assert labels[0] == "baseA" and set(labels[-48:]) == {"baseB"}
    assert "baseB" not in labels[:-48]
    with pytest.raises(UserError, match="`tuning_split` that is none"):
        design(splits=(0, 9))
    with pytest.raises(UserError, match="Expected `images` below 100"):
        design(images=(5, 100))
    with pytest.raises(UserError, match="no `steps_per_epoch`"):
        design(steps_per_epoch=10)


@pytest.mark.parametrize(
    "scores, rates",
    [
        ({0.09: 0.1, 0.27: 0.3, 0.81: 0.2}, (0.09, 0.27, 0.81)),
        ({0.09: 0.1, 0.27: 0.2, 0.81: 0.3}, (0.09, 0.27, 0.81, 2.43)),
        ({0.09: 0.3, 0.27: 0.2, 0.81: 0.1}, (0.03, 0.09, 0.27, 0.81)),
    ],
)
def test_rates_are_added_until_the_best_lies_between_others(scores, rates):
    trials = [
        Trial({"learning_rate": rate}, 3, [], score)
        for rate, score in scores.items()
    ]
    assert search.widened(trials) == rates


# Points of accuracy by width, images and start. Frozen minus fine-tuned is +3,
# -1, -1, -5; so 5 images instead of 100 are worth 4 points at both widths, and
# width 16 instead of 8 is worth -4.
POINTS = {
    (8, 5): {"base": 10, "AnB": 23, "AnB+": 20},
    (8, 100): {"base": 40, "AnB": 40, "AnB+": 41},
    (16, 5): {"base": 12, "AnB": 24, "AnB+": 25},
    (16, 100): {"base": 48, "AnB": 43, "AnB+": 48},
}
# Tenths of a point that only frozen networks have; they sum to 0.
NOISE = (1, -1, 2, -2)


def made_up(path, splits=4):
    columns = ("width", "target_images", "weights", "learning_rate", *SHORT)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for split in range(splits):
            for (width, images), starts in POINTS.items():
                for name, points in starts.items():
                    noise = NOISE[split] / 10 if name == "AnB" else 0
                    writer.writerow(
                        {
                            "width": width,
                            "target_images": images,
                            "weights": 100 * width,
                            "learning_rate": 0.1,
                            "split": split,
                            "seed": 0,
                            "target": "B",
                            "base": "" if name == "base" else "A",
                            "treatment": name,
                            "n": 0 if name == "base" else 7,
                            "test_accuracy": (points + noise) / 100,
                            "train_accuracy": 0.9,
                            "steps": 300,
                        }
                    )
    return path


@pytest.fixture
def table(tmp_path):
    return made_up(tmp_path / "results.csv")


def test_cells_are_differences_over_splits_and_judged(table):
    found = {(c.rival, c.width, c.images): c for c in FreezeMap(table).cells}
    means = {k: round(100 * c.estimate.mean, 6) for k, c in found.items()}
    assert means == {
        ("AnB+", 8, 5): 3,
        ("AnB+", 8, 100): -1,
        ("AnB+", 16, 5): -1,
        ("AnB+", 16, 100): -5,
        ("base", 8, 5): 13,
        ("base", 8, 100): 0,
        ("base", 16, 5): 12,
        ("base", 16, 100): -5,
    }
    # The standard deviation of 0.1, -0.1, 0.2, -0.2 is 0.1826 points; t of
    # 3 degrees of freedom 3.182, so half the interval is 3.182 * 0.1826 / 2.
    one = found["AnB+", 8, 5].estimate
    assert 100 * (one.high - one.low) / 2 == pytest.approx(0.2905, abs=1e-3)
    words = {k: c.word for k, c in found.items()}
    assert words["AnB+", 8, 5] == words["base", 16, 5] == "wins"
    assert words["AnB+", 16, 100] == words["base", 16, 100] == "loses"
    # 0.5 / 0.0913 is t = 5.48: one-sided p = 0.006, the eighth of eight.
    assert words["base", 8, 100] == "ties"


def test_both_axes_of_the_papers_introduction(table):
    images, weights = FreezeMap(table).axes
    assert 100 * images.estimate.mean == pytest.approx(4)
    assert 100 * weights.estimate.mean == pytest.approx(-4)
    assert images.name == "fewer images" and weights.name == "more weights"
    # Noise of frozen networks is alike in all cells and cancels.
    assert images.verdict.name == "present"
    assert weights.verdict.name == "reversed"


def test_the_page_says_where_freezing_wins_and_whether_heads_fit(table):
    found = FreezeMap(table)
    text = freeze_text.text(found, "T", "command")
    assert "48 networks, 4 splits, one target half" in text
    assert "Bases, which have 100 images of each class, reach 40.0 %" in text
    assert (
        "n = 7, against fine-tuning, of 4 cells freezing wins in 1 (5 images: "
        "width 8); loses in 3 (5 images: width 16, 100 images: width 8 16)."
    ) in text
    assert "(5 a class, width 16), where the paper's introduction" in text
    assert "| 8 (800) | +3.0 [+2.7, +3.3] wins | -1.0 [" in text
    assert "| 8 | 5 | 7 | frozen | 300 | 0.1 | 23.0 | 90.0 |" in text
    assert "reach 90.0 to 90.0 % of their training images" in text


def test_two_splits_are_said_to_be_these_halves_only(tmp_path):
    found = FreezeMap(made_up(tmp_path / "few.csv", splits=2))
    assert freeze_text.splits_in_words(found) == "2 splits, these halves only"
    assert {c.estimate.scope for c in found.cells} == {"these halves only"}


def test_a_cell_of_fewer_splits_says_so(tmp_path):
    path = made_up(tmp_path / "results.csv")
    lines = path.read_text().splitlines(keepends=True)
    columns = lines[0].split(",")
    place, split = columns.index("treatment"), columns.index("split")
    kept = [
        line
        for line in lines
        if line.split(",")[place] != "base" or line.split(",")[split] in "01"
    ]
    assert len(lines) - len(kept) == 2 * 4  # two splits of four cells
    path.write_text("".join(kept))
    text = freeze_text.text(FreezeMap(path), "T", "c")
    assert text.count("(2 splits, these halves only)") == 4
    assert "| 8 (800) | +3.0 [+2.7, +3.3] wins | -1.0 [" in text


def test_the_figure_prints_difference_and_half_width_in_each_cell(
    table, tmp_path
):
    svg, png = drawing.draw(FreezeMap(table), "Made up", tmp_path / "map")
    text = svg.read_text()
    for words in (
        "+3.0 ± 0.3",
        "-5.0 ± 0.3",
        "▲ wins",
        "▼ loses",
        "= ties",
        "frozen - fine-tuned, n = 7",
        "frozen - from scratch, n = 7",
        "target images of each class",
    ):
        assert words in text
    assert png.stat().st_size > 10_000


def test_rows_become_the_table(tiny_spec, tmp_path):
    row = made_up_row(tiny_spec, 0.5, base="A", target="B", n=7)
    row = with_result(row, images={"train": 4 * 5}, steps=12)
    path = tmp_path / "results.csv"
    path.write_text(freeze_map.results_csv([row]))
    (line,) = csv.DictReader(path.open())
    assert line["width"] == str(tiny_spec.model.width)
    assert line["target_images"] == "5" and line["treatment"] == "AnB"
    assert int(line["weights"]) > 0 and line["steps"] == "12"
    (seen,) = FreezeMap(path).observations
    assert (seen.half, seen.n, seen.target_images) == ("B", 7, 5)
    assert seen.treatment == f"AnB, width {tiny_spec.model.width}"


@pytest.mark.slow(90)
def test_rates_are_tuned_and_the_map_trained(tmp_path):
    write_tiny_pool(tmp_path / "logs" / ".cache")
    flags = [
        *("--dataset", TINY, "--image-size", "20", "--width", "4"),
        *("--images", "3", "--tuning-images", "2", "--batch-size", "8"),
        *("--images-per-class", "6", "--epochs", "1", "--splits", "0"),
        *("--least-steps", "3", "--head-steps", "6", "--quiet"),
        *("--log-dir", "logs"),
    ]
    assert script.main([*flags, "--tune"]) == 0
    (best,) = tmp_path.glob("logs/when_to_freeze/*/tuning/best.json")
    content = json.loads(best.read_text())
    assert len(content["rates"]) == 6  # three treatments at two sizes
    trials = [
        json.loads(line) for line in best.with_name("trials.jsonl").open()
    ]
    assert 6 * 3 <= len(trials) <= 6 * search.MOST_RATES
    for task, score in content["val_accuracy"].items():
        own = [t["score"] for t in trials if t["task"] == task]
        assert score == max(own)
    assert script.main([*flags, "--learning-rates", str(best)]) == 0
    (summary,) = tmp_path.glob("logs/when_to_freeze/*/report-*/summary.md")
    found = FreezeMap(summary.with_name("results.csv"))
    # Two bases, then a frozen, a fine-tuned and a new one on 3 images, and
    # two copies on all.
    assert len(found.lines) == 7 and found.sizes == [3, 6]
    assert "these halves only" in summary.read_text()


def test_findings_of_it_follow_from_its_committed_table(tmp_path, monkeypatch):
    monkeypatch.setattr(committed, "PUBLISHED", tmp_path)
    assert not committed.is_published() and committed.findings() == []
    (tmp_path / committed.FOLDER).mkdir()
    made_up(committed.table())
    ((claim, said, folder),) = committed.findings()
    assert "widths 8, 16, 5, 100 images of each class" in claim
    assert said.startswith(
        "width 16: at 5 -1.0 [-1.3, -0.7] loses, at 100 -5.0"
    )
    assert "wins in 1 of 4 cells and loses in 3" in said
    assert (
        "Fewer images (at 5 minus at 100 images a class, mean of widths) move "
        "AnB - AnB+ by +4.0 [+4.0, +4.0]: present; more weights ("
    ) in said
    ((_, command, row),) = committed.folders()
    assert command.startswith(
        "when_to_freeze --dataset cifar100 --width 8 16 --images 5 --splits 0 "
        "1 2 3 --precision bfloat16 --learning-rates logs/published/"
    )
    assert row.startswith("48 networks, widths 8, 16, 5, 100 images")
    path, text = committed.summary()
    assert path == tmp_path / folder / "summary.md"
    assert "# When to freeze on cifar100" in text
