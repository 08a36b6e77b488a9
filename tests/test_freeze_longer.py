"""When to freeze: what longer training changes, and which tables tell it."""

import csv

import pytest

from keras_transfer.analysis import freeze_table
from keras_transfer.analysis.freeze_longer import gains, worths
from keras_transfer.analysis.freeze_map import FreezeMap
from keras_transfer.errors import UserError
from keras_transfer.reports import freeze_map as drawing
from keras_transfer.reports import freeze_text
from tests.test_freeze_map import made_up


def rewrite(path, change):
    """Changes each line of a table, or leaves it out."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(filter(None, map(change, lines)))
    return path


def longer_line(line):
    if line["target"] == "A":
        return line  # the base that is copied is the map's
    return line | {"steps": "600", "network_id": f"{line['network_id']}-long"}


@pytest.fixture
def table(tmp_path):
    return made_up(tmp_path / "results.csv")


@pytest.fixture
def longer(tmp_path):
    points = {(8, 5): {"base": 14, "AnB": 24, "AnB+": 20.5}}
    return rewrite(made_up(tmp_path / "long.csv", points=points), longer_line)


def test_longer_training_is_held_against_the_map(table, longer):
    found, more = FreezeMap(table), FreezeMap(longer)
    gained = gains(found, more)
    # From scratch 14 instead of 10, frozen 24 instead of 23, fine-tuned 20.5
    # instead of 20; noise is alike in both and cancels.
    assert [
        (g.start, g.n, g.width, g.images, round(100 * g.estimate.mean, 6))
        for g in gained
    ] == [("base", 0, 8, 5, 4), ("AnB", 7, 8, 5, 1), ("AnB+", 7, 8, 5, 0.5)]
    assert {gain.steps for gain in gained} == {(300, 600)}
    # Frozen - fine-tuned was 23 - 20 and is 24 - 20.5; from scratch 23 - 10
    # and 24 - 14.
    assert [
        (w.place, *(round(100 * e.mean, 6) for e in (w.before, w.after)))
        for w in worths(found, more)
    ] == [(("AnB+", 7, 8, 5), 3, 3.5), (("base", 7, 8, 5), 13, 10)]
    page = freeze_text.text(found, "T", "c", longer=more)
    said = "in 2.0 times the steps from scratch +4.0, frozen +1.0, fine-tuned "
    assert said in page
    assert "| from scratch | 300 to 600 | +4.0 [+4.0, +4.0] | 90.0" in page
    assert (
        "| 8 | 5 | 7 | frozen - from scratch | +13.0 [+12.7, +13.3] | "
        "+10.0 [+9.7, +10.3] | -3.0 [-3.0, -3.0] |"
    ) in page
    assert "longer training" not in freeze_text.text(found, "T", "c")


def test_networks_are_compared_one_by_one(table, longer):
    def fewer(line):
        # Of split 0 no frozen network, split 3 not at all.
        gone = (line["split"], line["treatment"]) == ("0", "AnB")
        return None if gone or line["split"] == "3" else line

    def other_training(line):
        low = line["split"] in "03"
        return line | {"train_accuracy": "0.1" if low else "0.9"}

    found = FreezeMap(rewrite(table, other_training))
    more = FreezeMap(rewrite(longer, fewer))
    gained = {gain.start: gain for gain in gains(found, more)}
    # The map's fourth split is in none, and split 0 in no frozen pair.
    assert gained["base"].estimate.splits == 3
    assert gained["AnB"].estimate.splits == 2
    assert gained["AnB"].training == (0.9, 0.9)
    for worth in worths(found, more):
        parts = worth.before, worth.after, worth.change
        assert {part.splits for part in parts} == {2}
        assert {part.scope for part in parts} == {"these halves only"}
    # Other splits share no network with the map, so nothing is compared.
    others = {"0": "50", "1": "51", "2": "52"}
    apart = rewrite(longer, lambda x: x | {"split": others[x["split"]]})
    assert gains(found, FreezeMap(apart)) == []
    page = freeze_text.text(found, "T", "c", longer=FreezeMap(apart))
    assert "No network of the map was trained longer yet." in page


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda x: x | {"steps": "150"}, "of 150 steps; the map's has 300. Cu"),
        (lambda x: x | {"recipe": "decade"}, "`recipe` is decade, and the map"),
        (
            lambda x: x | {"learning_rate": "9.9"},
            "whose `learning_rate` is 9.9",
        ),
        (
            lambda x: x | {"split": f"5{x['split']}"},
            "which the map lacks. Cure",
        ),
        (lambda x: x | {"n": "5"} if x["base"] else x, "n 5, .*the map lacks"),
        (lambda x: x | {"network_id": x["split"]}, "a base that is copied, of"),
        (
            lambda x: x | {"steps": "300"},
            "more steps than the map's.*with none",
        ),
        (
            lambda x: None,
            "more steps than the map's. Received: .*long.csv with",
        ),
    ],
)
def test_longer_training_of_other_networks_is_refused(
    table, longer, change, said
):
    tables = [freeze_table.read(table)]
    freeze_table.check_longer(tables, [freeze_table.read(longer)])
    freeze_table.check_longer(tables, [])
    more = freeze_table.read(rewrite(longer, change), "longer")
    with pytest.raises(UserError, match=said) as caught:
        freeze_table.check_longer(tables, [more])
    assert "`longer`" in str(caught.value)


def test_two_longer_trainings_of_one_place_are_refused(table, longer):
    one = freeze_table.read(longer)
    other = freeze_table.read(
        rewrite(longer, lambda x: x | {"steps": f"{2 * int(x['steps'])}"})
    )
    with pytest.raises(UserError, match="`longer` of one study, .* `steps`"):
        freeze_table.check_longer([freeze_table.read(table)], [one, other])
    with pytest.raises(UserError, match="Expected `longer` to be results.csv"):
        freeze_table.read(longer.with_name("none.csv"), "longer")


def test_a_report_without_longer_training_leaves_none_behind(
    table, longer, tmp_path
):
    folder, tables = tmp_path / "report", [freeze_table.read(table)]
    more = iter([freeze_table.read(longer)])
    paths, _ = drawing.write("T", [], "c", folder, tables, longer=more)
    assert folder / "longer.csv" in paths
    assert (folder / "longer.csv").read_text() == longer.read_text()
    assert "longer training" in (folder / "summary.md").read_text()
    drawing.write("T", [], "c", folder, tables)
    assert not (folder / "longer.csv").exists()
    assert "longer training" not in (folder / "summary.md").read_text()
