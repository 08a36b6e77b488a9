import dataclasses
import json
from pathlib import Path

import pytest

from experiments import report, similar_datasets
from experiments.common.settings import parse
from experiments.common.study_settings import GridSettings
from keras_transfer.analysis.inventory import group_rows, take_survey
from keras_transfer.analysis.results_table import results_csv
from keras_transfer.errors import UserError
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.specs.presets import find_recipe
from keras_transfer.storage import tree
from keras_transfer.storage.correctness import correctness
from keras_transfer.storage.files import (
    find_leftovers,
    leftovers,
    remove_leftovers,
    temporary_beside,
)
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import Result, seal, unseal
from keras_transfer.storage.store import RunStore
from keras_transfer.storage.stored_command import StoredCommand, read_command
from tests.conftest import TINY, write_tiny_pool
from tests.helpers import EARLIER_SETTINGS, made_up_row, with_result

FIXTURES = Path(__file__).parent / "fixtures"
RESULT = Result(test_accuracy=0.5, resumed_at_epoch=[])


# Those of the first results that were published.
OLD_FIELDS = (
    *("test_accuracy", "test_loss", "val_accuracy", "val_best10"),
    *("train_accuracy", "train_loss", "classes", "seconds", "data_version"),
    *("data_fingerprint", "resumed_at_epoch", "proof"),
)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path, "one_study")


def contents(folder):
    """Returns every file of a folder with its bytes."""
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def finish(store, spec):
    network = store.network(spec)
    network.begin()
    network.model_path.write_bytes(b"weights")
    network.complete(RESULT)
    return network


def test_folder_tells_what_a_network_is(store, tiny_spec, tmp_path):
    spec = dataclasses.replace(
        tiny_spec, base="A", target="B", n=3, mode="finetuned"
    )
    assert store.network(spec).folder == (
        tmp_path
        / "one_study/tiny_colours/split0/A3B+"
        / f"seed0-{spec.network_id}"
    )


def test_finished_network_is_found_by_every_study(store, tiny_spec, tmp_path):
    assert store.result(tiny_spec) is None
    finish(store, tiny_spec)
    other = RunStore(tmp_path, "another_study")
    assert other.result(tiny_spec).test_accuracy == 0.5
    assert other.network(tiny_spec).folder == store.network(tiny_spec).folder
    assert len(other.finished()) == 1


def test_making_a_log_folder_neither_looks_nor_writes(tmp_path, tiny_spec):
    folder = tmp_path / "absent"
    logs, store = LogFolder(folder), RunStore(folder, "study")
    assert logs.result(tiny_spec) is None and logs.finished() == []
    assert not folder.exists()
    # It looks when it is asked first, not when it was made.
    finish(store, tiny_spec)
    fresh = LogFolder(folder)
    assert fresh.find(tiny_spec).folder == store.network(tiny_spec).folder
    assert tree.log_dir_of(store.network(tiny_spec).folder) == folder
    assert tree.study_of(store.network(tiny_spec).folder) == "study"


def test_what_killed_processes_left_is_known_by_its_name(tmp_path):
    (tmp_path / "below").mkdir()
    for path in ("status.json", "status.json", "key.with.dots", "below/a"):
        temporary_beside(tmp_path / path).touch()
    (tmp_path / ".lock").touch()
    assert leftovers(tmp_path) == ["key.with", "status"]
    assert len(find_leftovers(tmp_path)) == 4
    remove_leftovers(tmp_path, "status")
    assert leftovers(tmp_path) == ["key.with"]


def test_an_old_result_is_read_and_written_key_for_key():
    path = FIXTURES / "e390b6d/baseA/result.json"
    content = json.loads(path.read_text())
    result = Result.from_json(content)
    assert result.wrong_field() is None
    written = result.to_json()
    # Three fields came later; the checksum is added when it is filed.
    assert written.pop("test_correct") is None
    assert written.pop("test_balanced_accuracy") is None
    assert written.pop("data_parts") == ""
    assert list(written) == [key for key in content if key != "sha256"]
    assert all(content[key] == value for key, value in written.items())
    assert unseal(path.read_bytes()) == {
        key: value for key, value in content.items() if key != "sha256"
    }
    changed = {**content, "test_accuracy": 1.0}
    assert unseal(json.dumps(changed, indent=1).encode()) is None


def test_a_seal_tells_every_flipped_bit_and_every_cut():
    sound = {"network_id": "0a", "words": 'a "text_sha256": "b"\n}', "n": [1]}
    text = seal(sound).encode()
    assert unseal(text) == sound and json.loads(text)["n"] == [1]
    for place in range(len(text)):
        assert unseal(text[:place]) is None
        for bit in range(8):
            byte = bytes([text[place] ^ 1 << bit])
            found = unseal(text[:place] + byte + text[place + 1 :])
            # No other content is ever believed.
            assert found is None, (place, bit)
    assert unseal(seal({"a": 1}).encode() + b" ") is None
    for other in (b"", b"[]", b"3", b'{"a": 1}', b"[" * 100_000, b"\xff"):
        assert unseal(other) is None


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"test_accuracy": None}, "test_accuracy"),
        ({"classes": []}, "classes"),
        ({"images": {"train": "44"}}, "images"),
        ({"proof": [{"frozen": True}]}, "proof"),
        ({"layers": [{"layer": "conv1", "copied": True}]}, "layers"),
        ({"environment": None}, "environment"),
    ],
)
def test_a_field_that_reports_cannot_read_is_named(tiny_spec, changes, name):
    row = made_up_row(tiny_spec, 0.5)
    assert row.result.wrong_field() is None
    assert with_result(row, **changes).result.wrong_field() == name
    assert Result().wrong_field() == "test_accuracy"


def test_the_command_that_trained_a_network_is_kept(tmp_path, tiny_spec):
    words = ("python", "-m", "experiments.paper", "--seeds", "0")
    first = RunStore(tmp_path, "paper", command=words)
    finish(first, tiny_spec)
    second = RunStore(tmp_path, "boost", command=("python", "-m", "x"))
    # It found the network finished: the command that trained it stays.
    second.network(tiny_spec).keep_command()
    folder = LogFolder(tmp_path).find(tiny_spec).folder
    assert read_command(folder) == StoredCommand("paper", words)
    assert json.loads((folder / "settings.json").read_text()) == to_dict(
        tiny_spec
    )
    # Of a network of an earlier version it is the first that lists it.
    (folder / "command.json").unlink()
    second.network(tiny_spec).keep_command()
    assert read_command(folder).study == "boost"
    (folder / "command.json").write_text('{"study": 3, "argv": "rm"}')
    assert read_command(folder) is None


def test_checkpoint_goes_and_status_tells(store, tiny_spec):
    network = store.network(tiny_spec)
    network.begin()
    status = json.loads((network.folder / "status.json").read_text())
    assert status["status"] == "RUNNING"
    network.checkpoint_path.write_bytes(b"state")
    finish(store, tiny_spec)
    status = json.loads((network.folder / "status.json").read_text())
    assert status["status"] == "COMPLETED"
    assert not network.checkpoint_path.exists()


def test_a_result_is_read_once_unless_its_file_is_another(store, tiny_spec):
    network = finish(store, tiny_spec)
    first = store.result(tiny_spec)
    assert first is not None and store.result(tiny_spec) is first
    network.complete(dataclasses.replace(RESULT, test_accuracy=0.75))
    assert store.result(tiny_spec).test_accuracy == 0.75
    network.result_path.write_text("")
    assert store.result(tiny_spec) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("0.5", "0.9"),
        lambda text: "",
        lambda text: "[]",
    ],
    ids=["cut short", "edited", "empty", "another shape"],
)
def test_damaged_result_is_set_aside_and_said(store, tiny_spec, damage):
    network = finish(store, tiny_spec)
    path = network.folder / "result.json"
    path.write_text(damage(path.read_text()))
    assert store.set_aside_damaged(tiny_spec) is None
    assert not path.exists()
    assert path.with_name("result.json.damaged").exists()
    assert "set aside" in store.notices[0] and "again" in store.notices[0]


def damage_the_model(network):
    network.model_path.write_bytes(b"flipped")


@pytest.mark.parametrize(
    "damage, check_model, words",
    [
        (
            lambda network: (network.folder / "result.json").write_text(""),
            False,
            "was cut short or edited; its network counts as not finished",
        ),
        (lambda network: network.model_path.unlink(), False, "has lost its"),
        (damage_the_model, True, "does not fit its model.keras"),
    ],
)
def test_asking_for_a_damaged_result_changes_nothing(
    store, tiny_spec, damage, check_model, words
):
    network = finish(store, tiny_spec)
    damage(network)
    before = contents(store.log_dir)
    for _ in range(2):
        assert store.result(tiny_spec, check_model) is None
    assert contents(store.log_dir) == before
    (notice,) = store.notices
    assert words in notice and str(network.folder) in notice


def test_a_plan_and_a_report_leave_a_damaged_folder_alone(
    store, tiny_spec, capsys
):
    write_tiny_pool(store.log_dir / ".cache")
    arguments = ["--dataset", TINY, "--image-size", "20", "--plan"]
    arguments += ["--log-dir", str(store.log_dir), "--layers", "7"]
    arguments += ["--guess"]
    settings = parse("x", "", arguments, GridSettings)
    spec = similar_datasets.study(settings).specs[0]
    path = finish(store, spec).folder / "result.json"
    path.write_text(path.read_text()[:-9])
    before = contents(store.log_dir)
    assert similar_datasets.main(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "result.json was cut short or edited" in said
    assert "10 of 10 networks to train" in said
    assert contents(store.log_dir) == before
    assert report.main(["--log-dir", str(store.log_dir)]) == 0
    assert "1 damaged" in capsys.readouterr().out
    page = store.log_dir / "report.html"
    assert "was cut short or edited" in page.read_text()
    page.unlink()
    assert contents(store.log_dir) == before


def test_result_of_another_network_is_not_trusted(store, tiny_spec):
    mine = finish(store, tiny_spec)
    other = dataclasses.replace(tiny_spec, seed=1)
    place = store.network(other)
    place.begin()
    (place.folder / "result.json").write_bytes(
        (mine.folder / "result.json").read_bytes()
    )
    assert store.result(other) is None


def test_lost_weights_mean_not_finished(store, tiny_spec):
    finish(store, tiny_spec).model_path.unlink()
    assert store.result(tiny_spec) is None
    assert "model.keras" in store.notices[0]


def test_clashing_settings_are_an_error_and_nothing_is_lost(store, tiny_spec):
    network = store.network(tiny_spec)
    network.begin()
    path = network.folder / "settings.json"
    other = json.loads(path.read_text())
    other["seed"] = 99
    path.write_text(json.dumps(other))
    with pytest.raises(UserError, match="another network's settings"):
        network.begin()
    assert json.loads(path.read_text())["seed"] == 99


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write.*`log_dir`"):
        RunStore(tmp_path / "file", "study").check_writable()


def test_a_result_of_the_earlier_recipe_is_reported_under_its_own(tmp_path):
    # A file as it was written before settings and bits that came since.
    spec = from_dict(EARLIER_SETTINGS)
    content = {
        "network_id": "70fc776ae8",
        "settings": EARLIER_SETTINGS,
        "model_sha256": None,
        **{
            name: value
            for name, value in made_up_row(spec, 0.598).result.to_json().items()
            if name in OLD_FIELDS
        },
    }
    folder = tmp_path / "similar_datasets/cifar100/split0/baseA"
    folder = folder / "seed0-70fc776ae8"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(EARLIER_SETTINGS))
    (folder / "result.json").write_text(seal(content))
    (row,) = take_survey(LogFolder(tmp_path)).rows
    assert row.spec == spec and correctness(row.result) is None
    # It holds a `val_best10` of 12 looks, which is not printed, and no
    # balanced accuracy.
    (line,) = results_csv([row]).splitlines()[1:]
    assert "0.5980,,+0.0000,0.5980,,0.9000" in line
    recipe = find_recipe("cifar100", "default", None)
    new = NetworkSpec(
        recipe.data("cifar100", 0), recipe.model, recipe.solver, "A"
    )
    groups = group_rows([row, made_up_row(new, 0.61)])
    assert {group.recipe for group in groups} == {spec, new}
