"""Dose-response: the regime of 2014, the pieces, and what is said of rows."""

import csv
import dataclasses

import pytest

from experiments import dose_response as script
from experiments.common.commands import recipe_flags
from experiments.common.settings import parse
from experiments.findings import doses as committed
from keras_transfer.analysis import dose_response as doses
from keras_transfer.analysis.contrasts import THESE
from keras_transfer.analysis.results_table import SHORT
from keras_transfer.errors import UserError
from keras_transfer.reports import dose_response, dose_text
from keras_transfer.specs import presets
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.settings import ModelSpec


def settings(**changes):
    return script.DoseSettings(dataset="cifar100", **changes)


def test_the_network_of_2014_is_cnn8_with_the_groups_of_caffenet():
    model = presets.find_recipe("cifar100", "default", None, "2014").model
    assert (model.normalization, model.dropout) == ("none", 0.1)
    rows = layer_rows(model, 50)
    assert [row.groups for row in rows] == [1, 2, 1, 2, 2, 1, 1, 1]
    plain = layer_rows(dataclasses.replace(model, name="cnn8"), 50)
    assert plain == tuple(dataclasses.replace(r, groups=1) for r in rows)
    with pytest.raises(UserError, match="even `width`.*Received: 7"):
        layer_rows(ModelSpec("cnn8-2014", width=7), 50)


def test_a_regime_is_a_row_of_presets_and_a_flag():
    recipe = presets.find_recipe("cifar100", "default", None, "2014")
    today = presets.find_recipe("cifar100", "default", None)
    assert dataclasses.replace(
        recipe, model=today.model, solver=today.solver
    ) == presets.find_recipe("cifar100", "default", None, "today")
    solver = recipe.solver
    assert (solver.momentum, solver.nesterov, solver.muon_rate) == (
        0.9,
        False,
        None,
    )
    with pytest.raises(UserError, match="Received: preset='paper'"):
        presets.find_recipe("cifar100", "paper", None, "2014")


def test_pieces_hold_each_base_and_name_their_regime():
    found = script.pieces(settings(splits=(3,), epochs=(12,)))
    names = [name for name, _ in found]
    assert names[0] == "12 epochs, split 3: BnB BnB-keep n (4, 5)"
    specs = found[0][1]
    # Two regimes, two halves: a base and two treatments at two n each.
    assert len(specs) == 2 * 2 * (1 + 4)
    assert [script.regime_of(s) for s in specs[::10]] == ["2014", "today"]
    assert {s.solver.learning_rate for s in specs} == set(script.RATES.values())
    assert {s.data.images_per_class for s in specs} == {100}
    flags, unset = recipe_flags(specs[0])
    assert flags[:2] == ["--regime", "2014"] and not unset


def test_a_dose_that_is_not_planned_is_refused():
    with pytest.raises(UserError, match=r"`epochs` among \[6, 12, 24"):
        script.pieces(settings(epochs=(7,)))


# Points beyond the base of each network, by treatment, and training losses.
BEYOND = {
    "base": 0,
    "BnB": -1,
    "BnB-keep": 1,
    "BnB+": 3,
    "AnB+": 3,
    "AnB": -9,
}
LOSSES = {
    "base": 1.0,
    "BnB": 1.3,
    "BnB-keep": 1.1,
    "BnB+": 0.9,
    "AnB+": 0.8,
    "AnB": 1.6,
}
# The n of each treatment; specificity is asked where BnB and AnB share them.
LAYERS = {"base": (0,), "BnB": (4, 5, 6, 7), "AnB": (6, 7)}
# Tenths of a point that no treatment explains; they sum to 0 over splits.
NOISE = (1, -2, 1)


def made_up(path, doubled=2.0, splits=3, layers=LAYERS):
    """Writes networks of 12 epochs, and bases of 24 beyond those."""
    lines = []
    for split in range(splits):
        for half, easier in (("A", 0), ("B", 4)):
            for place, (name, points) in enumerate(BEYOND.items()):
                noise = NOISE[(split + place) % 3] / 10
                for n in layers.get(name, (4, 5)):
                    # A cut at n = 3 costs a point less than the others.
                    less = (name, n) == ("BnB", 3)
                    value = 40 + easier + points + noise + less
                    loss = LOSSES[name] + noise / 100
                    lines.append((12, split, half, name, n, value, loss))
            value = 40 + easier + doubled + NOISE[(split + 1) % 3] / 10
            lines.append((24, split, half, "base", 0, value, 0.95))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("regime", "epochs", *SHORT))
        writer.writeheader()
        for epochs, split, half, name, n, value, loss in lines:
            source = {
                "base": "",
                **dict.fromkeys(("AnB", "AnB+"), "BA"["AB".index(half)]),
            }
            writer.writerow(
                {
                    "regime": "2014",
                    "epochs": epochs,
                    "split": split,
                    "seed": 0,
                    "target": half,
                    "base": source.get(name, half),
                    "treatment": name,
                    "n": n,
                    "test_accuracy": value / 100,
                    "train_loss": loss,
                }
            )
    return path


def by_name(path):
    return {a.effect.name: a for a in doses.answers(doses.read_doses(path))}


def test_effects_are_the_differences_of_their_treatments(tmp_path):
    path = made_up(tmp_path / "results.csv")
    found = by_name(path)
    means = {k: round(100 * a.accuracy.mean, 6) for k, a in found.items()}
    assert means == {
        "co-adaptation": 2,
        "boost, equal steps in all": 0,
        "boost, equal target steps": 3,
        "training longer": 3,
        "specificity": 8,
    }
    cut = found["co-adaptation"]
    assert cut.loss.mean == pytest.approx(1.1 - 1.3)
    assert cut.layers == (4, 5) and cut.accuracy.splits == 3
    assert found["specificity"].layers == (6, 7)
    verdicts = [answer.verdict.name for answer in found.values()]
    # 0.0 +- 0.7 over three splits: half a point is not ruled out.
    assert verdicts == [
        "present",
        "undecided",
        "present",
        "present",
        "present",
    ]


def test_each_cut_is_shown_beside_the_two_that_are_judged(tmp_path):
    path = made_up(tmp_path / "two.csv")
    assert "Where the cut is" not in dose_text.text(path, "T", "c")
    more = {**LAYERS, "BnB": (3, 4, 5, 6, 7), "BnB-keep": (3, 4, 5, 6)}
    path = made_up(tmp_path / "four.csv", splits=4, layers=more)
    # A split without n = 3 is not beside the others at n = 4 either.
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(x for x in lines if (x["split"], x["n"]) != ("3", "3"))
    found = {a.layers: a for a in doses.cuts(doses.read_doses(path))}
    means = {k: round(100 * a.accuracy.mean, 6) for k, a in found.items()}
    # 1 - -1 points, but 1 - 0 at n = 3; 7 / 4 over all.
    assert means == {(3,): 1, (4,): 2, (5,): 2, (6,): 2, (3, 4, 5, 6): 1.75}
    cut = by_name(path)["co-adaptation"]
    assert cut.layers == (4, 5) and cut.accuracy.splits == 4
    page = dose_text.text(path, "T", "c")
    assert "What is judged above is n 4 to 5" in page
    head = "| epochs | splits | n = 3 | n = 4 | n = 5 | n = 6 | n 3 to 6 |"
    assert head in page
    # Noise is 0.3, 0 and -0.3 points: 4.303 * 0.3 / sqrt(3) is 0.745.
    assert "| 2014-like | 12 | 3 | +1.00 [+0.25, +1.75] | +2.00 [" in page


@pytest.mark.parametrize(
    "doubled, said",
    [(2.0, "bases not trained out"), (0.4, "bases trained out")],
)
def test_twice_the_epochs_tell_whether_bases_are_trained_out(
    tmp_path, doubled, said
):
    path = made_up(tmp_path / "results.csv", doubled)
    (gate,) = doses.doublings(doses.read_doses(path))
    assert 100 * gate.accuracy.mean == pytest.approx(doubled)
    assert gate.epochs == 12 and gate.bases == said
    assert {a.bases for a in by_name(path).values()} == {said}


def test_the_page_says_what_was_found_and_what_was_not(tmp_path):
    text = dose_text.text(made_up(tmp_path / "results.csv"), "T", "command")
    # 6 halves of 3 splits: 2 bases, BnB at 4 n and 4 treatments at 2.
    assert "84 networks on random halves of the classes, of 3 splits" in text
    assert "recipe: 42.0 % at 12, 44.0 % at 24 epochs" in text
    assert "| boost, equal steps in all | AnB+ - BnB+, n = 5 |" in text
    assert "Rows of fewer than 3 splits" not in text
    assert "in points. 2014-like, 12 epochs: +2.0 [" in text
    few = dose_text.text(made_up(tmp_path / "few.csv", splits=1), "T", "c")
    assert "Rows of fewer than 3 splits" in few


def test_of_2014_stand_the_values_of_its_reanalysis():
    found = doses.effects_of_2014()
    assert found["co-adaptation"][0].in_points(2) == "+2.41 [+2.18, +2.64]"
    assert len(found["boost, equal steps in all"]) == 4
    # Mean of +0.22 and +0.62 the other way round.
    loss = doses.loss_at_the_cut_of_2014()
    assert loss.in_words() == "-0.42 [-0.44, -0.40]"


def test_the_figure_has_a_panel_for_each_effect(tmp_path):
    path = made_up(tmp_path / "results.csv")
    svg, png = dose_response.draw(path, "Made up", tmp_path / "figure")
    text = svg.read_text()
    for effect in (*doses.EFFECTS, doses.GATE):
        assert effect.name in text
    for words in (
        "3 splits; bars: 95 % interval",
        "2014-like recipe",
        "ImageNet networks of 2014, re-analysed",
        "epochs of each training",
        "points of test accuracy",
        "training loss (nats)",
    ):
        assert words in text
    assert "not measured yet" not in text
    assert png.stat().st_size > 10_000


def test_findings_of_it_follow_from_its_committed_table(tmp_path, monkeypatch):
    monkeypatch.setattr(committed, "PUBLISHED", tmp_path)
    assert not committed.is_published()
    (tmp_path / committed.FOLDER).mkdir()
    made_up(committed.table())
    assert committed.splits(doses.CUT) == "3 splits"
    assert committed.networks() == 84
    said = committed.finding(doses.CUT)
    assert said.startswith("2014-like recipe: 12 epochs +2.0 [")
    assert "] (present), bases trained out at none. Training loss " in said
    # One dose, whose interval about -0.2 is narrow.
    assert said.endswith(
        "loss -0.20 nats; of 1 intervals 1 lie below 0, 0 above"
    )
    path, text = committed.summary()
    assert path == tmp_path / "dose-response" / "summary.md"
    assert "python -m experiments.dose_response --dataset cifar100" in text
    claim, short, _ = committed.findings()[0]
    assert claim.endswith("(BnB-keep - BnB, n = 4 and 5; 3 splits)")
    assert short.startswith("2014-like recipe, 12 epochs: +2.0 [")
    # One length alone: nothing is said of shorter trainings.
    assert short.endswith(" nats (bases not trained out)")
    ((_, command, row),) = committed.folders()
    first, *others = command.split("; ")
    assert first == "dose_response --dataset cifar100"
    assert others == list(committed.COMMANDS[1:])
    assert row.startswith("84 networks, one seed. BnB-keep - BnB, n = 4 ")


def test_bases_are_compared_on_the_splits_of_all_lengths(tmp_path):
    path = made_up(tmp_path / "all.csv")
    # 40 and 44 %, noise aside, and 2 points more at twice the epochs.
    said = "42.0 % at 12, 44.0 % at 24 epochs, mean test accuracy of 3 splits."
    assert said in dose_text.text(path, "T", "c")
    lines = path.read_text().splitlines(keepends=True)
    kept = {"12": "0", "24": "12"}
    path.write_text(
        lines[0]
        + "".join(x for x in lines[1:] if x.split(",")[2] in kept[x[5:7]])
    )
    page = dose_text.text(path, "T", "c")
    assert "2014-like recipe: no split has them at each length." in page
    assert "of 1 to 2 splits, these halves only, by length, both" in page


def test_added_splits_are_shown_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(committed, "PUBLISHED", tmp_path)
    (tmp_path / committed.FOLDER).mkdir()
    made_up(committed.table(), splits=4)
    assert "Splits that were added" not in committed.summary()[1]
    made_up(committed.table(), splits=7)
    page = committed.summary()[1]
    # Noise of keep minus redraw is 0.3, 0, -0.3, 0.3 in the first four, whose
    # mean is 0.075 and whose reach 3.182 * 0.2872 / 2, and 0, -0.3, 0.3 in
    # the three after them.
    row = "| co-adaptation | 2014-like | 12 | +2.08 [+1.62, +2.53] | +2.00 ["
    assert row in page and "An interval over 7 splits has 6 degrees" in page


def test_published_commands_train_the_networks_that_are_published():
    planned = set()
    for command in committed.COMMANDS:
        name, *words = command.split()
        own = parse(name, "", words, script.DoseSettings)
        every = script.pieces(own)
        for number in own.pieces or range(1, len(every) + 1):
            planned |= {spec.network_id for spec in every[number - 1][1]}
    with committed.table().open(newline="") as file:
        found = {line["network_id"] for line in csv.DictReader(file)}
    assert found == planned
    # The last command draws all that the others trained.
    name, *words = committed.COMMANDS[-1].split()
    drawn = script.study(parse(name, "", words, script.DoseSettings)).specs
    assert found <= {spec.network_id for spec in drawn}


def test_a_verdict_is_of_the_longest_training_and_counts_the_shorter(
    tmp_path, monkeypatch
):
    path = tmp_path / "results.csv"
    made_up(path)
    (one,) = (
        a
        for a in doses.answers(doses.read_doses(path))
        if a.effect is doses.CUT
    )
    absent = dataclasses.replace(one.verdict, name="absent")
    answers = [
        dataclasses.replace(one, epochs=48, trained_out=True),
        one,
        dataclasses.replace(one, epochs=6, verdict=absent),
        dataclasses.replace(one, epochs=24),
        dataclasses.replace(
            one,
            epochs=96,
            accuracy=dataclasses.replace(one.accuracy, scope=THESE),
            trained_out=None,
        ),
    ]
    monkeypatch.setattr(committed, "_answers", lambda path: answers)
    said = committed.verdict(doses.CUT)
    assert said.startswith("2014-like recipe, 48 epochs: +2.0 [")
    assert said.endswith(
        " nats (bases trained out). In 3 shorter trainings: present 2, absent 1"
    )
    assert f"]: present, training loss {one.loss.in_words()} nats" in said
    assert committed.verdict(doses.BOOST) == ""
    said = committed.finding(doses.CUT)
    assert "bases trained out at 48 and not known at 96. Training" in said
