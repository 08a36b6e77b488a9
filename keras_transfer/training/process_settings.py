"""What libraries read from the environment and files, and results depend on.

A network is what its settings say. So the processes that train drop every
variable of TensorFlow, Keras and NumPy that may change a result, and the
trainer sets what Keras keeps for a whole process. What cannot be set is
refused before anything is trained.
"""

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from keras_transfer.errors import UserError

# Whatever these libraries read begins with one of them.
_PREFIXES = (
    "TF_",
    "TF2_",
    "TF2XLA_",
    "TFXLA_",
    "XLA_",
    "TENSORFLOW_",
    "KERAS_",
    "ONEDNN_",
    "DNNL_",
    "CUDNN_",
    "CUBLAS_",
    "NVIDIA_TF32_",
    "NPY_",
    "NUMPY_",
)
# Of these no result depends: folders, log levels, memory, and the threads
# that `trainer.set_threads` sets.
_HARMLESS = (
    "KERAS_BACKEND",  # refused if it is another
    "KERAS_HOME",
    "KERAS_TRANSFER_",  # our own: where tests find data
    "TF_CONFIG",  # for processes that share a network; nothing here reads it
    "TF_CPP_",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_ALLOCATOR",
    "TF_GPU_THREAD_",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "CUDNN_LOG",
    "CUDNN_FRONTEND_LOG",
    "NPY_AVAILABLE_MEM",
    "NUMPY_WARN_IF_NO_MEM_POLICY",
    # Of Terraform, which shares the prefix.
    "TF_CLI_",
    "TF_DATA_DIR",
    "TF_IGNORE",
    "TF_INPUT",
    "TF_IN_AUTOMATION",
    "TF_LOG",
    "TF_PLUGIN_",
    "TF_REGISTRY_",
    "TF_STATE_",
    "TF_TOKEN_",
    "TF_VAR_",
    "TF_WORKSPACE",
)
# Unless it is told so, TensorFlow leaves oneDNN's kernels out on a processor
# without instructions for neural networks (VNNI, bfloat16), where training
# takes longer without: see the benchmark's part `kernels`. On ARM it is left
# to TensorFlow: nobody has measured it there.
_KERNELS = (
    {"TF_ENABLE_ONEDNN_OPTS": "1"} if platform.machine() == "x86_64" else {}
)
# TensorFlow sets the first itself when it is imported.
_OWN = {"TF2_BEHAVIOR": "1", **_KERNELS}
_replaced: set[str] = set()  # what a user had set otherwise
# What Keras keeps for a whole process, by the name in `keras.config`; the
# type of numbers comes first, as its policy follows it.
KERAS_VALUES = {
    "floatx": "float32",
    "dtype_policy": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "max_epochs": None,
    "max_steps_per_epoch": None,
}
_FILE_VALUES = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}


def harmful_variables() -> list[str]:
    """Names the variables of the environment that may change a result."""
    return sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(_PREFIXES)
        and not name.startswith(_HARMLESS)
        and _OWN.get(name) != value
    )


def fix_environment() -> None:
    """Makes the environment the same for every process that trains.

    Call it before TensorFlow is imported, which reads most variables once.
    """
    for name in harmful_variables():
        del os.environ[name]
    set_environment()


def set_environment() -> None:
    """Sets what every process that computes has in common.

    Call it before TensorFlow is imported, which reads most variables once;
    kernels are left as they are where that has happened.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if "tensorflow" not in sys.modules:
        _replaced.update(
            name
            for name, value in _KERNELS.items()
            if os.environ.get(name, value) != value
        )
        os.environ.update(_KERNELS)
    # TensorFlow's start-up notices belong in no one's terminal.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def uses_onednn() -> bool | None:
    """Says whether TensorFlow of this process takes oneDNN's kernels.

    Returns:
        Boolean, or `None` if this version of TensorFlow does not tell.
    """
    try:
        # Nothing public tells: the variable may have come too late.
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return None
    return bool(_pywrap_util_port.IsMklEnabled())


def describe_ignored() -> str | None:
    """Says what of the environment and of keras.json is not used.

    Returns:
        String, or `None` if nothing is set that could change a result.
    """
    ignored = sorted({*harmful_variables(), *_replaced})
    path, content = _keras_file()
    for name, value in KERAS_VALUES.items():
        if content.get(name, value) != value:
            ignored.append(f"{name} {content[name]!r} in {path}")
    if not ignored:
        return None
    return (
        f"networks are trained without {', '.join(ignored)}: a result depends "
        "on its settings alone."
    )


def check_process_settings() -> None:
    """Refuses what a process that trains could not set right.

    Raises:
        UserError: If Keras is told to compute with another library, or its
            file holds what it cannot read.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise UserError(
            "Expected KERAS_BACKEND to be 'tensorflow', which networks are "
            f"trained with. Received: {backend!r}. Unset it."
        )
    check_keras_file()


def check_keras_file() -> None:
    """Refuses a keras.json that Keras would stop at when it is imported.

    Raises:
        UserError: Naming the file and the value.
    """
    path, content = _keras_file()
    for name, expected in _FILE_VALUES.items():
        if content.get(name, expected[0]) not in expected:
            raise UserError(
                f"{path}: expected {name!r} among {expected}. Received: "
                f"{content[name]!r}. Mend or delete the file."
            )
    if not isinstance(content.get("epsilon", 1e-7), float):
        raise UserError(
            f"{path}: expected 'epsilon' as a number such as 1e-07. Received: "
            f"{content['epsilon']!r}. Mend or delete the file."
        )


def _keras_file() -> tuple[Path, dict]:
    """Returns where Keras's own file is, and what Keras reads from it."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    path = Path(home) / "keras.json"
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        content = {}
    return path, content if isinstance(content, dict) else {}


@contextlib.contextmanager
def keras_values() -> Iterator[None]:
    """Sets what Keras keeps for a whole process; puts it back at the end.

    Raises:
        UserError: If TensorFlow of this process was told to rewrite what it
            computes, or was started in an environment that may change it.
    """
    import keras

    _check_tensorflow()
    config = keras.config
    before = {name: getattr(config, name)() for name in KERAS_VALUES}
    try:
        _set_all(config, KERAS_VALUES)
        yield
    finally:
        _set_all(config, before)


def _set_all(config, values: dict) -> None:
    for name, value in values.items():
        getattr(config, f"set_{name}")(value)


def _check_tensorflow() -> None:
    import tensorflow as tf

    found = harmful_variables()
    if found:
        raise UserError(
            "Expected an environment that changes no result. Received: "
            f"{', '.join(found)}, which TensorFlow may have read. Unset them "
            "and start again."
        )
    if tf.config.functions_run_eagerly():
        found.append("tf.config.run_functions_eagerly(True)")
    if tf.config.optimizer.get_jit():
        found.append("tf.config.optimizer.set_jit(True)")
    options = tf.config.optimizer.get_experimental_options()
    # The two that begin so are always there, and false.
    if any(value or "disable" not in key for key, value in options.items()):
        found.append("tf.config.optimizer.set_experimental_options")
    if found:
        raise UserError(
            "Expected a process in which TensorFlow computes as it does by "
            f"default. Received: {', '.join(found)}. Train in a new process."
        )
