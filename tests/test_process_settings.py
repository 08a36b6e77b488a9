"""What is set outside of a network's settings changes no result."""

import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import keras
import pytest
import tensorflow as tf

from experiments import similar_datasets
from keras_transfer.errors import NetworkFailed, UserError
from keras_transfer.storage.store import RunStore
from keras_transfer.studies.run_options import RunOptions
from keras_transfer.studies.scheduler import run_study
from keras_transfer.training import process_settings, trainer

ROOT = Path(__file__).resolve().parents[1]
CHANGED = {
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "TF_FUNCTION_JIT_COMPILE_DEFAULT": "1",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F",
}


def lines_of(code, environment):
    """Runs code in a process of its own; returns the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


on_x86 = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() != "x86_64",
    reason="elsewhere kernels are left to TensorFlow",
)


@on_x86
def test_a_setting_that_came_too_late_is_left_and_told():
    # TensorFlow of this process has read it.
    with mock.patch.dict(os.environ, {"TF_ENABLE_ONEDNN_OPTS": "0"}):
        process_settings.set_environment()
        assert "TF_ENABLE_ONEDNN_OPTS" in process_settings.harmful_variables()
    assert process_settings.uses_onednn()


@on_x86
@pytest.mark.slow
def test_commands_compute_with_the_same_kernels_on_every_processor():
    code = """if True:
        from keras_transfer.studies.executors.quiet import quiet_import
        from keras_transfer.training import process_settings
        with quiet_import():
            import tensorflow
        print(process_settings.uses_onednn())
        print(process_settings.describe_ignored())
    """
    used, told = lines_of(code, {"TF_ENABLE_ONEDNN_OPTS": "0"})
    assert used == "True"
    assert told.startswith("networks are trained without TF_ENABLE_ONEDNN_OPTS")


@pytest.mark.slow
def test_a_worker_trains_what_the_settings_say(tmp_path, tiny_pool, tiny_spec):
    # With as many threads; a process that trains here has others.
    store = RunStore(tmp_path / "plain", "s")
    shutil.copytree(tiny_pool.folder.parent, tmp_path / "plain" / ".cache")
    assert run_study([tiny_spec], store, RunOptions(workers=2)).failed == {}
    plain = store.result(tiny_spec)
    home = tmp_path / "home"
    home.mkdir()
    values = {"image_data_format": "channels_first", "floatx": "float64"}
    values |= {"epsilon": 0.5, "backend": "jax"}
    (home / "keras.json").write_text(json.dumps(values))
    # In a process of its own: a fork server keeps the environment it had.
    code = f"""if True:
        import json, os
        from pathlib import Path
        from keras_transfer.specs.network import from_dict
        from keras_transfer.storage.store import RunStore
        from keras_transfer.studies.reporter import Reporter
        from keras_transfer.studies.run_options import RunOptions
        from keras_transfer.studies.scheduler import run_study
        class Told(Reporter):
            def notice(self, text):
                print(text)
        spec = from_dict(json.loads(os.environ["SPEC"]))
        store = RunStore({str(tmp_path / "logs")!r}, "s")
        outcome = run_study([spec], store, RunOptions(workers=2), Told())
        print(outcome.failed)
    """
    environment = {**CHANGED, "KERAS_HOME": str(home)}
    environment["SPEC"] = json.dumps(dataclasses.asdict(tiny_spec))
    told, failed = lines_of(code, environment)
    assert failed == "{}"
    for name in (*CHANGED, "image_data_format 'channels_first' in"):
        assert name in told
    result = RunStore(tmp_path / "logs", "s").result(tiny_spec)
    if platform.machine() == "x86_64":
        assert result.environment["onednn"] is True
    assert result.steps == plain.steps == 15
    assert result.test_loss == plain.test_loss


@pytest.mark.slow(9)
def test_what_keras_keeps_is_set_and_put_back(
    tmp_path, tiny_pool, tiny_spec, base
):
    plain = base.read_result()
    changed = {
        "floatx": "float16",
        "dtype_policy": "mixed_bfloat16",
        "epsilon": 0.25,
        "image_data_format": "channels_first",
        "max_epochs": 1,
        "max_steps_per_epoch": 2,
    }
    assert set(changed) == set(process_settings.KERAS_VALUES)
    network = RunStore(tmp_path / "other", "s").network(tiny_spec)
    try:
        for name, value in changed.items():
            getattr(keras.config, f"set_{name}")(value)
        result = trainer.train_network(network, tiny_pool)
        assert keras.config.max_epochs() == 1
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        for name, value in process_settings.KERAS_VALUES.items():
            getattr(keras.config, f"set_{name}")(value)
    assert result.proof == plain.proof
    assert result.test_loss == plain.test_loss


def test_a_result_with_fewer_epochs_is_not_filed(
    tmp_path, tiny_pool, tiny_spec, monkeypatch
):
    network = RunStore(tmp_path, "s").network(tiny_spec)
    fit = keras.Sequential.fit

    def short_fit(self, *arguments, epochs, **more):
        return fit(self, *arguments, epochs=epochs - 1, **more)

    monkeypatch.setattr(keras.Sequential, "fit", short_fit)
    with pytest.raises(NetworkFailed, match="15 steps. Received: 2 and 10"):
        trainer.train_network(network, tiny_pool)
    assert network.read_result() is None


def test_a_process_that_computes_otherwise_is_refused(
    tmp_path, tiny_pool, tiny_spec, monkeypatch
):
    network = RunStore(tmp_path, "s").network(tiny_spec)
    with monkeypatch.context() as patch:
        patch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=2")
        with pytest.raises(UserError, match="TF_XLA_FLAGS, which TensorFlow"):
            trainer.train_network(network, tiny_pool)
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.raises(UserError, match="run_functions_eagerly"):
            trainer.train_network(network, tiny_pool)
    finally:
        tf.config.run_functions_eagerly(False)
    assert not network.folder.exists()


def test_folders_and_log_levels_change_nothing(monkeypatch):
    names = ("TF_CPP_MIN_LOG_LEVEL", "KERAS_HOME", "TFDS_DATA_DIR")
    # The last two are set by TensorFlow itself, and of Terraform.
    for name in (*names, "TF2_BEHAVIOR", "TF_VAR_x"):
        monkeypatch.setenv(name, "1")
    assert process_settings.harmful_variables() == []
    monkeypatch.setenv("TF_SET_ONEDNN_FPMATH_MODE", "BF16")
    found = process_settings.harmful_variables()
    assert found == ["TF_SET_ONEDNN_FPMATH_MODE"]


@pytest.mark.parametrize(
    "content, text",
    [
        ({"floatx": "bfloat16"}, "'floatx' among"),
        ({"image_data_format": "x"}, "'image_data_format' among"),
        ({"epsilon": "small"}, "'epsilon' as a number"),
    ],
)
def test_a_file_that_keras_stops_at_is_named(
    tmp_path, tiny_spec, monkeypatch, content, text
):
    (tmp_path / "keras.json").write_text(json.dumps(content))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match=text):
        run_study([tiny_spec], RunStore(tmp_path / "logs", "s"))


def test_another_backend_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert similar_datasets.main(["--log-dir", str(tmp_path / "logs")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "KERAS_BACKEND to be 'tensorflow'" in line and "Unset it" in line
    assert not (tmp_path / "logs").exists()
