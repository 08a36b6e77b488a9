"""One half of a data set's classes: which images, which labels. No pixels.

TensorFlow is not needed here: what a study needs is looked up without it.
"""

import dataclasses

import numpy as np

from keras_transfer.datasets import splits
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import UserError
from keras_transfer.specs.origins import HALVES
from keras_transfer.specs.settings import DataSpec


@dataclasses.dataclass(frozen=True)
class Part:
    """Images of one half: train, validation or test.

    Args:
        images: `uint8` array or memory map `(n, height, width, 3)` of the pool.
        indices: Integer array, positions of this part's images in it.
        labels: `int32` array, ranks of their classes within the half.
    """

    images: np.ndarray
    indices: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def counts(self, num_classes: int) -> np.ndarray:
        """Returns the number of images of each class.

        Args:
            num_classes: Integer, classes of the half.

        Returns:
            Integer array `(num_classes,)`, in the order of the labels.
        """
        return np.bincount(self.labels, minlength=num_classes)


@dataclasses.dataclass(frozen=True)
class HalfData:
    """The three disjoint parts of one half of the classes.

    Args:
        classes: Sorted integer array, the classes of the half.
        class_names: List of strings.
        train, validation, test: `Part`. Validation is cut from the training
            images of each class; test is the set's own.
    """

    classes: np.ndarray
    class_names: list[str]
    train: Part
    validation: Part
    test: Part

    @property
    def num_classes(self) -> int:
        """Number of classes of the half."""
        return len(self.classes)

    def absent_classes(self) -> dict[str, list[str]]:
        """Names the classes without a validation or without a test image."""
        return {
            name: [
                self.class_names[i]
                for i in np.flatnonzero(part.counts(self.num_classes) == 0)
            ]
            for name, part in (
                ("validation", self.validation),
                ("test", self.test),
            )
        }


def classes_of(spec: DataSpec, half: str, num_classes: int) -> np.ndarray:
    """Returns the classes of a half.

    Args:
        spec: `DataSpec`.
        half: String, `"A"`, `"B"` or `"all"`.
        num_classes: Integer, classes of the data set.

    Returns:
        Sorted integer array.

    Raises:
        UserError: If the data set has too few classes.
    """
    if half == "all":
        return np.arange(num_classes)
    if spec.halves is None:
        return splits.class_halves(
            num_classes, spec.split, spec.classes_per_half
        )[half]
    classes = np.sort(spec.halves[HALVES.index(half)])
    if classes[-1] >= num_classes:
        raise UserError(
            f"Half {half} names class {classes[-1]}, but {spec.name} has "
            f"{num_classes} classes, counted from 0."
        )
    return classes


def load_half(
    pool: ImagePool,
    spec: DataSpec,
    half: str,
    images: int | None = None,
    draw: int = 0,
) -> HalfData:
    """Selects one half of a pool by label; no image is read yet.

    Args:
        pool: `ImagePool`.
        spec: `DataSpec`.
        half: String, `"A"`, `"B"` or `"all"`.
        images: Integer or `None`, training images of each class. Defaults to
            `None` for those of `spec`.
        draw: Integer, which images those are. Defaults to `0`.

    Returns:
        `HalfData`.

    A class with one training image keeps it, and has none for validation.

    Raises:
        UserError: If a class of the half has no training image, no class has
            one for validation or for testing, or `images` are more than any
            class has.
    """
    classes = classes_of(spec, half, pool.num_classes)
    selected = {}
    for part in ("train", "test"):
        labels = pool.labels(part)
        indices = np.flatnonzero(np.isin(labels, classes))
        selected[part] = indices, splits.remap_labels(labels[indices], classes)
    indices, labels = selected["train"]
    counts = np.bincount(labels, minlength=len(classes))
    names = [pool.class_names[c] for c in classes]
    absent = [names[i] for i in np.flatnonzero(counts == 0)]
    if absent:
        raise UserError(
            f"Half {half} of {spec.name} has classes without a training "
            f"image: {absent[:5]} ({len(absent)} in all). "
            "Choose another `dataset` or split."
        )
    # The cut looks at a class's own label, so it is made on the pool's labels.
    own = classes[labels]
    chosen = pool.validation_rows()
    if chosen is None:
        kept, cut = splits.stratified_cut(own, spec.validation_fraction)
    else:
        kept = np.flatnonzero(~chosen[indices])
        cut = np.flatnonzero(chosen[indices])
    for found, what in (
        (cut, "class of two training images to cut a validation image from"),
        (selected["test"][0], "test image of its classes"),
    ):
        if not len(found):
            raise UserError(
                f"Half {half} of {spec.name} has no {what}. "
                "Choose another `dataset` or split."
            )
    limit = spec.images_per_class if images is None else images
    if limit is not None:
        _check_limit(limit, np.bincount(labels[kept]).max(), half, spec, images)
        kept = kept[splits.limit_per_class(own[kept], limit, draw)]
    train_labels = labels[kept]
    if spec.labels is not None:
        train_labels = splits.shuffle_labels(train_labels, spec.split)
    train_images = pool.images("train")
    return HalfData(
        classes=classes,
        class_names=names,
        train=Part(train_images, indices[kept], train_labels),
        validation=Part(train_images, indices[cut], labels[cut]),
        test=Part(pool.images("test"), *selected["test"]),
    )


def _check_limit(limit, most, half, spec: DataSpec, images) -> None:
    # At most so many of each class, but not more than any class has: that
    # would file the same network under another name.
    if limit > most:
        argument = "images_per_class" if images is None else "images"
        raise UserError(
            f"Expected `{argument}` of at most {most}, the training images "
            f"of the largest class of half {half} of {spec.name}. "
            f"Received: {limit}."
        )
