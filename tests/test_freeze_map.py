"""When to freeze: what the map says, its page, figure and findings."""

import csv
import json

import pytest

from experiments.findings import freezing as committed
from keras_transfer.analysis import freeze_table
from keras_transfer.analysis.freeze_map import FreezeMap
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.analysis.results_table import SHORT
from keras_transfer.errors import UserError
from keras_transfer.reports import freeze_map as drawing
from keras_transfer.reports import freeze_text
from tests.helpers import made_up_row, with_result

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


def made_up(path, splits=4, points=POINTS):
    columns = ("dataset", "precision", "recipe", "width", "target_images")
    columns += ("weights", "learning_rate", *SHORT)
    lines = []
    for split in range(splits):
        for (width, images), starts in points.items():
            for name, value in starts.items():
                noise = NOISE[split] / 10 if name == "AnB" else 0
                copied = {"base": "A", "n": 7}
                own = {} if name == "base" else copied
                value = (value + noise) / 100
                place = (split, width, images, name)
                lines.append(line(*place, value, "B") | own)
        for width in sorted({width for width, _ in points}):
            # The base whose layers are copied, on the other half.
            lines.append(line(split, width, 100, "base", 0.35, "A"))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)
    return path


def line(split, width, images, treatment, accuracy, target):
    return {
        "dataset": "cifar100",
        "precision": "float32",
        "recipe": "c0ffee",
        "width": width,
        "target_images": images,
        "weights": 100 * width,
        "learning_rate": 0.1,
        "split": split,
        "seed": 0,
        "target": target,
        "base": "",
        "treatment": treatment,
        "n": 0,
        "test_accuracy": accuracy,
        "train_accuracy": 0.9,
        "steps": 300,
        "network_id": f"{split}-{width}-{images}-{treatment}-{target}",
    }


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
    found = {
        (t.axis, t.place): (round(100 * t.estimate.mean, 6), t.ends)
        for t in FreezeMap(table).trends
    }
    assert found == {
        ("fewer images", 8): (4, (100, 5)),
        ("fewer images", 16): (4, (100, 5)),
        ("more weights", 5): (-4, (8, 16)),
        ("more weights", 100): (-4, (8, 16)),
    }
    # Noise of frozen networks is alike in all cells and cancels.
    names = [t.verdict.name for t in FreezeMap(table).trends]
    assert names == ["present", "present", "reversed", "reversed"]


def test_a_map_of_several_runs_need_not_be_a_rectangle(tmp_path):
    wide = {(32, 5): {"base": 12, "AnB": 26, "AnB+": 28}}
    more = made_up(tmp_path / "wide.csv", splits=3, points=wide)
    path = made_up(tmp_path / "results.csv")
    tables = [freeze_table.read(one) for one in (path, more, path)]
    path.write_text(freeze_table.joined(tables))
    found = FreezeMap(path)
    # Four splits of 12 networks and 2 bases, three of 3 and 1; none twice.
    assert len(found.lines) == 4 * 14 + 3 * 4
    assert found.runs() == [
        ((8, 16), (5, 100), (0, 1, 2, 3)),
        ((32,), (5,), (0, 1, 2)),
    ]
    assert len(found.cells) == 2 * 5
    trends = {(t.axis, t.place, t.ends): t for t in found.trends}
    # At width 32 there is one size alone, at 100 images no width 32; widths
    # are compared with the next, over the splits that both have.
    assert set(trends) == {
        ("fewer images", 8, (100, 5)),
        ("fewer images", 16, (100, 5)),
        ("more weights", 5, (8, 16)),
        ("more weights", 5, (16, 32)),
        ("more weights", 100, (8, 16)),
    }
    low = trends["more weights", 5, (8, 16)].estimate
    high = trends["more weights", 5, (16, 32)].estimate
    assert 100 * low.mean == pytest.approx(-4) and low.splits == 4
    assert 100 * high.mean == pytest.approx(-2 - -1) and high.splits == 3
    page = freeze_text.text(found, "T", "c")
    assert "68 networks, 3 to 4 splits, one target" in page
    assert "| 32 (3,200) | -1.9 [-2.3, -1.6] loses (3 splits) |  |" in page
    assert "| 8 (800) | +3.0 [+2.7, +3.3] wins (4 splits) |" in page
    svg, _ = drawing.draw(found, "T", tmp_path / "map")
    drawn = svg.read_text()
    assert drawn.count("not trained") == 2  # one of each panel
    assert "3 splits" in drawn and "4 splits" in drawn


def test_what_is_no_table_of_a_map_is_refused_with_its_line(tmp_path):
    with pytest.raises(UserError, match="Expected `tables` to be results"):
        freeze_table.read(tmp_path / "none.csv")
    path = tmp_path / "other.csv"
    path.write_text("width,n\n8,7\n")
    with pytest.raises(UserError, match="Expected a table with the columns"):
        freeze_table.read(path)
    head, first, second, *_ = made_up(path).read_text().splitlines()
    for wrong, said in (
        (second.replace(",8,5,", ",8.5,5,"), "'width' an integer.*'8.5'"),
        (second.replace(",0.231,", ",x,"), "'test_accuracy' a number.*'x'"),
        (second.replace(",AnB,", ",BnB,"), "'treatment' to be one of.*'BnB'"),
        (second[: second.rindex(",")], "values, one for each.*fewer"),
        (f"{second},more", "values, one for each.*more"),
    ):
        assert wrong != second
        path.write_text("\n".join((head, first, wrong)))
        with pytest.raises(UserError, match=f"other.csv, line 3: .*{said}"):
            freeze_table.read(path)


def test_tables_of_two_studies_are_not_mixed(tmp_path):
    one = freeze_table.read(made_up(tmp_path / "one.csv"))
    for column, value, said in (
        ("dataset", "mnist", "one `dataset` for the map.*mnist in other"),
        ("precision", "bfloat16", "one `precision` for the map"),
        ("recipe", "decade", "one `recipe` for the map"),
        ("steps", "600", "one `steps` for target_images 5, treatment base"),
        ("network_id", "else", "one `network_id` for width 8, target_images 5"),
    ):
        line = {**one.lines[0], column: value}
        assert line != one.lines[0]
        other = freeze_table.Table("other", [line])
        with pytest.raises(UserError, match=said):
            freeze_table.joined([one, other])


def test_the_page_says_which_rates_were_searched(table, tmp_path):
    path = tmp_path / "best.json"
    content = {
        "splits": {"one": 9, "two": 9},
        "tried": {"one": [0.1, 0.3, 0.9], "two": [0.1, 0.3]},
        "rates": {
            task: {"learning_rate": 0.3} for task in ("one", "two", "three")
        },
    }
    path.write_text(json.dumps(content))
    tuned = Search.read(path)
    assert tuned == Search((9,), ("one",), ("two",), ("three",))
    page = freeze_text.text(FreezeMap(table), "T", "c", tuned)
    assert (
        "For 1 of 3 the best lies between two others that were tried; "
        "best.json lists them. The best is the lowest or the highest that was "
        "tried: two. Given beforehand, not searched: three."
    ) in page
    assert "On the validation images of split 9, which the map does" in page
    end = "1 at an end of those tried"
    assert tuned.in_words() == f"rates tuned but for 1 of 3, {end}"
    with pytest.raises(UserError, match="searched on split 9, which it has"):
        tuned.check_apart((8, 9))
    assert "none was searched" in freeze_text.text(FreezeMap(table), "T", "c")


def test_the_page_says_where_freezing_wins_and_whether_heads_fit(table):
    found = FreezeMap(table)
    text = freeze_text.text(found, "T", "command")
    assert "56 networks, 4 splits, one target half" in text
    assert "copied, with 100 images of each class, reach 35.0 % at" in text
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
    assert len(lines) - len(kept) == 2 * 6  # two splits: four cells, two bases
    path.write_text("".join(kept))
    text = freeze_text.text(FreezeMap(path), "T", "c")
    assert text.count("(2 splits, these halves only)") == 4
    assert "2 to 4 splits, these halves only, one target half" in text
    assert "| 8 (800) | +3.0 [+2.7, +3.3] wins (4 splits) | -1.0 [" in text


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
    path.write_text(freeze_table.results_csv([row]))
    (line,) = csv.DictReader(path.open())
    assert line["width"] == str(tiny_spec.model.width)
    assert line["target_images"] == "5" and line["treatment"] == "AnB"
    assert int(line["weights"]) > 0 and line["steps"] == "12"
    (seen,) = FreezeMap(path).observations
    assert (seen.half, seen.n, seen.target_images) == ("B", 7, 5)
    assert seen.treatment == f"AnB, width {tiny_spec.model.width}"


def test_findings_of_it_follow_from_its_committed_table(tmp_path, monkeypatch):
    monkeypatch.setattr(committed, "PUBLISHED", tmp_path)
    assert not committed.is_published() and committed.findings() == []
    (tmp_path / committed.FOLDER).mkdir()
    made_up(committed.table())
    ((claim, said, folder),) = committed.findings()
    assert "n = 7; rates of the recipe; 4 splits" in claim
    assert said == (
        "5 images a class, width 16: -1.0 [-1.3, -0.7] loses. Wins, ties, "
        "losses against fine-tuned 1, 0, 3 of 4 cells; against from scratch "
        "2, 1, 1 of 4 cells. AnB - AnB+ rises by +4.0 to +4.0 points from 100 "
        "to 5 images a class: present at 2 of 2 widths; moves by -4.0 to -4.0 "
        "points from each width to the next: reversed at 2 of 2 steps"
    )
    ((_, command, row),) = committed.folders()
    assert command.startswith(
        "when_to_freeze --dataset cifar100 --width 8 16 --images 5 --splits 0 "
        "1 2 3 --precision float32"
    )
    assert row.startswith("56 networks, widths 8 and 16; 5 and 100 images")
    path, text = committed.summary()
    assert path == tmp_path / folder / "summary.md"
    assert "# When to freeze on cifar100" in text
