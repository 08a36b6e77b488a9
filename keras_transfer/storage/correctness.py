"""Which test images a network gets right, a bit each.

With these a paired test of two networks, or another statistic of their hits,
needs no training. The order is that of the pool: the data set's own test
images in TFDS's order, of which a half keeps those of its classes. Networks
on the same half and pool have the same images at the same places;
`data_fingerprint` says which pool.
"""

import base64
import binascii

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.storage.result import Result


def pack(correct: np.ndarray) -> str:
    """Packs hits for `result.json`, the first in the highest bit.

    Args:
        correct: Boolean array `(n,)`.

    Returns:
        String, base64 of `ceil(n / 8)` bytes.
    """
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def correctness(result: Result) -> np.ndarray | None:
    """Reads which test images a network got right.

    Args:
        result: `Result`.

    Returns:
        Boolean array, one value a test image, in the order that this file
        tells; `None` for a result that was filed without.

    Raises:
        UserError: If the bits do not fit the test images or their accuracy.
    """
    packed = result.test_correct
    if packed is None:
        return None
    try:
        count = result.images["test"]
        stored = np.frombuffer(base64.b64decode(packed, validate=True), "uint8")
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _misfit(result, f"bits that cannot be read ({error})") from error
    if len(stored) != -(-count // 8):
        raise _misfit(result, f"{len(stored)} bytes for {count} images")
    correct = np.unpackbits(stored, count=count).astype(bool)
    if abs(correct.mean() - result.test_accuracy) > 1e-6:
        raise _misfit(result, f"{correct.sum()} hits of {count} images")
    return correct


def _misfit(result: Result, received: str) -> UserError:
    return UserError(
        f"Expected `test_correct` of network {result.network_id} to "
        "hold a bit for each test image that agrees with its test accuracy. "
        f"Received: {received}. Delete its folder to train it again."
    )
