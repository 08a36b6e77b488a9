"""Which record of a data set cannot be used, found before training starts.

TensorFlow is imported where a data set is opened, not with this file.
"""

import numpy as np

from keras_transfer.errors import UserError

_NO_LABEL = -1  # of the test part of ImageNet, for instance


def check_image_feature(name: str, feature) -> None:
    """Refuses images that could only be read wrongly.

    Args:
        name: String, the data set.
        feature: `tfds.features.Image`.

    Raises:
        UserError: If they are not 8-bit images of 1, 3 or 4 channels.
    """
    channels = feature.shape[-1]
    if channels not in (1, 3, 4) or np.dtype(feature.np_dtype) != np.uint8:
        raise UserError(
            f"Images of {name!r} cannot be used: expected 1 (grey), 3 (colour) "
            f"or 4 channels of uint8. Received: shape {feature.shape} of "
            f"{np.dtype(feature.np_dtype).name}."
        )


def read_labels(raw, num_classes: int, name: str, part: str) -> np.ndarray:
    """Reads the labels of a part; no image is decoded.

    Args:
        raw: `tf.data.Dataset` of the part's examples, images still encoded.
        num_classes: Integer.
        name: String, the data set.
        part: String, the part.

    Returns:
        `int64` array; -1 marks an example without a label.

    Raises:
        UserError: If a record is damaged or a label is out of range.
    """
    import tensorflow as tf

    found: list[int] = []
    try:
        for label in raw.map(lambda e: e["label"]).as_numpy_iterator():
            found.append(int(label))
    except tf.errors.OpError as error:
        raise UserError(
            f"Record {len(found)} of part {part!r} of {name!r} cannot be "
            f"read: {_reason(error)}. Prepare the data set again."
        ) from error
    labels = np.array(found, np.int64)
    wrong = np.flatnonzero((labels < _NO_LABEL) | (labels >= num_classes))
    if len(wrong):
        raise UserError(
            f"Record {wrong[0]} of part {part!r} of {name!r} has label "
            f"{labels[wrong[0]]}: expected 0 to {num_classes - 1}, or -1 for "
            f"none ({len(wrong)} such records in all)."
        )
    return labels


def bad_image(raw, decode, labels, done: int, name: str, part: str, error):
    """Finds which image stopped a batch of them.

    Args:
        raw: `tf.data.Dataset` of the part's examples.
        decode: Callable of an encoded image that makes it square and colour.
        labels: Integer array of the part.
        done: Integer, labelled images that were decoded before.
        name: String, the data set.
        part: String, the part.
        error: Exception that the batch ended with.

    Returns:
        `UserError` that names the record.
    """
    first = int(np.flatnonzero(labels >= 0)[done])
    reason = _reason(error)
    place = f"A record after {first}"
    index = first
    try:
        for index, example in enumerate(raw.skip(first), first):
            if labels[index] >= 0:
                decode(example["image"])
    except Exception as found:
        place = f"Record {index}"
        reason = _reason(found)
    return UserError(
        f"{place} of part {part!r} of {name!r} has an image that cannot be "
        f"decoded: {reason}. Prepare the data set again, without it."
    )


def _reason(error: BaseException) -> str:
    """Takes the sentence out of TensorFlow's text, without its nodes."""
    message = getattr(error, "message", None) or str(error)
    words = message.strip().splitlines()[0] if message.strip() else ""
    words = words.rsplit("}} ", 1)[-1].split(" [Op:")[0].strip(" .")
    return (words or type(error).__name__)[:200]
