"""A TFDS data set as a `Source`: labels first, then images in batches.

TensorFlow is imported where a data set is opened, not with this file.
"""

import functools
from collections.abc import Iterator

import numpy as np

from keras_transfer.datasets import tfds_records, tfds_sets
from keras_transfer.errors import UserError


class TfdsSource:
    """A prepared TFDS data set; see `sources.Source`.

    Args:
        name: String, TFDS name.
        data_dir: String or `None`, TFDS folder. Defaults to TFDS's own.

    Raises:
        UserError: If it is unknown, has no image and label, or is neither
            prepared nor can be downloaded.
    """

    state = None  # a prepared set is not edited

    def __init__(self, name: str, data_dir: str | None = None):
        self.name = name
        self.notices: list[str] = []
        self._builder = tfds_sets.prepared_builder(name, data_dir)
        self.version = str(self._builder.info.version)
        self.class_names = list(self._builder.info.features["label"].names)
        self._labels: dict[str, np.ndarray] = {}

    @functools.cached_property
    def _names(self) -> dict[str, str | None]:
        names = tfds_sets.part_names(self._builder, self._has_labels)
        if not self._has_labels(names["train"]):
            raise UserError(
                f"Part {names['train']!r} of {self._builder.name!r} has no "
                "labelled images."
            )
        return names

    def _has_labels(self, tfds_part: str) -> bool:
        if tfds_part not in self._labels:
            self._labels[tfds_part] = tfds_records.read_labels(
                self._raw(tfds_part),
                len(self.class_names),
                self._builder.name,
                tfds_part,
            )
        return bool((self._labels[tfds_part] >= 0).any())

    @property
    def parts(self) -> dict[str, str]:
        """See `Source`."""
        return {part: repr(n) for part, n in self._names.items() if n}

    @property
    def unlabelled(self) -> dict[str, int]:
        """See `Source`."""
        return {
            repr(part): int((found < 0).sum())
            for part, found in self._labels.items()
            if (found < 0).any()
        }

    def labels(self, part: str) -> np.ndarray:
        """See `Source`."""
        labels = self._labels[self._names[part]]
        return labels[labels >= 0]

    def validation_rows(self) -> None:
        """See `Source`; studies cut their own from the training images."""
        return None

    def images(
        self, part: str, image_shape: tuple[int, int]
    ) -> Iterator[np.ndarray]:
        """See `Source`. Images of another shape are squashed to it."""
        import tensorflow as tf

        tfds_part = self._names[part]
        raw = self._raw(tfds_part)
        # Unlabelled examples are dropped before their images are decoded.
        labelled = raw.filter(lambda example: example["label"] >= 0)
        encoded = labelled.map(lambda example: example["image"])
        feature = self._builder.info.features["image"]
        done = 0
        try:
            for batch in decoded_batches(
                encoded, feature, image_shape
            ).as_numpy_iterator():
                yield batch
                done += len(batch)
        except tf.errors.OpError as error:
            decode = image_decoder(feature, image_shape)
            labels = self._labels[tfds_part]
            place = (self._builder.name, tfds_part)
            raise tfds_records.bad_image(
                raw, decode, labels, done, *place, error
            ) from error

    def _raw(self, tfds_part: str):
        import tensorflow_datasets as tfds

        config = tfds.ReadConfig(interleave_cycle_length=1)
        return self._builder.as_dataset(
            split=tfds_part,
            decoders={"image": tfds.decode.SkipDecoding()},
            shuffle_files=False,
            read_config=config,
        )


def image_decoder(feature, image_shape: tuple[int, int]):
    """Returns a function from an encoded image to one in colour.

    Args:
        feature: `tfds.features.Image`.
        image_shape: Pair of integers, height and width in pixels.

    Returns:
        Callable of a string tensor, that returns `uint8 (height, width, 3)`.
    """
    import tensorflow as tf

    def decode(image):
        image = feature.decode_example(image)
        if feature.shape[-1] == 1:
            image = tf.image.grayscale_to_rgb(image)
        image = image[..., :3]
        if feature.shape[:2] != tuple(image_shape):
            image = tf.image.resize(image, image_shape, antialias=True)
            image = tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), "uint8")
        return image

    return decode


def decoded_batches(
    encoded, feature, image_shape: tuple[int, int], batch_size: int = 256
):
    """Decodes images with all cores, in order, and makes them one shape.

    Args:
        encoded: `tf.data.Dataset` of strings, encoded images.
        feature: `tfds.features.Image`.
        image_shape: Pair of integers, height and width in pixels.
        batch_size: Integer. Defaults to `256`.

    Returns:
        `tf.data.Dataset` of `uint8` batches `(n, height, width, 3)`.
    """
    import tensorflow as tf

    decode = image_decoder(feature, image_shape)
    return (
        encoded.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(2)
    )
