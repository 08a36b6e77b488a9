"""Which classes and which images a network sees. NumPy only."""

import numpy as np

from keras_transfer.errors import UserError

_VALIDATION_KEY = 20141106  # the paper's date: one fixed cut for every study
_SUBSET_KEY = 20141107  # other streams of numbers
_SHUFFLE_KEY = 20141108
_CLASSES_KEY = 20141109


def class_halves(
    num_classes: int, split: int, count: int | None = None
) -> dict[str, np.ndarray]:
    """Divides the classes into two random halves by the paper's algorithm.

    The authors seed NumPy's legacy generator with a *list*, `[split]`, draw
    half of the classes without replacement and sort them; for 1000 classes
    the halves equal theirs.

    Args:
        num_classes: Integer, at least 4 so that each half has 2 classes.
        split: Integer >= 0, number of the random split.
        count: Integer or `None`, classes to draw of each half; a smaller
            count draws some of the classes of a larger one. Defaults to
            `None` for all.

    Returns:
        Dict `{"A": classes, "B": classes}` of sorted `int64` arrays. With an
        odd number of classes, B has one more, unless `count` is given.

    Raises:
        UserError: If there are fewer than 4 classes, or `count` is below 2 or
            more than a half has.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section 2.
    """
    if num_classes < 4:
        raise UserError(
            "A study needs at least 4 classes (two for each half). "
            f"Received: {num_classes} classes. Choose another `dataset`."
        )
    generator = np.random.RandomState([split])
    first = np.sort(
        generator.choice(np.arange(num_classes), num_classes // 2, False)
    )
    second = np.setdiff1d(np.arange(num_classes), first)
    halves = {"A": first, "B": second}
    if count is None:
        return halves
    if not 2 <= count <= len(first):
        raise UserError(
            f"Expected `classes_per_half` from 2 to {len(first)}, half of the "
            f"classes. Received: {count}."
        )
    # A generator of its own: whole halves stay the authors'.
    generator = np.random.default_rng([_CLASSES_KEY, split])
    return {
        half: np.sort(generator.permutation(classes)[:count])
        for half, classes in halves.items()
    }


def remap_labels(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Replaces each label by the rank of its class in `classes`.

    Args:
        labels: Integer array, every value a member of `classes`.
        classes: Sorted integer array of class indices.

    Returns:
        `int32` array of ranks, `0..len(classes) - 1`.
    """
    return np.searchsorted(classes, labels).astype(np.int32)


def stratified_cut(
    labels: np.ndarray, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a fixed share of every class off, the same in every study.

    The cut of a class depends on the class and its images alone, so a class
    keeps its held-out images whichever half it falls into.

    Args:
        labels: Integer array of shape `(n,)`.
        fraction: Float in `(0, 1)`, share of each class to cut off; a class
            with two images or more gives at least one and keeps at least one.

    Returns:
        Tuple `(kept, cut)` of sorted index arrays into `labels`.
    """
    cut = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        generator = np.random.default_rng([_VALIDATION_KEY, int(label)])
        cut.append(generator.permutation(members)[:count])
    cut_indices = np.sort(np.concatenate(cut))
    kept = np.setdiff1d(np.arange(len(labels)), cut_indices)
    return kept, cut_indices


def limit_per_class(
    labels: np.ndarray, count: int, draw: int = 0
) -> np.ndarray:
    """Draws a fixed number of images of every class.

    Args:
        labels: Integer array of shape `(n,)`.
        count: Integer, images of each class; all, if it has fewer. A smaller
            count draws some of the images of a larger one.
        draw: Integer, number of the draw. Defaults to `0`.

    Returns:
        Sorted array of indices into `labels`.
    """
    kept = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        generator = np.random.default_rng([_SUBSET_KEY, draw, int(label)])
        kept.append(generator.permutation(members)[:count])
    return np.sort(np.concatenate(kept))


def shuffle_labels(labels: np.ndarray, split: int) -> np.ndarray:
    """Deals the labels of images among them at random.

    Args:
        labels: Integer array of shape `(n,)`.
        split: Integer, number of the random split of the classes, each of
            which deals anew.

    Returns:
        Integer array of shape `(n,)`, as many of each label as before.
    """
    generator = np.random.default_rng([_SHUFFLE_KEY, split])
    return generator.permutation(labels)
