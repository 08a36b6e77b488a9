import dataclasses

import pytest

from experiments import dissimilar_datasets, random_weights
from experiments.common.settings import parse
from keras_transfer.datasets import class_kinds, halves
from keras_transfer.errors import UserError
from keras_transfer.reports import distance_data
from tests.conftest import TINY, write_tiny_pool
from tests.helpers import made_up_row, summary_text


def test_imagenet_has_the_papers_449_natural_and_551_man_made_classes():
    man_made, natural = class_kinds.known_kinds("imagenet2012")
    assert (len(man_made), len(natural)) == (551, 449)
    assert sorted(man_made + natural) == list(range(1000))
    # Ball player, groom and scuba diver are natural, a bubble is man-made.
    assert {981, 982, 983} <= set(natural) and 971 in man_made


def test_cifar100_is_divided_by_superclass():
    man_made, natural = class_kinds.known_kinds("cifar100")
    assert (len(man_made), len(natural)) == (30, 70)
    # The first and last classes of the alphabet: apple, worm.
    assert {0, 99} <= set(natural)
    assert 90 in man_made  # train


def test_cifar100s_names_are_those_of_the_data_set(shared_data):
    path = shared_data / "data/tfds/cifar100/3.0.2/label.labels.txt"
    names = path.read_text().split()
    ours = [
        name
        for groups in class_kinds._CIFAR100.values()
        for group in groups.values()
        for name in group.split()
    ]
    assert sorted(ours) == names


def test_synthetic_shapes_by_its_own_kinds():
    from keras_transfer.datasets import synthetic_shapes

    man_made, natural = class_kinds.known_kinds("synthetic_shapes")
    names = list(synthetic_shapes.CLASSES)
    assert [names[c] for c in natural] == list(synthetic_shapes.NATURAL)
    assert [names[c] for c in man_made] == list(synthetic_shapes.MAN_MADE)


def test_balanced_sides_have_as_many_classes():
    halves = class_kinds.known_kinds("cifar100")
    first, second = class_kinds.balance(halves, 0)
    assert len(first) == len(second) == 30
    assert first == halves[0] and set(second) < set(halves[1])
    assert class_kinds.balance(halves, 1)[1] != second


NAMES = [f"colour{i}" for i in range(8)]


def read(tmp_path, text):
    path = tmp_path / "classes.txt"
    path.write_text(text)
    return class_kinds.read_kinds(str(path), NAMES)


def test_a_class_file(tmp_path):
    text = (
        "# ours\n[warm]\ncolour5\ncolour1 # red\n\n[cold]\ncolour0\ncolour7\n"
    )
    assert read(tmp_path, text) == (((1, 5), (0, 7)), ("warm", "cold"))


def test_sides_are_named_by_what_they_hold(tmp_path):
    man_made, natural = class_kinds.known_kinds("cifar100")
    named = class_kinds.name_sides
    assert named("cifar100", (man_made, natural)) == ("man-made", "natural")
    assert named("cifar100", (natural, man_made)) == ("natural", "man-made")
    balanced = class_kinds.balance((man_made, natural), 3)
    assert named("cifar100", balanced) == ("man-made", "natural")
    # A class of the other kind on a side, or a set that is not known.
    mixed = (man_made + natural[:1], natural[1:])
    assert named("cifar100", mixed) == ("side A", "side B")
    assert named(TINY, ((0, 1), (2, 3))) == ("side A", "side B")


def test_filed_names_are_read_for_their_division_alone(tmp_path):
    halves = ((0, 1), (2, 3))
    class_kinds.write_names(tmp_path / "x", TINY, halves, ("cats", "dogs"))
    read = class_kinds.read_names
    assert read(tmp_path / "x", TINY, halves) == ("cats", "dogs")
    assert read(tmp_path / "x", TINY, halves[::-1]) == ("side A", "side B")


def test_sections_names_reach_figure_and_table(tmp_path, monkeypatch):
    """The file's first section is A, whatever it is called."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_tiny_pool(tmp_path / ".cache")
    file = tmp_path / "classes.txt"
    file.write_text(
        "[natural]\ncolour0\ncolour1\n[man-made]\ncolour2\ncolour3\n"
    )
    arguments = ["--dataset", TINY, "--image-size", "20", "--layers", "5"]
    arguments += ["--log-dir", "~", "--classes", str(file)]
    settings = parse("x", "", arguments, dissimilar_datasets.DissimilarSettings)
    study = dissimilar_datasets.study(settings)
    rows = [
        made_up_row(spec, 0.5 if spec.target == "A" else 0.7)
        for spec in study.specs
    ]
    ids = [row.spec.network_id for row in rows]
    assert ids == [spec.network_id for spec in study.specs]
    paths, _ = study.write(rows, "command", tmp_path / "out")
    figure = (tmp_path / "out" / "figure3.svg").read_text()
    for words in ("target natural", "natural and man-made classes, frozen"):
        assert words in figure
    assert "| natural / man-made | 2 |" in summary_text(paths)
    # Another study's figure finds the names beside the results.
    sides = class_kinds.read_names(
        tmp_path / class_kinds.NAMES_FOLDER, TINY, rows[0].spec.data.halves
    )
    assert sides == ("natural", "man-made")
    dissimilar, _, _ = distance_data.figure3_data(
        rows, {rows[0].spec.data.halves: sides}
    )
    assert dissimilar["target natural"][0] == (0, pytest.approx(0.5))
    assert dissimilar["target man-made"][0] == (0, pytest.approx(0.7))


@pytest.mark.parametrize(
    "text, message",
    [
        ("[a]\ncolour1\nblue\n[b]\n", "unknown class 'blue'"),
        (
            "[a]\ncolour1\ncolour2\n[b]\ncolour1\ncolour3\n",
            r"'colour1' is listed twice, under \[a\] and \[b\]",
        ),
        ("[a]\ncolour1\ncolour2\n[b]\n", r"\[b\] has 0 classes"),
        ("[a]\ncolour1\ncolour2\n", "two sections.*Received"),
        ("colour1\n", "section such as .natural. before"),
    ],
)
def test_bad_class_files(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[a]\ncolour1\nblue\n[b]\ncolour2\ncolour3\n", "class 'blue'"),
        ("[a]\ncolour1\ncolour2\n[b]\ncolour1\n", "'colour1' is listed"),
        ("[a]\ncolour1\ncolour2\n[b]\n", "[b] has 0 classes"),
    ],
)
def test_a_bad_class_file_ends_the_script(capsys, tmp_path, text, message):
    write_tiny_pool(tmp_path / "logs" / ".cache")
    (tmp_path / "classes.txt").write_text(text)
    arguments = ["--dataset", TINY, "--image-size", "20"]
    arguments += ["--log-dir", str(tmp_path / "logs")]
    arguments += ["--classes", str(tmp_path / "classes.txt")]
    assert dissimilar_datasets.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said
    assert "classes.txt" in said and "Traceback" not in said


def test_a_missing_class_file_is_named(capsys, tmp_path):
    write_tiny_pool(tmp_path / ".cache")
    arguments = ["--dataset", TINY, "--image-size", "20"]
    arguments += ["--log-dir", str(tmp_path), "--classes", "nowhere.txt"]
    assert dissimilar_datasets.main(arguments) == 2
    assert "class file nowhere.txt" in capsys.readouterr().err


def test_an_unknown_set_asks_for_a_class_file(capsys, tmp_path):
    arguments = ["--dataset", "mnist", "--log-dir", str(tmp_path)]
    assert dissimilar_datasets.main(arguments) == 2
    assert "Give `--classes FILE`" in capsys.readouterr().err


def test_an_unknown_initialization_is_named(capsys, tmp_path):
    arguments = ["--initializations", "zero", "--log-dir", str(tmp_path)]
    assert random_weights.main(arguments) == 2
    assert "`--initializations` among" in capsys.readouterr().err


def test_halves_by_kind_and_the_whole(tiny_pool, tiny_spec):
    spec = dataclasses.replace(tiny_spec.data, halves=((1, 5), (0, 2, 7)))
    first = halves.load_half(tiny_pool, spec, "A")
    assert first.class_names == ["colour1", "colour5"]
    assert halves.load_half(tiny_pool, spec, "B").num_classes == 3
    assert halves.load_half(tiny_pool, spec, "all").num_classes == 8
    wrong = dataclasses.replace(spec, halves=((1, 5), (0, 8)))
    with pytest.raises(UserError, match="names class 8.*8 classes"):
        halves.load_half(tiny_pool, wrong, "B")


def test_a_class_file_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "classes.txt"
    text = "[warm]\r\ncolour5\r\ncolour1\r\n[cold]\r\ncolour0\r\ncolour7\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    halves, names = class_kinds.read_kinds(str(path), NAMES)
    assert (halves, names) == (((1, 5), (0, 7)), ("warm", "cold"))


def test_class_names_of_signs(tmp_path):
    names = ["c#4", "[red]", "#1", "a # b", "[blue] #2", "caf\u00e9", "d"]
    path = tmp_path / "classes.txt"
    # The accent is written as a letter of its own, as macOS does.
    path.write_text(
        "# ours\n[one]\nc#4\n[red] # a class\n#1\n# a comment\n"
        "[two]\na # b\n[blue] #2\ncafe\u0301\nd\t# the last\n"
    )
    halves, _ = class_kinds.read_kinds(str(path), names)
    assert halves == ((0, 1, 2), (3, 4, 5, 6))


def test_a_class_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("[a]\ncolour1\n", encoding="utf-16")
    with pytest.raises(UserError, match="classes.txt: .* Save it as UTF-8"):
        class_kinds.read_kinds(str(path), NAMES)
