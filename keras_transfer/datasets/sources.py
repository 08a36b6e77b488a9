"""Where images come from: what a pool asks of a data set, and no more."""

import re
from collections.abc import Iterator
from typing import Protocol

import numpy as np

FOLDER = "folder:"  # begins the name of a set that is a folder of images


def shown_name(name: str) -> str:
    """Returns a set's name for titles, without the hash of a folder's files.

    Args:
        name: String, as settings have it.

    Example:
        >>> shown_name("folder:my hats-0123abcd")
        'my hats'
    """
    return re.sub(rf"^{FOLDER}(.*)-[0-9a-f]{{8}}", r"\1", name)


class Source(Protocol):
    """A labelled set of images, whatever keeps it.

    `tfds_source.TfdsSource` and `image_folder.ImageFolder` are two.

    Attributes:
        name: String, which stands in the settings of every network.
        version: String, filed with each result.
        class_names: List of strings; a label is a place in it.
        parts: Dict from `"train"`, and `"test"` unless that is to be cut
            from the training images, to words that say where they are from.
            `"validation"` is there if the set decides that itself.
        unlabelled: Dict from a part of the set to its examples that are left
            out for want of a label.
        state: String or `None`, which changes when files do.
        notices: List of strings, what a user has to know.
    """

    name: str
    version: str
    class_names: list[str]
    parts: dict[str, str]
    unlabelled: dict[str, int]
    state: str | None
    notices: list[str]

    def labels(self, part: str) -> np.ndarray:
        """Reads the labels of a part.

        Args:
            part: String, `"train"` or `"test"`.

        Returns:
            Array `(n,)` of int64.
        """

    def images(
        self, part: str, image_shape: tuple[int, int]
    ) -> Iterator[np.ndarray]:
        """Decodes a part in the order of its labels.

        Args:
            part: String, `"train"` or `"test"`.
            image_shape: Pair of integers, height and width in pixels.

        Yields:
            `uint8` arrays `(n, height, width, 3)`.

        Raises:
            UserError: Naming the first image that cannot be decoded.
        """

    def validation_rows(self) -> np.ndarray | None:
        """Returns which training images are for validation.

        Returns:
            Boolean array as long as the training labels, or `None` for a
            set that leaves the choice to the study.
        """
