import json
import subprocess
import sys

import pytest

from experiments import (
    dissimilar_datasets,
    similar_datasets,
    target_size,
    tune_learning_rate,
)
from keras_transfer.datasets import catalogue
from keras_transfer.errors import UserError
from keras_transfer.specs import rates
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts
from tests.example_sets import example_set


@pytest.mark.parametrize(
    "name",
    [
        "cifar100",
        "cifar100:3.0.2",
        "imagenet_resized/8x8",
        "imagenet_resized/8x8:0.1.0",
        "robo_ai_u_r5e",  # TFDS's own spelling of `RoboAiUR5e`
        "synthetic_shapes",
        "huggingface:anything",
    ],
)
def test_names_that_tfds_knows(name):
    catalogue.check_known(name)


def test_a_set_that_this_process_defines_is_known():
    name = example_set("defined_by_a_test", (20, 20, 3), [0, 1, 2, 3])
    catalogue.check_known(name)
    catalogue.check_known(f"{name}:1.0.0")


@pytest.mark.parametrize(
    "name, near",
    [
        ("cifar_100", "did you mean 'cifar100' or"),
        ("no_such_set", "see the TFDS catalogue"),
        ("mnits:1.0.0", "did you mean 'mnist'"),
    ],
)
def test_a_name_that_nobody_knows_comes_with_near_ones(name, near):
    with pytest.raises(UserError) as error:
        catalogue.check_known(name)
    assert f"Unknown data set {name!r}" in str(error.value)
    assert near in str(error.value)


def test_a_plan_of_an_unknown_set_is_an_error_without_tensorflow(tmp_path):
    code = (
        "import sys; from experiments import similar_datasets as s;"
        "code = s.main(sys.argv[1:]); assert 'tensorflow' not in sys.modules;"
        "sys.exit(code)"
    )
    arguments = ["--dataset", "no_such_set", "--plan"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--log-dir", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: Unknown data set 'no_such_set'")
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", [tune_learning_rate, target_size])
def test_other_scripts_refuse_it_too(capsys, tmp_path, script):
    arguments = ["--dataset", "cifar_100", "--plan", "--log-dir", str(tmp_path)]
    assert script.main(arguments) == 2
    assert "did you mean 'cifar100'" in capsys.readouterr().err


def test_a_set_of_ones_own_in_the_data_folder_is_known(tmp_path):
    folder = tmp_path / "my_set" / "2.0.0"
    folder.mkdir(parents=True)
    (folder / "label.labels.txt").write_text("caf\u00e9\ntea\n", "utf-8")
    parts = [
        {"name": "train", "shardLengths": ["7", "3"]},
        {"name": "test", "shardLengths": ["4"]},
    ]
    info = folder / "dataset_info.json"
    info.write_text(json.dumps({"splits": parts}))
    store = RunStore(tmp_path / "logs", "study")
    for name in ("my_set", "my_set:2.0.0"):
        place = (store, name, 20, str(tmp_path))
        assert dataset_facts.find_facts(*place) == dataset_facts.DatasetFacts(
            2, 10, 4
        )
        # TFDS ends the file of names with a line break.
        assert dataset_facts.find_class_names(*place) == ["caf\u00e9", "tea"]
    # No part to train on: what is known is not enough.
    info.write_text(json.dumps({"splits": parts[1:]}))
    assert dataset_facts.find_facts(store, "my_set", 20, str(tmp_path)) is None


def test_rates_with_a_byte_order_mark_and_rates_that_are_no_numbers(tmp_path):
    path = tmp_path / "best.json"
    text = json.dumps({"rates": {"base": {"learning_rate": 0.1}}})
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert rates.read_rates(str(path)) == {"base": {"learning_rate": 0.1}}
    for value in ("Infinity", "NaN"):
        path.write_text(text.replace("0.1", value))
        with pytest.raises(UserError, match="a positive learning_rate"):
            rates.read_rates(str(path))


def test_a_class_file_of_an_unknown_set(capsys, tmp_path):
    (tmp_path / "classes.txt").write_text("[a]\nx\n[b]\ny\n")
    arguments = ["--classes", str(tmp_path / "classes.txt"), "--plan"]
    arguments += ["--dataset", "no_such_set", "--log-dir", str(tmp_path)]
    assert dissimilar_datasets.main(arguments) == 2
    assert "Unknown data set 'no_such_set'" in capsys.readouterr().err
    # A plan does not prepare a data set.
    assert similar_datasets.main(arguments[2:]) == 2


def test_the_embedded_set_is_found_where_it_was_never_prepared(tmp_path):
    # In a new process, where nobody imported it yet.
    code = """if True:
        import sys
        import tensorflow_datasets as tfds
        from keras_transfer.datasets.tfds_sets import prepared_builder
        tfds.core.DatasetBuilder.download_and_prepare = lambda self: None
        print(prepared_builder("synthetic_shapes", sys.argv[1]).name)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "synthetic_shapes\n", done.stderr
