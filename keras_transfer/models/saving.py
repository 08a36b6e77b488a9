import io
import os

import keras
import numpy as np

from keras_transfer.errors import NetworkFailed
from keras_transfer.models.archives import (
    ANY_MODEL,
    OWN_NETWORK,
    check_archive,
)
from keras_transfer.storage.files import (
    file_sha256,
    temporary_beside,
    write_atomically,
)
from keras_transfer.storage.network_folder import NetworkFolder


def save_model(
    network: NetworkFolder, model: keras.Model, mean: np.ndarray
) -> None:
    """Saves a trained network and the mean image it subtracts, atomically.

    Args:
        network: `NetworkFolder`, where it is saved.
        model: Keras model.
        mean: NumPy array, the mean image.
    """
    temporary = temporary_beside(network.model_path)
    try:
        model.save(temporary, include_optimizer=False)
        os.replace(temporary, network.model_path)
    finally:
        temporary.unlink(missing_ok=True)
    content = io.BytesIO()
    np.save(content, mean)
    write_atomically(network.folder / "mean.npy", content.getvalue())


def load_model(network: NetworkFolder) -> keras.Model:
    """Loads a finished network for copying, after checking its checksum.

    Args:
        network: `NetworkFolder`.

    Returns:
        `keras.Sequential`, or the Functional model of a registered one; not
        compiled.

    Raises:
        NetworkFailed: If the file is not the one that was filed, or names
            anything that could run code.
    """
    check_model(network)
    return read_model(network)


def check_model(network: NetworkFolder) -> str:
    """Checks that the file of a finished network is the one that was filed.

    Args:
        network: `NetworkFolder`.

    Returns:
        String, the SHA-256 of the file.

    Raises:
        NetworkFailed: If it is not.
    """
    result = network.read_result()
    expected = None if result is None else result.model_sha256
    if expected is None or file_sha256(network.model_path) != expected:
        raise NetworkFailed(
            f"{network.model_path} is not the network that was trained: its "
            "checksum differs. Delete the folder to train it again."
        )
    return expected


def read_model(network: NetworkFolder) -> keras.Model:
    """Reads the file of a finished network that `check_model` has checked.

    Args:
        network: `NetworkFolder`.

    Returns:
        As of `load_model`.

    Raises:
        NetworkFailed: If the file names anything that could run code.
    """
    registered = network.spec.model.content is not None
    check_archive(network.model_path, ANY_MODEL if registered else OWN_NETWORK)
    return keras.saving.load_model(
        network.model_path, compile=False, safe_mode=True
    )
