"""A run folder, a network or arrays from a stranger run no code."""

import io
import json
import os
import pickle
import zipfile

import h5py
import keras
import numpy as np
import pytest

from experiments import similar_datasets
from experiments.common import commands
from keras_transfer.analysis import inventory
from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.models import cnn, saving
from keras_transfer.models.archives import check_archive
from keras_transfer.reports.html import report_page
from keras_transfer.specs.identity import to_dict
from keras_transfer.specs.network import from_dict
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.files import file_sha256, load_arrays
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.transfer.frozen_features import FeatureStore
from tests.helpers import made_up_row, with_result


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "code_was_run"
    yield path
    assert not path.exists()


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "logs", "study")


def filed(store, spec, model_path):
    """Files a network as a stranger would: every checksum is right."""
    network = store.network(spec)
    network.begin()
    os.replace(model_path, network.model_path)
    network.complete(Result(resumed_at_epoch=[]))
    return network


def honest_model(tmp_path):
    network = cnn.build_network(ModelSpec("cnn8", width=4), 18, 4)
    path = tmp_path / "model.keras"
    network.save(path)
    return path


def changed_model(path, change=lambda config: None, entries=()):
    """Rewrites a `.keras` file with another config and more entries."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    change(config)
    content["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [*content.items(), *entries]:
            archive.writestr(name, data)
    return path


def layers_of(config):
    return config["config"]["layers"]


def test_own_network_is_loaded(tmp_path, store, tiny_spec):
    network = filed(store, tiny_spec, honest_model(tmp_path))
    assert saving.load_model(network).count_params() > 0


def test_lambda_is_refused_with_the_reason(tmp_path, store, tiny_spec, marker):
    def run_code(inputs):
        os.mkdir(str(marker))
        return inputs

    network = keras.Sequential(
        [keras.Input((4,)), keras.layers.Lambda(lambda x: x)]
    )
    network.layers[-1].function = run_code
    network.save(tmp_path / "model.keras")
    place = filed(store, tiny_spec, tmp_path / "model.keras")
    with pytest.raises(NetworkFailed, match="a Lambda, which runs code"):
        saving.load_model(place)


@pytest.mark.parametrize(
    "described",
    [
        {"module": "os", "class_name": "system"},
        {"module": "builtins", "class_name": "exec"},
        {"module": "keras.utils", "class_name": "get_file"},
        {"module": "keras.layers", "class_name": "TFSMLayer"},
        {
            "module": "stranger",
            "class_name": "Layer",
            "registered_name": "stranger>Layer",
        },
        {
            "module": "os",
            "class_name": "system",
            "registered_name": "keras_transfer>LocalResponseNormalization",
        },
    ],
    ids=lambda described: described["class_name"],
)
@pytest.mark.parametrize("where", ["layer", "initializer"])
def test_objects_that_are_not_ours_are_refused(
    tmp_path, store, tiny_spec, described, where
):
    def change(config):
        described_so = {"config": {"name": "x"}, **described}
        if where == "layer":
            layers_of(config)[2] = described_so
        else:
            layers_of(config)[1]["config"]["kernel_initializer"] = described_so

    path = changed_model(honest_model(tmp_path), change)
    network = filed(store, tiny_spec, path)
    with pytest.raises(NetworkFailed, match="is refused"):
        saving.load_model(network)


@pytest.mark.parametrize(
    "name", ["../../evil.py", "/tmp/evil.py", "assets/evil.pkl"]
)
def test_entries_that_lead_elsewhere_are_refused(tmp_path, name):
    path = changed_model(honest_model(tmp_path), entries=[(name, "evil")])
    with pytest.raises(NetworkFailed, match="refused: expected the entries"):
        check_archive(path)
    (tmp_path / "text.keras").write_text("no zip at all")
    with pytest.raises(NetworkFailed, match="not a `.keras` file"):
        check_archive(tmp_path / "text.keras")


def test_weights_of_another_file_are_not_read(tmp_path, store, tiny_spec):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["weights"] = np.zeros(3)
    path = honest_model(tmp_path)
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
        config = archive.read("config.json")
        metadata = archive.read("metadata.json")
    with h5py.File(weights, "a") as file:
        del file["layers/conv2d/vars/0"]
        link = h5py.ExternalLink(str(secret), "weights")
        file["layers/conv2d/vars/0"] = link
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("metadata.json", metadata)
        archive.writestr("model.weights.h5", weights.getvalue())
    network = filed(store, tiny_spec, path)
    with pytest.raises(ValueError, match="(?i)link|not allowed"):
        saving.load_model(network)


def test_pickles_in_arrays_are_not_opened(tmp_path, marker, tiny_pool):
    evil = np.array([Evil(marker)], dtype=object)
    np.savez(tmp_path / "checkpoint.npz", rows=evil)
    assert load_arrays(tmp_path / "checkpoint.npz") is None
    # Decoded images, their mean and stored features are the other arrays.
    np.save(tiny_pool.folder / "train_labels.npy", evil)
    assert tiny_pool.find_damage().startswith("train_labels.npy")
    with pytest.raises(ValueError, match="allow_pickle"):
        tiny_pool.labels("train")
    folder = tmp_path / "features" / "key"
    folder.mkdir(parents=True)
    for part in ("train", "validation"):
        np.save(folder / f"{part}.npy", evil)
    features = {"dtype": "float32", "sha256": {}}
    for part in ("train", "validation"):
        features["sha256"][part] = file_sha256(folder / f"{part}.npy")
    (folder / "features.json").write_text(json.dumps(features))
    assert FeatureStore(tmp_path / "features", 10**6).read("key") is None
    with pytest.raises(FileExistsError):  # it would have been run
        marker.mkdir()
        pickle.loads(pickle.dumps(Evil(marker)))  # noqa: S301
    marker.rmdir()


@pytest.mark.parametrize(
    "part, field, value",
    [
        ("data", "name", "../../elsewhere"),
        ("data", "name", ".."),
        ("data", "name", "/etc"),
        ("data", "name", ["cifar100"]),
        ("data", "split", "0/../.."),
        (None, "target", "../../.."),
        (None, "base", "/etc/passwd"),
        (None, "mode", "../x"),
        (None, "n", "../../x"),
        (None, "seed", "/../../../x"),
        (None, "initialization", "../../x"),
        (None, "preserved", "1/../../x"),
        (None, "draw", "x"),
    ],
)
def test_settings_that_lead_out_of_the_log_folder_are_refused(
    store, tiny_spec, part, field, value
):
    settings = to_dict(tiny_spec)
    (settings if part is None else settings[part])[field] = value
    with pytest.raises(UserError):
        from_dict(settings)
    # In a run folder they are counted as foreign, and nothing follows them.
    folder = store.study_dir / "x" / "split0" / "baseA" / "seed0-0123456789"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "result.json").write_text(json.dumps({"settings": settings}))
    found = inventory.take_survey(LogFolder(store.log_dir))
    assert len(found.foreign) == 1 and not found.rows
    assert store.finished() == []


@pytest.mark.parametrize("name", ["../../x", "..", "/etc"])
def test_data_set_names_on_the_command_line(capsys, tmp_path, name):
    arguments = ["--dataset", name, "--log-dir", str(tmp_path / "logs")]
    assert similar_datasets.main(arguments) == 2
    assert "Expected a TFDS name" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_links_out_of_the_log_folder_are_not_followed(
    store, tiny_spec, tmp_path
):
    elsewhere = tmp_path / "elsewhere"
    network = store.network(tiny_spec)
    network.begin()
    os.rename(network.folder, elsewhere)
    network.folder.symlink_to(elsewhere)
    other = RunStore(store.log_dir, "study")
    assert other.folders() == []
    with pytest.raises(UserError, match="outside the log folder: a symbolic"):
        other.network(tiny_spec)
    network.folder.unlink()
    network.folder.mkdir()
    (network.folder / "model.keras").symlink_to(elsewhere)
    with pytest.raises(UserError, match="model.keras is a symbolic link"):
        network.begin()
    (store.log_dir / "tb").symlink_to(elsewhere)
    with pytest.raises(UserError, match="outside the log folder: a symbolic"):
        network.events_dir("train")


def test_a_pipe_in_place_of_a_file_does_not_hang(store, tiny_spec):
    folder = store.network(tiny_spec).folder
    folder.mkdir(parents=True)
    for name in ("settings.json", "status.json", "result.json"):
        os.mkfifo(folder / name)
    found = inventory.take_survey(LogFolder(store.log_dir))
    assert len(found.foreign) == 1
    assert store.result(tiny_spec) is None


def test_class_names_are_text_wherever_they_are_shown(
    store, tiny_spec, tmp_path
):
    names = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "../../../etc/passwd",
        "[link=file:///etc/passwd]$(touch x)[/link]",
    ]
    row = made_up_row(tiny_spec, 0.5)
    row = with_result(row, classes=names)
    network = store.network(row.spec)
    network.begin()
    network.model_path.write_bytes(b"weights")
    network.complete(row.result)
    page = report_page.html_page(
        inventory.take_survey(LogFolder(store.log_dir)), commands
    )
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page and "<img src=x" not in page
    # No name of a class is ever part of a path.
    assert not [p for p in tmp_path.rglob("*passwd*")]
