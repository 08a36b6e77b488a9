"""The table of treatments: rows, networks built from them and read back."""

import dataclasses

import pytest

from keras_transfer.analysis import claims, published_2014, target_size
from keras_transfer.errors import UserError
from keras_transfer.reports import boost, schematic
from keras_transfer.reports.html import treatment_css
from keras_transfer.specs import origins, treatments
from keras_transfer.specs.origins import Copied, Random, Scratch
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.treatments import TABLE, find_treatment
from keras_transfer.studies import grids


def test_no_two_rows_say_the_same():
    assert len({row.key for row in TABLE}) == len(TABLE)
    assert len({row.notation for row in TABLE}) == len(TABLE)


def test_drawn_rows_are_told_apart_in_grey():
    looks = [row.look for row in TABLE if row.look]
    assert len({(look.marker, look.filled) for look in looks}) == len(looks)
    assert len({look.shift for look in looks}) == len(looks)
    assert len({look.colour for look in looks}) == len(looks)
    assert len({look.dark for look in looks}) == len(looks)


def test_questions_are_about_rows():
    asked = treatments.QUESTIONS
    names = {name for one in asked for name in (one.first, one.second)}
    assert names <= {row.notation for row in TABLE}
    assert [str(one) for one in asked][:3] == [
        "co-adaptation loss (base - BnB)",
        "specificity loss (BnB - AnB)",
        "AnB - base",
    ]


def test_section_4_1_has_four_treatments():
    assert treatments.TREATMENTS == ("BnB", "AnB", "BnB+", "AnB+")
    assert treatments.BASES == ("base", "baseAll")
    assert treatments.FINETUNED == ("BnB+", "AnB+")
    assert treatments.FROZEN == ("BnB", "AnB")
    assert treatments.TRANSFER == "AnB"
    assert treatments.FINETUNED_SELFFER == "BnB+"
    assert treatments.FINETUNED_TRANSFER == "AnB+"


def test_what_studies_compare_are_rows():
    """A misspelt notation would select nothing, in silence."""
    claimed = [row for claim in claims.CLAIMS for row in claim.comparisons]
    claimed += [*published_2014.EFFECTS, published_2014.BOOST]
    names = {name for row in claimed for name in (row.first, row.second)}
    names |= {name for pair in boost.QUESTIONS for name in pair}
    names |= {name for pair in target_size.RIVALS for name in pair}
    known = {row.notation for row in TABLE} | {treatments.TWICE}
    assert names <= known
    assert boost.QUESTIONS[:3] == (
        ("AnB+", "BnB+"),
        ("AnB+", treatments.TWICE),
        ("BnB+", treatments.TWICE),
    )
    assert set(boost.CONTROLS) | {"AnB+"} == set(boost.COMPARED)


@pytest.mark.parametrize("name", treatments.CHOICES)
def test_networks_of_a_row_are_read_back_as_that_row(name):
    recipe = find_recipe("cifar100", "smoke", None)
    row = find_treatment(name)
    networks = grids.similar_networks(
        "cifar100", recipe, grids.Grid((0,), (0,), (3,), (name,))
    )
    assert [spec.is_base for spec in networks] == [True, True, False, False]
    for spec in networks[2:]:
        assert spec.treatment == name and spec.treatment_row is row
        own = spec.base == spec.target
        assert own == (row.source == treatments.OWN)
    # Each label is a name of its own, with the n of the network in it.
    labels = [spec.label for spec in networks]
    assert len(set(labels)) == 4 and all("3" in one for one in labels[2:])


def test_a_notation_of_no_row_is_refused():
    with pytest.raises(UserError, match="among .*'AnB'.*Received: 'CnB'"):
        find_treatment("CnB")


def test_origins_are_checked_when_they_are_made(tiny_spec):
    assert tiny_spec.origin == Scratch()
    frozen = dataclasses.replace(tiny_spec, base="B", n=3)
    assert frozen.origin == Copied("B", 3)
    drawn = dataclasses.replace(
        tiny_spec, base="random", n=2, initialization="he"
    )
    assert drawn.origin == Random(2, "he")
    for wrong, message in (
        (lambda: Copied("C", 3), "`base` of a network among"),
        (lambda: Copied("A", 8), "`n` from 1 to 7 .*n=8"),
        (lambda: Copied("A", 3, "thawed"), "`mode` of a network among"),
        (lambda: Copied("A", 3, "finetuned", 1), "above frozen ones"),
        (lambda: Copied("A", 7, kept="all"), "at most 7 together"),
        (lambda: Copied("A", 3, kept="most"), "`preserved` .*1 or more"),
        (lambda: Random(0, "he"), "`n` from 1 to 7"),
        (lambda: Random(1, "zeros"), "`initialization` of a network among"),
    ):
        with pytest.raises(UserError, match=message):
            wrong()


def test_layers_above_that_are_copied_too():
    assert Copied("A", 3).above == 0
    assert Copied("A", 3, kept=2).above == 2
    assert Copied("A", 3, kept=origins.ALL).above == 4  # conv4 to fc7


def test_the_drawing_has_a_line_for_each_row():
    found = schematic.drawings(3)
    labels = ["baseA", "baseB", "B3B", "A3B", "B3B+", "A3B+"]
    assert [one.label for one in found] == labels
    frozen, trained = found[3].layers, found[5].layers
    assert frozen == (("A", "//"),) * 3 + (("new", None),) * 5
    assert trained == (("A", ".."),) * 3 + (("new", None),) * 5


def test_the_page_has_a_colour_and_a_dash_for_each_row():
    css = treatment_css.treatment_css()
    assert ".t-AnBp { --c: var(--AnBp); }" in css
    assert ".t-AnBp .line { stroke-dasharray: 7 3 1.5 3; }" in css
    for row in treatments.DRAWN.values():
        assert css.count(f"--{row.css}: {row.look.dark};") == 1
        assert css.count(f"--{row.css}: {row.look.colour};") == 2
