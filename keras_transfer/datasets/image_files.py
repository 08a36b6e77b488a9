"""Decodes one image file as a person sees it: upright, in colour, 8 bits."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from keras_transfer.errors import UserError, first_line

# By content, whatever a file's ending says; Pillow's other readers stay shut.
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP")
FITS = ("crop", "squash")


def read_image(path: Path) -> Image.Image:
    """Reads a file as a colour image.

    Rotation by EXIF is applied. Of an animation the first picture is taken.
    What is see-through is laid on white, or on black if white would hide all
    of it (a white drawing). 16-bit grey keeps its upper 8 bits, as Pillow
    does for 16-bit colour.

    Args:
        path: Path.

    Returns:
        `PIL.Image.Image` of mode RGB.

    Raises:
        UserError: Naming the file and what is wrong with it.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.load()
            return _in_colour(ImageOps.exif_transpose(image))
    # Pillow's readers raise nearly anything over a damaged file.
    except Exception as error:
        raise UserError(
            f"Image {str(path)!r} cannot be decoded: "
            f"{_reason(path, error)}. Replace it or take it out."
        ) from error


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        if path.stat().st_size == 0:
            return "the file is empty"
        return "it is no JPEG, PNG, BMP, GIF or WebP"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return first_line(error).strip(" .")[:200]


def _in_colour(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = _laid_on(layer, "white")
    drawn = layer.getchannel("A").getextrema()[1] > 0
    hidden = drawn and white.getextrema() == ((255, 255),) * 3
    return _laid_on(layer, "black") if hidden else white


def _laid_on(layer: Image.Image, colour: str) -> Image.Image:
    ground = Image.new("RGBA", layer.size, colour)
    return Image.alpha_composite(ground, layer).convert("RGB")


def fit_image(
    image: Image.Image, image_shape: tuple[int, int], fit: str = "crop"
) -> np.ndarray:
    """Brings an image to a height and a width.

    Args:
        image: `PIL.Image.Image` of mode RGB.
        image_shape: Pair of integers, height and width in pixels.
        fit: String, `"crop"` to keep the aspect and cut what stands out of
            the middle, or `"squash"` to keep everything and give up the
            aspect. Defaults to `"crop"`.

    Returns:
        `uint8` array `(height, width, 3)`.
    """
    size = image_shape[::-1]
    if image.size != size:
        # Antialiased, as Pillow's filters are when they shrink.
        bilinear = Image.Resampling.BILINEAR
        if fit == "crop":
            image = ImageOps.fit(image, size, bilinear)
        else:
            image = image.resize(size, bilinear)
    return np.asarray(image)


def upright_size(path: Path) -> tuple[int, int]:
    """Reads height and width, after rotation, from a file's header.

    Args:
        path: Path of an image.

    Returns:
        Pair of integers, in pixels.

    Raises:
        UserError: Naming the file, if it is no image.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            # A PNG may keep its EXIF behind the pixels.
            square = width == height
            turned = not square and image.getexif().get(0x0112, 1) >= 5
    except Exception as error:
        raise UserError(
            f"Image {str(path)!r} cannot be read: {_reason(path, error)}. "
            "Replace it or take it out."
        ) from error
    return (width, height) if turned else (height, width)


def content_hash(path: Path) -> str:
    """Hashes a file's content.

    Args:
        path: Path of a file.

    Returns:
        String of 64 hexadecimal digits.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"Cannot read {str(path)!r}: {error.strerror}."
        ) from error
