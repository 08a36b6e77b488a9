"""Opens TFDS data sets, and says what a user has to do where that fails.

TensorFlow is imported where a data set is opened, not with this file.
"""

from collections.abc import Callable
from pathlib import Path

from keras_transfer.datasets import catalogue, tfds_records
from keras_transfer.errors import UserError, first_line

# Parts to test on, the first that has labels.
_TEST_PARTS = ("test", "validation", "valid", "val", "dev")
# Without one of these TFDS would leave out a part and say nothing.
_IMAGENET_TARS = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")


def prepared_builder(name: str, data_dir: str | None):
    """Opens a data set, and downloads or prepares it if that has to be.

    Args:
        name: String, TFDS name.
        data_dir: String or `None`, TFDS folder.

    Returns:
        `tfds.core.DatasetBuilder`.

    Raises:
        UserError: If the data set is unknown, has no image and label, or is
            neither prepared nor can be downloaded.
    """
    import tensorflow_datasets as tfds

    # TFDS knows the embedded set once it is imported.
    from keras_transfer.datasets import synthetic_shapes  # noqa: F401

    _quiet_warnings()
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.registered.DatasetNotFoundError, ImportError) as error:
        raise UserError(catalogue.unknown_name(name)) from error
    except (ValueError, AssertionError) as error:
        raise UserError(
            f"TFDS cannot open {name!r}: {first_line(error)[:200]}"
        ) from error
    _check_features(builder)
    if builder.is_prepared():
        return builder
    by_hand = bool(builder.MANUAL_DOWNLOAD_INSTRUCTIONS)
    if by_hand:
        _check_manual_files(builder)
    try:
        if not by_hand:
            _check_reachable(builder)
        with _quiet_stdout():
            builder.download_and_prepare()
    except Exception as error:
        where = data_dir or builder.data_dir
        raise UserError(
            f"Data set {name!r} is not prepared in {where} and could not be "
            f"downloaded ({type(error).__name__}: {first_line(error)[:200]}). "
            "Check the network, or give `data_dir` of a prepared copy."
        ) from error
    return builder


def _check_manual_files(builder) -> None:
    """Says which files a user has to get, and where to put them."""
    root = Path(builder.data_dir).parents[1]
    if builder.builder_config is not None:
        root = root.parent
    manual = root / "downloads" / "manual"
    names = {path.name for path in manual.glob("*")}
    cure = (
        f"Put them, or a symbolic link to their folder, at {manual}, or give "
        "`data_dir` of a folder in which TFDS has prepared them."
    )
    if builder.name == "imagenet2012":
        missing = [name for name in _IMAGENET_TARS if name not in names]
        if missing:
            raise UserError(
                f"ImageNet cannot be downloaded without registration. Missing: "
                f"{' and '.join(missing)}. Get them from "
                f"https://image-net.org/download-images (ILSVRC2012). {cure}"
            )
    elif not names:
        words = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise UserError(
            f"The files of {builder.name!r} have to be got by hand. TFDS "
            f"says: {words} {cure}"
        )


def _check_reachable(builder) -> None:
    # TFDS retries for minutes before it believes that there is no network.
    import requests

    for url in list(builder.url_infos or ())[:1]:
        if url.startswith("http"):
            requests.head(url, timeout=10, allow_redirects=False)


def _quiet_warnings() -> None:
    # TFDS warns of folders and of test images that nobody asked for.
    from absl import logging

    logging.set_verbosity(logging.ERROR)


def _quiet_stdout():
    # TFDS prints its own progress to standard output, which belongs to us.
    import contextlib
    import io

    return contextlib.redirect_stdout(io.StringIO())


def _check_features(builder) -> None:
    features = builder.info.features
    names = list(features or {})
    if "image" not in names or "label" not in names:
        raise UserError(
            f"Data set {builder.name!r} is not for image classification: "
            f"expected features 'image' and 'label'. Received: {names}."
        )
    _check_kind(builder.name, "image", features["image"], "Image")
    _check_kind(builder.name, "label", features["label"], "ClassLabel")
    tfds_records.check_image_feature(builder.name, features["image"])
    if not features["label"].num_classes:
        raise UserError(
            f"Data set {builder.name!r} has labels without classes: expected "
            f"a `ClassLabel`. Received: {features['label']!r}."
        )


def _check_kind(name: str, key: str, feature, expected: str) -> None:
    import tensorflow_datasets as tfds

    # By type: a sequence passes on what its inner feature has.
    if not isinstance(feature, getattr(tfds.features, expected)):
        received = " ".join(repr(feature).split())[:160]
        raise UserError(
            f"Feature {key!r} of data set {name!r} cannot be used: expected "
            f"one `{expected}` an example. Received: {received}."
        )


def part_names(
    builder, has_labels: Callable[[str], bool]
) -> dict[str, str | None]:
    """Returns the TFDS parts to train and to test on.

    A benchmark's test part often comes without labels; then the next part
    that has some is tested on.

    Args:
        builder: `tfds.core.DatasetBuilder`.
        has_labels: Callable of a part's name, whether any example in it has a
            label.

    Returns:
        Dict from `"train"` and `"test"` to TFDS's names; `None` for a data
        set without a labelled test part.

    Raises:
        UserError: If a part is missing that it cannot do without.
    """
    available = list(builder.info.splits)
    if "train" not in available:
        raise UserError(
            f"Data set {builder.name!r} has no 'train' part. "
            f"Received parts: {available}."
        )
    order = _TEST_PARTS
    if builder.name.startswith("imagenet"):
        # Its validation part is what the paper tests on.
        order = ("validation", "test")
        if "validation" not in available:
            raise UserError(
                f"{builder.name} in {builder.data_dir} was prepared without "
                "its validation images, which are what the paper tests on. "
                f"Delete that folder and prepare it with {_IMAGENET_TARS[1]}."
            )
    test = next((p for p in order if p in available and has_labels(p)), None)
    return {"train": "train", "test": test}
